"""The way in `kube`: how long a pod is waited for when a node is asked."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from fixtures.deploy.settings import ProbeSettings
from fixtures.deploy.wait import Standing
from fixtures.errors import UnreachableError
from fixtures.reach import kube
from fixtures.reach.kube import KubeReach
from model.cluster import Node

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = [Node(name, "u", "1", ready=True) for name in ("w1", "w2")]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., KubeReach]:
    """The way in, of which a pod on w1 runs when it is opened; later answers are those of `lists`, the last stays."""

    def make(*lists: Standing, ready_seconds: float) -> KubeReach:
        answers = list(lists)
        monkeypatch.setattr(kube, "standing", lambda *_args: answers.pop(0) if len(answers) > 1 else answers[0])
        monkeypatch.setattr(kube, "AGAIN", 0.01)
        monkeypatch.setattr(kube, "FRESH", 0.0)
        reach = KubeReach(SimpleNamespace(), ProbeSettings(ready_seconds=ready_seconds))  # type: ignore[arg-type]
        deployment = SimpleNamespace(open=lambda *_args, **_more: Standing({"w1": "p1"}, {}), run="r", lost="")
        monkeypatch.setattr(reach, "_deployment", deployment)
        reach.open(NODES, lambda _sentence: None)
        return reach

    return make


def test_a_pod_that_has_never_run_is_not_waited_for_again(opened: Callable[..., KubeReach]) -> None:
    reach = opened(Standing({"w1": "p1"}, {}), ready_seconds=0.001)
    time.sleep(0.002)
    deadline = time.monotonic() + 60.0
    with pytest.raises(UnreachableError, match=r"node w2: no pod of the probe runs there after 0.001 s") as told:
        reach._pod("w2", deadline)
    assert "--probe-ready-seconds" in told.value.remedy
    assert time.monotonic() < deadline  # and not for as long as the node may take
    assert reach._pod("w1", deadline) == "p1"


def test_a_pod_that_has_run_is_waited_for_as_long_as_its_node_may_take(opened: Callable[..., KubeReach]) -> None:
    gone = Standing({}, {})
    reach = opened(gone, gone, gone, Standing({"w1": "p2"}, {}), ready_seconds=0.001)
    time.sleep(0.002)
    assert reach._pod("w1", time.monotonic() + 60.0, afresh=True) == "p2"


def test_a_pod_that_comes_late_is_taken(opened: Callable[..., KubeReach]) -> None:
    reach = opened(Standing({}, {}), Standing({"w1": "p1", "w2": "p2"}, {}), ready_seconds=60.0)
    assert reach._pod("w2", time.monotonic() + 60.0) == "p2"
