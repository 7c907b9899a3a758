"""Which test items there are: one a pod and check, or one a node and check, and how one is run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from checks.declare import CATALOGUE, Scope
from checks.run import apply, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.declare import Check
    from checks.run import Bench
    from model.verdict import Result

MANY = 3000  # items that differ only by pod: a trivial one costs some 2 ms under xdist, more with Allure


class Subject(msgspec.Struct, frozen=True):
    """What one item is about. `pods` are the keys of the pods that it covers, none for a node's or the cluster's
    item."""

    id: str
    node: str
    pods: tuple[str, ...] = ()


def by_node(bench: Bench, choice: str) -> bool:
    """Whether pods are gathered by node: when asked, or by themselves when there would be too many items."""
    if choice != "auto":
        return choice == "node"
    checks = sum(check.scope is Scope.POD for check in catalogue())
    return checks * sum(len(bench.pods(name)) for name in bench.nodes()) > MANY


def subjects(bench: Bench, scope: Scope, *, gathered: bool) -> list[Subject]:
    """The subjects of all checks of a scope, node by node."""
    if scope is Scope.CLUSTER:
        return [Subject("cluster", "")]
    if scope is Scope.NODE:
        return [Subject(name, name) for name in bench.nodes()]
    if gathered:
        return [Subject(name, name, tuple(keys)) for name in bench.nodes() if (keys := bench.pods(name))]
    return list(_pods(bench))


def _pods(bench: Bench) -> Iterator[Subject]:
    """One subject a pod. Its id counts the pods of a workload, so that a rollout's new names keep their history."""
    counts: Counter[str] = Counter()
    for node in bench.nodes():
        for key in bench.pods(node):
            stable = bench.stable_name(node, key)
            yield Subject(f"{stable}-{counts[stable]}" if stable != key else key, node, (key,))
            counts[stable] += 1


def planned(bench: Bench, *, gathered: bool) -> int:
    """How many items there are if nothing is deselected."""
    counts = {scope: len(subjects(bench, scope, gathered=gathered)) for scope in Scope}
    return sum(counts[check.scope] for check in catalogue())


def check_of(function_name: str) -> Check | None:
    """The check that a test function declares; None for any other function."""
    return CATALOGUE.get(function_name.removeprefix("test_"))


def run(bench: Bench, check: Check, subject: Subject) -> list[Result]:
    """The results of one item."""
    if check.scope is Scope.CLUSTER:
        return [apply(check, bench.cluster)]
    if check.scope is Scope.NODE:
        return [apply(check, bench.node(subject.node))]
    return [apply(check, bench.pod(subject.node, key)) for key in subject.pods]
