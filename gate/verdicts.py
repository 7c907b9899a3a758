"""A check's verdict as the outcome of a pytest item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from model.verdict import Outcome, Result, Severity
from reports.allure import annotate
from reports.findings import outcome
from reports.text import message, result_text

if TYPE_CHECKING:
    from checks.declare import Check

RESULTS = "conformance"


class NotObservedError(Exception):
    """What was asked could not be looked at: neither a pass nor a failure. Allure calls an item with it broken."""


def conclude(item: pytest.Function, check: Check, results: list[Result], threshold: Severity) -> None:
    """Keep the results for the controller, tell Allure, and end the item as the worst of them says."""
    item.user_properties.append((RESULTS, msgspec.json.encode(results).decode()))
    annotate(*results, threshold=threshold, severity=check.severity, layer=check.module.removeprefix("test_"))
    by_outcome: dict[Outcome, list[Result]] = {}
    for result in results:
        by_outcome.setdefault(outcome(result, threshold), []).append(result)
    if Outcome.FAILED in by_outcome:
        pytest.fail(_text(by_outcome[Outcome.FAILED], threshold), pytrace=False)
    if Outcome.UNOBSERVED in by_outcome:
        raise NotObservedError(_text(by_outcome[Outcome.UNOBSERVED], threshold))
    if Outcome.PASSED not in by_outcome:
        pytest.skip(message(results[0], threshold))


def _text(results: list[Result], threshold: Severity) -> str:
    return "\n\n".join(f"{message(result, threshold)}\n{result_text(result, threshold)}" for result in results)


def results_in(report: pytest.TestReport) -> list[Result] | None:
    """The results that an item's report carries; None if its check did not come to a verdict."""
    for name, value in report.user_properties:
        if name == RESULTS and isinstance(value, str):
            return msgspec.json.decode(value, type=list[Result])
    return None
