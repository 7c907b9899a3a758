"""Judging many mutations over all cores, and sorting their fates."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from tests.mutations.dont_care import Reviewed
from tests.mutations.generate import mutations
from tests.mutations.mutation import Mutation
from tests.mutations.reviewed import ENTRIES
from tests.mutations.scene import Scene
from tests.mutations.second_lists import with_second_lists
from tests.mutations.trials import with_trials
from tests.mutations.verdicts import Baseline, Fate, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from model.snapshot import Snapshot

_SHARE = 200  # mutations that one worker takes at a time
_REVIEWED = Reviewed(ENTRIES)
_PROOFS = 3  # survivors that show that an entry of the list is still needed


class Judged(msgspec.Struct, frozen=True):
    """One mutation, what became of it, and the place of the entry of the reviewed list that covers it."""

    mutation: Mutation
    outcome: Outcome
    entry: int | None = None

    @property
    def unlisted(self) -> bool:
        """Whether it is an error: nothing noticed it and nobody said why, or a check raised."""
        return self.outcome.fate is Fate.RAISED or (self.outcome.fate is Fate.SURVIVED and self.entry is None)


class Needs:
    """Which entries of the list are known to be needed: some mutation that they cover was judged and survived.

    What the list covers is judged for that alone, until it is shown: what no check needs to notice may be noticed.
    """

    def __init__(self, tries: int = 30) -> None:
        """`tries`: how many mutations of an entry are judged at most, by each worker; 0 for none."""
        self.proofs: Counter[int] = Counter()
        self._most = tries
        self._tries: Counter[int] = Counter()

    def open(self, entry: int) -> bool:
        """Whether a mutation of the entry is to be judged."""
        if self.proofs[entry] >= _PROOFS or self._tries[entry] >= self._most:
            return False
        self._tries[entry] += 1
        return True

    def note(self, judged: Judged) -> None:
        """Take what a judgement shows."""
        if judged.entry is not None and judged.outcome.fate is Fate.SURVIVED:
            self.proofs[judged.entry] += 1

    def again(self) -> None:
        """Another base: entries of which nothing survived yet are tried there anew."""
        self._tries.clear()


class Subject:
    """A recording or a simulated cluster, made whole, and its mutations."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = with_trials(with_second_lists(snapshot))
        self.baseline = Baseline(self.snapshot)
        self.mutations = mutations(self.snapshot)
        self.scene = Scene(self.snapshot)
        self.reviewed = _REVIEWED

    def judge(self, mutation: Mutation, needs: Needs) -> Judged:
        """What becomes of one mutation."""
        entry = self.reviewed.number(mutation, self.scene)
        if entry is not None and not needs.open(entry):
            return Judged(mutation, Outcome(Fate.LISTED), entry)
        judged = Judged(mutation, self.baseline.outcome(mutation), entry)
        needs.note(judged)
        return judged


_work: tuple[Subject, Needs] | None = None  # a forked worker's: inherited, never sent


def run(
    subject: Subject,
    chosen: Sequence[int] | None = None,
    workers: int | None = None,
    needs: Needs | None = None,
    tell: Callable[[int], None] | None = None,
) -> Iterator[Judged]:
    """Judge the chosen mutations (all by default), in order. `needs` is kept from base to base; `tell` is given how
    many are done, now and then."""
    global _work  # the only way that a forked worker gets it without copying
    numbers = range(len(subject.mutations)) if chosen is None else chosen
    needs = needs or Needs()
    needs.again()
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from (subject.judge(subject.mutations[number], needs) for number in numbers)
        return
    _work = (subject, needs)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for done, (number, fate) in enumerate(zip(numbers, pool.imap(_fate, numbers, _SHARE), strict=True), 1):
            judged = Judged(subject.mutations[number], *fate)
            needs.note(judged)
            if tell and done % 10000 == 0:
                tell(done)
            yield judged
    _work = None


def _fate(number: int) -> tuple[Outcome, int | None]:
    if _work is None:
        raise RuntimeError("this worker was not forked by run()")
    subject, needs = _work
    judged = subject.judge(subject.mutations[number], needs)
    return judged.outcome, judged.entry


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
