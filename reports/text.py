"""A finding, and a result, as plain text: the same words in the terminal, JUnit, Allure and pytest."""

from __future__ import annotations

import textwrap
from types import MappingProxyType
from typing import TYPE_CHECKING

from model.text import printable
from model.verdict import Kind, Outcome, Severity

from .findings import findings_of, outcome
from .words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.verdict import Gap, Result

    from .values import Finding

SAYS = {Kind.MISSING: "is missing", Kind.UNEXPECTED: "is not expected", Kind.DIFFERENT: "is not as expected"}
LABEL_WIDTH = 11  # the longest label and two spaces
WIDTH = 120


def headline(finding: Finding) -> str:
    """What is wrong, and where, in one line: `worker2: route 10.48.0.64/26 is missing`."""
    place = [finding.node or "cluster"]
    if finding.subject not in ("", "cluster", finding.node) and finding.subject not in finding.object:
        place.append(finding.subject)
    return f"{': '.join(place)}: {finding.object} {SAYS[finding.kind]}"


def evidence(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Label and text of each thing known about a finding; what is empty is left out."""
    every = (
        ("expected", finding.expected),
        ("because", finding.because),
        ("found", finding.found),
        ("look", finding.look),
        ("likely", finding.likely),
    )
    return tuple((label, text) for label, text in every if text)


def finding_lines(finding: Finding, width: int = WIDTH) -> list[str]:
    """The headline and the evidence under it. Commands are never wrapped, so that they can be copied."""
    severity = "" if finding.severity == Severity.BROKEN else f" ({finding.severity})"
    lines = [f"{headline(finding)}{severity}"]
    for label, text in evidence(finding):
        lines += labelled(label, text, width, wrap=label != "look")
    return lines


def labelled(label: str, text: str, width: int = WIDTH, *, wrap: bool = True) -> list[str]:
    """`  because   text`, with what does not fit in `width` columns under the text."""
    start = f"  {label:<{LABEL_WIDTH - 3}}  "
    if not wrap:
        return [start + text]
    room = max(width - len(start), 20)
    wrapped = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [start + wrapped[0], *(" " * len(start) + rest for rest in wrapped[1:])]


def gap_line(gap: Gap) -> str:
    """`object: reason (remedy)`."""
    what = ": ".join(part for part in (printable(gap.object), printable(gap.reason)) if part)
    return f"{what} ({printable(gap.remedy)})" if gap.remedy else what


def message(result: Result, threshold: Severity = Severity.WRONG) -> str:
    """The result in one line. It starts with the outcome's words, which the Allure categories are told apart by."""
    verdict = result.verdict
    held = outcome(result, threshold)
    if held is Outcome.FAILED:
        heads = [headline(finding) for finding in findings_of(result, threshold) if finding.gates]
        return f"{held}: {listed(heads, 3)}"
    if held is Outcome.PASSED:
        return f"{held}: {counted(verdict.examined, 'comparison')}"
    gaps = {
        Outcome.UNOBSERVED: verdict.unobserved,
        Outcome.INAPPLICABLE: verdict.inapplicable,
        Outcome.UNASKED: verdict.unasked,
    }[held]
    reasons = sorted({printable(gap.reason) for gap in gaps})
    return f"{held}: {listed(reasons, 3) or 'there is nothing to examine'}"


def result_text(
    result: Result,
    threshold: Severity = Severity.WRONG,
    width: int = WIDTH,
    causes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Everything a result has to say, several lines: findings with evidence and id, then what has no verdict.

    `causes` has the id of each finding's cause by the finding's own, where it is known already.
    """
    lines: list[str] = []
    for finding in findings_of(result, threshold):
        lines += [*finding_lines(finding, width), *labelled("id", finding.id, width, wrap=False)]
        if finding.id in causes:
            lines += labelled("cause", causes[finding.id], width, wrap=False)
        lines.append("")
    verdict = result.verdict
    for title, gaps in (
        (Outcome.UNOBSERVED, verdict.unobserved),
        (Outcome.INAPPLICABLE, verdict.inapplicable),
        (Outcome.UNASKED, verdict.unasked),
    ):
        lines += _gap_block(title, gaps)
    return "\n".join(lines).rstrip("\n")


def _gap_block(title: str, gaps: Sequence[Gap], limit: int = 50) -> list[str]:
    if not gaps:
        return []
    shown = sorted(gap_line(gap) for gap in gaps)
    more = [f"  and {len(shown) - limit:,} more"] if len(shown) > limit else []
    return [f"{title}:", *(f"  {line}" for line in shown[:limit]), *more, ""]
