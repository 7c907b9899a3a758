"""The score of a run: found of all, per base, kind of fact and field, and the reviewed list with what each entry
covers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.mutations.run import Judged

_UNLISTED = 40  # lines of survivors that are printed


class Tally(msgspec.Struct):
    """How many mutations of one base were run of how many there are, and what became of them."""

    base: str
    all: int
    run: int = 0
    found: int = 0
    listed: int = 0

    @property
    def neither(self) -> int:
        """Those that nothing noticed and nobody explained."""
        return self.run - self.found - self.listed

    @property
    def whole(self) -> bool:
        """Whether every mutation of the base was run."""
        return self.run == self.all

    def line(self) -> str:
        """One line, for the one who waits."""
        return (
            f"{self.base}: {self.run:,} of {self.all:,} mutations: {self.found:,} found, "
            f"{self.listed:,} on the reviewed list, {self.neither:,} neither"
        )


class Score:
    """The counts of one or several bases."""

    def __init__(self) -> None:
        self.bases: list[Tally] = []
        self.total: Counter[tuple[str, str]] = Counter()
        self.found: Counter[tuple[str, str]] = Counter()
        self.unlisted: list[tuple[str, Judged]] = []
        self.covered: Counter[int] = Counter()

    def add(self, base: str, size: int, results: Iterable[Judged]) -> Tally:
        """Count the results of a base that has `size` mutations in all."""
        tally = Tally(base, size)
        self.bases.append(tally)
        for result in results:
            place = (result.mutation.kind, result.mutation.field)
            tally.run += 1
            self.total[place] += 1
            if result.unlisted:
                self.unlisted.append((base, result))
            elif result.entry is not None:
                tally.listed += 1
                self.covered[result.entry] += 1
            else:
                tally.found += 1
                self.found[place] += 1
        return tally

    def sentence(self) -> str:
        """The whole in one line."""
        total, listed, found = self.total.total(), self.covered.total(), self.found.total()
        share = f"{found / (total - listed):.2%}" if total - listed else "nothing"
        return (
            f"{total:,} mutations: {found:,} found, {listed:,} on the reviewed list, "
            f"{len(self.unlisted):,} neither; score {share} of those that a check must find"
        )

    def lines(self) -> Iterator[str]:
        """One line per kind of fact and field, then the survivors that nobody explained."""
        yield f"{'kind of fact':<26} {'field':<58} {'found':>9} {'listed':>9} {'neither':>7}"
        neither = Counter((result.mutation.kind, result.mutation.field) for _, result in self.unlisted)
        for (kind, field), total in sorted(self.total.items()):
            found, bad = self.found[kind, field], neither[kind, field]
            yield f"{kind:<26} {field or '(the whole)':<58} {found:>9} {total - found - bad:>9} {bad:>7}"
        for base, result in self._one_of_each_class()[:_UNLISTED]:
            yield f"NOT FOUND: {base}: {describe(result)}"
        if len(self.unlisted) > _UNLISTED:
            yield f"… and {len(self.unlisted) - _UNLISTED} more"

    def _one_of_each_class(self) -> list[tuple[str, Judged]]:
        """The survivors that nobody explained, one of each class before a second one of any."""
        met: Counter[tuple[str, str, str]] = Counter()
        turns = []
        for base, result in self.unlisted:
            kind = (result.mutation.kind, result.mutation.field, result.mutation.operation)
            met[kind] += 1
            turns.append((met[kind], base, result))
        return [(base, result) for _, base, result in sorted(turns, key=lambda turn: turn[0])]


def describe(result: Judged) -> str:
    """One survivor, with the values that were changed."""
    mutation = result.mutation
    change = f": {mutation.old!r} became {mutation.new!r}" if mutation.field else ""
    error = f" ({result.outcome.said})" if result.outcome.said else ""
    return f"{mutation.name}{change[:200]}{error}"
