"""Cause before symptom: each finding under the one that it follows from, with a headline for what comes of it."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING

import msgspec

from .cause_joins import facts
from .cause_rules import DROPS, FORWARDING, RULES, rank
from .consequences import cause_headline
from .findings import SEVERITIES, order
from .values import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .cause_joins import Key, Rule, Side
    from .values import Finding, GapGroup


def grouped(
    findings: Sequence[Finding], unobserved: Sequence[GapGroup] = ()
) -> tuple[tuple[Finding, ...], tuple[Cause, ...]]:
    """The findings in the given order, each with the id of its cause; and the causes, broken ones first, then those
    that explain the most.

    Every finding is in one cause, once: as its own or as a consequence. A chain of causes is one cause, its first.
    """
    given = list(findings)
    roots = _roots(given)
    told = [
        msgspec.structs.replace(finding, cause="" if root == number else given[root].id)
        for number, (finding, root) in enumerate(zip(given, roots, strict=True))
    ]
    members: defaultdict[int, list[Finding]] = defaultdict(list)
    for number, root in enumerate(roots):
        if root != number:
            members[root].append(told[number])
    causes = [_cause(told[root], sorted(members[root], key=order), unobserved) for root in sorted({*roots}, key=int)]
    return tuple(told), tuple(sorted(causes, key=_weight))


def telling(causes: Sequence[Cause]) -> list[Cause]:
    """Those that explain something."""
    return [cause for cause in causes if cause.consequences]


def _weight(cause: Cause) -> tuple[object, ...]:
    return SEVERITIES.index(cause.severity), -len(cause.consequences), *order(cause.finding)


def _cause(finding: Finding, consequences: Sequence[Finding], unobserved: Sequence[GapGroup]) -> Cause:
    lost = _untried(finding, unobserved)
    return Cause(
        headline=cause_headline(finding, consequences, lost),
        severity=min((finding, *consequences), key=lambda one: SEVERITIES.index(one.severity)).severity,
        gates=any(one.gates for one in (finding, *consequences)),
        finding=finding,
        consequences=tuple(consequences),
        unobserved=lost,
    )


def _untried(finding: Finding, unobserved: Sequence[GapGroup]) -> int:
    """The trials that prove nothing on a node that does not forward: it answers nobody."""
    if finding.check != FORWARDING:
        return 0
    return sum(group.count for group in unobserved if group.node == finding.node and DROPS in group.checks)


def _roots(findings: Sequence[Finding]) -> list[int]:
    """For each finding the place of the one that it goes back to; its own where it stands by itself."""
    columns = [facts(finding) for finding in findings]
    tokens = [{f"{kind}:{value}" for kind, values in each.items() for value in values} for each in columns]
    strength = [(*rank(finding), *order(finding)) for finding in findings]
    places: defaultdict[str, list[int]] = defaultdict(list)
    for number, finding in enumerate(findings):
        places[finding.check].append(number)

    def members(side: Side) -> Iterator[tuple[int, Key]]:
        for number in (number for check in side.checks for number in places.get(check, ())):
            if side.having <= tokens[number] and not side.lacking & tokens[number]:
                for key in side.keys:
                    values = (columns[number].get(column, ()) for column in key)
                    yield from ((number, each) for each in product(*values))

    parents: dict[int, int] = {}
    for rule in RULES:
        parents |= _explained(rule, members, parents, strength)
    return [_root(number, parents) for number in range(len(findings))]


def _explained(
    rule: Rule,
    members: Callable[[Side], Iterator[tuple[int, Key]]],
    parents: dict[int, int],
    strength: Sequence[tuple[int | str, ...]],
) -> dict[int, int]:
    """What one rule adds: for each finding that nothing explained yet, the foremost cause with an equal key."""
    foremost: dict[Key, int] = {}
    for number, key in members(rule.cause):
        known = foremost.get(key)
        if not (rule.twins and number in parents) and (known is None or strength[number] < strength[known]):
            foremost[key] = number
    found: dict[int, int] = {}
    for number, key in members(rule.effect) if foremost else ():
        best = min(
            (place for place in (foremost.get(key), found.get(number)) if place is not None),
            key=lambda place: strength[place],
            default=None,
        )
        if number not in parents and best is not None and strength[best] < strength[number]:
            found[number] = best
    return found


def _root(number: int, parents: dict[int, int]) -> int:
    """Ends, for a cause is always stronger than what follows from it."""
    while number in parents:
        number = parents[number]
    return number
