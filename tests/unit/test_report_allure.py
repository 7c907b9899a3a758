"""Allure results, made by allure-pytest in a pytest of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reports.allure import active, annotate, categories, environment, prepare
from reports.summary import summarise
from reports.text import message
from tests.unit.report_examples import EVERY, FAILED, HEADER, HOSTILE, INAPPLICABLE, PASSED, UNASKED, UNOBSERVED

ROOT = Path(__file__).parents[2]
SUITE = '''
import itertools
import pytest
from model.verdict import Outcome, Severity
from reports.allure import annotate, prepare
from reports.text import message, result_text
from tests.unit.report_examples import EVERY, WRONG, hostile

COUNTER = itertools.count({seed})

class Case:
    """Like a real case it looks different in every run."""
    def __init__(self, result):
        self.result = result
    def __repr__(self):
        return f"Case {{next(COUNTER)}}"

class UnobservedError(Exception):
    pass

@pytest.fixture(autouse=True)
def _stable(request):
    prepare(request.node.callspec.params, request.node.callspec.id)

@pytest.mark.parametrize("case", [pytest.param(Case(r), id=r.check + "-" + r.subject) for r in EVERY])
def test_each(case):
    annotate(case.result, severity=Severity.WRONG, layer="routes")
    match case.result.outcome:
        case Outcome.FAILED:
            pytest.fail(message(case.result), pytrace=False)
        case Outcome.UNOBSERVED:
            raise UnobservedError(message(case.result))
        case Outcome.INAPPLICABLE | Outcome.UNASKED:
            pytest.skip(message(case.result))

@pytest.mark.parametrize("case", [pytest.param(Case(hostile()), id="hostile")])
def test_hostile(case):
    annotate(case.result, case.result)
'''


def run(folder: Path, seed: int) -> dict[str, dict[str, Any]]:
    """The results by title, from a run of a small suite whose cases look different for every seed."""
    folder.mkdir()
    (folder / "test_suite.py").write_text(SUITE.format(seed=seed))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--alluredir", str(folder / "allure")]
    environment_ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    ended = subprocess.run(command, cwd=folder, env=environment_, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    every = [json.loads(path.read_text()) for path in sorted((folder / "allure").glob("*-result.json"))]
    return {one["name"]: one for one in every}


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path]:
    base = tmp_path_factory.mktemp("allure")
    return run(base / "one", 0), run(base / "two", 1000), base / "one" / "allure"


def title(result: Any) -> str:
    return f"{result.title} [{result.subject}]"


def labels(result: dict[str, Any], name: str) -> list[str]:
    return [label["value"] for label in result["labels"] if label["name"] == name]


def test_the_outcomes_become_allures_statuses(two_runs: tuple[dict[str, Any], dict[str, Any], Path]) -> None:
    results = two_runs[0]
    assert len(results) == len(EVERY) + 1
    statuses = {each.check: results[title(each)]["status"] for each in (PASSED, UNOBSERVED, INAPPLICABLE, UNASKED)}
    assert statuses == {
        "block_routes": "passed",
        "sessions": "broken",
        "blackholes": "skipped",
        "drops": "skipped",
    }
    assert results[title(FAILED)]["status"] == "failed"


def test_a_failure_has_steps_evidence_severity_and_ids(
    two_runs: tuple[dict[str, Any], dict[str, Any], Path],
) -> None:
    results, _, folder = two_runs
    failed = results[title(FAILED)]
    (step,) = failed["steps"]
    assert (step["name"], step["status"]) == ("worker2: route 10.48.0.64/26 is missing", "failed")
    assert [inner["name"].split(":")[0] for inner in step["steps"]] == [
        "expected",
        "because",
        "found",
        "look",
        "likely",
    ]
    (attachment,) = step["attachments"]
    assert "  look      on worker2: ip route get 10.48.0.65\n" in (folder / attachment["source"]).read_text()
    assert labels(failed, "severity") == ["critical"]
    assert labels(failed, "finding") == ["block_routes/worker2/route 10.48.0.64/26"]
    assert labels(failed, "node") == ["worker2"]
    assert labels(failed, "layer") == ["routes"]


def test_a_pass_is_one_line_with_the_checks_severity(
    two_runs: tuple[dict[str, Any], dict[str, Any], Path],
) -> None:
    passed = two_runs[0][title(PASSED)]
    assert passed["description"].strip() == "conforms: 4 comparisons"
    assert "steps" not in passed
    assert labels(passed, "severity") == ["normal"]


def test_history_does_not_hang_on_what_changes(two_runs: tuple[dict[str, Any], dict[str, Any], Path]) -> None:
    one, two, _ = two_runs
    history = {name: result["historyId"] for name, result in one.items()}
    assert history == {name: result["historyId"] for name, result in two.items()}
    assert len(set(history.values())) == len(history)


def test_it_does_nothing_where_no_report_is_asked_for() -> None:
    annotate(FAILED)
    prepare(["case"], "subject")
    assert not active()


def test_every_message_is_in_one_category_only() -> None:
    rules = json.loads(categories())
    for result, status, prefix in (
        (FAILED, "failed", "Failed: "),
        (UNOBSERVED, "broken", "gate.UnobservedError: "),
        (INAPPLICABLE, "skipped", "Skipped: "),
        (UNASKED, "skipped", "Skipped: "),
    ):
        told = prefix + message(result)
        matching = [
            rule["name"]
            for rule in rules
            if status in rule["matchedStatuses"] and re.fullmatch(rule["messageRegex"], told)
        ]
        assert matching == [str(result.outcome)]
    (tool,) = (
        rule["name"]
        for rule in rules
        if "broken" in rule["matchedStatuses"] and re.fullmatch(rule["messageRegex"], "KeyError: 'x'")
    )
    assert tool == "an error inside the tool"


def test_the_environment_is_a_java_properties_file() -> None:
    header = type(HEADER)(1, "tool", "2026", "cluster", f"caf\u00e9 \\ {HOSTILE}")
    data = environment(summarise([PASSED], header))
    lines = data.decode("ascii").splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert values["cluster"].startswith(r"caf\u00e9 \\ a ")
    assert r"\ud83d\ude00" in values["cluster"]
    assert values["exit_code"] == "0"
    assert "reach" not in values
