"""The checks of BIRD and of its sessions: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from model.cluster import NodeStatus
from model.node import Bird, BirdProtocol
from tests.unit.builders import BLOCK1, CUSTOMER, NODES, block, changed, without
from tests.unit.scenes import scene
from tests.unit.tables import (
    BROKEN,
    HOUSEKEEPING,
    INAPPLICABLE,
    UNASKED,
    UNOBSERVED,
    WRONG,
    Row,
    heard,
    run,
    said,
    texts,
    told,
    untold,
)
from tests.unit.vary import absent, all_by_vxlan, both, node_unread, on_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.verdict import Result
    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"
EVERY = tuple(NODES)
PEER, PEER6 = "10.0.0.12", "fd00:10::c"


def birds(node: str, *kept: Bird) -> Callable[[Scene], None]:
    return lambda c: c.seen(node, birds=kept)


def bird(node: str, when: Callable[[BirdProtocol], bool], /, **fields: object) -> Callable[[Scene], None]:
    """Other fields of one of BIRD's protocols (IPv4)."""

    def vary(cluster: Scene) -> None:
        four, six = cluster.facts[node].birds
        cluster.seen(node, birds=(structs.replace(four, protocols=changed(four.protocols, when, **fields)), six))

    return vary


def one_daemon(node: str) -> Callable[[Scene], None]:
    """A BIRD 2 that speaks both families on the socket of IPv4."""

    def vary(cluster: Scene) -> None:
        four, six = cluster.facts[node].birds
        cluster.seen(node, birds=(structs.replace(four, protocols=(*four.protocols, *six.protocols)), Bird(6, False)))

    return vary


def no_protocol(node: str, when: Callable[[BirdProtocol], bool]) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        four, six = cluster.facts[node].birds
        cluster.seen(node, birds=(structs.replace(four, protocols=without(four.protocols, when)), six))

    return vary


def more(node: str, *protocols: BirdProtocol) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        four, six = cluster.facts[node].birds
        cluster.seen(node, birds=(structs.replace(four, protocols=(*four.protocols, *protocols)), six))

    return vary


def named(name: str) -> Callable[[BirdProtocol], bool]:
    return lambda item: item.name == name


def to(address: str) -> Callable[[BirdProtocol], bool]:
    return lambda item: item.neighbor == address


def six_alone(cluster: Scene) -> None:
    """worker1 owns blocks of IPv6 alone, so BIRD of IPv4 has no static route to hold."""
    cluster.drop("blocks", BLOCK1)
    no_protocol(W1, named("static1"))(cluster)


def alone(cluster: Scene) -> None:
    """worker1 is the only node in BGP, and knows it."""
    for name in (W2, H1):
        cluster.api("nodes", name, bgp_ipv4=None, bgp_ipv6=None)
    no_sessions(W1)(cluster)


def no_sessions(*nodes: str) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        for name in nodes:
            kept = (
                structs.replace(one, protocols=without(one.protocols, lambda item: item.proto == "BGP"))
                for one in cluster.facts[name].birds
            )
            cluster.seen(name, birds=tuple(kept))

    return vary


def backend(name: str, *nodes: str) -> Callable[[Scene], None]:
    """CALICO_NETWORKING_BACKEND of some nodes, or of all."""

    def vary(cluster: Scene) -> None:
        for node in nodes or EVERY:
            cluster.api("pods", f"kube-system/calico-node-{node}", backend=name)

    return vary


def mesh(on: bool) -> Callable[[Scene], None]:
    return lambda c: c.settings("bgp", nodeToNodeMeshEnabled=on)


def peering(name: str = "p", /, **spec: object) -> Callable[[Scene], None]:
    return lambda c: c.settings("peers", name, **spec)


def session(address: str, name: str = "", up: bool = True, number: int | None = 64512) -> BirdProtocol:
    state, info = ("up", "Established") if up else ("start", "Active        Socket: Connection refused")
    called = name or f"Node_{address.replace('.', '_').replace(':', '_')}"
    return BirdProtocol(called, "BGP", state, info=info, neighbor=address, neighbor_as=number)


def router(*addresses: str, up: tuple[str, ...] = ()) -> Callable[[Scene], None]:
    """BGPPeers of worker1 with routers, and its sessions with them."""
    peers = (peering(f"tor-{text}", peerIP=text, asNumber=64701, node=W1) for text in addresses)
    return both(*peers, more(W1, *(session(text, up=text in up, number=64701) for text in addresses)))


ANSWERS = "bird_answers"
ANSWERS_ROWS = [
    Row("not needed", all_by_vxlan, on_all(INAPPLICABLE), ("BIRD programs the routes of no pool",)),
    Row("another backend", backend("vxlan"), on_all(INAPPLICABLE)),
    Row(
        "no address",
        lambda c: c.api("nodes", W1, bgp_ipv4=None),
        {(W1, W1, INAPPLICABLE)},
        ("it has no BGP address of IPv4",),
    ),
    Row(
        "unasked",
        birds(W1),
        {(W1, W1, UNOBSERVED)},
        ("BIRD could not be asked: nothing of its answer was recorded",),
    ),
    Row("IPv6 alone answered", lambda c: c.seen(W1, birds=c.facts[W1].birds[1:]), {(W1, W1, UNOBSERVED)}),
    Row("IPv4 alone answered", lambda c: c.seen(W1, birds=c.facts[W1].birds[:1]), {(W1, W1, UNOBSERVED)}),
    Row(
        "IPv4 alone, and no IPv6 on the node",
        both(lambda c: c.api("nodes", W1, bgp_ipv6=None), lambda c: c.seen(W1, birds=c.facts[W1].birds[:1])),
        {(W1, W1, INAPPLICABLE)},
    ),
    Row("one daemon for both", one_daemon(W1), set()),
    Row(
        "unread",
        both(birds(W1), node_unread(W1, "bird")),
        {(W1, W1, UNOBSERVED)},
        ("could not be asked: permission denied",),
    ),
    Row(
        "dead",
        birds(W1, Bird(4, False), Bird(6, False)),
        {(W1, "bird", BROKEN), (W1, "bird6", BROKEN)},
        ("nobody answers", "BIRD has died", "IPPool default-ipv4-ippool: no encapsulation in v3.30", "bird6.ctl"),
    ),
    Row(
        "IPv6 alone is dead",
        lambda c: c.seen(W1, birds=(c.facts[W1].birds[0], Bird(6, False))),
        {(W1, "bird6", BROKEN)},
    ),
    Row("dead, not needed", both(all_by_vxlan, birds(W1, Bird(4, False), Bird(6, False))), on_all(INAPPLICABLE)),
    Row(
        "dead, and a router listens",
        both(
            all_by_vxlan,
            peering(peerIP="10.0.0.254", asNumber=64701, node=W1),
            birds(W1, Bird(4, False), Bird(6, False)),
        ),
        {(W1, "bird", BROKEN)} | on_all(INAPPLICABLE, H1, W2),
        ("BGPPeer p: its node is worker1, its peerIP is 10.0.0.254: BIRD announces to 10.0.0.254",),
    ),
    Row(
        "dead, and services are announced",
        both(
            all_by_vxlan,
            lambda c: c.settings("bgp", serviceClusterIPs=[{"cidr": "fd00:96::/112"}, {}]),
            birds(W1, Bird(4, False), Bird(6, False)),
        ),
        {(W1, "bird6", BROKEN)},
        ("BGPConfiguration serviceClusterIPs: BIRD announces services",),
    ),
    Row(
        "the kernel of IPv6 is down",
        lambda c: c.seen(
            W1,
            birds=(
                c.facts[W1].birds[0],
                structs.replace(
                    c.facts[W1].birds[1],
                    protocols=changed(c.facts[W1].birds[1].protocols, named("kernel1"), state="down"),
                ),
            ),
        ),
        {(W1, "bird6/kernel1", BROKEN)},
    ),
    Row(
        "kernel is down",
        bird(W1, named("kernel1"), state="down"),
        {(W1, "bird/kernel1", BROKEN)},
        ("kernel1 is down", "without it it programs no route"),
    ),
    Row(
        "device is down",
        bird(W1, named("device1"), state="stop"),
        {(W1, "bird/device1", BROKEN)},
        ("it sees no interface",),
    ),
    Row(
        "direct is down",
        bird(W1, named("direct1"), state="flush"),
        {(W1, "bird/direct1", BROKEN)},
        ("it resolves no next hop",),
    ),
    Row(
        "static is down",
        bird(W1, named("static1"), state="down"),
        {(W1, "bird/static1", BROKEN)},
        ("it announces none of the node's blocks",),
    ),
    Row("static is down, no blocks", bird(H1, named("static1"), state="down"), {(H1, "bird/static1", WRONG)}),
    Row(
        "no kernel",
        no_protocol(W1, named("kernel1")),
        {(W1, "bird/kernel", BROKEN)},
        ("no Kernel protocol", "not rendered whole"),
    ),
    Row("no static", no_protocol(W1, named("static1")), {(W1, "bird/static", BROKEN)}),
    Row(
        "no static, a block that the node has no affinity for",
        both(
            no_protocol(H1, named("static1")),
            lambda c: c.api("blocks", "10.48.0.128/26", affinity="host:host1"),
        ),
        set(),
    ),
    Row("no static, no blocks", no_protocol(H1, named("static1")), set()),
    Row("no static, blocks of IPv6 alone", six_alone, set()),
    Row(
        "no static, blocks of one address",
        both(
            lambda c: c.drop("blocks", BLOCK1),
            lambda c: c.add("blocks", block("10.48.9.1/32", W1)),
            no_protocol(W1, named("static1")),
        ),
        set(),
    ),
    Row(
        "no static, its block is being claimed",
        both(
            lambda c: c.api("affinities", "worker1-10-48-0-64-26", state="pending"), no_protocol(W1, named("static1"))
        ),
        set(),
    ),
    Row("another protocol is down", more(W1, BirdProtocol("rip1", "RIP", "down")), {(W1, "bird/rip1", WRONG)}),
    Row("a session is down", bird(W1, to(PEER), state="start"), set()),
]

SESSIONS = "bgp_sessions_are_established"
DEAD = (Bird(4, False), Bird(6, False))
UP, DOWN = "Established", "Active"
TOR, TOR2 = "10.0.0.254", "10.0.0.253"
REFLECTORS: dict[str, object] = {"nodeSelector": "all()", "peerSelector": "has(rr)"}


def status(minutes: int, *peers: tuple[str, str, str], node: str = W1) -> Callable[[Scene], None]:
    """A CalicoNodeStatus written that long before the look."""
    written = f"2025-12-31T23:{60 - minutes:02}:00Z" if minutes else ""
    return lambda c: c.add("node_statuses", NodeStatus(f"st-{node}", node, written, peers))


def statuses(state: str) -> tuple[tuple[str, str, str], ...]:
    every = {"10.0.0.10": UP, PEER: state, "fd00:10::a": UP, PEER6: UP}
    return tuple((address, "NodeMesh", now) for address, now in every.items())


def blind(cluster: Scene) -> None:
    cluster.header = structs.replace(cluster.header, sees_bird=False)


def reflected(*reflectors: str, up: bool = True) -> Callable[[Scene], None]:
    """No mesh; these nodes reflect, and only the sessions with them are there."""

    def vary(cluster: Scene) -> None:
        mesh(False)(cluster)
        peering("rr", **REFLECTORS)(cluster)
        for name in reflectors:
            cluster.api("nodes", name, route_reflector_id="244.0.0.1", labels={"rr": ""})
        for name in EVERY:
            others = {f"Mesh_{other}" for other in EVERY if other not in reflectors and name not in reflectors}
            kept = (
                structs.replace(one, protocols=tuple(item for item in one.protocols if item.name not in others))
                for one in cluster.facts[name].birds
            )
            cluster.seen(name, birds=tuple(kept))

    return vary


SESSIONS_ROWS = [
    Row("carries nothing", all_by_vxlan, set()),
    Row(
        "another backend",
        backend("vxlan"),
        on_all(INAPPLICABLE),
        ("the networking backend of this node runs no BIRD",),
    ),
    Row("down, and carries nothing", both(all_by_vxlan, bird(W1, to(PEER), state="start")), {(W1, PEER, HOUSEKEEPING)}),
    Row(
        "down, carries nothing, and the other node is not ready",
        both(all_by_vxlan, bird(W1, to(PEER), state="start"), lambda c: c.api("nodes", W2, ready=False)),
        {(W1, PEER, HOUSEKEEPING)},
    ),
    Row(
        "down, and services are announced",
        both(
            all_by_vxlan,
            lambda c: c.settings("bgp", serviceClusterIPs=[{"cidr": "10.96.0.0/12"}]),
            bird(W1, to(PEER), state="start"),
        ),
        {(W1, PEER, WRONG)},
    ),
    Row(
        "unasked",
        birds(W1),
        {(W1, W1, UNOBSERVED)},
        ("BIRD could not be asked: nothing of its answer was recorded", "create a CalicoNodeStatus"),
    ),
    Row("unasked, but a status", both(birds(W1), status(1, *statuses(UP))), set()),
    Row(
        "unasked, a status tells of one down",
        both(birds(W1), status(1, *statuses(DOWN))),
        {(W1, PEER, BROKEN)},
        ("CalicoNodeStatus st-worker1: NodeMesh Active", "kubectl get caliconodestatus st-worker1"),
    ),
    Row(
        "unasked, a status lacks one",
        both(birds(W1), status(1, *statuses(UP)[:3])),
        {(W1, PEER6, BROKEN)},
    ),
    Row(
        "unasked, a stale status",
        both(birds(W1), status(9, *statuses(DOWN))),
        {(W1, W1, UNOBSERVED)},
        ("CalicoNodeStatus st-worker1 was last updated 2025-12-31T23:51:00Z",),
    ),
    Row(
        "unasked, an empty status",
        both(birds(W1), status(0)),
        {(W1, W1, UNOBSERVED)},
        ("was last updated never",),
    ),
    Row(
        "unasked, another node's status",
        both(birds(W1), status(1, node=W2)),
        {(W1, W1, UNOBSERVED)},
    ),
    Row("blind", blind, on_all(UNASKED), ("the way in (lab) cannot see BIRD's own view of its sessions",)),
    Row(
        "blind, with a status", both(blind, status(1, *statuses(DOWN))), {(W1, PEER, BROKEN), *on_all(UNASKED, H1, W2)}
    ),
    Row("dead", birds(W1, *DEAD), {(W1, W1, INAPPLICABLE)}, ("which another check judges",)),
    Row("one daemon for both", one_daemon(W1), set()),
    Row(
        "the BGPPeers are not known",
        both(
            lambda c: c.relist(unlisted={"bgppeers": "403"}),
            more(W1, session("10.0.0.99")),
            bird(W1, to(PEER), info=""),
        ),
        {(W1, PEER, BROKEN), *on_all(UNOBSERVED)},
        ("sessions beyond the mesh cannot be judged: 403",),
    ),
    Row(
        "IPv6 is down",
        lambda c: c.seen(
            W1,
            birds=(
                c.facts[W1].birds[0],
                structs.replace(
                    c.facts[W1].birds[1], protocols=changed(c.facts[W1].birds[1].protocols, to(PEER6), state="start")
                ),
            ),
        ),
        {(W1, PEER6, BROKEN)},
        ("worker2 (fd00:10::c), Mesh_fd00_10__c", "bird6.ctl"),
    ),
    Row(
        "another AS",
        bird(W1, to(PEER), state="start", info="Idle          BGP Error: Bad peer AS", neighbor_as=64999),
        {(W1, PEER, BROKEN)},
        ("configured for AS 64999 instead of 64512",),
    ),
    Row(
        "it waits",
        bird(W1, to(PEER), state="start", info="Passive"),
        {(W1, PEER, BROKEN)},
        ("this side waits for worker2",),
    ),
    Row(
        "down",
        bird(W1, to(PEER), state="start", info="Active        Socket: Connection refused"),
        {(W1, PEER, BROKEN)},
        (
            "Mesh_worker2 start Active",
            "an established session to worker2",
            "TCP port 179 is blocked",
            "the node-to-node mesh is on",
        ),
    ),
    Row("passive", bird(W1, to(PEER), state="start", info="Passive"), {(W1, PEER, BROKEN)}),
    Row(
        "disabled",
        bird(W1, to(PEER), state="down", info=""),
        {(W1, PEER, BROKEN)},
        ("it was disabled by hand: birdcl enable Mesh_worker2 on worker1",),
    ),
    Row("no information", bird(W1, to(PEER), info=""), {(W1, PEER, BROKEN)}),
    Row("missing", no_protocol(W1, to(PEER)), {(W1, PEER, BROKEN)}, ("no session configured",)),
    Row(
        "down, and the other node is not there either",
        both(
            bird(W1, to(PEER), state="start", info="Active"),
            bird(H1, to(PEER), state="start", info="Active"),
            absent,
        ),
        {(W1, PEER, BROKEN), (H1, PEER, BROKEN)},
        ("worker2 could not be observed either",),
    ),
    Row(
        "down, and the other node is not ready",
        both(
            bird(W1, to(PEER), state="start", info="Active"),
            lambda c: c.api("nodes", W2, ready=False),
        ),
        {(W1, PEER, WRONG)},
        ("worker2 or worker1 is not Ready: see kubectl describe node",),
    ),
    Row(
        "down, and this node is not ready",
        both(bird(W1, to(PEER), state="start", info="Active"), lambda c: c.api("nodes", W1, ready=None)),
        {(W1, PEER, WRONG)},
    ),
    Row("up, and the other node is not ready", lambda c: c.api("nodes", W2, ready=False), set()),
    Row(
        "down, and the other node changes",
        both(
            bird(W1, to(PEER), state="start", info="Connect"),
            lambda c: c.api_later("nodes", W2, bgp_ipv4="10.0.0.99/24"),
        ),
        set(),
    ),
    Row(
        "a second session that is up",
        both(
            bird(W1, to(PEER), state="start", info="Connect"),
            more(W1, BirdProtocol("Node_w2", "BGP", "up", info="Established", neighbor=PEER)),
        ),
        set(),
    ),
    Row(
        "a node that is gone",
        more(W1, session("10.0.0.99", "Mesh_10_0_0_99", up=False)),
        {(W1, "10.0.0.99", WRONG)},
        ("Mesh_10_0_0_99 start Active", "no session that neither", "no BGPPeer for worker1 has the address 10.0.0.99"),
    ),
    Row("a node that is gone, and up", more(W1, session("10.0.0.99", "Mesh_10_0_0_99")), {(W1, "10.0.0.99", WRONG)}),
    Row(
        "a node that is gone, and nothing is carried",
        both(all_by_vxlan, more(W1, session("10.0.0.99"))),
        {(W1, "10.0.0.99", HOUSEKEEPING)},
    ),
    Row(
        "one made by hand is down",
        more(W1, session("10.0.0.99", "uplink", up=False)),
        {(W1, "10.0.0.99", WRONG)},
        ("every session that BIRD is configured with", "a BGPPeer that is gone"),
    ),
    Row(
        "one made by hand is down, without a neighbour",
        more(W1, BirdProtocol("uplink", "BGP", "down")),
        {(W1, "uplink", WRONG)},
    ),
    Row("one made by hand is up", more(W1, session("10.0.0.99", "uplink")), set()),
    Row(
        "the mesh was switched off",
        mesh(False),
        {
            (name, address, WRONG)
            for name, number in NODES.items()
            for other in NODES.values()
            for address in (f"10.0.0.{other}", f"fd00:10::{other:x}")
            if other != number
        },
        ("confd has not written its configuration anew",),
    ),
    Row(
        "no mesh, no session",
        both(mesh(False), no_sessions(*EVERY)),
        on_all(INAPPLICABLE),
        ("the node-to-node mesh is off",),
    ),
    Row(
        "the only node",
        both(alone, no_sessions(H1, W2)),
        on_all(INAPPLICABLE),
        ("it is the only node in BGP", "it has no BGP address"),
    ),
    Row("reflectors", reflected(H1), set()),
    Row(
        "the reflector is lost",
        both(reflected(H1), bird(W1, to("10.0.0.10"), state="start")),
        {(W1, "10.0.0.10", BROKEN)},
    ),
    Row(
        "a client is lost",
        both(reflected(H1), bird(H1, to(PEER), state="start")),
        {(H1, PEER, BROKEN)},
        ("Node_10_0_0_12",),
    ),
    Row(
        "one of two reflectors is lost",
        both(reflected(H1, W2), bird(W1, to("10.0.0.10"), state="start")),
        {(W1, "10.0.0.10", WRONG)},
        ("its peerSelector has(rr) selects host1",),
    ),
    Row(
        "one of two reflectors lost a client",
        both(reflected(H1, W2), bird(H1, to("10.0.0.11"), state="start")),
        {(H1, "10.0.0.11", WRONG)},
    ),
    Row(
        "two reflectors lost each other",
        both(reflected(H1, W2), bird(H1, to(PEER), state="start")),
        {(H1, PEER, BROKEN)},
    ),
    Row(
        "both reflectors are lost",
        both(reflected(H1, W2), bird(W1, to("10.0.0.10"), state="start"), bird(W1, to(PEER), state="start")),
        {(W1, "10.0.0.10", BROKEN), (W1, PEER, BROKEN)},
    ),
    Row("a router", router(TOR, up=(TOR,)), set()),
    Row(
        "the only router is lost",
        router(TOR),
        {(W1, TOR, BROKEN)},
        ("BGPPeer tor-10.0.0.254: its node is worker1, its peerIP is 10.0.0.254", "the router 10.0.0.254 is down"),
    ),
    Row("one of two routers is lost", router(TOR, TOR2, up=(TOR2,)), {(W1, TOR, WRONG)}),
    Row("both routers are lost", router(TOR, TOR2), {(W1, TOR, BROKEN), (W1, TOR2, BROKEN)}),
    Row(
        "a router at another port",
        both(
            peering(peerIP=f"{TOR}:1790", asNumber=64701, node=W1),
            more(W1, session(TOR, "Node_10_0_0_254_port_179", number=64701)),
        ),
        {(W1, f"{TOR}:1790", BROKEN), (W1, TOR, WRONG)},
        ("no session configured", "10.0.0.254, Node_10_0_0_254_port_1790"),
    ),
    Row("a selector that cannot be read", both(mesh(True), peering(peerIP=TOR, nodeSelector="rack = 'a'")), set()),
    Row(
        "a Windows node",
        both(lambda c: c.api("nodes", W2, os="windows"), bird(W1, to(PEER), state="start"), no_protocol(H1, to(PEER))),
        set(),
    ),
    Row(
        "a virtual node",
        both(lambda c: c.api("nodes", W2, labels={"type": "virtual-kubelet"}), bird(W1, to(PEER), state="start")),
        set(),
    ),
    Row(
        "another backend there",
        both(backend("vxlan", W2), bird(W1, to(PEER), state="start")),
        {(W2, W2, INAPPLICABLE)},
    ),
    Row(
        "a node joins while one looks",
        lambda c: c.relist_later(
            nodes=(
                *c.cluster.nodes,
                structs.replace(c.cluster.nodes[0], name="new", bgp_ipv4="10.0.0.77/24", bgp_ipv6=None),
            )
        ),
        set(),
    ),
    Row(
        "a pod that speaks BGP",
        both(
            peering(localWorkloadSelector="app == 'speaker'"),
            lambda c: c.api("pods", CUSTOMER, labels={"app": "speaker"}),
            more(W1, session("10.48.0.67", "Local_Workload_10_48_0_67")),
        ),
        set(),
    ),
    Row(
        "a pod that speaks BGP no longer",
        both(
            peering(localWorkloadSelector="app == 'speaker'"),
            lambda c: c.api("pods", CUSTOMER, labels={"app": "speaker"}),
            more(W1, session("10.48.0.67", "Local_Workload_10_48_0_67", up=False)),
        ),
        {(W1, "10.48.0.67", WRONG)},
        ("BGPPeer p: its localWorkloadSelector app == 'speaker' selects pod", "the pod's own BGP speaker is down"),
    ),
]

TABLES = {ANSWERS: ANSWERS_ROWS, SESSIONS: SESSIONS_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


READ = "every_bgp_peer_can_be_read"
READ_ROWS = [
    Row("none", lambda c: None, {("", "bgppeers", INAPPLICABLE)}, ("there is no BGPPeer",)),
    Row("unlisted", lambda c: c.relist(unlisted={"bgppeers": "403"}), {("", "bgppeers", UNOBSERVED)}, ("403",)),
    Row("reflectors", peering(**REFLECTORS), set()),
    Row("a router", peering(peerIP=TOR, asNumber=64701, reachableBy="10.0.1.1"), set()),
    Row("a router at another port", peering(peerIP="[fd00::1]:1790", asNumber=64701, reachableBy="fd00::2"), set()),
    Row("pods", peering(localWorkloadSelector="app == 'speaker'"), set()),
    Row(
        "a selector that cannot be read",
        peering(peerIP=TOR, nodeSelector="rack = 'a'"),
        {("", "p/nodeSelector", WRONG)},
        ("rack = 'a': unexpected \"= 'a'\" at character 6", "a nodeSelector that Calico can read", "a slip of the pen"),
    ),
    Row(
        "two selectors that cannot be read",
        peering(peerSelector="rr", localWorkloadSelector="has("),
        {("", "p/peerSelector", WRONG), ("", "p/localWorkloadSelector", WRONG)},
        ("expected an operator after the label rr",),
    ),
    Row(
        "no peer at all", peering(nodeSelector="all()"), {("", "p/peerIP", WRONG)}, ("neither peerIP nor peerSelector",)
    ),
    Row("no address", peering(peerIP="tor.example"), {("", "p/peerIP", WRONG)}, ("tor.example is no address",)),
    Row(
        "a gateway of the other family",
        peering(peerIP=TOR, reachableBy="fd00::2"),
        {("", "p/reachableBy", WRONG)},
        ("fd00::2 is no address of the family of peerIP 10.0.0.254",),
    ),
    Row(
        "a node that is gone",
        peering(peerIP=TOR, node="worker9"),
        {("", "p/node", HOUSEKEEPING)},
        ("no node of that name", "BGPPeer p is for the node worker9 alone", "kubectl get bgppeer p -o yaml"),
    ),
    Row("a selector stands above the node", peering(peerIP=TOR, node="worker9", nodeSelector="all()"), set()),
]


def read(row: Row) -> list[Result]:
    cluster = scene()
    row.vary(cluster)
    return run(cluster, READ)


@pytest.mark.parametrize("row", READ_ROWS, ids=[row.name for row in READ_ROWS])
def test_a_bgp_peer_that_calico_cannot_read_is_said(row: Row) -> None:
    results = read(row)
    words = " | ".join(texts(results))
    assert (said(results), [word for word in row.words if word not in words]) == told(row)
    assert sum(result.verdict.examined for result in results) == (row.name not in {"none", "unlisted"})


def test_every_message_has_its_row() -> None:
    told_of_peers = {text for row in READ_ROWS for text in texts(read(row))}
    assert untold("test_bgp", {ANSWERS: ANSWERS_ROWS}, told_of_peers) == []
    assert untold("test_bgp_sessions", {SESSIONS: SESSIONS_ROWS}) == []
