"""Allure: what one item says of itself while it runs, and the two files that describe the whole run.

`prepare` and `annotate` are called in the pytest process that runs the item, and do nothing where no Allure report is
being written. allure is imported late: where it is not asked for it costs nothing.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from model.text import printable
from model.verdict import Outcome, Severity

from .causes import telling
from .findings import SEVERITIES, findings_of, outcome
from .text import evidence, finding_lines, headline, message, result_text
from .words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.verdict import Result

    from .values import Finding, Summary

LEVELS = {Severity.BROKEN: "critical", Severity.WRONG: "normal", Severity.HOUSEKEEPING: "minor"}
CAUSES = 10  # headlines among the run's properties
STEPS = 50  # findings with a step each; an item that has more says so


def active() -> bool:
    """Whether this process writes Allure results."""
    from allure_commons import plugin_manager

    return bool(plugin_manager.hook.attach_data.get_hookimpls())


def prepare(parameters: Iterable[str], subject: str) -> None:
    """Keep an item's history over runs: its pytest parameters hold what changes, so the subject stands for them.

    Call it while the item is set up, before allure-pytest reads the parameters; from then on none can be excluded.
    """
    if not active():
        return
    import allure

    for name in parameters:
        allure.dynamic.parameter(name, printable(subject), excluded=True)
    allure.dynamic.parameter("subject", printable(subject))


def annotate(
    *results: Result, threshold: Severity = Severity.WRONG, severity: Severity = Severity.BROKEN, layer: str = ""
) -> None:
    """Title, severity, labels and evidence of the running item, which judged one subject or several by one check.

    `severity` is the check's, for an item without findings; `layer` is the part of the network that it looks at.
    A pass gets one line. What does not conform gets a step with its evidence for each finding.
    """
    if not results or not active():
        return
    import allure

    found = sorted((one for result in results for one in findings_of(result, threshold)), key=_weight)
    worst = found[0].severity if found else severity
    allure.dynamic.title(_title(results))
    allure.dynamic.severity(LEVELS[worst])
    for label, values in _labels(results, found, layer).items():
        allure.dynamic.label(label, *values)
    told = [message(result, threshold) for result in results[:STEPS]]
    allure.dynamic.description("\n".join(f"    {line}" for line in told))  # Markdown: as code, whatever a name holds
    for finding in found[:STEPS]:
        _step(finding)
    if len(found) > STEPS:
        with allure.step(f"and {counted(len(found) - STEPS, 'more finding')}: see findings.json"):
            pass
    unobserved = [result for result in results if outcome(result, threshold) is Outcome.UNOBSERVED]
    if unobserved:
        text = "\n\n".join(result_text(result, threshold) for result in unobserved[:STEPS])
        allure.attach(text, "could not be observed", allure.attachment_type.TEXT)


def _step(finding: Finding) -> None:
    """One finding: a step for it, one in it for each piece of evidence, and the whole as text to copy."""
    import allure

    with contextlib.suppress(AssertionError), allure.step(headline(finding)):
        for label, text in evidence(finding):
            with allure.step(f"{label}: {text}"):
                pass
        text = "\n".join([*finding_lines(finding), f"  id        {finding.id}"])
        allure.attach(text, finding.id, allure.attachment_type.TEXT)
        if finding.gates:
            raise AssertionError(finding.found or headline(finding))  # only an exception makes a step a failed one


def _weight(finding: Finding) -> tuple[int, str]:
    return SEVERITIES.index(finding.severity), finding.id


def _title(results: tuple[Result, ...]) -> str:
    first = results[0]
    subjects = first.subject if len(results) == 1 else f"{first.node}, {counted(len(results), 'subject')}"
    return printable(f"{first.title} [{subjects}]")


def _labels(results: tuple[Result, ...], found: list[Finding], layer: str) -> dict[str, list[str]]:
    labels = {
        "check": [printable(results[0].check)],
        "node": sorted({printable(result.node) for result in results if result.node}),
        "finding": sorted({finding.id for finding in found}),
        "layer": [layer] if layer else [],
    }
    return {label: values for label, values in labels.items() if values}


def environment(summary: Summary) -> bytes:
    """environment.properties, in the format of java.util.Properties."""
    header = summary.header
    pairs = {"verdict": summary.sentence, "exit_code": str(int(summary.exit_code)), "threshold": str(summary.threshold)}
    if header is not None:
        pairs |= {
            "tool": header.tool,
            "cluster": header.cluster,
            "observed": header.taken,
            "source": header.source,
            "reach": header.reach,
            "note": header.note,
            "selection": " ".join(header.selection.asked),
        }
    pairs |= {f"cause_{place}": cause.headline for place, cause in enumerate(telling(summary.causes)[:CAUSES], 1)}
    lines = [f"{key}={_property(printable(value))}\n" for key, value in pairs.items() if value]
    return "".join(lines).encode("ascii")


def _property(value: str) -> str:
    """Backslashes doubled, other letters than ASCII as \\uXXXX in UTF-16 (java.util.Properties.load)."""
    doubled = value.replace("\\", "\\\\")
    units = doubled.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 0x7F else f"\\u{code:04x}" for code in codes)


def categories() -> bytes:
    """categories.json: the outcomes beside pass. Their words start the messages of items (`text.message`)."""
    unobserved = str(Outcome.UNOBSERVED)
    every = (
        (str(Outcome.FAILED), "failed", "(?s).*"),
        (unobserved, "broken", f"(?s).*{unobserved}.*"),
        ("an error inside the tool", "broken", f"(?s)(?!.*{unobserved}).*"),
        (str(Outcome.INAPPLICABLE), "skipped", f"(?s)(Skipped: )?{Outcome.INAPPLICABLE}.*"),
        (str(Outcome.UNASKED), "skipped", f"(?s)(Skipped: )?{Outcome.UNASKED}.*"),
    )
    rules = [{"name": name, "matchedStatuses": [status], "messageRegex": regex} for name, status, regex in every]
    return (json.dumps(rules, indent=1) + "\n").encode("ascii")
