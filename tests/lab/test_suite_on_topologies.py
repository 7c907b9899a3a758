"""The suite on the lab's other clusters: healthy ones have no finding, and a fault has just the expected ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import faults
from model.verdict import Severity
from tests.lab.looking import findings, results, unobserved
from tests.lab.topology_cases import CASES, COMMON, DROPS, Struck

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.state import Lab
    from model.verdict import Result

pytestmark = pytest.mark.root

STRUCK = [
    pytest.param(name, struck, id=f"{name}-{struck.name}-{struck.on}")
    for name, case in CASES.items()
    for struck in case.faults
]


def _examined(judged: list[Result]) -> set[str]:
    return {item.check for item in judged if item.verdict.examined}


@pytest.mark.parametrize("name", CASES)
def test_healthy_cluster_has_no_finding_and_nothing_was_left_unseen(labs: Callable[[str], Lab], name: str) -> None:
    judged = results(labs(name).directory)
    assert findings(judged) == set()
    assert unobserved(judged) == set()
    assert (COMMON | CASES[name].examines) - _examined(judged) == set()
    drops = [item for item in judged if item.check == DROPS]
    assert {item.node for item in drops if item.verdict.examined} == CASES[name].tried
    untried = {gap.object: gap.reason for item in drops for gap in item.verdict.inapplicable if "/" in gap.object}
    assert set(untried) == set(CASES[name].untried)
    assert all(CASES[name].untried[block] in reason for block, reason in untried.items())
    assert not [gap for item in drops for gap in item.verdict.unasked]


@pytest.mark.parametrize(("name", "struck"), STRUCK)
def test_fault_is_found_by_just_the_expected_checks(labs: Callable[[str], Lab], name: str, struck: Struck) -> None:
    lab = labs(name)
    with faults.broken(lab, struck.name, struck.on):
        judged = results(lab.directory, packets=struck.packets)
    assert findings(judged) == struck.found
    assert unobserved(judged) == struck.unseen
    told = [difference for item in judged for difference in item.verdict.differences]
    assert all(each.expected and each.because and each.found and each.look for each in told)
    assert any(each.severity is not Severity.HOUSEKEEPING for each in told)
    assert findings(results(lab.directory, packets=False)) == set()
