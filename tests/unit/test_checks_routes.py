"""The checks of block routes, borrowed addresses and blackholes: every message, and its absence on the healthy
cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from model import net
from model.net import Address, Hop
from model.node import Bird
from tests.unit.builders import (
    BLOCK1,
    BLOCK2,
    BLOCK2_V6,
    BORROWED,
    BORROWER,
    NODES,
    POOL,
    affinity,
    block,
    changed,
    route,
    rule,
    via,
)
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import DEVICE, vxlan
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


def host(dst: str, node: str = W1, /, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.node(node).route(dst, **fields)


def no_route(dst: str, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).no_route(dst)


def add(*routes: net.Route, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).add("routes", *routes)


def add_rule(item: net.Rule) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).add("rules", item)


def no_blocks(*cidrs: str) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        for cidr in cidrs:
            cluster.drop("blocks", cidr)

    return vary


def no_main_rule(cluster: Scene) -> None:
    cluster.node(H1).drop("rules", lambda item: item.family == 4 and item.table == net.MAIN)


def unread(fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(W1, fact)


def session(**fields: object) -> Callable[[Scene], None]:
    """Other fields of worker1's session to worker2."""

    def vary(cluster: Scene) -> None:
        four, six = cluster.facts[W1].birds
        protocols = changed(four.protocols, lambda item: item.neighbor == "10.0.0.12", **fields)
        cluster.seen(W1, birds=(structs.replace(four, protocols=protocols), six))

    return vary


def unready(name: str) -> Callable[[Scene], None]:
    return lambda c: c.api("nodes", name, ready=None)


def release(cluster: Scene, image: str) -> None:
    for name in NODES:
        cluster.api("pods", f"kube-system/calico-node-{name}", images=(f"calico/node:{image}",))


def both_program(cluster: Scene) -> None:
    """Felix and BIRD program what is not encapsulated; worker2 is reached by a router, and Felix leaves it out."""
    release(cluster, "v3.33.0")
    cluster.settings("felix", programClusterRoutes="Enabled")
    cluster.api("nodes", W1, bgp_ipv4="10.0.0.11/32")
    router = via("10.0.0.254", "ens160")
    cluster.node(W1).add("routes", route("10.0.0.12/32", router, protocol=net.PROTO_STATIC))
    cluster.node(W1).route(BORROWED, hops=router)
    cluster.node(W1).route(BLOCK2, hops=router, metric=1024)


def felix(cluster: Scene) -> None:
    """Felix programs what is not encapsulated, as its routes show."""
    release(cluster, "v3.33.0")
    cluster.settings("felix", programClusterRoutes="Enabled")
    cluster.settings("bgp", programClusterRoutes="Disabled")
    for name in NODES:
        routes = cluster.node(name).now.routes
        cluster.node(name).set(
            routes=tuple(
                structs.replace(item, protocol=net.PROTO_FELIX) if item.protocol == net.PROTO_BIRD else item
                for item in routes
            )
        )


def claimed(cluster: Scene) -> None:
    """worker2 is still claiming its block."""
    cluster.api("affinities", "worker2-10-48-0-128-26", state="pending")


BLOCKS = "node_routes_every_other_nodes_blocks"
REMOTE = {(W1, BLOCK2, BROKEN)}
BLOCKS_ROWS = [
    *(
        Row(f"{fact} unread", unread(fact), {(W1, W1, UNOBSERVED)}, ("routes, rules or addresses could not be read",))
        for fact in ("routes", "rules", "addresses")
    ),
    Row(
        "no other node owns a block",
        no_blocks(BLOCK2, BLOCK2_V6),
        {(W1, W1, INAPPLICABLE)},
        ("no other node owns an IPAM block",),
    ),
    Row(
        "missing",
        no_route(BLOCK2),
        REMOTE,
        (
            "no route to it; packets take default via 10.0.0.254",
            "10.48.0.128/26 via 10.0.0.12 dev ens160 proto bird",
            "worker2 does not announce it",
            "IPPool default-ipv4-ippool has no encapsulation",
        ),
    ),
    Row(
        "missing, and no default",
        both(no_route(BLOCK2), no_route("0.0.0.0/0")),
        REMOTE,
        ("packets take no route at all",),
    ),
    Row(
        "missing, BIRD is dead",
        both(no_route(BLOCK2), lambda c: c.seen(W1, birds=(Bird(4, False),))),
        REMOTE,
        ("BIRD does not answer on this node",),
    ),
    Row(
        "missing, BIRD was not asked",
        both(no_route(BLOCK2), lambda c: c.seen(W1, birds=())),
        REMOTE,
        ("worker2 does not announce it",),
    ),
    Row(
        "missing, the session is down",
        both(no_route(BLOCK2), session(state="start", info="Active")),
        REMOTE,
        ("the BGP session to worker2 is not established (start Active)",),
    ),
    Row("in another table", host(BLOCK2, table=100), REMOTE),
    Row("unreachable", host(BLOCK2, type=net.UNREACHABLE, hops=()), REMOTE, ("BIRD cannot resolve the next hop",)),
    Row("blackhole", host(BLOCK2, type=net.BLACKHOLE, hops=()), REMOTE, ("not a unicast route",)),
    Row("tos", host(BLOCK2, tos=8), REMOTE, ("only for some packets",)),
    Row("dead", host(BLOCK2, hops=via("10.0.0.12", "ens160", net.HOP_DEAD)), REMOTE, ("its next hop is dead",)),
    Row("its link is down", host(BLOCK2, hops=via("10.0.0.12", "ens160", net.HOP_LINKDOWN)), REMOTE),
    Row(
        "another node",
        host(BLOCK2, hops=via("10.0.0.10", "ens160")),
        REMOTE,
        ("does not lead to worker2 (10.0.0.12)",),
    ),
    Row("another interface", host(BLOCK2, hops=via("10.0.0.12", "docker0")), REMOTE),
    Row("two nodes", host(BLOCK2, hops=(Hop("10.0.0.12", "ens160"), Hop("10.0.0.10", "ens160"))), REMOTE),
    Row("protocol", host(BLOCK2, protocol=net.PROTO_STATIC), {(W1, BLOCK2, WRONG)}, ("proto static: not BIRD's",)),
    Row("any metric", host(BLOCK2, metric=2147483547), set()),
    Row("onlink", host(BLOCK2, hops=via("10.0.0.12", "ens160", net.HOP_ONLINK)), set()),
    Row("a source", host(BLOCK2, prefsrc="10.0.0.11"), {(W1, BLOCK2, WRONG)}, ("source 10.0.0.11, expected none",)),
    Row("an mtu", host(BLOCK2, mtu=1400), {(W1, BLOCK2, WRONG)}, ("mtu 1400, expected none",)),
    Row(
        "a header of its own",
        host(BLOCK2, hops=(Hop("10.0.0.12", "ens160", encap=5),)),
        REMOTE,
        ("encap seg6 via 10.0.0.12", "get a header of the route's own (encap)"),
    ),
    Row("a hop limit", host(BLOCK2, hop_limit=1), {(W1, BLOCK2, WRONG)}, ("hoplimit 1, expected none",)),
    Row(
        "taken by the local table",
        add(route("10.48.0.0/16", via(None, "lo"), type=net.LOCAL_TYPE, table=net.LOCAL)),
        {(W1, BLOCK2, BROKEN)},
        ("(the local table is asked first: local 10.48.0.0/16 dev lo", "ip -4 route show table local; ip route get"),
    ),
    Row("passed over by the local table", add(route("10.0.0.0/8", type=net.THROW, table=net.LOCAL)), set()),
    Row(
        "a second one",
        add(route(BLOCK2, via("10.0.0.10", "ens160"), metric=1024)),
        {(W1, BLOCK2, WRONG)},
        ("a second route to it: 10.48.0.128/26 via 10.0.0.10",),
    ),
    Row("a second one, the same way", add(route(BLOCK2, via("10.0.0.12", "ens160"), metric=1024)), set()),
    Row(
        "a better one elsewhere",
        both(host(BLOCK2, metric=1024), add(route(BLOCK2, via("10.0.0.10", "ens160")))),
        REMOTE,
    ),
    Row(
        "a rule to another table",
        both(
            lambda c: c.node(W1).add("rules", rule(100, 100, dst=BLOCK2)),
            add(route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        REMOTE,
        ("a rule takes packets to 10.48.0.128 to default via 10.0.0.254",),
    ),
    Row(
        "a rule for what the node sends from its own address",
        both(
            lambda c: c.node(W1).add("rules", rule(100, 100, src="10.0.0.11/32")),
            add(route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        {(W1, BLOCK2, BROKEN)},
        ("a rule takes packets from 10.0.0.11 to 10.48.0.128 to default via 10.0.0.254",),
    ),
    Row(
        "a rule for what the node sends from another address of its own",
        both(
            lambda c: c.node(W1).add("rules", rule(100, 100, src="10.9.0.5/32")),
            add(route("0.0.0.0/0", via("10.9.0.254", "ens192"), table=100)),
        ),
        set(),
    ),
    Row(
        "a rule for what the node sends from its own address, after what main has of its own",
        both(
            lambda c: c.node(W1).add("rules", rule(99, net.MAIN, suppress_prefixlength=0)),
            lambda c: c.node(W1).add("rules", rule(100, 100, src="10.0.0.11/32")),
            add(route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        set(),
    ),
    Row(
        "a rule for a part of it",
        both(
            lambda c: c.node(W1).add("rules", rule(100, 100, dst="10.48.0.160/27")),
            add(route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        REMOTE,
        ("a rule takes packets to 10.48.0.160",),
    ),
    Row(
        "no rule leads to main",
        no_main_rule,
        {(H1, BLOCK1, BROKEN), (H1, BLOCK2, BROKEN)},
        ("no rule leads packets to 10.48.0.64 to a route",),
    ),
    Row(
        "missing, the other node is not ready",
        both(no_route(BLOCK2), unready(W2), session(state="start", info="Active")),
        {(W1, BLOCK2, INAPPLICABLE)},
        ("worker2 or worker1 is not Ready, and no session joins them: BGP has withdrawn it",),
    ),
    Row(
        "missing, this node is not ready",
        both(no_route(BLOCK2), unready(W1), session(state="start", info="Active")),
        {(W1, BLOCK2, INAPPLICABLE)},
    ),
    Row("missing, the other node is not ready, its session is up", both(no_route(BLOCK2), unready(W2)), REMOTE),
    Row(
        "of both programmers",
        both(both_program, add(route(BLOCK2, via("10.0.0.12", "ens160", net.HOP_ONLINK), protocol=net.PROTO_FELIX))),
        set(),
    ),
    Row(
        "of one of two programmers, and somebody's",
        both(both_program, add(route(BLOCK2, via("10.0.0.10", "ens160"), protocol=net.PROTO_STATIC, metric=4096))),
        {(W1, BLOCK2, WRONG)},
        ("a second route to it: 10.48.0.128/26 via 10.0.0.10 dev ens160 proto static",),
    ),
    Row("there, the other node is not ready", unready(W2), set()),
    Row("to another, its node is not ready", both(host(BLOCK2, hops=via("10.0.0.10", "ens160")), unready(W2)), REMOTE),
    Row(
        "Felix's, missing, the other node is not ready",
        both(felix, no_route(BLOCK2), unready(W2), session(state="start", info="Active")),
        REMOTE,
    ),
    *(
        Row(
            f"a rule for some packets: {name}",
            both(
                add_rule(one),
                add(route("10.48.0.160/27", via("10.0.0.10", "ens160"), table=100)),
            ),
            {(W1, BLOCK2, severity)} if severity else set(),
            (words, "ip -4 route show table 100") if severity else (),
        )
        for name, one, severity, words in (
            ("TOS", rule(100, 100, tos=8), WRONG, "rule 100 takes packets to 10.48.0.160 with TOS 0x8 to"),
            ("ports", rule(100, 100, other=("sport",)), WRONG, "of certain sport to 10.48.0.160/27 via 10.0.0.10"),
            (
                "a mark for the pool",
                rule(100, 100, fwmark=9, fwmask=15, dst="10.48.0.0/16"),
                HOUSEKEEPING,
                "with mark 0x9",
            ),
            ("a mark", rule(100, 100, fwmark=9, fwmask=15), "", ""),
            ("a user", rule(100, 100, other=("uidrange",), uids=(7, 9)), HOUSEKEEPING, "of certain uidrange to"),
            ("a mark's absence", rule(100, 200, fwmark=9, fwmask=15, invert=True), "", ""),
            ("an interface's own", rule(100, 100, oif="ens160"), "", ""),
            ("a tunnel's", rule(100, 100, other=("tun_id",)), "", ""),
        )
    ),
    Row(
        "a rule for some packets that drops",
        lambda c: c.node(W1).add("rules", rule(100, 0, action=net.RULE_UNREACHABLE, dst=BLOCK2, other=("ipproto",))),
        REMOTE,
        ("of certain ipproto to unreachable 10.48.0.128", "ip -4 rule"),
    ),
    Row("a rule to an empty table", lambda c: c.node(W1).add("rules", rule(100, 100)), set()),
    Row("IPv6 missing", no_route(BLOCK2_V6), {(W1, BLOCK2_V6, BROKEN)}),
    Row("IPv6 by another node", host(BLOCK2_V6, hops=via("fd00:10::a", "ens160")), {(W1, BLOCK2_V6, BROKEN)}),
    Row(
        "missing, being claimed",
        both(no_route(BLOCK2), claimed),
        set(),
    ),
    Row(
        "missing, in flux",
        both(no_route(BLOCK2), lambda c: c.api_later("blocks", BLOCK2, affinity="host:host1")),
        set(),
    ),
    Row(
        "moved, in flux",
        both(
            host(BLOCK2, hops=via("10.0.0.10", "ens160")),
            lambda c: c.api_later("blocks", BLOCK2, affinity="host:host1"),
        ),
        set(),
    ),
    Row(
        "another node, being claimed",
        both(
            host(BLOCK2, hops=via("10.0.0.10", "ens160")),
            claimed,
        ),
        REMOTE,
    ),
    Row(
        "the owner gets another address",
        both(
            *(host(dst, node, hops=via("10.0.0.22", "ens160")) for node in (W1, H1) for dst in (BLOCK2,)),
            lambda c: c.api_later("nodes", W2, bgp_ipv4="10.0.0.22/24"),
        ),
        set(),
    ),
    Row(
        "an owner with an unknown address",
        lambda c: c.api("nodes", W2, bgp_ipv4=None),
        {(W1, BLOCK2, INAPPLICABLE), (H1, BLOCK2, INAPPLICABLE)},
        ("has no address that BIRD on worker1 knows it by",),
    ),
    Row("an owner behind a router", lambda c: routed(c), set()),
    Row(
        "an owner behind the wrong router",
        both(lambda c: routed(c), host(BLOCK2, hops=via("10.0.0.253", "ens160"))),
        REMOTE,
    ),
    Row(
        "a ToR's next hop, eBGP",
        both(lambda c: c.api("nodes", W2, as_number="64513"), host(BLOCK2, hops=via("10.0.0.253", "ens160"))),
        set(),
    ),
    Row("a deleted pool", lambda c: c.drop("pools", "default-ipv4-ippool"), set()),
    Row(
        "a deleted pool, missing",
        both(lambda c: c.drop("pools", "default-ipv4-ippool"), no_route(BLOCK2)),
        REMOTE,
        ("no IPPool contains it",),
    ),
    Row("Felix's", felix, set()),
    Row("Felix's, missing", both(felix, no_route(BLOCK2)), REMOTE, ("Felix on worker1 has not programmed it",)),
    Row(
        "Felix's, BIRD's mark",
        both(felix, host(BLOCK2, protocol=12)),
        {(W1, BLOCK2, WRONG)},
        ("proto bird: not Felix's",),
    ),
    Row("Felix's, a metric", both(felix, host(BLOCK2, metric=1024)), {(W1, BLOCK2, WRONG)}, ("metric 1024",)),
    Row(
        "Felix's, another node",
        both(felix, host(BLOCK2, hops=via("10.0.0.10", "ens160"))),
        REMOTE,
        ("does not lead straight to worker2 (10.0.0.12)",),
    ),
    Row(
        "a block of one address",
        both(
            lambda c: c.add("blocks", block("10.48.9.1/32", W2)),
            lambda c: c.add("affinities", affinity("10.48.9.1/32", W2)),
        ),
        set(),
    ),
    Row(
        "a block more",
        both(
            lambda c: c.add("blocks", block("10.48.9.0/26", W2)),
            lambda c: c.add("affinities", affinity("10.48.9.0/26", W2)),
        ),
        {(W1, "10.48.9.0/26", BROKEN), (H1, "10.48.9.0/26", BROKEN)},
    ),
    Row("a block that nobody owns", lambda c: c.add("blocks", block("10.48.9.0/26", None)), set()),
]


def routed(cluster: Scene) -> None:
    """worker2 lives in another subnet, behind 10.0.0.254."""
    cluster.api("nodes", W2, bgp_ipv4="10.1.0.12/24", internal_ips=("10.1.0.12", "fd00:10::c"))
    cluster.node(W2).change("addresses", lambda item: item.address == "10.0.0.12", address="10.1.0.12")
    for name in (H1, W1):
        cluster.node(name).route(BLOCK2, hops=via("10.0.0.254", "ens160"))
        cluster.node(name).route(BORROWED, hops=via("10.0.0.254", "ens160"))


def _own(item: net.Route) -> bool:
    return item.dst in {BLOCK1, BLOCK2} and not item.hops


def tunnelled(cluster: Scene) -> None:
    """IPv4 is tunnelled by VXLAN, and the routes to the other nodes show it."""
    vxlan(cluster)
    for name in NODES:
        if name != H1:
            cluster.node(name).change("routes", _own, protocol=net.PROTO_FELIX)
        for dst, last in ((BLOCK1, 11), (BLOCK2, 12), (BORROWED, 12)):
            if NODES[name] != last:
                hops = via(f"10.48.9.{last}", DEVICE, net.HOP_ONLINK)
                cluster.node(name).route(dst, hops=hops, protocol=net.PROTO_BOOT, mtu=1450)


TUNNEL_ROWS = [
    Row("VXLAN", tunnelled, set()),
    Row(
        "VXLAN, another node's tunnel",
        both(tunnelled, host(BLOCK2, hops=via("10.48.9.10", DEVICE))),
        REMOTE,
        ("does not lead into the tunnel to worker2", "10.48.0.128/26 via 10.48.9.12 dev vxlan.calico"),
    ),
    Row("VXLAN, by the uplink", both(tunnelled, host(BLOCK2, hops=via("10.0.0.12", "ens160"))), REMOTE),
    Row(
        "VXLAN, another mtu",
        both(tunnelled, host(BLOCK2, mtu=1500)),
        {(W1, BLOCK2, WRONG)},
        ("mtu 1500, expected 1450",),
    ),
    Row("VXLAN, an older release's route without mtu", both(tunnelled, host(BLOCK2, mtu=None)), set()),
]


def fabric(*routes: net.Route) -> Callable[[Scene], None]:
    """worker2 speaks to a router of another AS; worker1 has these routes in place of its block's."""
    return both(lambda c: c.api("nodes", W2, as_number="64513"), no_route(BLOCK2), add(*routes))


ROUTER = via("10.0.0.253", "ens160")
FABRIC_ROWS = [
    Row("an aggregate of the fabric", fabric(route("10.48.0.0/17", ROUTER)), set()),
    Row("a default of the fabric", both(no_route("0.0.0.0/0"), fabric(route("0.0.0.0/0", ROUTER))), set()),
    Row("the block's route by the router", fabric(route(BLOCK2, ROUTER)), set()),
    Row(
        "two routers",
        fabric(route(BLOCK2, (Hop("10.0.0.253", "ens160"), Hop("10.0.0.252", "ens160")))),
        set(),
    ),
    Row("the owner itself", fabric(route(BLOCK2, via("10.0.0.12", "ens160"))), set()),
    Row(
        "another node, in the AS of this one",
        fabric(route(BLOCK2, via("10.0.0.10", "ens160"))),
        REMOTE,
        ("10.0.0.10 is node host1, not worker2, and no BGP session makes it the way there",),
    ),
    Row(
        "two nodes",
        fabric(route(BLOCK2, (Hop("10.0.0.12", "ens160"), Hop("10.0.0.10", "ens160")))),
        REMOTE,
        ("10.0.0.10 is node host1",),
    ),
    Row(
        "another node, whose BGPPeer puts itself into the next hop",
        both(
            lambda c: c.settings("peers", "self", nextHopMode="Self", peerSelector="all()"),
            fabric(route(BLOCK2, via("10.0.0.10", "ens160"))),
        ),
        set(),
    ),
    Row(
        "another node, between this one's AS and the owner's",
        both(
            lambda c: c.settings("bgp", nodeToNodeMeshEnabled=False),
            lambda c: c.settings("peers", "passer", peerIP="10.0.0.10", asNumber="64514"),
            lambda c: c.api("nodes", H1, as_number="64514"),
            fabric(route(BLOCK2, via("10.0.0.10", "ens160"))),
        ),
        set(),
    ),
    Row("nothing of the fabric", fabric(), REMOTE, ("10.48.0.128/26 via worker2 proto bird",)),
    Row("an aggregate by hand", fabric(route("10.48.0.0/17", ROUTER, protocol=net.PROTO_STATIC)), REMOTE),
    Row(
        "an aggregate that is dropped for a part",
        fabric(route("10.48.0.0/17", ROUTER), route("10.48.0.160/27")),
        REMOTE,
    ),
]

BORROWED_CHECK = "borrowed_addresses_lead_to_their_borrowers"
BORROWED_ROWS = [
    Row("unread", unread("routes"), {(W1, W1, UNOBSERVED)}),
    Row(
        "missing on the owner",
        no_route(BORROWED),
        {(W1, BORROWED, BROKEN)},
        ("packets take blackhole 10.48.0.64/26", f"to pod {BORROWER} on worker2"),
    ),
    Row(
        "missing elsewhere",
        no_route(BORROWED, H1),
        {(H1, BORROWED, BROKEN)},
        ("packets take 10.48.0.64/26 via 10.0.0.11",),
    ),
    Row("to the block's owner", host(BORROWED, H1, hops=via("10.0.0.11", "ens160")), {(H1, BORROWED, BROKEN)}),
    Row("missing, in flux", both(no_route(BORROWED), lambda c: c.api_later("pods", BORROWER, phase="Failed")), set()),
    Row(
        "elsewhere, in flux",
        both(host(BORROWED, H1, hops=via("10.0.0.11", "ens160")), lambda c: c.api_later("pods", BORROWER, node=W1)),
        set(),
    ),
    Row("nobody's any more", both(lambda c: c.api("pods", BORROWER, phase="Failed"), no_route(BORROWED)), set()),
    Row("none is borrowed", lambda c: c.allocate("10.48.0.70", None), {(W1, W1, INAPPLICABLE), (H1, H1, INAPPLICABLE)}),
    Row(
        "a block without affinity",
        lambda c: c.api("blocks", BLOCK1, affinity=None),
        {
            (node, f"10.48.0.{last}/32", BROKEN)
            for node, last in ((H1, 67), (H1, 68), (H1, 72), (W2, 67), (W2, 68), (W2, 72))
        },
    ),
]

BLACKHOLES = "node_blackholes_its_own_blocks_and_no_others"
OWN = {(W1, BLOCK1, WRONG)}
STALE, DROP = "10.48.9.0/26", route("10.48.9.0/26")
BLACKHOLES_ROWS = [
    Row(
        "a table of an egress gateway spares the pool",
        lambda c: c.node(W1).add(
            "routes", *(route(dst, type=net.THROW, table=200) for dst in (POOL, BLOCK2, "10.48.0.130/32"))
        ),
        set(),
    ),
    Row(
        "a rule leads what is for a port of a free address past it",
        both(
            lambda c: c.node(W1).add("rules", rule(100, 100, dst="10.48.0.99/32", other=("dport",))),
            lambda c: c.node(W1).add("routes", route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        {(W1, f"{BLOCK1}/rule-100", WRONG)},
        (
            "rule 100 takes packets to 10.48.0.99 of certain dport to default via 10.0.0.254",
            ", past the blackhole",
            "a policy rule that Calico did not make",
            "ip -4 route show table 100",
        ),
    ),
    Row(
        "a rule drops what is for a port of a free address",
        lambda c: c.node(W1).add(
            "rules", rule(100, 0, action=net.RULE_BLACKHOLE, dst="10.48.0.99/32", other=("dport",))
        ),
        set(),
    ),
    Row(
        "the main table gives the pool up",
        lambda c: c.node(W1).add("routes", route(POOL, type=net.THROW)),
        {(W1, POOL, WRONG)},
        ("throw 10.48.0.0/16",),
    ),
    Row("unread", unread("routes"), {(W1, W1, UNOBSERVED)}, ("the node's routes could not be read",)),
    Row(
        "missing",
        no_route(BLOCK1),
        OWN,
        ("no blackhole; packets to its free addresses take default via 10.0.0.254", "blackhole 10.48.0.64/26 by BIRD"),
    ),
    Row("missing, and no default", both(no_route(BLOCK1), no_route("0.0.0.0/0")), OWN, ("take no route",)),
    Row("missing, IPv6", no_route("fd00:10:48::40/122"), {(W1, "fd00:10:48::40/122", WRONG)}),
    Row(
        "missing, being claimed",
        both(no_route(BLOCK1), lambda c: c.api("affinities", "worker1-10-48-0-64-26", state="pending")),
        set(),
    ),
    Row(
        "missing, in flux",
        both(no_route(BLOCK1), lambda c: c.api_later("blocks", BLOCK1, affinity="host:worker2")),
        set(),
    ),
    Row(
        "a route instead, in flux",
        both(
            host(BLOCK1, type=net.UNICAST, hops=via("10.0.0.12", "ens160")),
            lambda c: c.api_later("blocks", BLOCK1, affinity="host:worker2"),
        ),
        set(),
    ),
    Row("unreachable", host(BLOCK1, type=net.UNREACHABLE), OWN, ("unreachable 10.48.0.64/26",)),
    Row("prohibit", host(BLOCK1, type=net.PROHIBIT), OWN),
    Row("throw", host(BLOCK1, type=net.THROW), OWN),
    Row("a route", host(BLOCK1, type=net.UNICAST, hops=via("10.0.0.254", "ens160")), OWN),
    Row("tos", host(BLOCK1, tos=8), OWN),
    Row("in another table", host(BLOCK1, table=100), OWN),
    Row("a better route", both(host(BLOCK1, metric=1024), add(route(BLOCK1, via("10.0.0.12", "ens160")))), OWN),
    Row(
        "a worse route",
        add(route(BLOCK1, via("10.0.0.12", "ens160"), metric=1024)),
        OWN,
        ("it takes over as soon as the blackhole is gone",),
    ),
    Row("by hand", host(BLOCK1, protocol=net.PROTO_STATIC), {(W1, BLOCK1, HOUSEKEEPING)}, ("added by hand",)),
    Row("by Felix", host(BLOCK1, protocol=net.PROTO_FELIX), set()),
    Row("Felix's", felix, set()),
    Row("Felix's, missing", both(felix, no_route(BLOCK1)), OWN, ("by Felix",)),
    Row(
        "another's",
        host(BLOCK2, type=net.BLACKHOLE, hops=()),
        {(W1, BLOCK2, BROKEN)},
        ("no blackhole for it on this node", "has affinity host:worker2", "left behind by an earlier owner"),
    ),
    Row("another's beside its route", add(route(BLOCK2, metric=1024)), {(W1, BLOCK2, BROKEN)}),
    Row(
        "another's, and its claim here",
        both(add(route(BLOCK2, metric=1024)), lambda c: c.add("affinities", affinity(BLOCK2, W1))),
        {(W1, BLOCK2, BROKEN)},
        ("BlockAffinity worker1-10-48-0-128-26 names this node, the IPAMBlock does not",),
    ),
    Row("another's unreachable", host(BLOCK2, type=net.UNREACHABLE, hops=()), set()),
    Row(
        "another's, which this node claims too",
        both(add(route(BLOCK2, metric=1024)), lambda c: c.add("affinities", affinity(BLOCK2, W1, "pending"))),
        {(W1, BLOCK2, BROKEN)},
    ),
    Row("another's, being claimed", both(add(route(BLOCK2, metric=1024)), claimed), set()),
    Row(
        "another's, in flux",
        both(add(route(BLOCK2, metric=1024)), lambda c: c.api_later("blocks", BLOCK2, affinity="host:worker1")),
        set(),
    ),
    Row(
        "nobody's",
        add(DROP),
        {(W1, STALE, WRONG)},
        ("no IPAMBlock has this prefix; it lies in IPPool default-ipv4-ippool",),
    ),
    Row("nobody's, unreachable", add(structs.replace(DROP, type=net.UNREACHABLE)), {(W1, STALE, WRONG)}),
    Row("outside every pool", add(route("10.96.0.0/12")), set()),
    Row("a single address", add(route("10.48.9.1/32")), set()),
    Row(
        "of a block without affinity",
        both(lambda c: c.add("blocks", block(STALE, None)), add(DROP)),
        {(W1, STALE, BROKEN)},
    ),
    Row("of a block of one address", lambda c: c.add("blocks", block("10.48.9.1/32", W1)), set()),
    Row(
        "in the way of a block of one address",
        both(lambda c: c.add("blocks", block("10.48.9.1/32", W1)), add(route("10.48.9.1/32"))),
        {(W1, "10.48.9.1/32", BROKEN)},
        (
            "no blackhole for a block of a single address",
            "pods with this address cannot start",
            "the route of the pod that gets it",
        ),
    ),
    Row(
        "in the way of another's block of one address",
        both(lambda c: c.add("blocks", block("10.48.9.1/32", W2)), add(route("10.48.9.1/32"))),
        set(),
    ),
    Row(
        "in the way, being claimed",
        both(
            lambda c: c.add("blocks", block("10.48.9.1/32", W1)),
            lambda c: c.add("affinities", affinity("10.48.9.1/32", W1, "pending")),
            add(route("10.48.9.1/32")),
        ),
        set(),
    ),
    Row(
        "in the way in another table",
        both(lambda c: c.add("blocks", block("10.48.9.1/32", W1)), add(route("10.48.9.1/32", table=100))),
        set(),
    ),
    Row("of a deleted pool", lambda c: c.drop("pools", "default-ipv4-ippool"), set()),
    Row(
        "no blocks",
        no_blocks(BLOCK1, "fd00:10:48::40/122"),
        {(W1, BLOCK1, WRONG), (W1, "fd00:10:48::40/122", WRONG)},
    ),
]

TABLES = {
    BLOCKS: [*BLOCKS_ROWS, *TUNNEL_ROWS, *FABRIC_ROWS],
    BORROWED_CHECK: BORROWED_ROWS,
    BLACKHOLES: BLACKHOLES_ROWS,
}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {"test_block_routes": [BLOCKS, BORROWED_CHECK], "test_blackholes": [BLACKHOLES]}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []


def test_an_address_of_the_uplink_is_found_by_the_nodes_address() -> None:
    """A second interface with another address changes nothing."""
    row = Row("", lambda c: c.node(W1).add("addresses", Address("docker0", "172.17.0.1", 16, 0)), set())
    for check in TABLES:
        assert heard(row, check) == told(row)
