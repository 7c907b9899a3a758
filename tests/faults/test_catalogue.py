"""Every fault of the catalogue is found by exactly the expected checks; and table, declarations and page agree."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checks.run import catalogue, judge
from tests.faults.bases import SPECS, base
from tests.faults.catalogue import ENTRIES, IDS, ROWS, UNSEEN
from tests.faults.document import page
from tests.lab import test_suite_on_faults as lab
from tests.recordings import test_verdicts as recordings

if TYPE_CHECKING:
    from model.snapshot import Snapshot
    from model.verdict import Difference
    from tests.faults.row import Case, Place, Row

DOCS = Path(__file__).parents[2] / "docs"
CASES = [(row, case) for row in ROWS for case in row.cases]
NAMES = [f"{row.id}{f'-{case.name}' if case.name else ''}" for row, case in CASES]
UNHEALTHY = {"nodes-in-pool"}  # a fault by its making


def look(snapshot: Snapshot) -> tuple[dict[Place, Difference], list[str]]:
    """The findings, and what could not be observed."""
    judged = list(judge(snapshot))
    findings = {
        (item.check, item.node, difference.object): difference
        for item in judged
        for difference in item.verdict.differences
    }
    return findings, [f"{item.check} {gap.object}: {gap.reason}" for item in judged for gap in item.verdict.unobserved]


def elsewhere(row: Row) -> list[set[Place]]:
    """What the lab and the recordings find of a row."""
    return [*(set(lab.FOUND[name]) for name in row.lab), *(set(recordings.FAULTY[name]) for name in row.recorded)]


def test_every_row_is_here_once() -> None:
    assert Counter(entry.id for entry in ENTRIES) == Counter(IDS)
    assert all(entry.reason for entry in UNSEEN)
    assert all(row.cases for row in ROWS)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", sorted(SPECS.keys() - UNHEALTHY))
def test_the_cluster_is_healthy_before(name: str) -> None:
    assert look(base(name)) == ({}, [])


@pytest.mark.parametrize(("row", "case"), CASES, ids=NAMES)
def test_fault_is_found_and_nothing_else(row: Row, case: Case) -> None:
    findings, unobserved = look(case.change(base(case.base)))
    assert findings.keys() == case.found
    assert unobserved == []
    for place, difference in findings.items():
        assert all((difference.expected, difference.because, difference.found, difference.look)), place


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_case_and_each_proof_elsewhere_is_found_by_a_check_of_the_row(row: Row) -> None:
    cases = [set(case.found) for case in row.cases if case.found]
    assert cases
    for places in (*cases, *elsewhere(row)):
        assert {check for check, _, _ in places} & set(row.checks), places


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_check_of_the_row_finds_it_somewhere(row: Row) -> None:
    places = [*(case.found for case in row.cases), *elsewhere(row)]
    assert set(row.checks) <= {check for found in places for check, _, _ in found}


def test_what_the_checks_declare_is_what_the_rows_say() -> None:
    declared = {(check.id, fault) for check in catalogue() for fault in check.faults}
    said = {(check, row.id) for row in ROWS for check in row.checks}
    assert sorted(declared - said) == [], "declared by a check, and in no row"
    assert sorted(said - declared) == [], "said by a row, and not declared by the check"


def test_the_page_is_current() -> None:
    assert (DOCS / "faults.md").read_text() == page(), "run: make docs"
