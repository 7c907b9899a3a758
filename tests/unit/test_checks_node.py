"""The checks of a node's address, of forwarding and of coverage: every message, and its absence on the healthy
cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from checks.required import OPTIONAL
from model.cluster import Node
from model.trial import Trials, Untried
from tests.unit.builders import BLOCK1, CUSTOMER, NODES, OWNERS, pod
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNASKED, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import release
from tests.unit.vary import absent, all_by_vxlan, both, node_unread, on_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"
EVERY = tuple(NODES)
PEER = "10.0.0.12"


ADDRESS = "node_has_its_bgp_address"


def no_bgp(cluster: Scene) -> None:
    cluster.api("nodes", H1, bgp_ipv4=None, bgp_ipv6=None)


ADDRESS_ROWS = [
    Row(
        "unread",
        node_unread(W1, "addresses"),
        {(W1, W1, UNOBSERVED)},
        ("addresses, routes or rules could not be read",),
    ),
    Row(
        "no rule to the local table",
        lambda c: c.node(W1).drop("rules", lambda r: r.family == 4 and r.priority == 0),
        {(W1, "ipv4/delivery", BROKEN)},
        (
            "packets to 10.0.0.11 that come in by ens160 delivered on the node",
            "BGP and tunnels end there",
            "its rules and the local table lead elsewhere",
            "was taken away by hand",
        ),
    ),
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
        "another one is announced",
        lambda c: c.api("nodes", W1, bgp_ipv4="10.0.0.99/24"),
        {(W1, "ipv4", BROKEN)},
        ("10.0.0.99 on an interface of the node", "no interface has it; ens160 has 10.0.0.11"),
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
    Row("never detected, and Felix's", both(all_by_vxlan, lambda c: c.api("nodes", W1, bgp_ipv4=None)), set()),
    Row("none at all", no_bgp, {(H1, H1, INAPPLICABLE)}, ("it has no BGP address, and BIRD announces",)),
]

LENGTH = "node_knows_the_length_of_its_subnet"


def crossing(mine: str | None = None, real: int | None = None) -> Callable[[Scene], None]:
    """A CrossSubnet pool; worker1's BGP address as the Node shows it, and the length of the one on its interface."""

    def vary(cluster: Scene) -> None:
        cluster.api("pools", "default-ipv4-ippool", ipip_mode="CrossSubnet")
        if mine:
            cluster.api("nodes", W1, bgp_ipv4=mine)
        if real:
            cluster.node(W1).change("addresses", lambda item: item.address == "10.0.0.11", prefixlen=real)

    return vary


NARROW = ("10.0.0.11/28 on the interface",)
LENGTH_ROWS = [
    Row("unread", node_unread(W1, "addresses"), {(W1, W1, UNOBSERVED)}, ("addresses could not be read",)),
    Row("right", crossing(), set()),
    Row(
        "too wide for some",
        crossing(real=32),
        {(W1, "ipv4/length", BROKEN)},
        ("host1, worker2 would be sent to without",),
    ),
    Row("too wide for nobody", crossing(real=28), {(W1, "ipv4/length", WRONG)}, NARROW),
    Row("too narrow", crossing("10.0.0.11/28"), {(W1, "ipv4/length", HOUSEKEEPING)}, ("by hand with another length",)),
    Row("wide, and no pool is CrossSubnet", lambda c: c.api("nodes", W1, bgp_ipv4="10.0.0.11/8"), set()),
]

FORWARDING = "node_forwards_packets"
FOUR, SIX = "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"


def off(name: str, value: str | None = "0", node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).sysctl(name, value)


FORWARDING_ROWS = [
    Row("unread", node_unread(W1, "sysctls"), {(W1, W1, UNOBSERVED)}, ("sysctls could not be read",)),
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


def nameless(cluster: Scene) -> None:
    """No object names a release: neither ClusterInformation nor an image of calico-node."""
    pods = tuple(pod for pod in cluster.cluster.pods if not pod.images)
    cluster.relist(information=None, pods=pods)


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
    *(Row(f"{name} unlisted", unlisted(name), {("", name, UNASKED)}, ("403",)) for name in sorted(OPTIONAL)),
    Row("an unknown list unlisted", unlisted("foreign"), set()),
    Row(
        "no release",
        nameless,
        {("", "release", UNOBSERVED)},
        ("no object names the Calico release", "ClusterInformation default, spec.calicoVersion"),
    ),
    Row(
        "a pod came", lambda c: c.drop_later("pods", CUSTOMER), {("", "pods", INAPPLICABLE)}, ("came, went or changed",)
    ),
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


def control(**fields: Any) -> Callable[[Scene], None]:
    """Another control of the first trial."""

    def made(old: Trials) -> Trials:
        (first, *rest) = old.trials
        other = structs.replace(first, control=structs.replace(first.control, **fields))
        return structs.replace(old, trials=(other, *rest))

    return trials(made)


def forgotten(old: Trials) -> Trials:
    return structs.replace(old, trials=tuple(item for item in old.trials if item.block != BLOCK1))


def foreign(old: Trials) -> Trials:
    (first, *rest) = old.trials
    return structs.replace(old, trials=(structs.replace(first, owner=W2), *rest))


def no_programmer(cluster: Scene) -> None:
    release("v3.33.0")(cluster)
    cluster.settings("felix", programClusterRoutes="Disabled")
    cluster.settings("bgp", programClusterRoutes="Disabled")


def only_workloads(cluster: Scene) -> None:
    all_by_vxlan(cluster)
    cluster.settings("felix", routeSource="WorkloadIPs")


def claimed(cluster: Scene) -> None:
    cluster.api("affinities", "worker1-10-48-0-64-26", state="pending")


DROPS_ROWS = [
    Row("no word of a block", trials(forgotten), {(W1, BLOCK1, UNOBSERVED)}, ("it was neither tried nor named",)),
    Row("no word of a block that is being claimed", both(trials(forgotten), claimed), set()),
    Row("a control to nobody", control(target="10.48.0.100"), {(W1, BLOCK1, UNOBSERVED)}, ("is no live pod's",)),
    Row("another node's word", trials(foreign), {(W1, BLOCK1, UNOBSERVED)}),
    Row(
        "nobody programs it",
        both(lookup("unicast dev ens160"), no_programmer),
        {(name, block, INAPPLICABLE) for block, name in OWNERS.items()},
        ("nothing of Calico programs its blackhole: no encapsulation in v3.33:", "programClusterRoutes is Disabled"),
    ),
    Row(
        "Felix sees no blocks",
        both(lookup("unicast dev ens160"), only_workloads),
        {(name, block, INAPPLICABLE) for block, name in OWNERS.items()},
        ("routeSource is WorkloadIPs",),
    ),
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
    ADDRESS: ADDRESS_ROWS,
    LENGTH: LENGTH_ROWS,
    FORWARDING: FORWARDING_ROWS,
    COVERAGE: COVERAGE_ROWS,
    DROPS: DROPS_ROWS,
}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {
    "test_node_address": [ADDRESS, LENGTH],
    "test_forwarding": [FORWARDING],
    "test_coverage": [COVERAGE],
    "test_drops": [DROPS],
}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []
