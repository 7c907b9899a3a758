"""Looking again: until two looks agree or the time is over; what heals is told with its duration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from checks.run import judge
from fixtures.errors import UnobservableError
from gate.merge import merge
from gate.settle import CONFIRMING, PAUSE, Clock, settle
from model.node import Absent
from tests.unit.builders import BLOCK1, BLOCK2
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.snapshot import Observation, Snapshot
    from model.verdict import Result

ROUTES = "node_routes_every_other_nodes_blocks"
LOST1 = f"{ROUTES}/worker1/{BLOCK2}"
LOST2 = f"{ROUTES}/worker2/{BLOCK1}"
UNSEEN = "every_node_was_observed/cluster/worker2/unobserved"


def judge_two(observation: Observation, *args: Any, **kwargs: Any) -> list[Result]:
    """Two checks' verdicts: what the others think of the example does not matter here."""
    return [
        result for result in judge(observation, *args, **kwargs) if result.check in {ROUTES, "every_node_was_observed"}
    ]


@pytest.fixture(autouse=True)
def _two_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.settle.judge", judge_two)


def healthy(_: Scene) -> None:
    pass


def lost1(it: Scene) -> None:
    it.node("worker1").no_route(BLOCK2)


def lost2(it: Scene) -> None:
    it.node("worker2").no_route(BLOCK1)


def both(it: Scene) -> None:
    lost1(it)
    lost2(it)


def unreachable(it: Scene) -> None:
    del it.facts["worker2"]
    it.absent.append(Absent("worker2", "nobody answers", "Start it."))


def seen_as(edit: Callable[[Scene], None]) -> Snapshot:
    """The whole cluster as it is with that edit."""
    it = scene()
    edit(it)
    return it.observe()


@dataclass
class Watch:
    """A cluster that is as `stages` say, one stage a look, and a clock that only waiting (and looking) moves."""

    stages: tuple[Callable[[Scene], None], ...]
    look_seconds: float = 0.0
    time: float = 1000.0
    asked: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def clock(self) -> Clock:
        def wait(seconds: float) -> None:
            assert seconds > 0
            self.time += seconds

        return Clock(lambda: self.time, wait)

    def again(self, _: Snapshot, names: frozenset[str]) -> Snapshot:
        self.asked.append((self.time - 1000.0, names))
        self.time += self.look_seconds
        stage = self.stages[min(len(self.asked), len(self.stages) - 1)]
        whole = seen_as(stage)
        return structs.replace(
            whole,
            nodes=tuple(record for record in whole.nodes if record.name in names),
            node_facts={name: facts for name, facts in whole.node_facts.items() if name in names},
        )

    def settled(self, seconds: float) -> Snapshot:
        return settle(seen_as(self.stages[0]), self.again, seconds, self.clock(), self.said.append)


def left(observation: Snapshot) -> set[str]:
    """What is still not as it should be."""
    judged = judge_two(observation)
    failed = {result.finding_id(item) for result in judged for item in result.verdict.differences}
    gaps = {(result.check, gap.object) for result in judged for gap in result.verdict.unobserved}
    return failed | {f"{check}/cluster/{name}/unobserved" for check, name in gaps}


@pytest.mark.parametrize(
    ("stages", "seconds", "asked", "still", "healed"),
    [
        pytest.param((healthy,), 60.0, [], set(), {}, id="nothing fails: no second look"),
        pytest.param((lost1,), 0.0, [], {LOST1}, {}, id="settling is off"),
        pytest.param((lost1, lost1), 60.0, [(10.0, {"worker1"})], {LOST1}, {}, id="two looks agree"),
        pytest.param((lost1, healthy), 60.0, [(10.0, {"worker1"})], set(), {LOST1: 10.0}, id="it heals"),
        pytest.param(
            (both, lost1, healthy),
            60.0,
            [(10.0, {"worker1", "worker2"}), (20.0, {"worker1"})],
            set(),
            {LOST2: 10.0, LOST1: 20.0},
            id="one heals after the other",
        ),
        pytest.param(
            (both, lost1, lost1),
            60.0,
            [(10.0, {"worker1", "worker2"}), (20.0, {"worker1"})],
            {LOST1},
            {LOST2: 10.0},
            id="one heals, the other stays",
        ),
        pytest.param(
            (lost1, healthy), 4.0, [(2.0, {"worker1"})], set(), {LOST1: 2.0}, id="a short time has shorter pauses"
        ),
        pytest.param(
            (both, lost1, lost2, both),
            20.0,
            [(10.0, {"worker1", "worker2"}), (20.0, {"worker1"})],
            set(),
            {LOST1: 20.0, LOST2: 10.0},
            id="the time is over, and a node that healed is not asked again",
        ),
        pytest.param(
            (unreachable, healthy), 60.0, [(10.0, {"worker2"})], set(), {UNSEEN: 10.0}, id="a node comes back"
        ),
        pytest.param((unreachable, unreachable), 60.0, [(10.0, {"worker2"})], {UNSEEN}, {}, id="a node stays away"),
        pytest.param(
            (unreachable, lost2, lost2),
            60.0,
            [(10.0, {"worker2"}), (20.0, {"worker2"})],
            {LOST2},
            {UNSEEN: 10.0},
            id="a node comes back broken",
        ),
        pytest.param(
            (lost2, unreachable, unreachable),
            60.0,
            [(10.0, {"worker2"}), (20.0, {"worker2"})],
            {UNSEEN},
            {LOST2: 10.0},
            id="a node goes away",
        ),
    ],
)
def test_looks_until_it_is_settled(
    stages: tuple[Callable[[Scene], None], ...],
    seconds: float,
    asked: list[tuple[float, set[str]]],
    still: set[str],
    healed: dict[str, float],
) -> None:
    watch = Watch(stages)
    settled = watch.settled(seconds)
    assert [(at, set(names)) for at, names in watch.asked] == asked
    assert left(settled) == still
    assert {one.finding: one.seconds for one in settled.healed} == healed


def test_what_only_the_last_look_shows_is_looked_at_once_more() -> None:
    confirmed = Watch((unreachable, lost2, lost2), look_seconds=3.0)
    assert left(confirmed.settled(5.0)) == {LOST2}
    assert [at for at, _ in confirmed.asked] == [2.5, 8.0]
    passing = Watch((unreachable, lost2, healthy), look_seconds=3.0)
    assert left(passing.settled(5.0)) == set()
    restless = Watch((unreachable, lost2, unreachable, lost2, unreachable, lost2), look_seconds=3.0)
    restless.settled(5.0)
    assert len(restless.asked) == 1 + CONFIRMING


def test_slow_looks_end_in_time() -> None:
    watch = Watch((both, lost1, both, lost2, both), look_seconds=25.0)
    watch.settled(60.0)
    assert [at for at, _ in watch.asked] == [PAUSE, PAUSE + 25.0 + PAUSE]
    assert watch.time <= 1000.0 + 60.0 + 25.0


def test_look_that_fails_leaves_the_earlier_one_standing() -> None:
    first = seen_as(both)

    def refused(_: Snapshot, __: frozenset[str]) -> Snapshot:
        raise UnobservableError("the API has gone")

    settled = settle(first, refused, 60.0, Watch((both,)).clock())
    assert left(settled) == {LOST1, LOST2}
    assert settled.healed == ()


def test_each_node_keeps_the_look_that_its_facts_belong_to() -> None:
    def newer(stage: Callable[[Scene], None], names: set[str], taken: str) -> Snapshot:
        whole = seen_as(stage)
        return structs.replace(
            whole,
            looks=(structs.replace(whole.looks[0], before=structs.replace(whole.looks[0].before, api_group=taken)),),
            nodes=tuple(record for record in whole.nodes if record.name in names),
            node_facts={name: facts for name, facts in whole.node_facts.items() if name in names},
        )

    first = newer(both, {"host1", "worker1", "worker2"}, "first")
    second = merge(first, newer(lost2, {"worker1"}, "second"))
    assert _groups(second) == {"host1": "first", "worker1": "second", "worker2": "first"}
    third = merge(second, newer(healthy, {"host1", "worker2"}, "third"))
    assert _groups(third) == {"host1": "third", "worker1": "second", "worker2": "third"}
    assert len(third.looks) == 2  # nobody's look is dropped
    assert third.node_facts.keys() == {"host1", "worker1", "worker2"}
    alone = merge(third, newer(healthy, set(), "fourth"))
    assert alone.looks[-1].before.api_group == "fourth"
    assert _groups(alone) == _groups(third)


def test_node_that_was_deleted_meanwhile_is_no_node_any_more() -> None:
    def leaving(it: Scene) -> None:
        (old,) = (node for node in it.cluster.nodes if node.name == "worker2")
        it.add("nodes", structs.replace(old, name="worker9"))
        it.absent.append(Absent("worker9", "nobody answers", "Start it."))

    settled = Watch((leaving, healthy)).settled(60.0)
    assert [record.name for record in settled.nodes] == ["host1", "worker1", "worker2"]
    assert left(settled) == set()
    assert [one.finding for one in settled.healed] == ["every_node_was_observed/cluster/worker9/unobserved"]


def _groups(observation: Snapshot) -> dict[str, str]:
    return {record.name: observation.looks[record.look].before.api_group for record in observation.nodes}
