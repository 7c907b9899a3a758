"""Pages that are made from the code are what the code makes today."""

from __future__ import annotations

from pathlib import Path

from checks.run import catalogue
from reports.catalogue import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_checks_is_current() -> None:
    assert (DOCS / "checks.md").read_text() == page(catalogue()), "run: make docs"


def test_every_check_says_its_sentence_and_its_source_or_reason() -> None:
    for check in catalogue():
        assert check.sentence.endswith(".") is False
        assert len(check.sentence) > 30, check.id
        assert check.detail, check.id
