"""The conduct of trials when nodes or the way in fail: it always ends with evidence, and never with a false pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checks.drops import fence_of, judge_trial
from fixtures.errors import UnreachableError, UsageError
from fixtures.packets.conduct import conduct
from model.verdict import Outcome, Result
from tests.unit.test_packets_plan import B1, B2, facts, look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.trial import Trials


class FakeReach:
    """Answers every request in one way."""

    name = "fake"

    def __init__(self, answer: bytes | str) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def run(self, node: str, payload: bytes, seconds: float) -> Iterator[bytes]:
        self.asked.append(node)
        if isinstance(self.answer, str):
            raise UnreachableError(self.answer, "look at it")
        yield self.answer

    def close(self) -> None:
        """Nothing is kept."""


def run(reach: Any, announce: list[str], run_id: str = "r1") -> Trials:
    given = {"run_id": run_id, "parallel": 4, "seconds": 5, "announce": announce.append}
    return conduct(look(B1, B2), facts, reach, ("w1", "w2", "w3"), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "words"),
    [("no python3 there", "no python3 there"), (b"", "answered nothing"), (b"login: ", "no probe")],
)
def test_a_watch_that_fails_sends_nothing_and_is_no_verdict(answer: bytes | str, words: str) -> None:
    reach = FakeReach(answer)
    said: list[str] = []
    trials = run(reach, said)
    assert sorted(reach.asked) == ["w1", "w2"]  # the owners alone: nobody sends where nobody watches
    assert len(said) == 1
    assert "2 block(s)" in said[0]
    assert [trial.block for trial in trials.trials] == [B1.cidr, B2.cidr]
    for trial in trials.trials:
        verdict = judge_trial(trial, fence_of(look(B1, B2)))
        assert Result("drops", "", trial.owner, trial.block, verdict).outcome is Outcome.UNOBSERVED
        assert words in verdict.unobserved[0].reason


def test_nothing_is_announced_where_nothing_is_sent() -> None:
    said: list[str] = []
    given = {"run_id": "r1", "parallel": 4, "seconds": 5, "announce": said.append}
    trials = conduct(look(B1), facts, FakeReach(b""), ("w1",), **given)  # type: ignore[arg-type]
    assert (trials.asked, trials.trials, len(trials.untried), said) == (True, (), 1, [])


@pytest.mark.parametrize("run_id", ["", "x" * 65, "a\nb", "ä"])
def test_a_run_id_that_no_packet_can_carry_is_a_usage_error(run_id: str) -> None:
    with pytest.raises(UsageError, match="run id"):
        run(FakeReach(b""), [], run_id)
