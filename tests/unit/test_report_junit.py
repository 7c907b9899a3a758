"""The JUnit file."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET

import pytest

from model.verdict import Result, Severity, Verdict
from reports.junit import junit
from reports.summary import summarise
from reports.values import ExitCode, Problem, Trouble
from tests.unit.report_examples import (
    ABSENT,
    EMPTY,
    EVERY,
    FAILED,
    HEADER,
    HOSTILE,
    HOUSEKEEPING,
    INAPPLICABLE,
    PASSED,
    UNASKED,
    UNOBSERVED,
    WRONG,
    difference,
    hostile,
    result,
)

ALLOWED = {  # element -> the elements that may stand in it, as the usual JUnit schemas have it
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "testcase": {"properties", "failure", "error", "skipped", "system-out"},
    "properties": {"property"},
    "property": set(),
    "failure": set(),
    "error": set(),
    "skipped": set(),
    "system-out": set(),
}
REQUIRED = {
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "testcase": {"name", "classname"},
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}


def parsed(*results: Result, **more: object) -> ET.Element:
    """The file parsed back, its structure checked."""
    root = ET.fromstring(junit(summarise(results, HEADER, **more), results))  # type: ignore[arg-type]
    for element in root.iter():
        assert {child.tag for child in element} <= ALLOWED[element.tag]
        assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
        assert element.tag != "testcase" or len(element.findall("*[@message]")) <= 1
    suite = root.find("testsuite")
    assert suite is not None
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    return root


@pytest.mark.parametrize(
    ("each", "tag", "message"),
    [
        (FAILED, "failure", "does not conform: worker2: route 10.48.0.64/26 is missing"),
        (UNOBSERVED, "error", "could not be observed: its socket does not answer"),
        (INAPPLICABLE, "skipped", "does not apply: VXLAN: BIRD does not own it"),
        (UNASKED, "skipped", "not asked: packets are off"),
        (EMPTY, "skipped", "does not apply: there is nothing to examine"),
    ],
)
def test_each_outcome_has_its_element(each: Result, tag: str, message: str) -> None:
    root = parsed(PASSED, each)
    case = root.find(f".//testcase[@classname='calico.{each.check}'][@name='{each.check}[{each.subject}]']")
    assert case is not None
    (element,) = case.findall("*[@message]")
    assert (element.tag, element.attrib["message"]) == (tag, message)


def test_a_pass_has_no_element() -> None:
    case = parsed(PASSED).find(".//testcase")
    assert case is not None
    assert list(case) == []


def test_a_failure_carries_evidence_ids_and_severity() -> None:
    case = parsed(FAILED).find(".//testcase")
    assert case is not None
    body = case.findtext("failure") or ""
    assert "  because   IPAMBlock 10-48-0-64-26 has affinity host:worker1" in body.splitlines()
    values = [(one.attrib["name"], one.attrib["value"]) for one in case.iter("property")]
    assert values == [
        ("node", "worker2"),
        ("severity", "broken"),
        ("finding", "block_routes/worker2/route 10.48.0.64/26"),
    ]


@pytest.mark.parametrize("threshold", list(Severity))
def test_a_finding_below_the_threshold_is_told_and_does_not_fail(threshold: Severity) -> None:
    tags = {
        case.attrib["classname"]: [child.tag for child in case if child.tag != "properties"]
        for case in parsed(WRONG, HOUSEKEEPING, threshold=threshold).iter("testcase")
    }
    assert tags["calico.affinities"] == ["system-out"]
    assert tags["calico.rules"] == ["system-out" if threshold is Severity.BROKEN else "failure"]


@pytest.mark.parametrize(
    ("results", "more"),
    [
        ((), {}),
        ((), {"problem": Problem(Trouble.USAGE, "no kubeconfig", "give one")}),
        ((), {"problem": Problem(Trouble.UNOBSERVED, "403")}),
        ((PASSED,), {"problem": Problem(Trouble.TOOL, "a bug")}),
        ((PASSED,), {"planned": 2}),
        ((PASSED, FAILED), {"interrupted": True}),
        ((PASSED,), {"unreachable": [ABSENT]}),
        ((INAPPLICABLE, UNASKED), {}),
    ],
)
def test_a_run_without_a_verdict_is_red(results: tuple[Result, ...], more: dict[str, object]) -> None:
    root = parsed(*results, **more)
    error = root.find(".//testcase[@name='verdict']/error")
    assert error is not None
    summary = summarise(results, HEADER, **more)  # type: ignore[arg-type]
    assert error.attrib["message"] == summary.sentence
    if problem := summary.problem:
        assert (error.text or "").splitlines()[0] == problem.reason


def test_red_if_and_only_if_the_exit_code_is_not_0() -> None:
    for size in range(4):
        for results in itertools.combinations(EVERY, size):
            root = parsed(*results)
            red = root.find(".//failure") is not None or root.find(".//error") is not None
            assert red is (summarise(results, HEADER).exit_code != ExitCode.CONFORMS), results


def test_the_run_is_described() -> None:
    root = parsed(PASSED)
    run = {one.attrib["name"]: one.attrib["value"] for one in root.iterfind("testsuite/properties/property")}
    assert run["exit_code"] == "0"
    assert run["cluster"] == "lab"
    assert run["verdict"] == "The cluster conforms: 4 comparisons in 1 check."
    assert run["snapshot"] == "cluster taken 2026-01-01T00:00:00Z by calico-conformance 0.1.0"
    suite = root.find("testsuite")
    assert suite is not None
    assert suite.attrib["timestamp"] == "2026-01-01T00:00:00"


def test_hostile_names_still_make_xml() -> None:
    header = type(HEADER)(1, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    results = [hostile()]
    data = junit(summarise(results, header, problem=Problem(Trouble.TOOL, HOSTILE)), results)
    root = ET.fromstring(data)
    assert r"]]> $(d)" in (root.findtext(".//failure") or "")
    assert b"\x1b" not in data


def test_the_order_of_results_does_not_matter() -> None:
    results = [*EVERY, hostile(), result(Verdict(1, (difference("a"), difference("b"))), "two")]
    files = set()
    for seed in range(5):
        shuffled = random.Random(seed).sample(results, len(results))
        files.add(junit(summarise(shuffled, HEADER), shuffled))
    assert len(files) == 1


def test_thousands_of_results_are_no_trouble() -> None:
    results = [result(Verdict(3), "host_routes", "worker1", f"ns/pod-{number}") for number in range(5000)]
    assert len(list(parsed(*results, planned=5000).iter("testcase"))) == 5000
