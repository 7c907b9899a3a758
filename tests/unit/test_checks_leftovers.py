"""What nothing claims: every reason of a claim beside its unclaimed neighbour, and the checks of leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from checks.claims import claim, of_interest
from model import net
from model.net import Address, Hop, Link, Route
from tests.unit.builders import (
    BLOCK1,
    BLOCK2,
    BORROWED,
    CALI,
    CUSTOMER,
    DATABASE,
    FREE,
    LEAVING,
    LIVE,
    POOL,
    affinity,
    block,
    cali,
    held_by,
    host_route,
    pod,
    route,
    space_name,
    via,
)
from tests.unit.scenes import Scene, scene
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

H1, W1, W2 = "host1", "worker1", "worker2"
HERE = via("10.0.0.12", "ens160")


def nothing(_: Scene) -> None:
    """The healthy cluster."""


def own(address: str, dev: str = "ens160") -> Route:
    return route(f"{address}/32", via(None, dev), type=net.LOCAL_TYPE, table=net.LOCAL, protocol=net.PROTO_KERNEL)


def floating(key: str) -> Callable[[Scene], None]:
    return lambda c: c.api("pods", key, annotations={"cni.projectcalico.org/floatingIPs": f'["{FREE}"]'})


def tunnel(node: str, **fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.api("nodes", node, **fields)


def stale(address: str = FREE, **fields: Any) -> Route:
    return route(f"{address}/32", fields.pop("hops", HERE), **fields)


def advertised(cluster: Scene) -> None:
    cluster.settings("bgp", serviceLoadBalancerIPs=[{"cidr": "10.48.9.0/24"}])


FLUX_POD: Callable[[Scene], None] = lambda c: c.api_later("pods", DATABASE, ips=("10.48.0.131",))  # noqa: E731
FLUX_MINE: Callable[[Scene], None] = lambda c: c.api_later("pods", CUSTOMER, ips=(FREE,))  # noqa: E731
# the route as worker1 has it, the cluster, and a part of the reason; None: nothing claims it
CLAIMS: list[tuple[str, Route, Callable[[Scene], None], str | None]] = [
    ("a pod's", host_route("10.48.0.67", CALI), nothing, f"host route of pod {CUSTOMER}"),
    (
        "a pod's by another pod's interface",
        host_route("10.48.0.67", cali("a/b")),
        nothing,
        "which another check judges",
    ),
    ("a pod's in another table", host_route("10.48.0.67", CALI, table=100), nothing, None),
    ("a leaving pod's", host_route("10.48.0.72", cali(LEAVING)), nothing, f"host route of pod {LEAVING}"),
    ("a finished pod's", host_route("10.48.0.90", cali("batch/done")), nothing, None),
    ("another node's pod's", host_route("10.48.0.130", cali(DATABASE)), nothing, None),
    ("nobody's by a pod's interface", host_route(FREE, CALI), nothing, None),
    ("nobody's by nobody's interface", host_route(FREE, "cali0leaked"), nothing, None),
    ("nobody's by two interfaces", stale(hops=(Hop(None, CALI), Hop(None, cali(LEAVING)))), nothing, None),
    ("a prefix by a pod's interface", route("10.48.0.64/27", via(None, CALI)), nothing, None),
    ("outside every pool by a pod's interface", route("8.8.8.8/32", via(None, CALI)), nothing, None),
    ("a pod's that changes", host_route(FREE, CALI), FLUX_MINE, f"pod {CUSTOMER} changed"),
    ("a floating one", host_route(FREE, CALI), floating(CUSTOMER), f"floating address of pod {CUSTOMER}"),
    ("another pod's floating one", host_route(FREE, CALI), floating(LEAVING), None),
    ("a floating one of another node", stale(), floating(DATABASE), "leads to the node that has the pod"),
    ("a floating one by the wrong node", stale(hops=via("10.0.0.10", "ens160")), floating(DATABASE), None),
    (
        "a floating one of a finished pod",
        stale(),
        both(floating(DATABASE), lambda c: c.api("pods", DATABASE, phase="Failed")),
        None,
    ),
    (
        "this node's VXLAN address",
        own("10.48.9.1"),
        tunnel(W1, vxlan_tunnel="10.48.9.1"),
        "tunnel address of this node",
    ),
    ("this node's IPIP address", own("10.48.9.1"), tunnel(W1, ipip_tunnel="10.48.9.1"), "tunnel address of this node"),
    ("this node's WireGuard address", own("10.48.9.1"), tunnel(W1, wireguard_ipv4="10.48.9.1"), "tunnel address"),
    ("another node's tunnel address", own("10.48.9.1"), tunnel(W2, vxlan_tunnel="10.48.9.1"), None),
    (
        "this node's own address in a pool",
        own("10.48.9.1"),
        tunnel(W1, internal_ips=("10.48.9.1",)),
        "address of this node",
    ),
    ("another node's own address", own("10.48.9.1"), tunnel(W2, internal_ips=("10.48.9.1",)), None),
    ("nobody's own", own(FREE), nothing, None),
    ("its block", route(BLOCK1), nothing, "block of worker1"),
    ("another's block", route(BLOCK2, HERE), nothing, "block of worker2"),
    (
        "the block of a node that is gone",
        route(BLOCK2, HERE),
        lambda c: c.api("blocks", BLOCK2, affinity="host:x"),
        None,
    ),
    ("a block without affinity", route(BLOCK2, HERE), lambda c: c.api("blocks", BLOCK2, affinity=None), None),
    (
        "a block that is being claimed",
        route(BLOCK2, HERE),
        both(
            lambda c: c.api("blocks", BLOCK2, affinity=None),
            lambda c: c.add("affinities", affinity(BLOCK2, W1, "pending")),
        ),
        "block of",
    ),
    (
        "a block that changes",
        route("10.48.9.0/26", HERE),
        lambda c: c.relist_later(blocks=(*c.cluster.blocks, block("10.48.9.0/26", W2))),
        "its block changed",
    ),
    ("a part of a block", route("10.48.0.160/28", HERE), nothing, None),
    ("no block", route("10.48.9.0/26", HERE), nothing, None),
    ("a blackhole of no block", route("10.48.9.0/26"), nothing, "the check of blackholes reports it"),
    ("an unreachable of no block", route("10.48.9.0/26", type=net.UNREACHABLE), nothing, "the check of blackholes"),
    ("a blackhole of one address", stale(hops=()), nothing, None),
    ("an unreachable of one address", stale(hops=(), type=net.UNREACHABLE), nothing, None),
    ("a borrowed one", route(BORROWED, HERE), nothing, "address borrowed by worker2"),
    ("borrowed by this node", stale(), lambda c: c.allocate(FREE, held_by("a/b", W1)), None),
    ("borrowed here", route("10.48.0.190/32", HERE), lambda c: c.allocate("10.48.0.190", held_by(CUSTOMER, W1)), None),
    ("borrowed by a node that is gone", stale(), lambda c: c.allocate(FREE, held_by("a/b", "gone")), None),
    ("an address that changes", route("10.48.0.131/32", HERE), FLUX_POD, "its pod changed"),
    ("announced by the pod's node", route("10.48.0.130/32", HERE), nothing, "leads to the node that has the pod"),
    ("announced by another node", route("10.48.0.130/32", via("10.0.0.10", "ens160")), nothing, None),
    ("by hand to the pod's node", route("10.48.0.130/32", HERE, protocol=net.PROTO_STATIC), nothing, None),
    ("announced, and nobody has it", stale(), nothing, None),
    (
        "announced, and two nodes have it",
        route("10.48.0.130/32", HERE),
        lambda c: c.add("pods", pod("a/twin", H1, ("10.48.0.130",))),
        None,
    ),
    ("announced, and this node has it", route("10.48.0.67/32", HERE), nothing, None),
    ("a service's", route("10.48.9.7/32"), advertised, "an advertised service's address"),
    ("a service's by another node", route("10.48.9.7/32", HERE), advertised, "an advertised service's address"),
    ("beside the services", route("10.48.8.7/32"), advertised, None),
    ("a range of services", route("10.48.9.0/25", HERE), advertised, None),
    (
        "a remote tunnel endpoint",
        route("10.48.9.1/32", via(None, "vxlan.calico")),
        tunnel(W2, vxlan_tunnel="10.48.9.1"),
        "a remote tunnel endpoint",
    ),
    ("a remote tunnel endpoint by the uplink", route("10.48.9.1/32", HERE), tunnel(W2, vxlan_tunnel="10.48.9.1"), None),
    ("a remote tunnel endpoint that is dropped", route("10.48.9.1/32"), tunnel(W2, vxlan_tunnel="10.48.9.1"), None),
    (
        "this node's tunnel endpoint by a tunnel",
        route("10.48.9.1/32", via(None, "vxlan.calico")),
        tunnel(W1, vxlan_tunnel="10.48.9.1"),
        None,
    ),
    ("nobody's by a tunnel", route("10.48.9.1/32", via(None, "vxlan.calico")), nothing, None),
    (
        "the kernel's to this node's tunnel address",
        route("10.48.9.1/32", via(None, "vxlan.calico"), protocol=net.PROTO_KERNEL),
        tunnel(W1, vxlan_tunnel="10.48.9.1"),
        "the kernel's route",
    ),
    (
        "one by one, as Felix is told",
        route("10.48.0.130/32", HERE, protocol=80),
        lambda c: c.settings("felix", routeSource="WorkloadIPs"),
        "Felix routes pods one by one",
    ),
    ("one by one, as Felix is not told", route("10.48.0.130/32", HERE, protocol=80), nothing, None),
    (
        "one by one, and nobody has it",
        stale(protocol=80),
        lambda c: c.settings("felix", routeSource="WorkloadIPs"),
        None,
    ),
]


@pytest.mark.parametrize(("item", "vary", "reason"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
def test_a_route_is_claimed_for_a_named_reason_or_not_at_all(
    item: Route, vary: Callable[[Scene], None], reason: str | None
) -> None:
    cluster = scene()
    vary(cluster)
    node = cluster.bench().node(W1)
    assert of_interest(node, item)
    found = claim(node, item)
    assert (found is None) is (reason is None)
    assert (reason or "") in (found or "")


INTEREST: list[tuple[str, Route, bool]] = [
    ("the default", route("0.0.0.0/0", HERE), False),
    ("another network", route("172.17.0.0/16", via(None, "docker0")), False),
    ("a service range outside every pool", route("10.96.0.0/12"), False),
    ("link-local by a pod's interface", route("fe80::/64", via(None, CALI)), False),
    ("multicast by a pod's interface", route("ff00::/8", via(None, CALI)), False),
    ("inside a pool", route("10.48.77.0/24", HERE), True),
    ("inside a pool of IPv6", route("fd00:10:48::9/128", HERE), True),
    ("a whole pool", route(POOL, HERE), False),
    ("more than a pool", route("10.0.0.0/8", HERE), False),
    ("a whole pool by a pod's interface", route(POOL, via(None, CALI)), True),
    ("outside every pool, by a pod's interface", route("8.8.8.8/32", via(None, CALI)), True),
    ("outside, by one pod's interface of two", route("8.8.8.8/32", (Hop(None, "x"), Hop(None, CALI))), True),
]


@pytest.mark.parametrize(("item", "wanted"), [row[1:] for row in INTEREST], ids=[row[0] for row in INTEREST])
def test_routes_in_a_pool_or_by_a_pods_interface_must_be_claimed(item: Route, wanted: bool) -> None:
    assert of_interest(scene().bench().node(W1), item) is wanted


def test_a_block_outside_every_pool_must_be_claimed() -> None:
    cluster = scene()
    cluster.drop("pools", "default-ipv4-ippool")
    node = cluster.bench().node(W1)
    assert of_interest(node, route(BLOCK2, HERE))
    assert not of_interest(node, route("10.48.9.0/26", HERE))


def add(*routes: Route, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).add("routes", *routes)


def link(name: str, **fields: Any) -> Link:
    return structs.replace(Link(99, name, "veth", True, True, "ee:ee:ee:ee:ee:ee", 1500, 2, 9), **fields)


INTERFACES = "every_pod_interface_belongs_to_a_pod"
INTERFACES_ROWS = [
    Row("unread", lambda c: c.unread(W1, "links"), {(W1, W1, UNOBSERVED)}, ("links could not be read",)),
    Row(
        "leaked",
        lambda c: c.node(W1).add("links", link("cali0leaked")),
        {(W1, "cali0leaked", HOUSEKEEPING)},
        ("cali0leaked, up, with carrier", "its pod was deleted by force", "its name follows from no pod"),
    ),
    Row(
        "leaked, dead",
        lambda c: c.node(W1).add("links", link("cali0leaked", up=False, carrier=False)),
        {(W1, "cali0leaked", HOUSEKEEPING)},
        ("down, without carrier",),
    ),
    Row(
        "another node's pod's",
        lambda c: c.node(W1).add("links", link(cali(DATABASE))),
        {(W1, cali(DATABASE), HOUSEKEEPING)},
    ),
    Row("a finished pod's", lambda c: c.node(W1).add("links", link(cali("batch/done"))), set()),
    Row("a pod's that was taken down", lambda c: c.node(W1).add("links", link(cali("batch/gone"))), set()),
    Row("a starting pod's", lambda c: c.node(W1).add("links", link(cali("batch/pending"))), set()),
    Row(
        "a host-network pod's",
        lambda c: c.node(W1).add("links", link(cali(f"kube-system/calico-node-{W1}"))),
        {(W1, cali(f"kube-system/calico-node-{W1}"), HOUSEKEEPING)},
    ),
    Row(
        "a new pod's",
        both(
            lambda c: c.node(W1).add("links", link(cali("a/new"))),
            lambda c: c.relist_later(pods=(*c.cluster.pods, pod("a/new", W1, ()))),
        ),
        set(),
    ),
    Row("a vanished pod's", lambda c: c.drop_later("pods", CUSTOMER), set()),
    Row("another interface", lambda c: c.node(W1).add("links", link("docker0")), set()),
    Row(
        "none at all",
        lambda c: c.node(W1).drop("links", lambda item: item.name.startswith("cali")),
        {(W1, W1, INAPPLICABLE)},
    ),
]

ROUTES = "every_pod_and_block_route_is_accounted_for"
ROUTES_ROWS = [
    Row("unread", lambda c: c.unread(W1, "routes"), {(W1, W1, UNOBSERVED)}, ("routes could not be read",)),
    Row("none", lambda c: c.node(H1).set(routes=()), {(H1, H1, INAPPLICABLE)}, ("no route inside a pool and none by",)),
    Row(
        "a stale pod route",
        add(host_route(FREE, "cali0leaked")),
        {(W1, f"{FREE}/32", WRONG)},
        ("left behind by a deleted pod", "no live pod, block or borrowed address"),
    ),
    Row("a stale route of BIRD", add(stale()), {(W1, f"{FREE}/32", WRONG)}, ("another node announces it",)),
    Row("a stale route of others", add(stale(protocol=4)), {(W1, f"{FREE}/32", WRONG)}, ("not Calico (proto static)",)),
    Row(
        "two of one prefix",
        add(stale(protocol=4), stale(metric=9)),
        {(W1, f"{FREE}/32", WRONG)},
        ("; ", "proto static, bird"),
    ),
    Row(
        "a live pod's by the wrong node",
        add(route("10.48.0.130/32", via("10.0.0.10", "ens160"))),
        {(W1, "10.48.0.130/32", BROKEN)},
        ("live addresses that it takes away: 10.48.0.130",),
    ),
    Row("a live pod's to another pod", add(host_route("10.48.0.130", CALI)), {(W1, "10.48.0.130/32", BROKEN)}),
    Row(
        "a live pod's blackhole",
        add(route("10.48.0.67/32", metric=9)),
        {(W1, "10.48.0.67/32", BROKEN)},
        (f"(pod {CUSTOMER} on worker1)",),
    ),
    Row("over many live pods", add(route("10.48.0.0/18", HERE)), {(W1, "10.48.0.0/18", BROKEN)}, ("10.48.0.70 (pod",)),
    Row(
        "over many more live pods",
        both(
            add(
                route(
                    "10.48.0.0/18",
                    HERE,
                ),
                node=H1,
            )
        ),
        {(H1, "10.48.0.0/18", BROKEN)},
        (" …",),
    ),
    Row(
        "a block of another node taken by the local table",
        add(route(BLOCK2, via(None, "lo"), type=net.LOCAL_TYPE, table=net.LOCAL)),
        {(W1, BLOCK2, BROKEN)},
        ("has affinity host:worker2; live addresses that it takes away: 10.48.0.1",),
    ),
    Row(
        "its own block taken by the local table",
        add(route(BLOCK1, via(None, "lo"), type=net.LOCAL_TYPE, table=net.LOCAL)),
        {(W1, BLOCK1, BROKEN)},
        ("has affinity host:worker1; live addresses",),
    ),
    Row("over its own pods", add(route("10.48.0.64/30", HERE)), {(W1, "10.48.0.64/30", WRONG)}),
    Row(
        "the block of a node that is gone",
        lambda c: c.api("blocks", BLOCK2, affinity="host:gone"),
        {(W1, BLOCK2, BROKEN), (H1, BLOCK2, BROKEN)},
        ("has affinity host:gone, and no such node exists",),
    ),
    Row("outside every pool", add(route("192.168.0.0/24", HERE)), set()),
    Row("in another table", add(stale(table=100)), {(W1, f"{FREE}/32", WRONG)}, ("table 100",)),
]

HOLDERS = "no_other_namespace_has_a_pools_address"


def space(*addresses: str, name: str = "cni-foreign") -> Callable[[Scene], None]:
    """One more namespace on worker1, with these addresses."""

    def vary(cluster: Scene) -> None:
        given = tuple(Address("eth0", address, 32, 0) for address in addresses)
        foreign = net.Namespace(name, addresses=given, nsid=77)
        cluster.seen(W1, pods=(*cluster.facts[W1].pods, foreign))

    return vary


HOLDERS_ROWS = [
    Row(
        "unread",
        lambda c: c.unread(W1, "namespaces"),
        {(W1, W1, UNOBSERVED)},
        ("the pods' network namespaces could not",),
    ),
    Row(
        "none",
        lambda c: c.seen(W1, pods=()),
        {(W1, W1, INAPPLICABLE)},
    ),
    Row(
        "a live pod's of another node",
        space("10.48.0.130"),
        {(W1, "10.48.0.130", BROKEN)},
        (f"10.48.0.130 is pod {DATABASE}'s on worker2", "a duplicate address", "on eth0 of namespace cni-foreign"),
    ),
    Row("a live pod's of this node", space("10.48.0.67"), {(W1, "10.48.0.67", BROKEN)}),
    Row(
        "nobody's",
        space(FREE),
        {(W1, FREE, HOUSEKEEPING)},
        ("no live pod has this address", "the namespace outlived its pod"),
    ),
    Row("outside every pool", space("192.168.7.7"), set()),
    Row("without an address", space(), set()),
    Row(
        "a pod's that comes",
        both(space(FREE), lambda c: c.relist_later(pods=(*c.cluster.pods, pod("a/new", W1, (FREE,))))),
        set(),
    ),
    Row(
        "a pod's that comes, whose address IPAM alone shows",
        both(
            space(FREE),
            lambda c: c.allocate(FREE, held_by("a/new", W1)),
            lambda c: c.relist_later(pods=(*c.cluster.pods, pod("a/new", W1, ()))),
        ),
        set(),
    ),
    Row(
        "a pod's that is long allocated",
        both(space(FREE), lambda c: c.allocate(FREE, held_by("a/old", W1))),
        {(W1, FREE, HOUSEKEEPING)},
    ),
    Row("a finished pod's", space("10.48.0.90"), {(W1, "10.48.0.90", HOUSEKEEPING)}),
]

TABLES = {INTERFACES: INTERFACES_ROWS, ROUTES: ROUTES_ROWS, HOLDERS: HOLDERS_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_leftovers", TABLES) == []


def test_the_namespaces_of_pods_are_not_foreign() -> None:
    assert {space_name(key) for key in LIVE} == {item.name for name in (W1, W2) for item in scene().facts[name].pods}
