"""All results of a run into one value: counts, findings in order, the exit code, and the verdict in one sentence."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from model.text import printable, printable_lines
from model.verdict import Outcome, Severity

from .causes import grouped
from .findings import findings_of, order, outcome
from .gaps import inapplicable_gaps, unasked_gaps, unobserved_gaps
from .sentence import sentence
from .values import ORDER, CheckCount, ExitCode, HealedFinding, Problem, Summary, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checks.declare import Check
    from model.node import Absent
    from model.snapshot import Header, Healed
    from model.verdict import Gap, Result


def summarise(
    results: Sequence[Result],
    header: Header | None,
    *,
    unreachable: Iterable[Absent] = (),
    healed: Iterable[Healed] = (),
    left_out: Sequence[Gap] = (),
    planned: int | None = None,
    threshold: Severity = Severity.WRONG,
    problem: Problem | None = None,
    interrupted: bool = False,
    catalogue: Sequence[Check] = (),
) -> Summary:
    """The run as a value, the same for the same results in whatever order they come.

    `planned` is how many results there should be: fewer means that a worker died, which is never a pass; None where
    nobody can say (set-up failed, or the user asked to stop early: name that in `left_out`). `catalogue` gives the
    order in which checks are shown and what their subjects are; others follow by name.
    """
    absent = tuple(unreachable)
    findings = sorted((finding for result in results for finding in findings_of(result, threshold)), key=order)
    unobserved = unobserved_gaps(results, absent)
    told_findings, causes = grouped(findings, unobserved)
    told = problem and Problem(problem.trouble, printable(problem.reason), printable_lines(problem.remedy))
    summary = Summary(
        header=header,
        threshold=threshold,
        exit_code=ExitCode.CONFORMS,
        sentence="",
        results=len(results),
        planned=planned,
        interrupted=interrupted,
        problem=told,
        checks=_checks(results, threshold, catalogue),
        findings=told_findings,
        causes=causes,
        unreachable=tuple(sorted({printable(node.name) for node in absent})),
        unobserved=unobserved,
        inapplicable=inapplicable_gaps(results),
        unasked=unasked_gaps(results, left_out),
        healed=tuple(sorted((HealedFinding(printable(one.finding), one.seconds) for one in healed), key=_healed_order)),
    )
    summary = msgspec.structs.replace(summary, exit_code=exit_code(summary))
    return msgspec.structs.replace(summary, sentence=sentence(summary))


def exit_code(summary: Summary) -> ExitCode:
    """The first that holds, in the order of `values.ORDER`."""
    trouble = summary.problem.trouble if summary.problem else None
    lost = summary.planned is not None and summary.results < summary.planned
    holds = {
        ExitCode.INTERRUPTED: summary.interrupted,
        ExitCode.TOOL: trouble == Trouble.TOOL or lost,
        ExitCode.USAGE: trouble == Trouble.USAGE,
        ExitCode.FAILED: any(finding.gates for finding in summary.findings),
        ExitCode.UNOBSERVED: trouble == Trouble.UNOBSERVED or bool(summary.unobserved),
        ExitCode.NOTHING: not any(check.examined for check in summary.checks),
        ExitCode.CONFORMS: True,
    }
    return next(code for code in ORDER if holds[code])


def _checks(results: Iterable[Result], threshold: Severity, catalogue: Sequence[Check]) -> tuple[CheckCount, ...]:
    by_check: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_check[result.check].append(result)
    place = {check.id: number for number, check in enumerate(catalogue)}
    scopes = {check.id: str(check.scope) for check in catalogue}
    ordered = sorted(by_check, key=lambda check: (place.get(check, len(place)), check))
    return tuple(_count(check, by_check[check], threshold, scopes.get(check, "")) for check in ordered)


def _count(check: str, results: Sequence[Result], threshold: Severity, scope: str) -> CheckCount:
    outcomes = Counter(outcome(result, threshold) for result in results)
    return CheckCount(
        check=printable(check),
        title=printable(min(result.title for result in results)),
        scope=scope,
        examined=sum(result.verdict.examined for result in results),
        subjects=len(results),
        passed=outcomes[Outcome.PASSED],
        failed=outcomes[Outcome.FAILED],
        unobserved=outcomes[Outcome.UNOBSERVED],
        inapplicable=outcomes[Outcome.INAPPLICABLE],
        unasked=outcomes[Outcome.UNASKED],
        findings=sum(len(result.verdict.differences) for result in results),
    )


def _healed_order(healed: HealedFinding) -> tuple[str, float]:
    return healed.id, healed.seconds
