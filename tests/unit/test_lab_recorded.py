"""Nothing that was recorded from a real API server is left uncompared with the lab's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.recorded_answers import recorded

TESTS = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_lab_*.py")))


@pytest.mark.parametrize("name", [*(entry["file"] for entry in recorded("index.json")), "exec-frames.json"])  # type: ignore[index]
def test_every_recorded_answer_is_compared(name: str) -> None:
    assert re.search(rf'"{re.escape(name.removesuffix(".json"))}(\.json)?"', TESTS), f"no test of the lab reads {name}"
