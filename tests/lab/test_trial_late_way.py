"""A way in that takes seconds to start a program and to bring its answers costs time, and no verdict."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.trial_lab import BLOCK, BLOCK6, TrialLab, block
from tests.lab.trial_runs import outcome, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.reach.protocol import RunsProbe

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]


class LateWay:
    """Starts a node's program `late` seconds after it was asked to, and brings each of its answers as much later."""

    name = "late"

    def __init__(self, way: RunsProbe, late: dict[str, float]) -> None:
        self._way, self._late = way, late

    def run(self, node: str, payload: bytes, seconds: float) -> Iterator[bytes]:
        late = self._late.get(node, 0.0)
        threading.Event().wait(late)
        under_way: queue.Queue[tuple[float, bytes | None]] = queue.Queue()

        def pump() -> None:
            for chunk in self._way.run(node, payload, seconds):
                under_way.put((time.monotonic() + late, chunk))
            under_way.put((0.0, None))

        pumping = threading.Thread(target=pump)
        pumping.start()
        try:
            while True:
                due, chunk = under_way.get()
                if chunk is None:
                    return
                threading.Event().wait(due - time.monotonic())
                yield chunk
        finally:
            pumping.join()


@pytest.mark.parametrize("late", [{"owner": 2.0}, {"owner": 1.0, "sender": 2.0}], ids=["owner", "both"])
def test_evidence_is_whole_however_late_it_comes(late: dict[str, float]) -> None:
    with TrialLab(routed=False) as lab:
        look = lab.look(block(BLOCK), block(BLOCK6))
        trials = run(lab, look, way=LateWay(lab.reach, late), seconds=40)
    assert [outcome(trial, look) for trial in trials.trials] == [("PASSED", "")] * 2
