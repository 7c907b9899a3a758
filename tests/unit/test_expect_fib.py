"""The kernel's choice among rules, prefixes and metrics, without a kernel."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expect.fib import Fib, Flow, out_devices, standard_rules
from model import net
from model.net import Hop, Route
from tests.unit.builders import STANDARD_RULES, route, rule, via

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.net import Rule

A = "10.1.2.3"
DEFAULT = route("0.0.0.0/0", via("10.0.0.254", "up"))
WIDE = route("10.1.0.0/16", via(None, "wide"))
NARROW = route("10.1.2.0/24", via(None, "narrow"))
HOST = route("10.1.2.3/32", via(None, "host"))
OTHER = route("0.0.0.0/0", via("10.0.0.253", "other"), table=100)
HOUSE = standard_rules(4)


def by(*routes: Route, rules: Sequence[Rule] = HOUSE, flow: Flow | None = None) -> str:
    """How a packet leaves: the first device, the type where there is none, `none` where no route is found."""
    return label(Fib(routes, rules).lookup(flow or Flow(A)))


def label(won: Route | None) -> str:
    return "none" if won is None else next(out_devices(won), net.ROUTE_TYPES[won.type])


def blackhole(dst: str, **fields: Any) -> Route:
    return route(dst, **fields)


CHOICES: dict[str, tuple[str, tuple[Route, ...]]] = {
    "no route": ("none", ()),
    "another family": ("none", (route("::/0", via(None, "six")),)),
    "another table": ("none", (OTHER,)),
    "longest prefix, whatever the order": ("host", (DEFAULT, HOST, NARROW, WIDE)),
    "longest prefix that covers": ("wide", (route("10.1.3.0/24", via(None, "beside")), DEFAULT, WIDE)),
    "longest prefix before metric": ("narrow", (route("10.1.2.0/24", via(None, "narrow"), metric=4096), WIDE)),
    "lowest metric": (
        "low",
        (route("10.1.2.0/24", via(None, "high"), metric=20), route("10.1.2.0/24", via(None, "low"), metric=10)),
    ),
    "no metric before 1024": (
        "low",
        (route("10.1.2.0/24", via(None, "high"), metric=1024), route("10.1.2.0/24", via(None, "low"))),
    ),
    "the local table first": (
        "lo",
        (HOST, route("10.1.2.3/32", via(None, "lo"), type=net.LOCAL_TYPE, table=net.LOCAL)),
    ),
    "the main table before the default": ("wide", (route("10.1.2.3/32", via(None, "last"), table=net.DEFAULT), WIDE)),
    "the default table last": ("last", (route("10.0.0.0/8", via(None, "last"), table=net.DEFAULT),)),
    "a blackhole decides": ("blackhole", (blackhole("10.1.2.0/24"), WIDE)),
    "an unreachable route decides": ("unreachable", (blackhole("10.1.2.0/24", type=net.UNREACHABLE), WIDE)),
    "a prohibit route decides": ("prohibit", (blackhole("10.1.2.0/24", type=net.PROHIBIT), WIDE)),
    "throw leaves the table": ("none", (blackhole("10.1.2.0/24", type=net.THROW), WIDE)),
    "throw goes on with the next table": (
        "last",
        (blackhole("10.1.2.0/24", type=net.THROW), WIDE, route("0.0.0.0/0", via(None, "last"), table=net.DEFAULT)),
    ),
    "tos is for other packets": ("wide", (route("10.1.2.0/24", via(None, "narrow"), tos=16), WIDE)),
    "a dead hop is passed over": ("wide", (route("10.1.2.0/24", via(None, "narrow", net.HOP_DEAD)), WIDE)),
    "a dead hop is passed over for a higher metric": (
        "alive",
        (route("10.1.2.0/24", via(None, "narrow", net.HOP_DEAD)), route("10.1.2.0/24", via(None, "alive"), metric=9)),
    ),
    "one live hop is enough": (
        "narrow",
        (route("10.1.2.0/24", (Hop(None, "narrow", net.HOP_DEAD), Hop(None, "two"))), WIDE),
    ),
    "a link that is down alone does not count": (
        "narrow",
        (route("10.1.2.0/24", via(None, "narrow", net.HOP_LINKDOWN)), WIDE),
    ),
    "a route without hops counts": ("unicast", (route("10.1.2.0/24", (), type=net.UNICAST), WIDE)),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_table_is_searched_as_the_kernel_does(name: str) -> None:
    wanted, routes = CHOICES[name]
    assert by(*routes) == wanted
    assert by(*reversed(routes)) == wanted


TWO = (WIDE, OTHER)
RULES: dict[str, tuple[str, tuple[Rule, ...], Flow]] = {
    "priority, whatever the order": ("other", (rule(32766, net.MAIN), rule(100, 100)), Flow(A)),
    "a later rule loses": ("wide", (rule(40000, 100), *HOUSE), Flow(A)),
    "an empty table passes": ("wide", (rule(10, 55), *HOUSE), Flow(A)),
    "to": ("other", (rule(10, 100, dst="10.1.2.0/24"), *HOUSE), Flow(A)),
    "to elsewhere": ("wide", (rule(10, 100, dst="10.1.3.0/24"), *HOUSE), Flow(A)),
    "from": ("other", (rule(10, 100, src="10.9.0.0/16"), *HOUSE), Flow(A, "10.9.0.1")),
    "from elsewhere": ("wide", (rule(10, 100, src="10.9.0.0/16"), *HOUSE), Flow(A, "10.8.0.1")),
    "from, and no source is known": ("wide", (rule(10, 100, src="10.9.0.0/16"), *HOUSE), Flow(A)),
    "iif": ("other", (rule(10, 100, iif="up"), *HOUSE), Flow(A, "10.9.0.1", "up")),
    "another iif": ("wide", (rule(10, 100, iif="up"), *HOUSE), Flow(A, "10.9.0.1", "down")),
    "iif lo is what the node makes": ("other", (rule(10, 100, iif="lo"), *HOUSE), Flow(A)),
    "iif lo is not what comes in": ("wide", (rule(10, 100, iif="lo"), *HOUSE), Flow(A, "10.9.0.1", "up")),
    "oif is never asked": ("wide", (rule(10, 100, oif="up"), *HOUSE), Flow(A)),
    "a mark under a mask that leaves nothing of it": ("other", (rule(10, 100, fwmark=1, fwmask=2), *HOUSE), Flow(A)),
    "not such a mark": ("wide", (rule(10, 100, fwmark=1, fwmask=2, invert=True), *HOUSE), Flow(A)),
    "realms are given, not asked for": ("other", (rule(10, 100, other=("realms",)), *HOUSE), Flow(A)),
    "a mark": ("wide", (rule(10, 100, fwmark=1, fwmask=1), *HOUSE), Flow(A)),
    "not a mark: WireGuard's": (
        "other",
        (rule(10, 100, fwmark=0xCA6C, fwmask=0xFFFFFFFF, invert=True), *HOUSE),
        Flow(A),
    ),
    "a tos": ("wide", (rule(10, 100, tos=8), *HOUSE), Flow(A)),
    "selectors that are not modelled": ("wide", (rule(10, 100, other=("uidrange",)), *HOUSE), Flow(A)),
    "a user's": ("wide", (rule(10, 100, other=("uidrange",), uids=(1, 9)), *HOUSE), Flow(A)),
    "root's": ("other", (rule(10, 100, other=("uidrange",), uids=(0, 0)), *HOUSE), Flow(A)),
    "root's, which what comes in is": (
        "other",
        (rule(10, 100, other=("uidrange",), uids=(0, 9)), *HOUSE),
        Flow(A, "10.9.0.1", "up"),
    ),
    "not root's": ("wide", (rule(10, 100, other=("uidrange",), uids=(0, 0), invert=True), *HOUSE), Flow(A)),
    "not to": ("wide", (rule(10, 100, dst="10.1.0.0/16", invert=True), *HOUSE), Flow(A)),
    "not to elsewhere": ("other", (rule(10, 100, dst="10.2.0.0/16", invert=True), *HOUSE), Flow(A)),
    "all selectors must fit": ("wide", (rule(10, 100, dst="10.1.2.0/24", iif="up"), *HOUSE), Flow(A)),
    "blackhole": ("blackhole", (rule(10, 0, action=net.RULE_BLACKHOLE), *HOUSE), Flow(A)),
    "unreachable": ("unreachable", (rule(10, 0, action=net.RULE_UNREACHABLE), *HOUSE), Flow(A)),
    "prohibit": ("prohibit", (rule(10, 0, action=net.RULE_PROHIBIT), *HOUSE), Flow(A)),
    "a drop for others": ("wide", (rule(10, 0, action=net.RULE_PROHIBIT, dst="10.2.0.0/16"), *HOUSE), Flow(A)),
    "nop": ("wide", (rule(10, 0, action=net.RULE_NOP), *HOUSE), Flow(A)),
    "goto skips": ("wide", (rule(10, 0, action=net.RULE_GOTO, goto=32766), rule(20, 100), *HOUSE), Flow(A)),
    "goto includes its target": ("other", (rule(10, 0, action=net.RULE_GOTO, goto=20), rule(20, 100), *HOUSE), Flow(A)),
    "goto for others": (
        "other",
        (rule(10, 0, action=net.RULE_GOTO, goto=32766, iif="x"), rule(20, 100), *HOUSE),
        Flow(A),
    ),
    "goto without its target is passed over": (
        "other",
        (rule(10, 0, action=net.RULE_GOTO, goto=30), rule(20, 100), *HOUSE),
        Flow(A),
    ),
    "suppress_prefixlength 0 hides the default": ("wide", (rule(10, 100, suppress_prefixlength=0), *HOUSE), Flow(A)),
    "suppress_prefixlength leaves longer ones": (
        "wide",
        (rule(10, net.MAIN, suppress_prefixlength=15), rule(20, 100)),
        Flow(A),
    ),
    "suppress_prefixlength hides as long ones": (
        "other",
        (rule(10, net.MAIN, suppress_prefixlength=16), rule(20, 100)),
        Flow(A),
    ),
    "no rules at all: the kernel's own": ("wide", (), Flow(A)),
    "no rule leads to main": ("none", (rule(0, net.LOCAL),), Flow(A)),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_are_followed_as_the_kernel_does(name: str) -> None:
    wanted, rules, flow = RULES[name]
    assert by(*TWO, rules=rules, flow=flow) == wanted
    assert by(*TWO, rules=rules[::-1], flow=flow) == wanted


DETOURS: dict[str, tuple[str | None, Rule]] = {
    "a tos": ("other", rule(10, 100, tos=8)),
    "ports": ("other", rule(10, 100, other=("dport", "ipproto"))),
    "a user": ("other", rule(10, 100, other=("uidrange",))),
    "a mark for some addresses": ("other", rule(10, 100, dst="10.1.0.0/16", fwmark=1, fwmask=1)),
    "a drop": ("blackhole", rule(10, 0, action=net.RULE_BLACKHOLE, tos=8)),
    "no route there": (None, rule(10, 300, tos=8)),
    "the same way": (None, rule(10, net.MAIN, tos=8)),
    "a mark": (None, rule(10, 100, fwmark=1, fwmask=1)),
    "a mark beside another selector": (None, rule(10, 100, fwmark=1, fwmask=1, tos=8)),
    "the unmarked ones": (None, rule(10, 100, fwmark=1, fwmask=1, invert=True)),
    "a tunnel's": (None, rule(10, 100, other=("tun_id",))),
    "a tunnel's ports": (None, rule(10, 100, other=("dport", "tun_id"))),
    "what is bound to an interface": (None, rule(10, 100, oif="up", tos=8)),
    "other addresses": (None, rule(10, 100, dst="10.2.0.0/16", tos=8)),
    "all": (None, rule(10, 100)),
}


@pytest.mark.parametrize("name", DETOURS)
def test_a_rule_for_some_packets_is_told_with_where_it_leads_them(name: str) -> None:
    wanted, partial = DETOURS[name]
    found = [(item, label(won)) for item, won in Fib(TWO, (partial, *HOUSE)).detours(Flow(A))]
    assert found == ([] if wanted is None else [(partial, wanted)])


def test_what_comes_in_has_no_user() -> None:
    fib = Fib(TWO, (rule(10, 100, other=("uidrange",)), *HOUSE))
    assert list(fib.detours(Flow(A, "10.9.0.1", "up"))) == []


def test_a_route_for_a_tos_is_for_those_whom_a_rule_means_by_it() -> None:
    tos = route("10.1.2.0/24", via(None, "narrow"), tos=8, metric=50)
    plain = route("10.1.2.0/24", via(None, "plain"), metric=5)
    fib = Fib((tos, plain, WIDE), (rule(10, net.MAIN, tos=8), *HOUSE))
    assert label(fib.lookup(Flow(A))) == "plain"
    assert [label(won) for _, won in fib.detours(Flow(A))] == ["narrow"]


def test_suppress_prefixlength_hides_no_blackhole() -> None:
    """The kernel suppresses a route that was found, not an error (fib4_rule_suppress is asked on success only)."""
    rules = (rule(10, 100, suppress_prefixlength=0), *HOUSE)
    assert by(blackhole("0.0.0.0/0", table=100), WIDE, rules=rules) == "blackhole"
    assert by(blackhole("0.0.0.0/0", table=100, type=net.THROW), WIDE, rules=rules) == "wide"


SOURCES: list[tuple[str | None, str]] = [("fd00:9::1", "specific"), ("fd00:8::1", "plain"), (None, "plain")]


@pytest.mark.parametrize(("source", "wanted"), SOURCES)
def test_source_specific_routes_are_for_their_source_and_win_there(source: str | None, wanted: str) -> None:
    routes = (
        route("fd00:1::/64", via(None, "plain"), metric=1),
        route("fd00:1::/64", via(None, "specific"), src="fd00:9::/64", metric=1024),
        route("fd00:1::/64", via(None, "wider"), src="fd00:9::/32", metric=1),
    )
    for order in (routes, routes[::-1]):
        assert by(*order, rules=standard_rules(6), flow=Flow("fd00:1::1", source)) == wanted


def test_a_longer_prefix_of_ipv6_wins() -> None:
    routes = (
        route("::/0", via(None, "up")),
        route("fd00::/8", via(None, "ula")),
        route("fd00::1/128", via(None, "host")),
    )
    assert by(*routes, flow=Flow("fd00::1")) == "host"
    assert by(*routes, flow=Flow("fd00::2")) == "ula"
    assert by(*routes, flow=Flow("2001:db8::1")) == "up"


PLAIN: list[tuple[str, tuple[Rule, ...], int, bool]] = [
    ("none listed", (), 4, True),
    ("the kernel's three", STANDARD_RULES, 4, True),
    ("the kernel's two of IPv6", STANDARD_RULES, 6, True),
    ("one more", (*STANDARD_RULES, rule(100, 100)), 4, False),
    ("one more of the other family", (*STANDARD_RULES, rule(100, 100)), 6, True),
    ("main is missing", tuple(item for item in HOUSE if item.table != net.MAIN), 4, False),
    ("main for some only", (HOUSE[0], rule(32766, net.MAIN, iif="up"), HOUSE[2]), 4, False),
    ("main without its default", (HOUSE[0], rule(32766, net.MAIN, suppress_prefixlength=0), HOUSE[2]), 4, False),
    ("another priority", (HOUSE[0], rule(1000, net.MAIN), HOUSE[2]), 4, False),
]


@pytest.mark.parametrize(("rules", "family", "wanted"), [row[1:] for row in PLAIN], ids=[row[0] for row in PLAIN])
def test_plain_is_the_kernels_own_rules_and_no_others(rules: tuple[Rule, ...], family: int, wanted: bool) -> None:
    assert Fib((), rules).plain(family) is wanted


POINTS: list[tuple[str, tuple[Route, ...], tuple[Rule, ...], list[str]]] = [
    ("nothing inside", (DEFAULT, WIDE), (), ["10.1.2.0"]),
    ("itself", (NARROW,), (), ["10.1.2.0"]),
    ("one inside", (HOST,), (), ["10.1.2.0", "10.1.2.3", "10.1.2.4"]),
    ("its first half", (route("10.1.2.0/25", via(None, "x")),), (), ["10.1.2.0", "10.1.2.128"]),
    ("its last half", (route("10.1.2.128/25", via(None, "x")),), (), ["10.1.2.0", "10.1.2.128"]),
    ("beside it", (route("10.1.3.0/24", via(None, "x")), route("10.1.1.0/24", via(None, "x"))), (), ["10.1.2.0"]),
    ("the local table", (route("10.1.2.0/32", via(None, "lo"), table=net.LOCAL),), (), ["10.1.2.0", "10.1.2.1"]),
    ("a rule's", (), (rule(10, 100, dst="10.1.2.64/26"),), ["10.1.2.0", "10.1.2.64", "10.1.2.128"]),
    ("another family's", (route("::1/128", via(None, "lo")),), (), ["10.1.2.0"]),
]


@pytest.mark.parametrize(("routes", "rules", "wanted"), [row[1:] for row in POINTS], ids=[row[0] for row in POINTS])
def test_points_are_where_the_answer_can_change(
    routes: tuple[Route, ...], rules: tuple[Rule, ...], wanted: list[str]
) -> None:
    assert Fib(routes, rules).points("10.1.2.0/24") == wanted


SMALL = ipaddress.ip_network("10.1.2.0/27")
prefixes = st.builds(
    lambda start, length: str(ipaddress.ip_network((int(SMALL.network_address) - 32 + start, length), strict=False)),
    st.integers(0, 95),
    st.integers(24, 32),
)
routes_of = st.builds(
    lambda dst, dev, table, metric, kind: route(
        dst, via(None, dev) if kind == net.UNICAST else (), table=table, metric=metric, type=kind
    ),
    prefixes,
    st.sampled_from("abcdef"),
    st.sampled_from([net.LOCAL, net.MAIN, 100]),
    st.sampled_from([0, 10]),
    st.sampled_from([net.UNICAST, net.UNICAST, net.BLACKHOLE, net.THROW]),
)
rules_of = st.builds(
    lambda priority, table, dst, invert, suppress: rule(
        priority, table, dst=dst, invert=invert and dst is not None, suppress_prefixlength=suppress
    ),
    st.integers(1, 5),
    st.sampled_from([net.MAIN, 100]),
    st.none() | prefixes,
    st.booleans(),
    st.none() | st.sampled_from([0, 26, 30]),
)


@settings(max_examples=150, deadline=None, database=None)
@given(st.lists(routes_of, max_size=8), st.lists(rules_of, max_size=3))
def test_looking_up_the_points_is_looking_up_every_address(routes: list[Route], extra: list[Rule]) -> None:
    fib = Fib(routes, [*HOUSE, *extra])
    points = fib.points(str(SMALL))
    assert points[0] == str(SMALL.network_address)
    told = None
    for address in map(str, SMALL):
        if address in points:
            told = fib.lookup(Flow(address))
        assert fib.lookup(Flow(address)) == told
