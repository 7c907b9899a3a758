"""The shared values: what they say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from model import net
from model.free import free_addresses, node_addresses, shown_addresses
from model.net import Hop, Link, Namespace
from model.node import Absent, Bird, NodeFacts
from model.snapshot import Header, NodeRecord, snapshot
from model.text import printable
from model.verdict import Difference, Gap, Kind, Outcome, Result, Severity, Verdict, finding_id
from tests.unit.builders import block, healthy_cluster, held_by, pod, route, via
from tests.unit.scenes import scene


def difference(severity: Severity = Severity.BROKEN) -> Difference:
    return Difference(Kind.MISSING, "10.48.0.64/26", "a route", "a block", "none", "ip route", severity)


GAP = Gap("x", "because")
BROKEN, WRONG, MINOR = difference(), difference(Severity.WRONG), difference(Severity.HOUSEKEEPING)
OUTCOMES: list[tuple[Verdict, Outcome]] = [
    (Verdict(), Outcome.INAPPLICABLE),
    (Verdict(1), Outcome.PASSED),
    (Verdict(1, (BROKEN,)), Outcome.FAILED),
    (Verdict(1, (WRONG,)), Outcome.FAILED),
    (Verdict(1, (MINOR,)), Outcome.PASSED),
    (Verdict(0, (BROKEN,)), Outcome.FAILED),
    (Verdict(1, (MINOR, WRONG)), Outcome.FAILED),
    (Verdict(1, (BROKEN,), (GAP,)), Outcome.FAILED),
    (Verdict(1, (MINOR,), (GAP,)), Outcome.UNOBSERVED),
    (Verdict(1, (), (GAP,)), Outcome.UNOBSERVED),
    (Verdict(0, (), (GAP,), (GAP,), (GAP,)), Outcome.UNOBSERVED),
    (Verdict(0, (), (), (GAP,), (GAP,)), Outcome.UNASKED),
    (Verdict(0, (), (), (GAP,)), Outcome.INAPPLICABLE),
    (Verdict(1, (), (), (GAP,), (GAP,)), Outcome.PASSED),
]


@pytest.mark.parametrize(("verdict", "wanted"), OUTCOMES)
def test_the_weightiest_thing_that_was_said_is_the_outcome(verdict: Verdict, wanted: Outcome) -> None:
    assert Result("a", "A", "n", "n", verdict).outcome is wanted


def test_verdicts_add_up() -> None:
    one, two = Verdict(1, (BROKEN,), (GAP,)), Verdict(2, (WRONG,), (), (GAP,), (GAP,))
    assert one + two == Verdict(3, (BROKEN, WRONG), (GAP,), (GAP,), (GAP,))
    assert Verdict() + one == one


def test_a_finding_is_named_by_check_node_and_object() -> None:
    assert Result("a", "A", "worker1", "worker1", Verdict()).finding_id(BROKEN) == "a/worker1/10.48.0.64/26"
    assert finding_id("a", "", "x") == "a/cluster/x"


ROUTES: list[tuple[net.Route, str]] = [
    (route("10.48.0.64/26", via("10.0.0.11", "ens160")), "10.48.0.64/26 via 10.0.0.11 dev ens160 proto bird"),
    (route("10.48.0.64/26"), "blackhole 10.48.0.64/26 proto bird"),
    (
        route("0.0.0.0/0", via("10.0.0.254", "ens160"), protocol=16, metric=100),
        "default via 10.0.0.254 dev ens160 proto dhcp metric 100",
    ),
    (route("::/0", via("fe80::1", "eth0"), protocol=3), "default via fe80::1 dev eth0 proto boot"),
    (
        route("10.48.0.67/32", via(None, "cali1"), protocol=3, scope=253),
        "10.48.0.67/32 dev cali1 proto boot scope link",
    ),
    (
        route("10.48.0.67/32", via(None, "cali1"), protocol=80, scope=9, table=100),
        "10.48.0.67/32 dev cali1 proto 80 scope 9 table 100",
    ),
    (
        route("10.0.0.1/32", via(None, "lo"), type=2, table=255, protocol=2, scope=254),
        "local 10.0.0.1/32 dev lo proto kernel scope host table local",
    ),
    (
        route("1.0.0.0/8", (Hop("2.0.0.1", "a"), Hop("2.0.0.2", "b", 5))),
        "1.0.0.0/8 nexthop via 2.0.0.1 dev a nexthop via 2.0.0.2 dev b dead onlink proto bird",
    ),
    (route("1.0.0.0/8", via("2.0.0.1", "a", net.HOP_LINKDOWN)), "1.0.0.0/8 via 2.0.0.1 dev a linkdown proto bird"),
    (route("1.0.0.0/8", type=77), "77 1.0.0.0/8 proto bird"),
    (
        route("1.0.0.0/8", via("2.0.0.1", "a"), prefsrc="3.0.0.1", mtu=1400, metric=5, tos=16),
        "1.0.0.0/8 via 2.0.0.1 dev a proto bird src 3.0.0.1 metric 5 tos 0x10 mtu 1400",
    ),
    (route("fd00::/64", via(None, "a"), src="fd01::/64"), "fd00::/64 dev a proto bird from fd01::/64"),
    (
        route("1.0.0.0/8", (Hop("2.0.0.1", "a", 0, 3), Hop("2.0.0.2", "b"))),
        "1.0.0.0/8 nexthop via 2.0.0.1 dev a weight 3 nexthop via 2.0.0.2 dev b proto bird",
    ),
]


@pytest.mark.parametrize(("given", "wanted"), ROUTES)
def test_a_route_reads_as_iproute2_prints_it(given: net.Route, wanted: str) -> None:
    assert net.describe_route(given) == wanted


def test_names_of_numbers_fall_back_to_the_number() -> None:
    assert (net.protocol_name(12), net.protocol_name(80)) == ("bird", "80")
    assert (net.table_name(254), net.table_name(100)) == ("main", "100")


def test_an_interface_is_found_by_its_name() -> None:
    link = Link(2, "eth0", "veth", True, True, "", 1500)
    assert Namespace("n", links=(link,)).link("eth0") == link
    assert Namespace("n", links=(link,)).link("eth1") is None


def test_bird_is_found_by_its_family() -> None:
    four = Bird(4, True)
    facts = NodeFacts("n", Namespace("host"), birds=(four,))
    assert facts.bird(4) == four
    assert facts.bird(6) is None


TEXTS: list[tuple[str, str]] = [
    ("plain ä", "plain ä"),
    ("two\nlines", "two\\nlines"),
    ("\x1b[31mred", "\\x1b[31mred"),
    ("right\u202eleft", "right\\u202eleft"),
    ("\ud800", "\\ud800"),
]


@pytest.mark.parametrize(("text", "wanted"), TEXTS)
def test_text_is_made_safe_to_print(text: str, wanted: str) -> None:
    assert printable(text) == wanted


def test_text_is_cut_at_its_limit() -> None:
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("x" * 11, 10) == "x" * 9 + "…"


def test_a_node_has_the_addresses_that_its_object_gives_it() -> None:
    fields: dict[str, Any] = {
        "ipip_tunnel": "10.48.0.64",
        "vxlan_tunnel": "10.48.0.65",
        "vxlan_tunnel_v6": "FD00::1",
        "wireguard_ipv4": "10.48.0.66",
        "external_ips": ("198.51.100.1", "somewhere.example"),
    }
    cluster = scene()
    cluster.api("nodes", "worker1", **fields)
    (node,) = (item for item in cluster.cluster.nodes if item.name == "worker1")
    assert set(node_addresses(node)) == {
        "10.0.0.11", "fd00:10::b", "10.48.0.64", "10.48.0.65", "fd00::1", "10.48.0.66", "198.51.100.1"
    }  # fmt: skip


def test_free_is_what_nobody_was_given_and_nothing_shows() -> None:
    given = block("10.48.9.0/29", "w", allocations=(0, *[None] * 7), attributes=(held_by("a/b", "w"),))
    shown = shown_addresses([pod("a/done", "w", ("10.48.9.3", "bad"), phase="Failed")], healthy_cluster().nodes)
    assert free_addresses(given, frozenset()) == tuple(f"10.48.9.{last}" for last in range(1, 8))
    assert free_addresses(given, shown) == tuple(f"10.48.9.{last}" for last in (1, 2, 4, 5, 6, 7))
    assert "10.0.0.11" in shown


def test_a_floating_address_of_a_pod_is_not_free() -> None:
    floats = {"cni.projectcalico.org/floatingIPs": '["10.48.9.5", "fd48::5"]'}
    assert shown_addresses([pod("a/b", "w", ("10.48.9.3",), annotations=floats)], []) == {
        "10.48.9.3",
        "10.48.9.5",
        "fd48::5",
    }
    damaged = block("10.48.9.0/31", "w", allocations=(None,) * 5)
    assert free_addresses(damaged, frozenset()) == ("10.48.9.0", "10.48.9.1")


def test_a_snapshot_names_its_nodes_in_order() -> None:
    facts = [NodeFacts(name, Namespace("host")) for name in ("b", "a")]
    taken = snapshot(Header(1, "t", "", "cluster"), scene().look(), facts, [Absent("aa", "no answer")])
    assert [item.name for item in taken.nodes] == ["a", "aa", "b"]
    assert taken.nodes[1] == NodeRecord("aa", 0, Absent("aa", "no answer"))
    assert taken.facts("b").name == "b"
    assert not taken.trials.asked
    with pytest.raises(KeyError):
        taken.facts("aa")


def test_a_pods_key_is_its_namespace_and_name() -> None:
    assert pod("a/b", "w", ()).key == "a/b"
