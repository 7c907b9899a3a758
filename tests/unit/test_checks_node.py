"""The checks of BIRD, of a node's address, of forwarding and of coverage: every message, and its absence on the healthy
cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from model.cluster import Node
from model.node import Absent, Bird, BirdProtocol
from model.trial import Trials, Untried
from tests.unit.builders import BLOCK1, NODES, block, changed, pod, without
from tests.unit.tables import BROKEN, INAPPLICABLE, UNASKED, UNOBSERVED, WRONG, Row, heard, told, untold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"
EVERY = tuple(NODES)
PEER = "10.0.0.12"


def both(*varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        for one in varies:
            one(cluster)

    return vary


def on_all(kind: str, *names: str) -> set[tuple[str, str, str]]:
    return {(name, name, kind) for name in names or EVERY}


def birds(node: str, *kept: Bird) -> Callable[[Scene], None]:
    return lambda c: c.seen(node, birds=kept)


def unread(node: str, fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(node, fact)


def bird(node: str, when: Callable[[BirdProtocol], bool], /, **fields: object) -> Callable[[Scene], None]:
    """Other fields of one of BIRD's protocols (IPv4)."""

    def vary(cluster: Scene) -> None:
        four, six = cluster.facts[node].birds
        cluster.seen(node, birds=(structs.replace(four, protocols=changed(four.protocols, when, **fields)), six))

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


def absent(cluster: Scene) -> None:
    del cluster.facts[W2]
    cluster.absent.append(Absent(W2, "nobody answers", "look at its kubelet"))


def vxlan(cluster: Scene) -> None:
    """Every pool is Felix's."""
    for name in ("default-ipv4-ippool", "default-ipv6-ippool"):
        cluster.api("pools", name, vxlan_mode="Always")


def six_alone(cluster: Scene) -> None:
    """worker1 owns blocks of IPv6 alone, so BIRD of IPv4 has no static route to hold."""
    cluster.drop("blocks", BLOCK1)
    no_protocol(W1, named("static1"))(cluster)


ANSWERS = "bird_answers"
ANSWERS_ROWS = [
    Row("not needed", vxlan, on_all(INAPPLICABLE), ("BIRD programs the routes of no pool",)),
    Row(
        "no address", lambda c: c.api("nodes", W1, bgp_ipv4=None), {(W1, W1, INAPPLICABLE)}, ("it has no BGP address",)
    ),
    Row("no socket", birds(W1), {(W1, W1, UNOBSERVED)}, ("BIRD could not be asked: no socket",)),
    Row("IPv6 alone answered", lambda c: c.seen(W1, birds=c.facts[W1].birds[1:]), {(W1, W1, UNOBSERVED)}),
    Row(
        "unread",
        both(birds(W1), unread(W1, "bird")),
        {(W1, W1, UNOBSERVED)},
        ("could not be asked: permission denied",),
    ),
    Row(
        "dead",
        birds(W1, Bird(4, False)),
        {(W1, "bird", BROKEN)},
        ("nobody answers", "BIRD has died", "IPPool default-ipv4-ippool: no encapsulation in v3.30"),
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
NEW = BirdProtocol(
    "Node_10_0_0_99", "BGP", "start", info="Active        Socket: Connection refused", neighbor="10.0.0.99"
)
SESSIONS_ROWS = [
    Row("not needed", vxlan, on_all(INAPPLICABLE), ("BIRD programs the routes of no pool",)),
    Row("no socket", birds(W1), {(W1, W1, UNOBSERVED)}, ("BIRD could not be asked: no socket",)),
    Row("dead", birds(W1, Bird(4, False)), {(W1, W1, INAPPLICABLE)}, ("which another check reports",)),
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
    Row("not up", bird(W1, to(PEER), state="down"), {(W1, PEER, BROKEN)}),
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
        "another one down",
        more(W1, NEW),
        {(W1, "10.0.0.99", WRONG)},
        ("Node_10_0_0_99 start Active", "which is not of the node-to-node mesh", "a BGPPeer that is down"),
    ),
    Row(
        "another one down, without a neighbour",
        more(W1, structs.replace(NEW, neighbor=None)),
        {(W1, "Node_10_0_0_99", WRONG)},
    ),
    Row("another one up", more(W1, structs.replace(NEW, state="up", info="Established")), set()),
    Row("no mesh", lambda c: c.settings("bgp", nodeToNodeMeshEnabled=False), set()),
    Row(
        "no mesh, no session",
        both(
            lambda c: c.settings("bgp", nodeToNodeMeshEnabled=False), no_protocol(W1, lambda item: item.proto == "BGP")
        ),
        {(W1, W1, INAPPLICABLE)},
        ("the node-to-node mesh is off",),
    ),
    Row(
        "the only node",
        both(
            lambda c: c.api("nodes", W2, bgp_ipv4=None),
            lambda c: c.api("nodes", H1, bgp_ipv4=None),
            no_protocol(W1, lambda item: item.proto == "BGP"),
        ),
        {(W1, W1, INAPPLICABLE)},
        ("it is the only node in BGP",),
    ),
]

ADDRESS = "node_has_its_bgp_address"


def no_bgp(cluster: Scene) -> None:
    cluster.api("nodes", H1, bgp_ipv4=None, bgp_ipv6=None)


ADDRESS_ROWS = [
    Row("unread", unread(W1, "addresses"), {(W1, W1, UNOBSERVED)}, ("addresses could not be read",)),
    Row(
        "gone",
        lambda c: c.node(W1).drop("addresses", lambda a: a.address == "10.0.0.11"),
        {(W1, "ipv4", BROKEN)},
        (
            "10.0.0.11 on an interface of the node",
            "no interface has it",
            "projectcalico.org/IPv4Address: 10.0.0.11/24",
            "changed after calico-node",
        ),
    ),
    Row(
        "gone, IPv6",
        lambda c: c.node(W1).drop("addresses", lambda a: a.address == "fd00:10::b"),
        {(W1, "ipv6", BROKEN)},
        ("IPv6Address",),
    ),
    Row(
        "never detected",
        lambda c: c.api("nodes", W1, bgp_ipv4=None),
        {(W1, "ipv4", BROKEN)},
        (
            "an IPv4 BGP address",
            "no annotation projectcalico.org/IPv4Address",
            "which BIRD announces",
            "address detection failed",
        ),
    ),
    Row("never detected, and no blocks", lambda c: c.api("nodes", H1, bgp_ipv4=None), set()),
    Row("never detected, and Felix's", both(vxlan, lambda c: c.api("nodes", W1, bgp_ipv4=None)), set()),
    Row("none at all", no_bgp, {(H1, H1, INAPPLICABLE)}, ("it has no BGP address, and BIRD announces",)),
]

FORWARDING = "node_forwards_packets"
FOUR, SIX = "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"


def off(name: str, value: str | None = "0", node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).sysctl(name, value)


FORWARDING_ROWS = [
    Row("unread", unread(W1, "sysctls"), {(W1, W1, UNOBSERVED)}, ("sysctls could not be read",)),
    Row(
        "off", off(FOUR), {(W1, FOUR, BROKEN)}, (f"{FOUR} = 0", "ipForwarding is Enabled (unset)", "a hardening script")
    ),
    Row("off, IPv6", off(SIX), {(W1, SIX, BROKEN)}),
    Row(
        "off by configuration",
        both(off(FOUR), lambda c: c.settings("felix", ipForwarding="Disabled")),
        {(W1, FOUR, BROKEN)},
        ("FelixConfiguration ipForwarding Disabled",),
    ),
    Row("off where nothing runs", off(FOUR, node=H1), set()),
    Row(
        "off, IPv4 pods without blocks",
        both(off(FOUR, node=H1), lambda c: c.add("pods", pod("a/b", H1, ("10.48.7.7",)))),
        {(H1, FOUR, BROKEN)},
    ),
    Row("not read", off(FOUR, None), {(W1, f"{W1}/{FOUR}", UNOBSERVED)}, ("was not among the sysctls",)),
]

COVERAGE = "every_node_was_observed"


def lost(cluster: Scene) -> None:
    del cluster.facts[W2]


REQUIRED = ("pods", "nodes", "ippools", "ipamblocks", "blockaffinities", "felixconfigurations", "bgpconfigurations")


def unlisted(name: str) -> Callable[[Scene], None]:
    return lambda c: c.relist(unlisted={name: "403"})


COVERAGE_ROWS = [
    Row("absent", absent, {("", W2, UNOBSERVED)}, ("nobody answers", "look at its kubelet")),
    Row("not looked at", lost, {("", W2, UNOBSERVED)}, ("it was not looked at",)),
    Row(
        "Windows",
        lambda c: c.add("nodes", Node("win1", "u", "1", os="windows")),
        {("", "win1", INAPPLICABLE)},
        ("it runs windows",),
    ),
    Row(
        "virtual",
        lambda c: c.add("nodes", Node("virt1", "u", "1", labels={"type": "virtual-kubelet"})),
        {("", "virt1", INAPPLICABLE)},
        ("it is a virtual node",),
    ),
    Row("a new node", lambda c: c.add("nodes", Node("new", "u", "1")), {("", "new", UNOBSERVED)}),
    *(Row(f"{name} unlisted", unlisted(name), {("", name, UNOBSERVED)}, ("403",)) for name in REQUIRED),
    Row("services unlisted", unlisted("services"), set()),
]

DROPS = "packets_to_free_addresses_are_dropped"


def trials(made: Callable[[Trials], Trials]) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        cluster.trials = made(cluster.trials)

    return vary


def mine(untried: Untried) -> Callable[[Scene], None]:
    """One block of worker1 was not tried."""

    def made(old: Trials) -> Trials:
        return structs.replace(old, trials=tuple(t for t in old.trials if t.block != BLOCK1), untried=(untried,))

    return trials(made)


def lookup(answer: str) -> Callable[[Scene], None]:
    def made(old: Trials) -> Trials:
        (first, *rest) = old.trials
        return structs.replace(
            old, trials=(structs.replace(first, lookups=dict.fromkeys(first.lookups, answer)), *rest)
        )

    return trials(made)


DROPS_ROWS = [
    Row("off", trials(lambda _: Trials(asked=False, reason="--packets off")), on_all(UNASKED), ("--packets off",)),
    Row(
        "not applicable",
        mine(Untried(BLOCK1, W1, "it is full", applies=False)),
        {(W1, BLOCK1, INAPPLICABLE)},
        ("it is full",),
    ),
    Row("beyond the limit", mine(Untried(BLOCK1, W1, "too many", asked=False)), {(W1, BLOCK1, UNASKED)}),
    Row(
        "impossible",
        mine(Untried(BLOCK1, W1, "no uplink")),
        {(W1, BLOCK1, UNOBSERVED)},
        ("10.48.0.64/26 of worker1 was not tried: no uplink",),
    ),
    Row(
        "routed",
        lookup("unicast via 10.0.0.254 dev ens160"),
        {(W1, BLOCK1, WRONG)},
        ("the blackhole of 10.48.0.64/26 is missing",),
    ),
]

TABLES = {
    ANSWERS: ANSWERS_ROWS,
    SESSIONS: SESSIONS_ROWS,
    ADDRESS: ADDRESS_ROWS,
    FORWARDING: FORWARDING_ROWS,
    COVERAGE: COVERAGE_ROWS,
    DROPS: DROPS_ROWS,
}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {
    "test_bgp": [ANSWERS, SESSIONS],
    "test_node_address": [ADDRESS],
    "test_forwarding": [FORWARDING],
    "test_coverage": [COVERAGE],
    "test_drops": [DROPS],
}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []
