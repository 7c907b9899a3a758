"""What a BGPFilter may withhold between two nodes."""

from __future__ import annotations

from typing import Any

import pytest

from expect.filters import withheld
from expect.world import World
from model.cluster import Cluster, Look, Node, Settings

BLOCK = "10.48.1.64/26"
REJECT, ACCEPT = {"action": "Reject"}, {"action": "Accept"}
NO_MESH = (Settings("default", {"nodeToNodeMeshEnabled": False}),)
NODES = tuple(Node(f"node{k}", f"u{k}", "1", bgp_ipv4=f"10.0.0.{k}/24", bgp_ipv6=f"fd00::{k}/64") for k in (1, 2))


def on(cidr: str, operator: str = "In", **fields: Any) -> dict[str, Any]:
    return {"cidr": cidr, "matchOperator": operator, **fields}


RULES: tuple[tuple[str, list[Any], bool], ...] = (
    ("none", [], False),
    ("rejects all", [REJECT], True),
    ("rejects what is inside", [{**REJECT, **on("10.48.0.0/16")}], True),
    ("rejects elsewhere", [{**REJECT, **on("10.49.0.0/16")}], False),
    ("rejects all but", [{**REJECT, **on("10.48.0.0/16", "NotIn")}], False),
    ("rejects all but others", [{**REJECT, **on("10.49.0.0/16", "NotIn")}], True),
    ("rejects just it", [{**REJECT, **on(BLOCK, "Equal")}], True),
    ("rejects just another", [{**REJECT, **on("10.48.1.0/26", "Equal")}], False),
    ("rejects others", [{**REJECT, **on(BLOCK, "NotEqual")}], False),
    ("rejects all but another", [{**REJECT, **on("10.48.1.0/26", "NotEqual")}], True),
    ("rejects longer ones", [{**REJECT, **on("10.48.0.0/16", prefixLength={"min": 27})}], False),
    ("rejects as long ones", [{**REJECT, **on("10.48.0.0/16", prefixLength={"min": 26, "max": 26})}], True),
    ("rejects shorter ones", [{**REJECT, **on("10.48.0.0/16", prefixLength={"max": 25})}], False),
    ("accepts first", [{**ACCEPT, **on("10.48.0.0/16")}, REJECT], False),
    ("accepts others first", [{**ACCEPT, **on("10.49.0.0/16")}, REJECT], True),
    ("accepts some of them first", [{**ACCEPT, **on("10.48.0.0/16"), "source": "RemotePeers"}, REJECT], True),
    ("rejects some of them", [{**REJECT, "interface": "*.calico"}], True),
    ("an unknown operator", [{**REJECT, **on("10.49.0.0/16", "Near")}], True),
    ("no prefix", [{**REJECT, **on("somewhere")}], True),
    ("no rule", ["Reject"], False),
)


def world(rules: list[Any], field: str = "exportV4", **fields: Any) -> World:
    peer = Settings("peer", {"nodeSelector": "all()", "peerSelector": "all()", "filters": ["some"]})
    values = {"nodes": NODES, "bgp": NO_MESH, "peers": (peer,), "filters": (Settings("some", {field: rules}),)}
    return World(Look(Cluster(**{**values, **fields}), ()))


@pytest.mark.parametrize("field", ["exportV4", "importV4"])
@pytest.mark.parametrize(("rules", "rejects"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_the_first_rule_that_matches_decides(field: str, rules: list[Any], rejects: bool) -> None:
    expected = "a BGPFilter of BGPPeer peer (some) may withhold it" if rejects else ""
    assert withheld(world(rules, field), "node1", "node2", BLOCK) == expected


def test_rules_are_of_one_family() -> None:
    assert withheld(world([REJECT], "exportV6"), "node1", "node2", BLOCK) == ""
    assert withheld(world([REJECT], "exportV6"), "node1", "node2", "fd00:48::/122")


def test_the_mesh_has_no_filters() -> None:
    assert withheld(world([REJECT], bgp=()), "node1", "node2", BLOCK) == ""


def test_a_reflector_is_no_part_of_the_mesh() -> None:
    reflector = Node("node2", "u2", "1", bgp_ipv4="10.0.0.2/24", route_reflector_id="244.0.0.1")
    assert withheld(world([REJECT], bgp=(), nodes=(NODES[0], reflector)), "node1", "node2", BLOCK)


def test_a_filter_that_no_peer_names_withholds_nothing() -> None:
    assert withheld(world([REJECT], peers=(Settings("peer", {"filters": []}),)), "node1", "node2", BLOCK) == ""
    assert withheld(world([REJECT], filters=()), "node1", "node2", BLOCK) == ""


def test_filters_that_could_not_be_listed_may_withhold_anything() -> None:
    unlisted = {"bgpfilters": "forbidden"}
    text = "BGPPeer peer has filters, which could not be listed: forbidden"
    assert withheld(world([], unlisted=unlisted), "node1", "node2", BLOCK) == text
