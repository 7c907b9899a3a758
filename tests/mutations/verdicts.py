"""Whether a mutation is noticed: what the checks say of the mutated snapshot and did not say of the healthy one."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from checks.run import judge
from tests.mutations.tree import edited

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.snapshot import Snapshot
    from model.verdict import Result
    from tests.mutations.mutation import Mutation

Said = tuple[str, str, str, str, str]
UNOBSERVED = "not observed"


class Fate(enum.StrEnum):
    """What became of a mutation. A check that raises is an error of the tool, not a finding."""

    FOUND = "found"
    SURVIVED = "survived"
    RAISED = "a check raised"


class Outcome(msgspec.Struct, frozen=True):
    """One mutation's fate, with what was said first or the error."""

    fate: Fate
    said: str = ""


def said(results: Iterable[Result]) -> set[Said]:
    """Every difference and everything that could not be observed: check, node, subject, object, what was found."""
    spoken: set[Said] = set()
    for result in results:
        place = (result.check, result.node, result.subject)
        spoken |= {(*place, item.object, f"{item.severity}: {item.found}") for item in result.verdict.differences}
        spoken |= {(*place, gap.object, UNOBSERVED) for gap in result.verdict.unobserved}
    return spoken


class Baseline:
    """The healthy snapshot and what the checks say of it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.said = said(judge(snapshot))

    def outcome(self, mutation: Mutation) -> Outcome:
        """What becomes of a mutation."""
        try:
            new = self._news(mutation)
        except Exception as error:  # whatever a check raises is what is wanted here
            return Outcome(Fate.RAISED, f"{type(error).__name__}: {error}")
        if not new:
            return Outcome(Fate.SURVIVED)
        return Outcome(Fate.FOUND, " ".join(min(new)))

    def accusations(self, mutation: Mutation) -> list[str]:
        """The differences that a mutation brings; what could not be observed accuses nobody."""
        return sorted(" ".join(item) for item in self._news(mutation) if item[-1] != UNOBSERVED)

    def _news(self, mutation: Mutation) -> set[Said]:
        """What is said of the mutated snapshot, judged as far as the mutation can matter, and was not said before."""
        return said(judge(edited(self.snapshot, mutation.edits), mutation.nodes or None)) - self.said
