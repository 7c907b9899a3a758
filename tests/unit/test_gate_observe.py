"""One look at all nodes: what hangs, fails or takes too long is one node's line, and delays no other."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.errors import UnreachableError
from fixtures.in_time import Late, in_time
from fixtures.observe import LONGER, WHOLE_OVER, header, observable, observe_nodes
from gate.progress import FIRST, PAUSE, Progress
from model.cluster import Cluster, Node
from model.net import Namespace
from model.node import NodeFacts
from model.snapshot import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SOON = 0.05  # seconds, for what is expected to be over
NEVER = 60.0  # seconds, for what must not be waited for


@pytest.fixture
def hang() -> Iterator[Callable[[object], object]]:
    """A call that hangs until the test is over."""
    over = threading.Event()
    yield lambda _key: over.wait(NEVER)
    over.set()


def test_every_call_is_answered_in_whatever_order() -> None:
    gates = [threading.Event() for _ in range(3)]

    def call(number: int) -> int:
        assert gates[number].wait(NEVER)
        if number:
            gates[number - 1].set()
        return number * number

    gates[2].set()
    answers = list(in_time(call, range(3), 3, each=NEVER, until=math.inf))
    assert answers == [(2, 4), (1, 1), (0, 0)]


def test_what_hangs_is_given_up_and_delays_no_other(hang: Callable[[object], object]) -> None:
    """Both that may be under way at once hang: others take their places."""
    answers = dict(in_time(lambda key: hang(key) if key < 2 else key, range(20), 2, each=SOON, until=math.inf))
    assert answers == {0: Late(SOON), 1: Late(SOON)} | {key: key for key in range(2, 20)}


def test_when_the_whole_is_over_all_that_is_left_is_late(hang: Callable[[object], object]) -> None:
    until = time.monotonic() + SOON
    answers = dict(in_time(lambda key: hang(key) if key else key, range(5), 2, each=NEVER, until=until))
    assert answers == {0: 0} | {key: Late(0.0, whole=True) for key in range(1, 5)}
    assert dict(in_time(lambda key: key, range(3), 2, each=NEVER, until=0.0)).keys() == {0, 1, 2}


def test_an_error_of_a_call_is_raised_here() -> None:
    def call(_: int) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        list(in_time(call, range(5), 2, each=NEVER, until=math.inf))


def test_it_is_told_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.in_time.TICK", SOON / 5)
    seen: list[list[str]] = []
    told = threading.Event()

    def tick(running: list[tuple[str, float]]) -> None:
        assert all(seconds >= 0 for _, seconds in running)
        seen.append([name for name, _ in running])
        told.set()

    answers = list(in_time(lambda _name: told.wait(NEVER), ["slow"], 4, each=NEVER, until=math.inf, tick=tick))
    assert answers == [("slow", True)]
    assert seen[0] == ["slow"]


NODES = (
    Node("good", "", "", ready=True),
    Node("gone", "", "", ready=True),
    Node("down", "", "", ready=False),
    Node("shut", "", "", ready=None, unschedulable=True),
    Node("hangs", "", "", ready=True),
    Node("win", "", "", os="windows"),
    Node("virtual", "", "", labels={"type": "virtual-kubelet"}),
)


class Fake:
    """A way in to nodes that behave as their names say."""

    name = "fake"
    sees_pods = True
    sees_bird = False
    packets = None

    def __init__(self, hang: Callable[[object], object]) -> None:
        self.hang = hang
        self.asked: dict[str, Mapping[str, Any]] = {}

    def lacking(self) -> tuple[()]:
        """Nothing: no API is asked."""
        return ()

    def open(self, nodes: object, say: object) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def look(self, node: str, request: Mapping[str, object], seconds: float) -> NodeFacts:
        assert seconds > 0
        self.asked[node] = request
        if node == "hangs":
            self.hang(node)
        if node != "good":
            raise UnreachableError("nobody answers", "Start it.")
        return NodeFacts(node, Namespace("host"))


def test_each_node_in_trouble_is_one_line_with_what_the_api_says_of_it(
    hang: Callable[[object], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixtures.observe.GRACE", 0.0)
    reach, cluster = Fake(hang), Cluster(nodes=NODES)
    names = observable(cluster)
    assert names == ["down", "gone", "good", "hangs", "shut"]
    told: list[tuple[int, int, int]] = []
    seen = observe_nodes(
        cluster, names, reach, parallel=1, seconds=SOON, progress=lambda *args: told.append((args[0], args[1], args[2]))
    )
    assert [facts.name for facts in seen.facts] == ["good"]
    assert {absent.name: absent.reason for absent in seen.absent} == {
        "down": "nobody answers (the API calls it NotReady)",
        "gone": "nobody answers",
        "hangs": f"it gave no answer within {SOON:g} s",
        "shut": "nobody answers (the API calls it NotReady and cordoned)",
    }
    assert all(absent.remedy for absent in seen.absent)
    assert told[-1] == (5, 4, 5)
    assert reach.asked["good"]["node"] == "good"


def test_nodes_that_there_is_no_time_for_are_told(hang: Callable[[object], object]) -> None:
    until = time.monotonic() + SOON
    seen = observe_nodes(Cluster(nodes=NODES), ["good", "hangs"], Fake(hang), parallel=2, seconds=NEVER, until=until)
    assert [facts.name for facts in seen.facts] == ["good"]
    assert [(absent.reason, absent.remedy) for absent in seen.absent] == [(WHOLE_OVER, LONGER)]


def test_the_header_says_what_was_chosen(hang: Callable[[object], object]) -> None:
    selection = Selection(nodes=("good",), asked=("--nodes good",))
    made = header("cluster", "ctx", Fake(hang), selection)
    assert (made.selection, made.reach, made.sees_bird) == (selection, "fake", False)


def test_progress_is_few_lines() -> None:
    said: list[str] = []
    now = [0.0]
    progress = Progress(said.append, lambda: now[0])
    for second in range(100):
        now[0] = float(second)
        progress(second, 1, 100, [("slow-1", second + 0.4), ("slow-2", 5.0), ("fast", 0.1)])
    progress(100, 2, 100, [])
    assert len(said) == 1 + 97 // PAUSE + 1
    assert said[0].startswith(f"looked at {FIRST:.0f} of 100 nodes, of which 1 could not be observed; ")
    assert said[0].endswith("; still waiting for slow-1 (3 s) and slow-2 (5 s)")
    assert said[-1] == "looked at 100 nodes, of which 2 could not be observed"


def test_progress_of_a_quick_look_is_one_line() -> None:
    said: list[str] = []
    progress = Progress(said.append, lambda: 0.0)
    for number in range(1, 4):
        progress(number, 0, 3, [])
    assert said == ["looked at 3 nodes"]
