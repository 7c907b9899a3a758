"""Which packets a run sends: every block is tried or named, evenly, within what a node may send and get."""

from __future__ import annotations

from collections import Counter

import pytest

from fixtures.packets.plan import NODE_PACKETS, Plan, make_plan
from fixtures.packets.scope import overlapping
from model import net
from model.cluster import (
    AllocationAttribute,
    BlockAffinity,
    Cluster,
    IPAMBlock,
    IPPool,
    Look,
    Node,
    Pod,
)
from model.ip import contains, nth
from model.net import Address, Hop, Link, Namespace, Neighbour, Route
from model.node import NodeFacts


def node(number: int, **changes: object) -> Node:
    given = {"bgp_ipv4": f"10.0.0.{number}/24", **changes}
    return Node(f"w{number}", f"u{number}", "1", **given)  # type: ignore[arg-type]


def block(cidr: str, owner: str, taken: tuple[int, ...] = (), size: int = 64) -> IPAMBlock:
    allocations = tuple(0 if ordinal in taken else None for ordinal in range(size))
    free = tuple(ordinal for ordinal in range(size) if ordinal not in taken)
    return IPAMBlock(cidr, cidr, "1", f"host:{owner}", allocations, (AllocationAttribute(),), unallocated=free)


def pod(owner: str, address: str, **changes: object) -> Pod:
    given = {"phase": "Running", "ready": True, **changes}
    return Pod("n", address, address, "1", owner, False, ips=(address,), **given)  # type: ignore[arg-type]


def look(*blocks: IPAMBlock, count: int = 3, pods: tuple[Pod, ...] = (), **changes: object) -> Look:
    cluster = Cluster(
        nodes=tuple(node(number) for number in range(1, count + 1)),
        pools=(IPPool("p", "10.48.0.0/16", 26),),
        blocks=blocks,
        pods=pods,
        affinities=tuple(
            BlockAffinity(b.name, (b.affinity or "").removeprefix("host:"), b.cidr, "confirmed") for b in blocks
        ),
    )
    for field, value in changes.items():
        cluster = Cluster(**{**{name: getattr(cluster, name) for name in Cluster.__struct_fields__}, field: value})
    return Look(cluster, pods, blocks, cluster.affinities, cluster.nodes)


def facts(name: str, hosts: tuple[str, ...] = (), routed: bool = False, mac: bool = True) -> NodeFacts:
    """A node in 10.0.0.0/24; `routed`: with a /32 address behind a gateway, as in some clouds."""
    address = f"10.0.0.{name.removeprefix('w')}"
    routes = [Route(f"{host}/32", net.UNICAST, net.MAIN, 3, 253, 0, (Hop(None, "cali1"),)) for host in hosts]
    routes.append(Route("0.0.0.0/0", net.UNICAST, net.MAIN, 16, 0, 0, (Hop("10.0.0.254", "ens160"),)))
    if not routed:
        routes.append(Route("10.0.0.0/24", net.UNICAST, net.MAIN, 2, 253, 0, (Hop(None, "ens160"),)))
    neighbours = (Neighbour(4, "ens160", "10.0.0.254", "02:00:00:00:00:fe", 0x02),) if mac else ()
    host = Namespace(
        "",
        links=(Link(2, "ens160", "", True, True, f"02:00:00:00:00:{int(name[1:]):02x}", 1500),),
        addresses=(Address("ens160", address, 24, 0),),
        routes=tuple(routes),
        neighbours=neighbours,
    )
    return NodeFacts(name, host)


def plan(
    given: Look, observed: tuple[str, ...] = ("w1", "w2", "w3"), exempt: dict[str, str] | None = None, **made: object
) -> Plan:
    hosts = tuple(pod.ips[0] for pod in given.before.pods)
    return make_plan(given, lambda name: facts(name, hosts, **made), observed, run_id="r1", exempt=exempt)  # type: ignore[arg-type]


B1, B2 = block("10.48.0.64/26", "w1", (0, 3)), block("10.48.0.128/26", "w2", (1,))


def test_each_block_gets_a_target_that_is_free_and_a_control_that_is_live() -> None:
    made = plan(look(B1, B2, pods=(pod("w1", "10.48.0.67"), pod("w2", "10.48.0.129"))))
    assert made.untried == ()
    shots = {shot.block: (leg.sender.name, shot) for leg in made.legs for shot in leg.shots}
    assert {cidr: sender for cidr, (sender, _) in shots.items()} == {B1.cidr: "w2", B2.cidr: "w3"}
    first = shots[B1.cidr][1]
    assert (first.control, first.control_kind) == ("10.48.0.67", "live-pod")
    assert first.target in first.free
    assert len(first.free) == 62
    assert not {"10.48.0.64", "10.48.0.67"} & set(first.free)


def test_the_target_is_drawn_by_the_run_from_what_ipam_uses_last() -> None:
    drawn = set()
    for run_id in ("a", "b", "c", "d", "e"):
        made = make_plan(look(B1, B2), facts, ("w1", "w2", "w3"), run_id=run_id)
        again = make_plan(look(B1, B2), facts, ("w1", "w2", "w3"), run_id=run_id)
        assert made == again
        (shot,) = (shot for leg in made.legs for shot in leg.shots if shot.block == B1.cidr)
        drawn.add(shot.target)
        late = {nth(B1.cidr, ordinal) for ordinal in B1.unallocated[len(B1.unallocated) // 2 :]}
        assert shot.target in late
    assert len(drawn) > 1


@pytest.mark.parametrize(
    "changes",
    [{"ready": False}, {"deleting": True}, {"phase": "Pending"}],
    ids=["not ready", "terminating", "pending"],
)
def test_a_pod_that_is_not_live_is_no_control_and_its_address_is_not_free(changes: dict[str, object]) -> None:
    made = plan(look(B1, B2, pods=(pod("w1", "10.48.0.70", **changes),)))
    (shot,) = (shot for leg in made.legs for shot in leg.shots if shot.block == B1.cidr)
    assert shot.control_kind == "outside"
    assert "10.48.0.70" not in shot.free


def test_the_outside_control_is_in_no_range_of_the_cluster() -> None:
    given = look(B1, B2, pools=(IPPool("p", "10.48.0.0/16", 26), IPPool("odd", "192.0.2.0/25", 26)))
    (shot,) = (shot for leg in plan(given).legs for shot in leg.shots if shot.block == B1.cidr)
    assert contains("198.51.100.0/24", shot.control)


@pytest.mark.parametrize(
    ("given", "observed", "reason", "applies"),
    [
        (look(B1, count=1), ("w1",), "no other node to send from", False),
        (look(B1), ("w1",), "no other node that was observed", True),
        (look(B1), ("w2", "w3"), "w1 was not observed", True),
        (look(block("10.48.0.64/26", "w1", tuple(range(64)))), ("w1", "w2"), "every address", False),
        (look(block("10.48.0.64/32", "w1", size=1)), ("w1", "w2"), "one address", False),
        (look(block("10.48.0.64/26", "gone")), ("w1", "w2"), "no longer a node", False),
        (look(B1, pools=(IPPool("i", "10.48.0.0/16", 26, ipip_mode="Always"),)), ("w1", "w2"), "IPIP", False),
        (look(B1, affinities=(BlockAffinity("a", "w1", B1.cidr, "pending"),)), ("w1", "w2"), "pending", False),
        (look(B1, affinities=(BlockAffinity("a", "w2", B1.cidr, "confirmed"),)), ("w1", "w2"), "no BlockAff", False),
    ],
)
def test_a_block_that_is_not_tried_is_named_with_its_reason(
    given: Look, observed: tuple[str, ...], reason: str, applies: bool
) -> None:
    made = plan(given, observed)
    named = [(item.reason, item.applies, item.asked) for item in made.untried]
    assert made.legs == ()
    ((said, applied, asked),) = named
    assert reason in said
    assert (applied, asked) == (applies, True)


def test_an_exempt_block_says_why() -> None:
    made = plan(look(B1, B2), exempt={B1.cidr: "nobody programs it"})
    assert [(item.block, item.reason, item.applies) for item in made.untried] == [
        (B1.cidr, "nobody programs it", False)
    ]


def test_an_owner_whose_address_is_on_no_interface_cannot_be_tried() -> None:
    given = look(B1, B2, nodes=(node(1, bgp_ipv4="172.17.0.1/16", ipip_tunnel="10.48.0.64"), node(2), node(3)))
    (item,) = (item for item in plan(given).untried if item.block == B1.cidr)
    assert item.applies
    assert "172.17.0.1" in item.reason


def test_no_node_sends_or_gets_more_than_it_may_and_the_rest_is_named_as_not_asked() -> None:
    blocks = [block(f"10.48.{owner}.{part * 64}/26", f"w{owner}") for owner in (1, 2, 3) for part in range(4)]
    blocks += [block(f"10.48.{owner + 10}.{part * 64}/26", f"w{owner}") for owner in (1, 2, 3) for part in range(4)]
    made = plan(look(*blocks))
    sent: Counter[str] = Counter()
    aimed: Counter[str] = Counter()
    for leg in made.legs:
        sent[leg.sender.name] += leg.packets
        aimed[leg.owner.name] += leg.packets
    assert max(*sent.values(), *aimed.values()) <= NODE_PACKETS
    assert set(aimed) == {"w1", "w2", "w3"}
    tried = {shot.block for leg in made.legs for shot in leg.shots}
    assert len(tried) == 12
    assert tried | {item.block for item in made.untried} == {item.cidr for item in blocks}
    assert {(item.applies, item.asked) for item in made.untried} == {(True, False)}


def test_senders_are_spread_evenly() -> None:
    blocks = [block(f"10.48.0.{number * 8}/29", f"w{number}", size=8) for number in range(1, 21)]
    observed = tuple(f"w{number}" for number in range(1, 21))
    made = plan(look(*blocks, count=20), observed)
    assert Counter(leg.sender.name for leg in made.legs) == Counter(observed)


def test_behind_a_router_the_frame_goes_to_the_gateway_and_the_control_is_a_pod() -> None:
    made = plan(look(B1, pods=(pod("w1", "10.48.0.67"),)), routed=True)
    (leg,) = made.legs
    assert (leg.hop.direct, leg.hop.mac) == (False, "02:00:00:00:00:fe")
    assert plan(look(B1), routed=True).untried[0].reason.startswith("no live pod of w1")
    unknown = plan(look(B1, pods=(pod("w1", "10.48.0.67"),)), routed=True, mac=False).untried[0]
    assert "no link-layer address of its gateway 10.0.0.254" in unknown.reason
    assert unknown.applies


def test_another_blocks_pod_is_the_control_behind_a_router() -> None:
    made = plan(look(B1, block("10.48.0.192/26", "w1"), pods=(pod("w1", "10.48.0.67"),)), routed=True)
    kinds = {shot.block: shot.control_kind for leg in made.legs for shot in leg.shots}
    assert kinds == {B1.cidr: "live-pod", "10.48.0.192/26": "other-block"}


def test_overlapping_blocks_are_found_however_they_nest() -> None:
    blocks = [block(cidr, "w1") for cidr in ("10.48.0.0/24", "10.48.0.64/26", "10.48.0.128/26", "10.48.1.0/26")]
    assert overlapping(blocks) == {
        "10.48.0.0/24": "10.48.0.64/26",
        "10.48.0.64/26": "10.48.0.0/24",
        "10.48.0.128/26": "10.48.0.0/24",
    }
