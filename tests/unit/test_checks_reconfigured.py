"""A configuration that changes while one looks: only what is wrong by either is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import structs

from expect.flux import CONFIGURATION, reconfigured
from model.cluster import Look, Settings
from model.verdict import Severity
from tests.unit.builders import BLOCK1, BLOCK2, POOL
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable

W1, W2 = "worker1", "worker2"
PEER = Settings("tor", {"peerIP": "10.0.0.254", "asNumber": "64513"})
ROUTE = ("node_routes_every_other_nodes_blocks", W1, BLOCK2)


def felix(**spec: object) -> tuple[Settings, ...]:
    return (Settings("default", dict(spec)),)


CHANGES: dict[str, Callable[[Scene], None]] = {
    "a pool is encapsulated": lambda c: c.api_later("pools", "default-ipv4-ippool", vxlan_mode="Always"),
    "a pool goes": lambda c: c.drop_later("pools", "default-ipv4-ippool"),
    "Felix is to program": lambda c: c.relist_later(
        felix=felix(programClusterRoutes="Enabled"), bgp=felix(programClusterRoutes="Disabled")
    ),
    "the mesh goes": lambda c: c.relist_later(bgp=felix(nodeToNodeMeshEnabled=False)),
    "a peer comes": lambda c: c.relist_later(peers=(PEER,)),
}
REVERSED: dict[str, Callable[[Scene], None]] = {
    "a pool was encapsulated": lambda c: c.api("pools", "default-ipv4-ippool", ipip_mode="Always"),
    "a pool comes": lambda c: c.drop("pools", "default-ipv4-ippool"),
    "the mesh comes": lambda c: c.relist(bgp=felix(nodeToNodeMeshEnabled=False)),
    "a peer goes": lambda c: c.relist(peers=(PEER,)),
}


def found(cluster: Scene) -> set[tuple[str, str, str]]:
    return {
        (item.check, item.node, difference.object)
        for item in cluster.judge()
        for difference in item.verdict.differences
    }


def before(vary: Callable[[Scene], None]) -> Scene:
    """The healthy cluster listed second, this one first."""
    cluster = scene()
    healthy = cluster.cluster
    vary(cluster)
    cluster.later = healthy
    return cluster


@pytest.mark.parametrize("name", [*CHANGES, *REVERSED])
def test_what_one_of_the_two_configurations_explains_is_no_finding(name: str) -> None:
    cluster = scene()
    if name in CHANGES:
        CHANGES[name](cluster)
    else:
        cluster = before(REVERSED[name])
        assert found(before_alone(name)), "a change without effect proves nothing"
    assert reconfigured(cluster.look()) is not None
    assert found(cluster) == set()


def before_alone(name: str) -> Scene:
    """The first list for both."""
    cluster = before(REVERSED[name])
    cluster.later = None
    return cluster


def test_what_both_configurations_call_wrong_is_wrong() -> None:
    cluster = scene()
    cluster.node(W1).no_route(BLOCK2)
    cluster.relist_later(felix=felix(ipForwarding="Enabled"))
    assert found(cluster) == {ROUTE}


def test_what_is_left_out_is_told_with_its_reason() -> None:
    cluster = before(REVERSED["a pool was encapsulated"])
    gaps = {
        gap.reason
        for item in cluster.judge()
        if (item.check, item.node) == ROUTE[:2]
        for gap in item.verdict.inapplicable
    }
    assert "IPPools, FelixConfigurations, BGPConfigurations or BGPPeers changed while one looked" in gaps


def test_each_object_is_judged_for_itself() -> None:
    """The route that is wrong by the first configuration alone is left out, the one beside it is not."""
    cluster = before(REVERSED["a pool was encapsulated"])
    cluster.node(W1).no_route(BLOCK2)
    assert found(cluster) == {ROUTE}
    (severity,) = {
        difference.severity
        for item in cluster.judge()
        for difference in item.verdict.differences
        if difference.object != BLOCK1
    }
    assert severity is Severity.BROKEN


SAME: dict[str, Callable[[Look], Look]] = {
    "the same": lambda look: look,
    "another order": lambda look: structs.replace(look, pools_after=look.before.pools[::-1]),
    "not listed again": lambda look: structs.replace(
        look, pools_after=None, felix_after=None, bgp_after=None, peers_after=None
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_nothing_changed(name: str) -> None:
    assert reconfigured(SAME[name](scene().look())) is None


def test_only_what_changed_is_taken_from_the_second_list() -> None:
    cluster = scene()
    cluster.api_later("pools", "default-ipv4-ippool", cidr="10.49.0.0/16")
    cluster.relist_later(pods=())
    later = reconfigured(cluster.look())
    assert later is not None
    assert {pool.cidr for pool in later.before.pools} == {"10.49.0.0/16", "fd00:10:48::/64"}
    assert POOL not in {pool.cidr for pool in later.before.pools}
    assert later.before.pods == cluster.cluster.pods
    assert later.pods_after == ()
    assert reconfigured(later) is None


def test_a_look_of_an_older_snapshot_is_read() -> None:
    """Without the second lists of the configuration, as releases before wrote it."""
    look = scene().look()
    written = msgspec.json.decode(msgspec.json.encode(look))
    older = {key: value for key, value in written.items() if key.removesuffix("_after") not in CONFIGURATION}
    assert len(older) == len(written) - len(CONFIGURATION)
    assert msgspec.json.decode(msgspec.json.encode(older), type=Look) == SAME["not listed again"](look)
