"""The verdict in one sentence: what was found, what could not be observed, what was not asked, what healed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .causes import telling
from .findings import SEVERITIES
from .values import ExitCode, Summary
from .words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .values import Cause, Finding, GapGroup


def sentence(summary: Summary) -> str:
    """One sentence on one line. What was not asked is always in it, and weighs nothing."""
    clauses = [_opening(summary)]
    if summary.exit_code != ExitCode.FAILED and summary.findings:
        clauses.append(_counts(summary.findings))
    causes = [cause for cause in telling(summary.causes) if cause.gates]
    if causes:
        clauses.append(_foremost(causes, summary.causes[0]))
    if summary.unobserved:
        clauses.append(f"could not be observed: {_unobserved(summary.unobserved)}")
    if summary.unasked:
        clauses.append(f"not asked: {listed([_reason(group) for group in summary.unasked], 5)}")
    if summary.healed:
        clauses.append(f"{counted(len(summary.healed), 'finding')} healed while it was looked at")
    return "; ".join(clauses) + "."


def _opening(summary: Summary) -> str:
    compared = sum(check.examined for check in summary.checks)
    match summary.exit_code:
        case ExitCode.INTERRUPTED:
            return f"Interrupted, so there is no verdict: {_progress(summary)}"
        case ExitCode.TOOL:
            error = _trouble(summary) or f"only {_progress(summary)}"
            return f"There is no verdict, because of an error inside the tool: {error}"
        case ExitCode.USAGE:
            return f"There is no verdict, because nothing could be asked: {_trouble(summary)}"
        case ExitCode.FAILED:
            return f"The cluster does not conform: {_accusation(summary)}"
        case ExitCode.UNOBSERVED:
            trouble = _trouble(summary)
            seen = f"Nothing wrong was seen in {counted(compared, 'comparison')}, but there is no verdict on the whole"
            return f"{seen}: {trouble}" if trouble else seen
        case ExitCode.NOTHING:
            return "There was nothing to examine, so there is no verdict"
        case ExitCode.CONFORMS:
            checks = sum(1 for check in summary.checks if check.passed)
            return f"The cluster conforms: {counted(compared, 'comparison')} in {counted(checks, 'check')}"


def _accusation(summary: Summary) -> str:
    failing = [check for check in summary.checks if check.failed]
    nodes = sorted({finding.node for finding in summary.findings if finding.gates and finding.node})
    where = f" on {listed(nodes)}" if nodes else ""
    return f"{_counts(summary.findings)} in {len(failing)} of {counted(len(summary.checks), 'check')}{where}"


def _foremost(causes: Sequence[Cause], first: Cause) -> str:
    """`1 cause explains 6 of them, first: worker2: BIRD does not answer: …`."""
    explained = sum(len(cause.consequences) for cause in causes)
    each = "1 cause explains" if len(causes) == 1 else f"{len(causes):,} causes explain"
    return f"{each} {explained:,} of them, first: {_bare(first.headline)}"


def _counts(findings: Iterable[Finding]) -> str:
    """`3 findings (1 broken, 2 housekeeping)`."""
    count = Counter(finding.severity for finding in findings)
    each = [f"{count[severity]:,} {severity}" for severity in SEVERITIES if count[severity]]
    return f"{counted(count.total(), 'finding')} ({', '.join(each)})"


def _unobserved(groups: Sequence[GapGroup]) -> str:
    return listed([f"{group.node} ({_bare(group.reason)})" if group.node else _reason(group) for group in groups], 3)


def _reason(group: GapGroup) -> str:
    thing = f" ({group.count:,})" if group.count > 1 else ""
    return f"{_bare(group.reason)}{thing}"


def _progress(summary: Summary) -> str:
    if summary.planned is None:
        return f"{counted(summary.results, 'result')} came back"
    return f"{summary.results:,} of {counted(summary.planned, 'result')} came back"


def _trouble(summary: Summary) -> str:
    return _bare(summary.problem.reason) if summary.problem else ""


def _bare(text: str) -> str:
    """Without the full stop that would end the sentence early, and short enough for a sentence."""
    text = text.rstrip(". ")
    return text if len(text) <= 200 else text[:199] + "…"
