"""Names that a cluster should not have: nothing of them is executed, every output can be printed, ids stay the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e import variations
from tests.e2e.suite import judged, run, unprintable

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {
    "spaces and quotes": "a b\t\"c\" 'd' `e`",
    "newlines": "a\nINTERNALERROR> b\r\nc",
    "command": "$(touch {})`touch {}`; touch {} && touch {} | touch {}",
    "escapes": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\u202e\x00",
    "markup": "]]><failure/>&lt;<script>alert(1)</script>{{7*7}}%s%n",
    "path": "../../../../{}",
    "not ASCII": "наме‮ \ud83d\ude00 \ufffe",
    "long": "x" * 20_000,
}


def _hostile(folder: Path, name: str) -> None:
    """A pod of worker1, and the node worker3, are called so, wherever the recording names them."""
    for path in folder.rglob("*.json"):
        text = path.read_text()
        for known in (variations.POD, "worker3"):
            text = text.replace(json.dumps(known), json.dumps(name))
        path.write_text(text)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_are_shown_and_nothing_more(kind: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    name = HOSTILE[kind].replace("{}", str(trap))
    folder = variations.unpacked(tmp_path)
    variations.wrong_but_working(folder)
    _hostile(folder, name)

    done = judged(run(tmp_path / "out", f"--replay={folder}"), 1, "does not conform")

    assert not trap.exists()
    assert any("yaobank/" in finding["subject"] for finding in done.document["findings"])
    assert not unprintable(done.said)
    for finding in done.document["findings"]:
        assert all(char.isprintable() for value in finding.values() if isinstance(value, str) for char in value)
    assert {case.get("value") for case in done.junit.iterfind(".//property[@name='finding']")} == done.ids


def test_hostile_names_reach_the_workers_and_come_back(tmp_path: Path) -> None:
    folder = variations.unpacked(tmp_path)
    variations.wrong_but_working(folder)
    _hostile(folder, "".join(name for kind, name in HOSTILE.items() if kind != "long"))
    alone = judged(run(tmp_path / "alone", f"--replay={folder}", "-n0"), 1)
    assert judged(run(tmp_path / "two", f"--replay={folder}", "-n2"), 1).findings_bytes == alone.findings_bytes


def test_text_that_is_no_unicode_is_a_damaged_recording(tmp_path: Path) -> None:
    folder = variations.unpacked(tmp_path)
    _hostile(folder, "half a surrogate pair \ud83d")
    judged(run(tmp_path / "out", f"--replay={folder}"), 4, "JSON is malformed")
