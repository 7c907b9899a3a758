"""The simulated clusters: each row of the decision table looks as the specification writes it, and nothing contradicts
itself."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from model import ip
from model.net import BLACKHOLE, LOCAL, MAIN, Namespace, describe_route
from tests.simulate.matrix import matrix
from tests.simulate.rows_life import deleted_pools
from tests.simulate.run import gateway, simulate
from tests.simulate.spec import ClusterSpec, NodeSpec, PodSpec, PoolSpec
from tests.simulate.strategies import specs

if TYPE_CHECKING:
    from model.net import Route
    from model.node import NodeFacts
    from model.snapshot import Snapshot

MATRIX = {spec.name: spec for spec in (*matrix(), *deleted_pools())}
TO_2, TO_3, OWN = "to node2's block", "to node3's block", "own block"
# On node1; node2 is in its subnet, and node3 too in rows named flat: {n} is the node's address, {t} its VTEP.
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("vxlan-Always/racks-bird/v3.33/4", TO_2, "{b} via {t} dev vxlan.calico onlink proto boot", "mtu 1450"),
    ("vxlan-Always/racks-vxlan/v3.26/4", TO_3, "{b} via {t} dev vxlan.calico onlink proto boot", ""),
    ("vxlan-Always/flat-none/v3.31/4", OWN, "blackhole {b} proto 80", ""),
    ("vxlan-CrossSubnet/racks-bird/v3.30/4", TO_2, "{b} via {n} dev ens160 onlink proto 80", ""),
    ("vxlan-CrossSubnet/racks-bird/v3.33/4", TO_3, "{b} via {t} dev vxlan.calico onlink proto boot", "mtu 1450"),
    (
        "vxlan-Always/racks-bird/v3.33/6",
        TO_3,
        "{b} via {t} dev vxlan-v6.calico onlink proto boot metric 1024",
        "mtu 1430",
    ),
    ("vxlan-Always/racks-bird/v3.33/6", OWN, "blackhole {b} proto 80 metric 1024", ""),
    ("ipip-Always/flat-default/v3.33/4", TO_2, "{b} via {n} dev tunl0 onlink proto 80", "mtu 1480"),
    ("ipip-Always/flat-default/v3.33/4", OWN, "blackhole {b} proto 80", ""),
    ("ipip-Always/flat-no-bird/v3.33/4", TO_2, "{b} via {n} dev tunl0 onlink proto 80", "mtu 1480"),
    ("ipip-CrossSubnet/racks-default/v3.34/4", TO_2, "{b} via {n} dev ens160 onlink proto 80", ""),
    ("ipip-CrossSubnet/racks-default/v3.34/4", TO_3, "{b} via {n} dev tunl0 onlink proto 80", "mtu 1480"),
    ("ipip-Always/flat-default/v3.32/4", TO_2, "{b} via {n} dev tunl0 onlink proto bird metric 1024", ""),
    ("ipip-Always/flat-default/v3.30/4", TO_2, "{b} via {n} dev tunl0 onlink proto bird", ""),
    ("ipip-Always/flat-bird-owns/v3.33/4", OWN, "blackhole {b} proto bird", ""),
    ("ipip-CrossSubnet/racks-default/v3.30/4", TO_2, "{b} via {n} dev ens160 proto bird", ""),
    ("ipip-CrossSubnet/racks-default/v3.30/4", TO_3, "{b} via {n} dev tunl0 onlink proto bird", ""),
    ("noencap-bird/flat/v3.33/4", TO_2, "{b} via {n} dev ens160 proto bird metric 1024", ""),
    ("noencap-bird/flat/v3.31/4", TO_2, "{b} via {n} dev ens160 proto bird", ""),
    ("noencap-bird/racks/v3.33/4", TO_3, "{b} via 10.0.1.254 dev ens160 proto bird metric 1024", ""),
    ("noencap-bird/racks/v3.26/6", TO_3, "{b} via fd00:11::fe dev ens160 proto bird metric 1024", ""),
    ("noencap-bird/racks/v3.33/4", OWN, "blackhole {b} proto bird", ""),
    ("noencap-felix/racks-bird/v3.33/4", TO_3, "{b} via {n} dev ens160 onlink proto 80", ""),
    ("noencap-felix/racks-none/v3.34/4", OWN, "blackhole {b} proto 80", ""),
    ("noencap-external/flat/v3.33/4", TO_2, "", ""),
    ("noencap-external/flat/v3.33/4", OWN, "", ""),
    ("deleted/vxlan/v3.33", TO_2, "{b} via {n} dev ens160 proto bird metric 1024", ""),
    ("deleted/vxlan/v3.33", OWN, "blackhole {b} proto bird", ""),
    ("deleted/ipip-default/v3.32", TO_2, "{b} via {n} dev ens160 proto bird metric 1024", ""),
    ("disabled-no-export/noencap-default/v3.33/4", TO_2, "", ""),
    ("disabled-no-export/noencap-default/v3.33/4", OWN, "blackhole {b} proto bird", ""),
    ("disabled-no-export/vxlan/v3.33/4", TO_2, "{b} via {t} dev vxlan.calico onlink proto boot", "mtu 1450"),
    ("ebgp-mesh/noencap/v3.33", TO_2, "{b} via {n} dev ens160 proto bird metric 2147483547", ""),
    ("tor/noencap/v3.33", TO_3, "{b} via 10.0.1.254 dev ens160 proto bird metric 2147483547", ""),
    (
        "dual-tor/noencap/v3.31",
        TO_3,
        "{b} nexthop via 10.0.1.253 dev ens160 nexthop via 10.0.1.254 dev ens160 proto bird",
        "",
    ),
    ("fabric-aggregate/noencap/v3.33", TO_3, "", ""),
    ("reflectors-1/noencap/v3.33", TO_2, "{b} via {n} dev ens160 proto bird metric 1024", ""),
    ("wireguard-v4/noencap/v3.33", TO_2, "", ""),
    ("wireguard-v4/noencap/v3.32", TO_2, "{b} via {n} dev ens160 proto bird metric 1024", ""),
    ("wireguard-some-v4/noencap/v3.33", TO_3, "{b} via 10.0.1.254 dev ens160 proto bird metric 1024", ""),
    ("device-route-protocol-other/vxlan/v3.33", TO_2, "{b} via {t} dev vxlan.calico onlink proto babel", "mtu 1450"),
    ("device-route-protocol-other/vxlan/v3.33", OWN, "blackhole {b} proto babel", ""),
    ("priorities/noencap/v3.33", TO_2, "{b} via {n} dev ens160 proto bird metric 2048", ""),
)


def _block(snapshot: Snapshot, node: str, family: int) -> str:
    blocks = [block.cidr for block in snapshot.looks[0].before.blocks if block.affinity == f"host:{node}"]
    return min((cidr for cidr in blocks if ip.family(cidr) == family and "10.52" not in cidr), key=ip.span)


@pytest.mark.parametrize(("name", "which", "text", "mtu"), ROWS, ids=lambda value: str(value)[:60])
def test_row_looks_as_written(name: str, which: str, text: str, mtu: str) -> None:
    snapshot = simulate(MATRIX[name])
    family = 6 if name.endswith("/6") else 4
    owner = {TO_2: "node2", TO_3: "node3", OWN: "node1"}[which]
    node = next(entry for entry in snapshot.looks[0].before.nodes if entry.name == owner)
    block = _block(snapshot, owner, family)
    found = [route for route in _main(snapshot.facts("node1")) if route.dst == block]
    vtep = (node.vxlan_tunnel_v6 if family == 6 else node.vxlan_tunnel) or ""
    address = ip.bare((node.bgp_ipv6 if family == 6 else node.bgp_ipv4) or "")
    expected = f"{text.format(b=block, n=address, t=vtep)} {mtu}".strip()
    assert [describe_route(route) for route in found] == ([expected] if expected else [])


def test_borrowed_addresses_are_routed_everywhere_but_at_home() -> None:
    """On every node except the user's, the block's owner included, and in the shape of the pool's class."""
    for name, shape in (
        ("borrowed/noencap-default/v3.33/4", "proto bird"),
        ("borrowed/noencap-felix/v3.33/4", "onlink proto 80"),
        ("borrowed/ipip-default/v3.33/4", "dev tunl0 onlink proto 80"),
        ("borrowed/vxlan/v3.33/4", "dev vxlan.calico onlink proto boot"),
    ):
        snapshot = simulate(MATRIX[name])
        borrowed = [
            (ip.host_prefix(ip.nth(block.cidr, ordinal)), owner)
            for block in snapshot.looks[0].before.blocks
            for ordinal, index in enumerate(block.allocations)
            if index is not None and f"host:{(owner := block.attributes[index].secondary['node'])}" != block.affinity
        ]
        assert borrowed
        for prefix, owner in borrowed:
            for node, facts in snapshot.node_facts.items():
                (route,) = [route for route in _main(facts) if route.dst == prefix]
                text = describe_route(route)
                assert ("dev cali" in text) if node == owner else (shape in text), (name, node, text)


def test_blocks_of_one_address_have_no_blackhole() -> None:
    for spec in MATRIX.values():
        if spec.name.startswith("block-size/") and spec.name.endswith(("/32", "/128")):
            snapshot = simulate(spec)
            for facts in snapshot.node_facts.values():
                assert [route for route in _main(facts) if route.type == BLACKHOLE] == []


def test_wireguard_routes_stand_in_their_own_table() -> None:
    facts = simulate(MATRIX["wireguard-some-v4/noencap/v3.33"]).facts("node1")
    shown = Counter(describe_route(route).split(" ")[0] for route in facts.host.routes if route.table == 1)
    assert shown["throw"] >= 2  # its own, and those of the node without a key
    assert any(route.table == 1 and route.hops and route.hops[0].dev == "wireguard.cali" for route in facts.host.routes)
    assert [rule.priority for rule in facts.host.rules if rule.table == 1] == [99]


def test_only_single_service_addresses_reach_the_kernel() -> None:
    snapshot = simulate(MATRIX["services/excluded/v3.33"])
    texts = {
        node: [describe_route(route) for route in _main(facts) if route.dst.startswith(("198.", "10.96."))]
        for node, facts in snapshot.node_facts.items()
    }
    assert texts["node1"] == [f"blackhole 198.{text}/32 proto bird" for text in ("18.1.1", "18.1.2", "19.1.1")]
    assert [text for text in texts["node3"] if "198.18.1.2" in text] == [
        "198.18.1.2/32 nexthop via 10.0.0.11 dev ens160 nexthop via 10.0.0.12 dev ens160 proto bird metric 1024"
    ]
    assert not any("blackhole" in text for text in texts["node4"])


def test_the_plugins_route_stays_where_foreign_routes_do() -> None:
    """And BIRD, which prefers it, tells the other nodes of it: it has precedence over the normal metric."""
    snapshot = simulate(MATRIX["foreign-routes-stay/noencap/v3.33"])
    (address, *_) = next(pod.ips for pod in snapshot.looks[0].before.pods if pod.key == "default/app-0-0")
    own = {describe_route(route) for route in _main(snapshot.facts("node1")) if route.dst == f"{address}/32"}
    assert {re.sub(r"cali\w+", "cali", text) for text in own} == {
        f"{address}/32 dev cali proto boot scope link",
        f"{address}/32 dev cali proto 80 scope link metric 1024",
    }
    (remote,) = [describe_route(route) for route in _main(snapshot.facts("node2")) if route.dst == f"{address}/32"]
    assert remote == f"{address}/32 via 10.0.1.11 dev ens160 proto bird"


def test_the_same_spec_gives_the_same_snapshot() -> None:
    spec = MATRIX["several-pools/all/v3.33"]
    assert msgspec.json.encode(simulate(spec)) == msgspec.json.encode(simulate(spec))


def test_an_impossible_cluster_is_refused() -> None:
    nodes = (NodeSpec("one", "10.0.0.1/24"),)
    pool = PoolSpec("tiny", "10.9.0.0/32", 32)
    with pytest.raises(ValueError, match=r"no IPv4 address is left for default/b"):
        simulate(ClusterSpec("full", nodes, (pool,), (PodSpec("a", "one"), PodSpec("b", "one"))))


@pytest.mark.parametrize(
    ("text", "router"), [("10.0.1.11/24", "10.0.1.254"), ("10.0.0.9/32", "10.0.0.254"), ("fd00::b/64", "fd00::fe")]
)
def test_the_router_of_a_subnet(text: str, router: str) -> None:
    assert gateway(text) == router


def test_names_are_unique_and_every_cluster_holds_together() -> None:
    """A sample of the matrix, spread over all of it."""
    names = [spec.name for spec in matrix()]
    assert len(names) == len(set(names)) > 1500
    for name in names[::9]:
        _holds_together(simulate(MATRIX[name]))


@given(specs())
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_drawn_clusters_hold_together(spec: ClusterSpec) -> None:
    _holds_together(simulate(spec))


def _holds_together(snapshot: Snapshot) -> None:
    """What is true of every kernel and of every datastore, whatever Calico does."""
    cluster = snapshot.looks[0].before
    for block in cluster.blocks:
        taken = {ordinal for ordinal, index in enumerate(block.allocations) if index is not None}
        assert sorted([*block.unallocated, *taken]) == list(range(len(block.allocations)))
        assert {index for index in block.allocations if index is not None} == set(range(len(block.attributes)))
    counts = Counter(
        (block.attributes[index].handle, block.cidr)
        for block in cluster.blocks
        for index in block.allocations
        if index is not None
    )
    assert counts == Counter({(h.handle, cidr): n for h in cluster.handles for cidr, n in h.blocks.items()})
    for facts in snapshot.node_facts.values():
        for space in (facts.host, *facts.pods):
            _kernel_is_consistent(space)
        numbers = [link.peer_nsid for link in facts.host.links if link.peer_nsid is not None]
        assert sorted(numbers) == sorted(space.nsid for space in facts.pods if space.nsid is not None)


def _kernel_is_consistent(space: Namespace) -> None:
    names, indexes = [link.name for link in space.links], [link.index for link in space.links]
    assert len(names) == len(set(names))
    assert len(indexes) == len(set(indexes))
    for route in space.routes:
        assert all(hop.dev in names for hop in route.hops), route
    keys = Counter((route.table, route.dst, route.tos, route.metric) for route in space.routes if ":" not in route.dst)
    assert not [key for key, count in keys.items() if count > 1]
    local = {route.dst for route in space.routes if route.table == LOCAL}
    assert {ip.host_prefix(entry.address) for entry in space.addresses} <= local
    for link in space.links:
        assert f"net.ipv4.conf.{link.name.replace('.', '/')}.forwarding" in space.sysctls


def _main(facts: NodeFacts) -> list[Route]:
    return [route for route in facts.host.routes if route.table == MAIN]
