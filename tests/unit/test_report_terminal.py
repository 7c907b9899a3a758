"""The terminal's text."""

from __future__ import annotations

import re

import pytest

from model.verdict import Gap, Result, Severity, Verdict
from reports.findings import findings_of
from reports.summary import summarise
from reports.terminal import plain, render
from reports.text import finding_lines, headline, message, result_text
from reports.values import Problem, Trouble
from tests.unit.report_examples import (
    ABSENT,
    EVERY,
    FAILED,
    HEADER,
    HEALED,
    HOSTILE,
    INAPPLICABLE,
    PASSED,
    UNASKED,
    UNOBSERVED,
    difference,
    hostile,
    result,
)


def text(*results: Result, encoding: str = "utf-8", width: int = 100) -> str:
    return plain(render(summarise(results, HEADER), encoding=encoding, width=width))


def test_one_aligned_line_per_check() -> None:
    pods = [result(Verdict(3), "host_routes", "worker1", f"ns/pod-{number}") for number in range(11)]
    lines = text(*pods, PASSED, FAILED, UNOBSERVED, UNASKED).splitlines()[2:6]
    assert lines == [
        "✗ block routes  1 of 2 subjects not conforming",
        "– drops         1 subject, 1 not asked",
        "✓ host routes   11 subjects, 33 compared",
        "? sessions      1 subject, 1 compared, 1 not observed",
    ]


def test_a_finding_reads_as_a_colleague_would_say_it() -> None:
    (finding,) = findings_of(FAILED)
    assert finding_lines(finding, 60) == [
        "worker2: route 10.48.0.64/26 is missing",
        "  expected  10.48.0.64/26 via 10.0.0.11 dev ens160 proto",
        "            bird",
        "  because   IPAMBlock 10-48-0-64-26 has affinity",
        "            host:worker1",
        "  found     nothing more specific than default via",
        "            10.0.0.254",
        "  look      on worker2: ip route get 10.48.0.65",
        "  likely    the BGP session to 10.0.0.11 is not established",
    ]


def test_what_is_empty_has_no_line() -> None:
    (finding,) = findings_of(result(Verdict(1, (difference(likely="", because=""),))))
    assert [line.split()[0] for line in finding_lines(finding)[1:]] == ["expected", "found", "look"]


def test_a_command_is_never_wrapped() -> None:
    command = "on worker2: nsenter --net=/run/netns/" + "x" * 200 + " ip -d -j addr show"
    (finding,) = findings_of(result(Verdict(1, (difference(look=command),))))
    assert f"  look      {command}" in finding_lines(finding, 80)


@pytest.mark.parametrize(
    ("node", "subject", "name", "start"),
    [
        ("worker1", "worker1", "rule 5", "worker1: rule 5"),
        ("worker1", "ns/pod", "eth0", "worker1: ns/pod: eth0"),
        ("worker1", "ns/pod", "ns/pod eth0", "worker1: ns/pod eth0"),
        ("", "cluster", "session a-b", "cluster: session a-b"),
    ],
)
def test_the_headline_names_the_place(node: str, subject: str, name: str, start: str) -> None:
    (finding,) = findings_of(result(Verdict(1, (difference(name),)), node=node, subject=subject))
    assert headline(finding) == f"{start} is missing"


def test_a_long_report_is_cut_and_says_so() -> None:
    many = result(Verdict(1, tuple(difference(f"route {number:03}") for number in range(45))))
    shown = text(many)
    assert shown.count(" is missing\n") == 20
    assert "and 25 more: see findings.json" in shown
    assert "route 019 " in shown
    assert "route 020 " not in shown


def test_every_section_is_there_with_its_reason() -> None:
    summary = summarise(EVERY, HEADER, unreachable=[ABSENT], healed=[HEALED])
    shown = plain(render(summary))
    for line in (
        "cluster lab, observed 2026-01-01T00:00:00Z, by way of lab",
        "broken: The block routes are as they should be (1 finding)",
        "wrong but working: The rules are as they should be (1 finding)",
        "housekeeping: The affinities are as they should be (1 finding)",
        "could not be observed",
        "  worker3: no answer within 30 s",
        "    next      is it up?",
        "does not apply",
        "  10.49.0.0/24: VXLAN: BIRD does not own it",
        "not asked",
        "  10.48.0.64/26: packets are off",
        "healed while it was looked at",
        "  host_routes/worker1/10.48.0.67/32 after 3 s",
    ):
        assert line in shown.splitlines(), line
    assert shown.endswith(f"\n\n{summary.sentence}\n")


def test_a_node_that_does_not_answer_is_one_line() -> None:
    silent = [result(Verdict(unobserved=(Gap("worker3", "x"),)), f"check{n}", "worker3", "worker3") for n in range(9)]
    shown = plain(render(summarise(silent, HEADER, unreachable=[ABSENT])))
    assert [line for line in shown.splitlines() if line.startswith("  worker3")] == [f"  worker3: {ABSENT.reason}"]


def test_every_check_that_was_not_asked_is_named() -> None:
    names = [f"check_{n}" for n in range(9)]
    blind = [result(Verdict(unasked=(Gap(name, "nobody can see that"),)), name) for name in names]
    lines = plain(render(summarise(blind, HEADER))).splitlines()
    at = lines.index("  9 checks: nobody can see that")
    assert " ".join(lines[at + 1 : at + 3]).split()[1:] == ", ".join(names).split()


def test_a_problem_comes_with_its_remedy() -> None:
    problem = Problem(Trouble.USAGE, "no cluster is named", "give --kubeconfig, or --replay")
    lines = plain(render(summarise([], None, problem=problem))).splitlines()
    assert lines[1:3] == ["usage: no cluster is named", "  next      give --kubeconfig, or --replay"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "no-such-encoding"])
def test_every_encoding_can_show_it(encoding: str) -> None:
    shown = plain(render(summarise([*EVERY, hostile()], HEADER, unreachable=[ABSENT]), encoding=encoding))
    strict = "ascii" if encoding == "no-such-encoding" else encoding
    assert shown.encode(strict).decode(strict) == shown
    assert ("✗" in shown) is (encoding == "utf-8")


def test_ascii_marks_are_words() -> None:
    lines = text(PASSED, FAILED, UNOBSERVED, UNASKED, encoding="ascii").splitlines()[2:5]
    assert [line[:5] for line in lines] == ["FAIL ", "-    ", "?    "]


@pytest.mark.parametrize("where", ["terminal", "item"])
def test_nothing_from_the_cluster_steers_the_terminal(where: str) -> None:
    bad = hostile()
    shown = text(bad) if where == "terminal" else result_text(bad) + message(bad)
    assert r"\x1b[31m\u202e" in shown
    assert (
        re.search(r"[^\n -~]", shown.replace("ü", "").replace("\U0001f600", "").replace("✗", "").replace("…", ""))
        is None
    )
    assert HOSTILE not in shown


def test_colour_is_markup_and_no_escape_code() -> None:
    lines = render(summarise([PASSED, FAILED], HEADER))
    assert "\x1b" not in plain(lines)
    assert lines[-1].markup == ("bold", "red")
    assert {line.markup for line in lines if line.text.startswith("✗")} == {("red",)}


@pytest.mark.parametrize(
    ("each", "start"),
    [
        (PASSED, "conforms: 4 comparisons"),
        (FAILED, "does not conform: worker2: route 10.48.0.64/26 is missing"),
        (UNOBSERVED, "could not be observed: its socket does not answer"),
        (INAPPLICABLE, "does not apply: VXLAN: BIRD does not own it"),
        (UNASKED, "not asked: packets are off"),
    ],
)
def test_a_result_in_one_line_starts_with_its_outcome(each: Result, start: str) -> None:
    assert message(each) == start


def test_a_results_text_has_everything_with_the_id() -> None:
    both = result(Verdict(4, (difference(),), (Gap("bird", "silent", "restart it"),)))
    lines = result_text(both).splitlines()
    assert "  id        block_routes/worker2/route 10.48.0.64/26" in lines
    assert "  bird: silent (restart it)" in lines


def test_thousands_of_findings_are_no_trouble() -> None:
    many = [
        result(
            Verdict(3, (difference(f"ns/pod-{number}"),)), "host_routes", f"worker{number % 100}", f"ns/pod-{number}"
        )
        for number in range(5000)
    ]
    lines = render(summarise(many, HEADER, planned=5000))
    assert len(lines) < 200


def test_the_mark_of_a_finding_without_weight() -> None:
    mild = result(Verdict(4, (difference(severity=Severity.HOUSEKEEPING),)))
    assert "✓ block routes  1 subject, 4 compared, 1 finding of no weight" in text(mild)
