"""The summary: counts, order, exit code, sentence."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.verdict import Gap, Kind, Outcome, Severity, Verdict
from reports.findings import findings_of, outcome
from reports.summary import summarise
from reports.terminal import plain, render
from reports.values import ExitCode, Problem, Trouble
from tests.unit.report_examples import (
    ABSENT,
    EMPTY,
    EVERY,
    FAILED,
    HEADER,
    HEALED,
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

if TYPE_CHECKING:
    import random

    from model.verdict import Result

CASES = [
    ([PASSED], ExitCode.CONFORMS),
    ([PASSED, INAPPLICABLE, UNASKED], ExitCode.CONFORMS),
    ([PASSED, HOUSEKEEPING], ExitCode.CONFORMS),
    ([PASSED, WRONG], ExitCode.FAILED),
    ([PASSED, UNOBSERVED], ExitCode.UNOBSERVED),
    ([FAILED, UNOBSERVED], ExitCode.FAILED),
    ([INAPPLICABLE, UNASKED, EMPTY], ExitCode.NOTHING),
    ([INAPPLICABLE, UNOBSERVED], ExitCode.UNOBSERVED),
    ([], ExitCode.NOTHING),
]


@pytest.mark.parametrize(("results", "code"), CASES)
def test_exit_code_of_results(results: list[Result], code: ExitCode) -> None:
    assert summarise(results, HEADER, planned=len(results)).exit_code == code


def _first_that_holds(held: dict[str, bool]) -> int:
    """The order as the README's table has it, written down a second time."""
    for name, code in (
        ("interrupted", 2),
        ("tool", 3),
        ("lost", 3),
        ("usage", 4),
        ("failed", 1),
        ("unobserved", 6),
        ("unreachable", 6),
        ("refused", 6),
    ):
        if held[name]:
            return code
    return 0 if held["passed"] else 5


def _code(held: dict[str, bool]) -> int:
    results = [
        each for each, name in ((PASSED, "passed"), (FAILED, "failed"), (UNOBSERVED, "unobserved")) if held[name]
    ]
    trouble = {"tool": Trouble.TOOL, "usage": Trouble.USAGE, "refused": Trouble.UNOBSERVED}
    problem = next((Problem(kind, "it broke") for name, kind in trouble.items() if held[name]), None)
    return summarise(
        results,
        HEADER,
        unreachable=[ABSENT] if held["unreachable"] else [],
        planned=len(results) + held["lost"],
        problem=problem,
        interrupted=held["interrupted"],
    ).exit_code


NAMES = ("interrupted", "tool", "lost", "usage", "failed", "unobserved", "unreachable", "refused", "passed")


def test_exit_code_is_the_first_that_holds_for_every_combination() -> None:
    tried = 0
    for values in itertools.product((False, True), repeat=len(NAMES)):
        held = dict(zip(NAMES, values, strict=True))
        if held["tool"] + held["usage"] + held["refused"] > 1:
            continue  # a run has one problem
        assert _code(held) == _first_that_holds(held), held
        tried += 1
    assert tried == 4 * 2**6


@pytest.mark.parametrize(
    ("each", "broken_only"), [(FAILED, Outcome.FAILED), (WRONG, Outcome.PASSED), (HOUSEKEEPING, Outcome.PASSED)]
)
def test_threshold_broken_lets_the_milder_pass(each: Result, broken_only: Outcome) -> None:
    assert outcome(each, Severity.BROKEN) is broken_only
    failed = summarise([each], HEADER, threshold=Severity.BROKEN).exit_code == ExitCode.FAILED
    assert failed is (broken_only is Outcome.FAILED)


@pytest.mark.parametrize("each", EVERY)
def test_outcome_at_the_default_threshold_is_the_results_own(each: Result) -> None:
    assert outcome(each) is each.outcome


def test_housekeeping_never_fails_whatever_the_threshold() -> None:
    codes = {summarise([HOUSEKEEPING], HEADER, threshold=threshold).exit_code for threshold in Severity}
    assert codes == {ExitCode.CONFORMS}


def test_a_difference_below_the_threshold_does_not_hide_that_nothing_was_examined() -> None:
    only = result(Verdict(0, (difference(severity=Severity.WRONG),)))
    assert summarise([only], HEADER, threshold=Severity.BROKEN).exit_code == ExitCode.NOTHING


def test_counts_per_check_add_up() -> None:
    summary = summarise([*EVERY, result(Verdict(7), node="host1", subject="host1")], HEADER)
    (routes,) = (check for check in summary.checks if check.check == "block_routes")
    assert (routes.examined, routes.subjects, routes.passed, routes.failed, routes.findings) == (15, 3, 2, 1, 1)
    for check in summary.checks:
        outcomes = check.passed + check.failed + check.unobserved + check.inapplicable + check.unasked
        assert outcomes == check.subjects


def test_findings_are_sorted_worst_first() -> None:
    summary = summarise(EVERY, HEADER)
    assert [finding.id for finding in summary.findings] == [
        "block_routes/worker2/route 10.48.0.64/26",
        "rules/worker2/rule 100",
        "affinities/worker2/affinity old",
    ]
    assert [finding.gates for finding in summary.findings] == [True, True, False]


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(EVERY), max_size=12))
def test_the_order_of_results_does_not_matter(chance: random.Random, results: list[Result]) -> None:
    shuffled = chance.sample(results, len(results))
    assert summarise(shuffled, HEADER) == summarise(results, HEADER)


def test_one_unreachable_node_is_one_line() -> None:
    results = [
        result(Verdict(2, unobserved=(Gap("worker3", "it was not observed"),)), "nodes", "", "cluster"),
        *(result(Verdict(unobserved=(Gap("x", f"why {n}"),)), f"check{n}", "worker3", "worker3") for n in range(5)),
    ]
    (group,) = summarise(results, HEADER, unreachable=[ABSENT]).unobserved
    assert (group.node, group.reason, group.count) == ("worker3", ABSENT.reason, 6)
    assert group.remedy == ABSENT.remedy


def test_an_unreachable_node_that_no_result_tells_of_still_counts() -> None:
    summary = summarise([PASSED], HEADER, unreachable=[ABSENT])
    assert summary.exit_code == ExitCode.UNOBSERVED
    assert "worker3 (no answer within 30 s)" in summary.sentence


def test_gaps_of_the_same_node_and_reason_are_one() -> None:
    gap = Gap("a", "bird is silent")
    results = [
        result(Verdict(1, unobserved=(gap,)), "one"),
        result(Verdict(1, unobserved=(Gap("b", gap.reason),)), "two"),
        result(Verdict(1, unobserved=(gap,)), "two", "worker1", "worker1"),
    ]
    groups = summarise(results, HEADER).unobserved
    assert [(group.node, group.objects, group.checks) for group in groups] == [
        ("worker1", ("a",), ("two",)),
        ("worker2", ("a", "b"), ("one", "two")),
    ]


SENTENCES = [
    (
        {"results": EVERY, "unreachable": [ABSENT], "healed": [HEALED]},
        (
            "The cluster does not conform: "
            "3 findings (1 broken, 1 wrong but working, 1 housekeeping) in 2 of 7 checks on "
            "worker2; could not be observed: worker2 (its socket does not answer) and worker3 (no answer within 30 s); "
            "not asked: packets are off; 1 finding healed while it was looked at."
        ),
    ),
    (
        {"results": [PASSED, UNASKED, UNASKED]},
        "The cluster conforms: 4 comparisons in 1 check; not asked: packets are off (2).",
    ),
    (
        {"results": [PASSED], "left_out": [Gap("worker9", "left out by --nodes")]},
        "The cluster conforms: 4 comparisons in 1 check; not asked: left out by --nodes.",
    ),
    ({"results": [HOUSEKEEPING]}, "The cluster conforms: 4 comparisons in 1 check; 1 finding (1 housekeeping)."),
    ({"results": []}, "There was nothing to examine, so there is no verdict."),
    (
        {"results": [PASSED], "planned": 3},
        "There is no verdict, because of an error inside the tool: only 1 of 3 results came back.",
    ),
    (
        {"results": [PASSED], "planned": 3, "interrupted": True},
        "Interrupted, so there is no verdict: 1 of 3 results came back.",
    ),
    ({"results": [], "interrupted": True}, "Interrupted, so there is no verdict: 0 results came back."),
    (
        {"results": [], "problem": Problem(Trouble.USAGE, "no kubeconfig.")},
        "There is no verdict, because nothing could be asked: no kubeconfig.",
    ),
    (
        {"results": [], "problem": Problem(Trouble.UNOBSERVED, "the API refuses: 403")},
        "Nothing wrong was seen in 0 comparisons, but there is no verdict on the whole: the API refuses: 403.",
    ),
]


@pytest.mark.parametrize(("run", "sentence"), SENTENCES)
def test_the_verdict_in_one_sentence(run: dict[str, Any], sentence: str) -> None:
    assert summarise(header=HEADER, **run).sentence == sentence


def test_every_text_of_a_finding_is_printable() -> None:
    summary = summarise([hostile()], HEADER, problem=Problem(Trouble.TOOL, HOSTILE, HOSTILE), healed=[HEALED])
    (finding,) = summary.findings
    texts = [finding.id, finding.title, finding.expected, finding.found, finding.look, summary.sentence]
    assert all(text.isprintable() for text in texts)
    assert finding.kind is Kind.UNEXPECTED


def test_the_id_is_the_results_own() -> None:
    (finding,) = findings_of(FAILED)
    assert finding.id == FAILED.finding_id(FAILED.verdict.differences[0])


def test_a_remedy_of_several_lines_stays_one_to_copy() -> None:
    rule = "add to the ClusterRole:\n- apiGroups: ['']\n  resources: [pods]\x1b[31m"
    summary = summarise([], None, problem=Problem(Trouble.UNOBSERVED, "403", rule))
    assert summary.problem is not None
    assert summary.problem.remedy.split("\n")[1:] == ["- apiGroups: ['']", "  resources: [pods]\\x1b[31m"]
    shown = plain(render(summary))
    assert "\n  - apiGroups: ['']\n" in shown
    assert "\x1b" not in shown
