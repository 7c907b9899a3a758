"""Whether a mutation is noticed: what the checks say of the mutated snapshot and did not say of the unmutated one."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from checks.declare import Scope
from checks.run import Bench, apply, catalogue, judge, judge_node
from expect.world import World
from tests.mutations.tree import edited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checks.declare import Check
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
    LISTED = "on the reviewed list, and not judged"


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
    """The unmutated snapshot and what the checks say of it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.said = said(judge(snapshot))
        self._worlds = [World(look) for look in snapshot.looks]
        self._pods = {name: _names(Bench(snapshot, self._worlds), name) for name in Bench(snapshot).nodes()}
        self._checks = catalogue()
        self._finders: dict[tuple[str, str, str], Check] = {}  # which check found the last one of a class

    def outcome(self, mutation: Mutation) -> Outcome:
        """What becomes of a mutation: the first finding decides, and the check that found the like is asked first."""
        kind = (mutation.kind, mutation.field, mutation.operation)
        try:
            for result in self._results(mutation, self._finders.get(kind)):
                if (result.verdict.differences or result.verdict.unobserved) and (new := said([result]) - self.said):
                    self._finders[kind] = next(check for check in self._checks if check.id == result.check)
                    return Outcome(Fate.FOUND, " ".join(min(new)))
        except Exception as error:  # whatever a check raises is what is wanted here
            return Outcome(Fate.RAISED, f"{type(error).__name__}: {error}")
        return Outcome(Fate.SURVIVED)

    def accusations(self, mutation: Mutation) -> list[str]:
        """The differences that a mutation brings; what could not be observed accuses nobody."""
        news = said(self._results(mutation, None)) - self.said
        return sorted(" ".join(item) for item in news if item[-1] != UNOBSERVED)

    def _results(self, mutation: Mutation, first: Check | None) -> Iterator[Result]:
        """The verdicts on the mutated snapshot, as far as the mutation can matter; those of `first` before all."""
        mutated = edited(self.snapshot, mutation.edits)
        same = mutated.looks is self.snapshot.looks
        bench = Bench(mutated, self._worlds if same else None)
        names = mutation.nodes or bench.nodes()
        if first:
            yield from self._of_named_pods(bench, (first,), mutation)
            yield from _of(bench, (first,), names, whole=not mutation.nodes)
        yield from self._of_named_pods(bench, self._checks, mutation)
        yield from _of(bench, self._checks, names, whole=not mutation.nodes)

    def _of_named_pods(self, bench: Bench, every: tuple[Check, ...], mutation: Mutation) -> Iterator[Result]:
        """What is said of the pods whose namespace, interface or address the mutation names: they are the likely
        ones."""
        for name in mutation.nodes:
            here = set(bench.pods(name))
            for key, words in self._pods.get(name, ()):
                if key in here and any(word in mutation.where for word in words):
                    yield from (apply(check, bench.pod(name, key)) for check in every if check.scope is Scope.POD)


def _names(bench: Bench, name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The keys of a node's pods, each with what tells it from the others."""
    found = []
    for key in bench.pods(name):
        pod = bench.pod(name, key)
        namespace = (f"{pod.namespace.name}:", f"{pod.namespace.name}/") if pod.namespace else ()
        found.append((key, (pod.interface, *(f" {prefix}" for prefix in pod.prefixes), *namespace)))
    return found


def _of(bench: Bench, every: tuple[Check, ...], names: Iterable[str], *, whole: bool) -> Iterator[Result]:
    if whole:
        yield from (apply(check, bench.cluster) for check in every if check.scope is Scope.CLUSTER)
    if any(check.scope is not Scope.CLUSTER for check in every):
        for name in names:
            yield from judge_node(bench, name, every)
