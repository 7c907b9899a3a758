"""What has no verdict, gathered by its reason: one node that does not answer is one line, not one per check."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from model.text import printable
from model.verdict import Gap, Verdict

from .values import GapGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from model.node import Absent
    from model.verdict import Result

UNREAD = "could not be read: "  # before it stands what a check wanted, after it why there is none of it

Key = tuple[str, str, str]  # node, reason, remedy
Asked = tuple[str, Gap]  # check, gap


def unobserved_gaps(results: Iterable[Result], unreachable: Iterable[Absent]) -> tuple[GapGroup, ...]:
    """What was asked and could not be observed, by node and reason: an unreachable node takes in what it caused, one
    thing that could not be read takes in all checks that wanted it."""
    absent = {node.name: node for node in unreachable}
    groups: defaultdict[Key, list[Asked]] = defaultdict(list)
    for node in absent.values():
        groups[node.name, node.reason, node.remedy] = []
    for result in results:
        for gap in result.verdict.unobserved:
            gone = absent.get(result.node) or absent.get(gap.object)
            why = gap.reason.partition(UNREAD)[2] or gap.reason
            key = (gone.name, gone.reason, gone.remedy) if gone else (result.node, why, gap.remedy)
            groups[key].append((result.check, gap))
    _take_in_the_bare(groups)
    return _in_order({_shown(key, members, absent): members for key, members in groups.items()})


def _take_in_the_bare(groups: dict[Key, list[Asked]]) -> None:
    """What one check says with a remedy and another without is one thing."""
    told = {(node, why): remedy for node, why, remedy in sorted(groups, reverse=True) if remedy}
    for node, why, remedy in [*groups]:
        if not remedy and (node, why) in told:
            groups[node, why, told[node, why]] += groups.pop((node, why, remedy))


def _shown(key: Key, members: list[Asked], absent: Mapping[str, Absent]) -> Key:
    """The group's key with the shortest of its reasons in words."""
    node, _, remedy = key
    if node in absent or not members:
        return key
    return node, min((gap.reason for _, gap in members), key=lambda reason: (len(reason), reason)), remedy


def inapplicable_gaps(results: Iterable[Result]) -> tuple[GapGroup, ...]:
    """What does not apply, by reason."""
    empty = Verdict()
    return _by_reason(
        (result.check, gap)
        for result in results
        for gap in result.verdict.inapplicable
        or ((Gap(result.subject, "there is nothing to examine"),) if result.verdict == empty else ())
    )


def unasked_gaps(results: Iterable[Result], left_out: Sequence[Gap] = ()) -> tuple[GapGroup, ...]:
    """What was not asked, by reason; `left_out` is what no check was run for, such as what a selection leaves out, and
    comes first."""
    asked = ((result.check, gap) for result in results for gap in result.verdict.unasked)
    return _by_reason(("", gap) for gap in left_out) + _by_reason(asked)


def _by_reason(gaps: Iterable[Asked]) -> tuple[GapGroup, ...]:
    groups: defaultdict[Key, list[Asked]] = defaultdict(list)
    for check, gap in gaps:
        groups["", gap.reason, gap.remedy].append((check, gap))
    return _in_order(groups)


def _in_order(groups: dict[Key, list[Asked]]) -> tuple[GapGroup, ...]:
    return tuple(
        GapGroup(
            node=printable(node),
            reason=printable(reason),
            remedy=printable(remedy),
            count=len(members),
            checks=tuple(sorted({printable(check) for check, _ in members if check})),
            objects=tuple(sorted({printable(gap.object) for _, gap in members if gap.object})),
        )
        for (node, reason, remedy), members in sorted(groups.items(), key=lambda group: group[0])
    )
