"""The drop trials carried out in a TrialLab, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.drops import fence_of, judge_trial
from fixtures.packets.conduct import conduct
from model.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fixtures.reach.protocol import RunsProbe
    from model.cluster import Look
    from model.node import NodeFacts
    from model.trial import Trial, Trials
    from tests.lab.trial_lab import TrialLab

NODES = ("owner", "sender")


def seen(lab: TrialLab) -> dict[str, NodeFacts]:
    """The facts of the two nodes."""
    return {node: lab.facts(node) for node in NODES}


def run(
    lab: TrialLab,
    look: Look,
    said: list[str] | None = None,
    *,
    facts: Mapping[str, NodeFacts] | None = None,
    way: RunsProbe | None = None,
    seconds: float = 30,
) -> Trials:
    """The look's trials. `said` takes what is announced; `facts` are those of now, unless they are given."""
    known = facts or seen(lab)
    return conduct(
        look,
        known.__getitem__,
        way or lab.reach,
        NODES,
        run_id=f"lab-{lab.prefix}-{len(lab.reach.runs)}",
        parallel=4,
        seconds=seconds,
        announce=(said if said is not None else []).append,
    )


def outcome(trial: Trial, look: Look) -> tuple[str, str]:
    """The outcome's word, and everything that is said."""
    verdict = judge_trial(trial, fence_of(look))
    said = [difference.found + difference.likely for difference in verdict.differences]
    said += [gap.reason + gap.remedy for gap in verdict.unobserved]
    return Result("drops", "", trial.owner, trial.block, verdict).outcome.name, " ".join(said)


def only(lab: TrialLab, look: Look) -> tuple[Trial, str, str]:
    """The look's one trial, its outcome's word, and everything that is said."""
    (trial,) = run(lab, look).trials
    return trial, *outcome(trial, look)
