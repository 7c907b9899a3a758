"""Judging many mutations over all cores, and sorting their fates."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from tests.mutations.dont_care import DontCare, Scene, entry_for
from tests.mutations.generate import mutations
from tests.mutations.mutation import Mutation
from tests.mutations.reviewed import ENTRIES
from tests.mutations.second_lists import with_second_lists
from tests.mutations.trials import with_trials
from tests.mutations.verdicts import Baseline, Fate, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from model.snapshot import Snapshot

_SHARE = 200  # mutations that one worker takes at a time


class Judged(msgspec.Struct, frozen=True):
    """One mutation, what became of it, and the entry of the reviewed list that covers it where it survived."""

    mutation: Mutation
    outcome: Outcome
    entry: DontCare | None = None

    @property
    def unlisted(self) -> bool:
        """Whether it is an error: nothing noticed it and nobody said why, or a check raised."""
        return self.outcome.fate is Fate.RAISED or (self.outcome.fate is Fate.SURVIVED and self.entry is None)


class Subject:
    """A healthy recording, made whole, and its mutations."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = with_trials(with_second_lists(snapshot))
        self.baseline = Baseline(self.snapshot)
        self.mutations = mutations(self.snapshot)
        self.scene = Scene(self.snapshot)

    def judge(self, mutation: Mutation) -> Judged:
        """What becomes of one mutation."""
        outcome = self.baseline.outcome(mutation)
        survived = outcome.fate is Fate.SURVIVED
        return Judged(mutation, outcome, entry_for(mutation, ENTRIES, self.scene) if survived else None)


_subject: Subject | None = None  # a forked worker's: inherited, never sent


def run(subject: Subject, chosen: Sequence[int] | None = None, workers: int | None = None) -> list[Judged]:
    """Judge the chosen mutations (all by default), in order."""
    global _subject  # the only way that a forked worker gets it without copying
    numbers = range(len(subject.mutations)) if chosen is None else chosen
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        return [subject.judge(subject.mutations[number]) for number in numbers]
    _subject = subject
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        fates = pool.map(_outcome, numbers, chunksize=_SHARE)
    _subject = None
    return [
        Judged(
            mutation := subject.mutations[number],
            outcome,
            entry_for(mutation, ENTRIES, subject.scene) if outcome.fate is Fate.SURVIVED else None,
        )
        for number, outcome in zip(numbers, fates, strict=True)
    ]


def _outcome(number: int) -> Outcome:
    if _subject is None:
        raise RuntimeError("this worker was not forked by run()")
    return _subject.baseline.outcome(_subject.mutations[number])


def sample(subject: Subject, size: int, seed: str) -> list[int]:
    """Numbers of `size` mutations, in order, drawn by the seed: one of each class (kind, field, operation) before a
    second one of any."""
    draw = random.Random(seed)
    classes: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, mutation in enumerate(subject.mutations):
        classes[mutation.kind, mutation.field, mutation.operation].append(number)
    firsts = [draw.choice(numbers) for numbers in classes.values()]
    draw.shuffle(firsts)
    rest = sorted(set(range(len(subject.mutations))) - set(firsts))
    more = draw.sample(rest, max(0, min(size - len(firsts), len(rest))))
    return sorted({*firsts[:size], *more})


def stale(results: Iterable[Judged]) -> list[DontCare]:
    """Entries of the reviewed list that cover no survivor of a whole run."""
    used = {id(result.entry) for result in results if result.entry}
    return [entry for entry in ENTRIES if id(entry) not in used]
