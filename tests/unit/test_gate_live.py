"""A live observation over a fake cluster: what is opened, asked, given up, and always closed again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from fixtures.decode.resources import RESOURCES, V1
from fixtures.errors import UnobservableError, UnreachableError, UsageError
from fixtures.observe import WHOLE_OVER, observe_nodes
from fixtures.permissions import KUBE, Lacking, NotAllowedError, listing
from gate import live, rights
from gate.choose import Wanted
from gate.options import Options
from gate.patterns import patterns
from tests.unit.builders import BLOCK1, BLOCK2
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from model.cluster import Cluster, Look, Node
    from model.node import NodeFacts
    from model.snapshot import Snapshot
    from model.trial import Trials

GONE = "the API server https://a:6443 gave no answer"


@dataclass
class World:
    """A cluster and its way in; `lists` are what the API answers, one after the other: "" or why not."""

    it: Scene = field(default_factory=scene)
    lists: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    tried: list[Mapping[str, str]] = field(default_factory=list)
    closed: int = 0
    lost: frozenset[str] = frozenset()
    name: str = "fake"
    sees_pods: bool = True
    sees_bird: bool = True
    context_name: str = "ctx"

    @property
    def packets(self) -> World:
        return self

    def lacking(self) -> tuple[Lacking, ...]:
        return (Lacking((KUBE[0],), "ns"),)

    def open(self, nodes: Sequence[Node], say: Callable[[str], None]) -> None:
        say("open")
        self.opened += [node.name for node in nodes]

    def look(self, node: str, _request: Mapping[str, object], _seconds: float) -> NodeFacts:
        self.looked.append(node)
        if node in self.lost:
            raise UnreachableError("nobody answers", "Start it.")
        return self.it.facts[node]

    def close(self) -> None:
        self.closed += 1

    def answer(self) -> None:
        error = self.lists.pop(0) if self.lists else ""
        if error:
            raise UnobservableError(error, "Check that it is up.")

    def list_cluster(self, _api: object) -> Cluster:
        self.answer()
        return self.it.cluster

    def list_again(self, _api: object, before: Cluster) -> Look:
        self.answer()
        return structs.replace(self.it.observe().looks[-1], before=before)

    def conduct(self, *_args: object, exempt: Mapping[str, str], **_kwargs: object) -> Trials:
        self.tried.append(exempt)
        return self.it.trials


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    for name in ("list_cluster", "list_again", "conduct"):
        monkeypatch.setattr(live, name, getattr(made, name))
    monkeypatch.setattr(live, "connect", lambda _kubeconfig, _context: made)
    return made


def look(world: World, **fields: object) -> Snapshot:
    options = Options(out=Path(), enter=lambda _api: world)  # type: ignore[arg-type,return-value]
    return live.observe(structs.replace(options, **fields), world.said.append)


def test_only_chosen_nodes_are_opened_and_looked_at(world: World) -> None:
    seen = look(world, wanted=Wanted(nodes=patterns(["worker1"], "--nodes")))
    assert world.opened == world.looked == [record.name for record in seen.nodes] == ["worker1"]
    assert seen.header.selection.asked == ("--nodes worker1",)
    assert "looking at 1 of 3 nodes (--nodes worker1)" in world.said
    assert BLOCK2 in world.tried[0]
    assert BLOCK1 not in world.tried[0]
    assert world.closed == 1


def test_all_rights_that_are_missing_are_told_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_api: object) -> Cluster:
        raise NotAllowedError("ctx", Lacking((listing(RESOURCES[1], V1),)))

    monkeypatch.setattr(live, "list_cluster", refuse)
    monkeypatch.setattr(rights, "missing", lambda _api, entries, _namespace: entries)
    with pytest.raises(NotAllowedError) as told:
        look(world, wanted=Wanted(namespaces=patterns(["team=a"], "--namespaces")))
    assert told.value.reason.startswith(
        "context ctx: not allowed to list nodes, namespaces, create/delete/list/patch jobs"
    )
    assert world.opened == []
    monkeypatch.setattr(rights, "missing", lambda *_args: pytest.fail("no labels are asked for"))
    with pytest.raises(NotAllowedError, match="not allowed to list nodes, create"):
        look(world)
    assert world.closed == 2


def test_a_selection_that_matches_nothing_opens_nothing(world: World) -> None:
    with pytest.raises(UsageError, match="--nodes w9 matches none"):
        look(world, wanted=Wanted(nodes=patterns(["w9"], "--nodes")))
    assert (world.opened, world.closed) == ([], 1)


@pytest.mark.parametrize("answers", [[GONE], ["", GONE], ["", "", GONE]], ids=["at first", "after opening", "between"])
def test_an_api_that_goes_away_is_told_and_the_way_in_closed(world: World, answers: list[str]) -> None:
    world.lists = list(answers)
    with pytest.raises(UnobservableError, match="gave no answer"):
        look(world)
    assert world.closed == 1


def test_an_api_that_goes_away_while_it_settles_leaves_the_first_look(world: World) -> None:
    world.it.node("worker1").no_route(BLOCK2)
    world.lists = ["", "", "", GONE, GONE]
    seen = look(world, settle=0.05)
    assert [record.name for record in seen.nodes] == ["host1", "worker1", "worker2"]
    assert seen.healed == ()
    assert f"which failed, so that the earlier look stands: {GONE}" in world.said
    assert world.closed == 1


def test_only_the_nodes_concerned_are_looked_at_and_tried_again(world: World) -> None:
    world.it.node("worker1").no_route(BLOCK2)
    look(world, settle=0.05)
    assert set(world.looked[:3]) == {"host1", "worker1", "worker2"}
    assert set(world.looked[3:]) == {"worker1"}
    assert world.opened == ["host1", "worker1", "worker2"]
    assert BLOCK1 not in world.tried[1]
    assert BLOCK2 in world.tried[1]


def test_a_look_without_time_names_the_nodes_and_the_trials(world: World) -> None:
    seen = look(world, total_seconds=1e-9, settle=120.0)
    assert {record.absent.reason for record in seen.nodes if record.absent} == {WHOLE_OVER}
    assert len(seen.nodes) == 3
    assert {one.reason for one in seen.trials.untried} == {WHOLE_OVER}
    assert world.tried == []


def test_a_later_look_that_runs_out_of_time_takes_nothing_from_the_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.it.node("worker1").no_route(BLOCK2)
    untils: list[float] = []

    def second_too_late(*args: Any, until: float, **kwargs: Any) -> Any:
        untils.append(until)
        return observe_nodes(*args, until=until if len(untils) == 1 else 0.0, **kwargs)

    monkeypatch.setattr("gate.live.observe_nodes", second_too_late)
    seen = look(world, settle=0.05)
    assert len(untils) > 1
    assert not any(record.absent for record in seen.nodes)
    assert f"which failed, so that the earlier look stands: {WHOLE_OVER}" in world.said


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a fault of the tool's own")])
def test_the_way_in_is_closed_whatever_happens(
    world: World, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(world, "open", fail)
    with pytest.raises(type(error)):
        look(world)
    assert world.closed == 1
