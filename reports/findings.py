"""From one result to its findings and its outcome at a threshold: what every sink, and the gate, agree on."""

from __future__ import annotations

from model.text import printable
from model.verdict import Outcome, Result, Severity

from .values import Finding

SEVERITIES = tuple(Severity)  # worst first


def gates(severity: Severity, threshold: Severity) -> bool:
    """Whether a difference of that severity makes a run fail. Housekeeping never does, whatever the threshold."""
    if severity == Severity.HOUSEKEEPING:
        return False
    return SEVERITIES.index(severity) <= SEVERITIES.index(threshold)


def outcome(result: Result, threshold: Severity = Severity.WRONG) -> Outcome:
    """The outcome where only differences at or above `threshold` fail: at the default the same as `Result.outcome`."""
    verdict = result.verdict
    if any(gates(difference.severity, threshold) for difference in verdict.differences):
        return Outcome.FAILED
    if verdict.unobserved:
        return Outcome.UNOBSERVED
    if verdict.examined:
        return Outcome.PASSED
    return Outcome.UNASKED if verdict.unasked else Outcome.INAPPLICABLE


def findings_of(result: Result, threshold: Severity = Severity.WRONG) -> tuple[Finding, ...]:
    """The result's differences as findings, worst first and in a stable order, every text made safe to print."""
    return tuple(
        sorted(
            (
                Finding(
                    id=printable(result.finding_id(difference)),
                    check=printable(result.check),
                    title=printable(result.title),
                    severity=difference.severity,
                    gates=gates(difference.severity, threshold),
                    node=printable(result.node),
                    subject=printable(result.subject),
                    kind=difference.kind,
                    object=printable(difference.object),
                    expected=printable(difference.expected),
                    because=printable(difference.because),
                    found=printable(difference.found),
                    look=printable(difference.look),
                    likely=printable(difference.likely),
                    about=tuple(sorted(map(printable, difference.about))),
                )
                for difference in result.verdict.differences
            ),
            key=order,
        )
    )


def order(finding: Finding) -> tuple[int | str, ...]:
    """Severity, check, node, object; then the rest, so that no two different findings are ever equal in order."""
    return (
        SEVERITIES.index(finding.severity),
        finding.check,
        finding.node,
        finding.object,
        finding.subject,
        finding.kind,
        finding.expected,
        finding.found,
        finding.because,
        finding.look,
        finding.likely,
        *finding.about,
    )
