"""One JUnit XML file: a test case per result, and one for the run itself where otherwise nothing would show red.

does not conform is a failure, could not be observed an error, does not apply and not asked a skip with its reason.
A file says red if and only if the exit code is not 0.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from model.text import printable
from model.verdict import Outcome

from .causes import telling
from .findings import findings_of, outcome
from .text import message, result_text
from .values import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from model.verdict import Result, Severity

    from .values import Finding, Summary

SUITE = "calico-conformance"
RUN = "verdict"  # the name of the test case of the run itself
ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.UNOBSERVED: "error",
    Outcome.INAPPLICABLE: "skipped",
    Outcome.UNASKED: "skipped",
}
TELLS_OF_THE_RUN = {ExitCode.INTERRUPTED, ExitCode.TOOL, ExitCode.USAGE}
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2 Char
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def junit(summary: Summary, results: Iterable[Result]) -> bytes:
    """The file's bytes: well-formed XML 1.0 in UTF-8, the same whatever order the results come in."""
    causes = {finding.id: finding.cause for finding in summary.findings if finding.cause}
    cases = [_case(result, summary.threshold, causes) for result in sorted(results, key=_place)]
    red = any(case.find("failure") is not None or case.find("error") is not None for case in cases)
    if summary.exit_code in TELLS_OF_THE_RUN or (summary.exit_code != ExitCode.CONFORMS and not red):
        cases.append(_run_case(summary))
    counts = {
        "tests": str(len(cases)),
        "failures": _having(cases, "failure"),
        "errors": _having(cases, "error"),
        "skipped": _having(cases, "skipped"),
    }
    root = ET.Element("testsuites", {"name": SUITE, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts, **_timestamp(summary)})
    _properties(suite, _run_properties(summary))
    suite.extend(cases)
    ET.indent(root, " ")
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _place(result: Result) -> tuple[str, str, str, str]:
    return result.check, result.node, result.subject, repr(result.verdict)


def _case(result: Result, threshold: Severity, causes: Mapping[str, str]) -> ET.Element:
    check = printable(result.check)
    case = _element("testcase", {"classname": f"calico.{check}", "name": f"{check}[{printable(result.subject)}]"})
    found = findings_of(result, threshold)
    held = outcome(result, threshold)
    if found:
        _properties(case, _finding_properties(result, found, causes))
    if tag := ELEMENTS.get(held):
        body = "" if tag == "skipped" else result_text(result, threshold, causes=causes)
        case.append(_element(tag, {"message": message(result, threshold), "type": str(held)}, body))
    elif found:
        case.append(_element("system-out", {}, result_text(result, threshold, causes=causes)))
    return case


def _run_case(summary: Summary) -> ET.Element:
    """The run itself: CI shows it red even though no check failed, or none was run at all."""
    case = _element("testcase", {"classname": "calico.run", "name": RUN})
    problem = summary.problem
    gaps = [f"{group.node}: {group.reason}".removeprefix(": ") for group in summary.unobserved]
    remedy = [problem.reason, problem.remedy] if problem else []
    body = "\n".join(text for text in (*remedy, *gaps) if text)
    case.append(_element("error", {"message": summary.sentence, "type": f"exit code {int(summary.exit_code)}"}, body))
    return case


def _finding_properties(result: Result, found: Sequence[Finding], causes: Mapping[str, str]) -> list[tuple[str, str]]:
    place = [("node", printable(result.node))] if result.node else []
    ids = [finding.id for finding in found]
    because = sorted({causes[name] for name in ids if name in causes})
    every = (*(("finding", name) for name in ids), *(("cause", name) for name in because))
    return [*place, ("severity", str(found[0].severity)), *every]


def _run_properties(summary: Summary) -> list[tuple[str, str]]:
    header = summary.header
    run = [
        ("verdict", summary.sentence),
        ("exit_code", str(int(summary.exit_code))),
        ("threshold", str(summary.threshold)),
        *(("cause", cause.headline) for cause in telling(summary.causes)),
    ]
    if header is None:
        return run
    return [
        *run,
        ("cluster", printable(header.cluster)),
        ("snapshot", printable(f"{header.source} taken {header.taken} by {header.tool}")),
        ("reach", printable(header.reach)),
        *(("selection", printable(option)) for option in header.selection.asked),
    ]


def _timestamp(summary: Summary) -> dict[str, str]:
    """The attribute's type in JUnit schemas has no time zone; the observation's is always UTC."""
    taken = SECONDS.match(summary.header.taken) if summary.header else None
    return {"timestamp": taken[0]} if taken else {}


def _properties(parent: ET.Element, pairs: Iterable[tuple[str, str]]) -> None:
    holder = ET.SubElement(parent, "properties")
    for name, value in pairs:
        holder.append(_element("property", {"name": name, "value": value}))


def _element(tag: str, attributes: dict[str, str], text: str = "") -> ET.Element:
    element = ET.Element(tag, {name: _allowed(value) for name, value in attributes.items()})
    element.text = _allowed(text) or None
    return element


def _allowed(text: str) -> str:
    """Without what XML 1.0 cannot hold at all; the markup characters are the serialiser's business."""
    return FORBIDDEN.sub("\ufffd", text)


def _having(cases: Iterable[ET.Element], tag: str) -> str:
    return str(sum(1 for case in cases if case.find(tag) is not None))
