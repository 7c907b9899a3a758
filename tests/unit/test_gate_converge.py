"""How long a finding may still heal, and that settling waits for just that: laws over any course of things."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from checks.run import catalogue
from expect.world import World
from fixtures.errors import UnobservableError
from gate.converge import (
    APPLYING,
    BIRD_SCAN,
    CONNECTING,
    REPAIRED,
    RESTARTED,
    TUNNEL_POLL,
    YOUNG_NODE,
    YOUNG_OBJECT,
    YOUNG_POD,
    Wait,
    wait_for,
)
from gate.merge import merge
from gate.settle import CONFIRMING, FAILURES, PAUSE, STRIDE, Clock, Open, settle
from model.cluster import Settings
from model.snapshot import Header, NodeRecord, Snapshot
from model.trial import Packet, Trial, Trials, Untried
from model.verdict import Difference, Kind, Result, Verdict, about
from tests.unit.builders import BLOCK1, CUSTOMER
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REFRESHED = 90 * 1.1 + APPLYING
NOW = 1_767_225_600.0  # 2026-01-01
OLD, JUST = "2025-12-31T00:00:00Z", "2025-12-31T23:59:50Z"  # ten seconds ago


def _world(edit: Callable[[Scene], None] = lambda _: None) -> World:
    it = scene()
    for kind, named in (("pods", "key"), ("nodes", "name"), ("blocks", "cidr"), ("affinities", "name")):
        for item in getattr(it.cluster, kind):
            it.api(kind, getattr(item, named), created=OLD)
    edit(it)
    return World(it.observe().looks[-1])


def _wait(check: str, world: World, node: str = "worker1", name: str = "x", subject: str = "", **tokens: str) -> Wait:
    item = Difference(Kind.MISSING, name, "", "", "", "", about=about(**tokens))
    return wait_for(Result(check, "", node, subject or node, Verdict(1, (item,))), item, world, NOW)


@pytest.mark.parametrize(
    ("check", "tokens", "seconds", "reason"),
    [
        ("host_route_leads_to_its_pod", {}, REFRESHED, "Felix's next refresh"),
        ("host_interface_answers_arp_and_forwards", {}, REFRESHED, "Felix's next refresh"),
        ("node_routes_every_other_nodes_blocks", {"owner": "Felix"}, REFRESHED, "Felix's next refresh"),
        ("node_routes_every_other_nodes_blocks", {"owner": "BIRD"}, BIRD_SCAN, "BIRD's next scan"),
        ("every_pod_and_block_route_is_accounted_for", {"by": "BIRD"}, BIRD_SCAN, "BIRD's next scan"),
        ("every_pod_and_block_route_is_accounted_for", {}, REFRESHED, "Felix's next refresh"),
        ("bgp_sessions_are_established", {}, CONNECTING, "BGP to connect"),
        ("bgp_sessions_are_established", {"state": "disabled"}, 0.0, ""),
        ("node_has_its_tunnel_devices", {}, TUNNEL_POLL, "Felix's next look at its tunnels"),
        ("eth0_has_exactly_the_pods_addresses", {}, 0.0, ""),
        ("each_block_has_one_owner", {}, 0.0, ""),
    ],
)
def test_who_repairs_it_says_how_long_it_may_last(
    check: str, tokens: dict[str, str], seconds: float, reason: str
) -> None:
    assert _wait(check, _world(), **tokens) == Wait(seconds, reason)


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        ("30s", 43.0),
        ("1m30s", REFRESHED),
        ("500ms", 10.55),
        (20, 32.0),
        ("0", 0.0),
        ("0s", 0.0),
        ("soon", REFRESHED),
        ("", REFRESHED),
        ("90", REFRESHED),
        (True, REFRESHED),
    ],
)
def test_felixs_own_interval_counts(interval: object, seconds: float) -> None:
    def edit(it: Scene) -> None:
        it.relist(felix=(Settings("default", {"routeRefreshInterval": interval}),))

    assert _wait("host_route_leads_to_its_pod", _world(edit)).seconds == pytest.approx(seconds)


def test_every_check_that_is_repaired_is_in_the_catalogue() -> None:
    assert REPAIRED.keys() <= {check.id for check in catalogue()}
    assert REPAIRED


@pytest.mark.parametrize(
    ("kind", "name", "asked", "seconds"),
    [
        ("pods", CUSTOMER, {"subject": CUSTOMER}, YOUNG_POD - 10),
        ("pods", CUSTOMER, {"node": "", "name": CUSTOMER}, YOUNG_POD - 10),
        ("pods", CUSTOMER, {"pod": CUSTOMER}, YOUNG_POD - 10),
        ("pods", CUSTOMER, {}, 0.0),
        ("blocks", BLOCK1, {"name": BLOCK1}, YOUNG_OBJECT - 10),
        ("blocks", BLOCK1, {"block": BLOCK1, "node": "worker2"}, YOUNG_OBJECT - 10),
        ("nodes", "worker1", {}, YOUNG_NODE - 10),
        ("nodes", "worker2", {}, 0.0),
    ],
)
def test_what_came_a_moment_ago_waits(kind: str, name: str, asked: dict[str, str], seconds: float) -> None:
    def edit(it: Scene) -> None:
        it.api(kind, name, created=JUST)

    assert _wait("eth0_has_exactly_the_pods_addresses", _world(edit), **asked).seconds == seconds


@pytest.mark.parametrize(("created", "seconds"), [("2026-01-01T08:00:00Z", YOUNG_POD), ("", 0.0), ("soon", 0.0)])
def test_clocks_that_differ_and_times_that_are_none_prolong_nothing(created: str, seconds: float) -> None:
    def edit(it: Scene) -> None:
        it.api("pods", CUSTOMER, created=created)

    assert _wait("eth0_has_exactly_the_pods_addresses", _world(edit), subject=CUSTOMER).seconds == seconds


def test_calico_node_recovers_from_a_restart() -> None:
    def edit(it: Scene) -> None:
        first = it.cluster.pods[0]
        agent = structs.replace(
            first, name="calico-node", uid="agent", node="worker1", images=("calico/node:v3.31.0",), created=JUST
        )
        it.add("pods", agent)

    waits = {
        check: _wait(check, _world(edit)).seconds for check in ("bgp_sessions_are_established", "each_block_is_whole")
    }
    assert waits == {"bgp_sessions_are_established": RESTARTED - 10, "each_block_is_whole": 0.0}


@dataclass
class Course:
    """What each look shows (the last stage stays), in place of a cluster; only waiting and looking move its clock."""

    stages: Sequence[dict[str, Open]]
    look_seconds: float = 0.0
    failing: frozenset[int] = frozenset()  # looks that raise
    time: float = 0.0
    at: list[float] = field(default_factory=list)
    asked: list[frozenset[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seen: list[tuple[float, dict[str, Open]]] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    def again(self, _: Snapshot, nodes: frozenset[str]) -> Snapshot:
        self.at.append(self.time)
        self.asked.append(nodes)
        self.time += self.look_seconds
        if len(self.at) in self.failing:
            raise UnobservableError("gone")
        return _shown(len(self.at))

    def open(self, snapshot: Snapshot, _nodes: object) -> dict[str, Open]:
        found = self.stages[min(int(snapshot.header.note), len(self.stages) - 1)]
        self.seen.append((self.time, found))
        return found

    def run(self, seconds: float) -> Snapshot:
        with (
            mock.patch("gate.settle.still_open", self.open),
            mock.patch("gate.settle.merge", lambda _before, again: again),
        ):
            return settle(_shown(0), self.again, seconds, Clock(lambda: self.time, self.wait), self.said.append)


def _shown(number: int) -> Snapshot:
    return Snapshot(Header(1, "test", "", "cluster", note=str(number)), (), (), {})


FELIX = Open("w2", Wait(109.0, "Felix's next refresh"))
PLAIN = Open("w1")


@pytest.mark.parametrize(
    ("stages", "seconds", "at"),
    [
        pytest.param([{}], 120.0, [], id="nothing is open: nothing is waited for"),
        pytest.param([{"a": PLAIN}], 120.0, [10.0], id="nobody repairs it: two looks"),
        pytest.param([{"a": FELIX}], 120.0, [10.0, 40.0, 70.0, 100.0, 110.0], id="until Felix has had its time"),
        pytest.param([{"a": FELIX}, {}], 120.0, [10.0], id="it heals at once"),
        pytest.param([{"a": FELIX}, {"a": FELIX}, {"a": FELIX}, {}], 120.0, [10.0, 40.0, 70.0], id="it heals later"),
        pytest.param([{"a": FELIX}], 60.0, [10.0, 40.0, 60.0], id="no longer than it may take"),
        pytest.param([{"a": FELIX}], 5.0, [2.5, 5.0], id="a short time has shorter pauses"),
        pytest.param([{"a": FELIX, "b": PLAIN}], 60.0, [10.0, 40.0, 60.0], id="one waits, the other is certain"),
        pytest.param([{"a": PLAIN}, {"a": PLAIN, "b": PLAIN}], 120.0, [10.0, 20.0], id="something new"),
        pytest.param(
            [{"a": PLAIN}, {"b": PLAIN}, {"c": PLAIN}, {"d": PLAIN}], 15.0, [7.5, 15.0, 22.5, 30.0], id="restless"
        ),
    ],
)
def test_looks_as_often_as_needed_and_no_longer(stages: list[dict[str, Open]], seconds: float, at: list[float]) -> None:
    course = Course(stages)
    course.run(seconds)
    assert course.at == at


def test_only_what_is_not_certain_is_looked_at_again() -> None:
    course = Course([{"a": FELIX, "b": PLAIN, "c": Open(""), "d": Open("w3", Wait(20.0, "x"))}])
    course.run(60.0)
    assert course.asked[:2] == [{"w1", "w2", "w3"}, {"w2", "w3"}]
    assert course.asked[-1] == {"w2"}


def test_it_is_said_what_is_waited_for() -> None:
    course = Course([{"a": FELIX, "b": PLAIN, "c": FELIX}])
    course.run(120.0)
    first, second, *_ = course.said
    assert first.startswith("looking again in 10 s: 1 finding on w1 to be seen twice; waiting up to 109 s for Felix's")
    assert second == "looking again in 30 s: waiting up to 99 s for Felix's next refresh: 2 findings on w2"
    lost = Course([{"cluster/w1/unobserved": PLAIN}])
    lost.run(120.0)
    assert lost.said[0] == "looking again in 10 s: 1 gap on w1 to be seen twice"


def test_a_look_that_began_too_early_does_not_count() -> None:
    course = Course([{"a": Open("w1", Wait(12.0, "x"))}], look_seconds=5.0)
    course.run(120.0)
    assert course.at == [10.0, 25.0]


def test_a_first_wait_holds_though_what_is_young_grows_older() -> None:
    course = Course([{"a": Open("w1", Wait(50.0, "x"))}, {"a": Open("w1", Wait(40.0, "x"))}])
    course.run(120.0)
    assert course.at[-1] >= 50.0


@pytest.mark.parametrize(
    ("failing", "looks", "healed"),
    [({1}, 2, ["a"]), ({1, 2}, FAILURES, []), ({2}, 1, ["a"])],
    ids=["one look fails", "two in a row", "none that is needed"],
)
def test_looks_that_fail_are_tried_again_and_heal_nothing(failing: set[int], looks: int, healed: list[str]) -> None:
    course = Course([{"a": PLAIN}, {}], failing=frozenset(failing))
    settled = course.run(120.0)
    assert len(course.at) == looks
    assert [one.finding for one in settled.healed] == healed


def _stages() -> st.SearchStrategy[list[dict[str, Open]]]:
    waits = st.sampled_from([0.0, 5.0, 10.0, 30.0, 60.0, 109.0, 300.0])
    opens = st.builds(lambda node, wait: Open(node, Wait(wait, "x")), st.sampled_from(["", "w1", "w2"]), waits)
    return st.lists(st.dictionaries(st.sampled_from("abcd"), opens), min_size=1, max_size=8)


@given(_stages(), st.sampled_from([0.0, 1.0, 5.0, 25.0, 60.0, 120.0]), st.sampled_from([0.0, 3.0, 25.0]))
def test_laws_of_settling(stages: list[dict[str, Open]], seconds: float, look_seconds: float) -> None:
    course = Course(stages, look_seconds)
    settled = course.run(seconds)
    if not seconds:
        assert (course.at, settled.healed) == ([], ())
        return
    last = course.seen[-1][1]
    assert settled.header.note == str(len(course.at))  # nothing that the last look shows is dropped
    healed = {one.finding: one.seconds for one in settled.healed}
    ever = {name for _, shown in course.seen for name in shown}
    assert healed.keys() == ever - last.keys()  # what is open has not healed, and what is gone is told
    first_seen = {name: next(at for at, shown in course.seen if name in shown) for name in ever}
    ended = course.seen[-1][0]
    assert all(0 <= seconds <= ended - first_seen[name] for name, seconds in healed.items())
    pause = min(PAUSE, seconds / 2)
    assert all(now - earlier >= pause for earlier, now in _pairs([0.0, *course.at]))
    assert all(now - earlier <= max(STRIDE, pause) + look_seconds for earlier, now in _pairs([0.0, *course.at]))
    assert not course.at or course.at[-1] <= seconds + CONFIRMING * (pause + look_seconds)
    certain = course.at and last.keys() == course.seen[-2][1].keys()
    assert not last or certain or course.time + pause > seconds


def _pairs(times: list[float]) -> Iterator[tuple[float, float]]:
    return itertools.pairwise(times)


def _trials(*owners: str, pcap: bytes = b"") -> Trials:
    made = tuple(
        Trial(f"block of {owner}", owner, "s", "1.1.1.1", "e", Packet("t", 1), Packet("c", 1)) for owner in owners
    )
    return Trials(
        asked=True, run_id="r", trials=made, untried=tuple(Untried("u", one, "why") for one in owners), pcap=pcap
    )


def test_trials_that_are_not_repeated_stay() -> None:
    before = structs.replace(scene().observe(), trials=_trials("w1", "w2", pcap=b"h" * 24 + b"first"))
    later = _trials("w2", "w3", pcap=b"h" * 24 + b"second")
    again = structs.replace(before, nodes=(NodeRecord("w2", 0),), trials=structs.replace(later, run_id="later"))
    merged = merge(before, again).trials
    assert merged.run_id == "later"
    assert [one.owner for one in merged.trials] == [one.owner for one in merged.untried] == ["w1", "w2"]
    assert merged.pcap == b"h" * 24 + b"firstsecond"
    assert merge(before, structs.replace(again, trials=Trials(asked=False))).trials == before.trials
    none = structs.replace(before, trials=Trials(asked=False))
    assert merge(none, again).trials == again.trials
