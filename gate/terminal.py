"""pytest's terminal: its own lines are held back, for the report says more in less; progress while one looks."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.errors import UsageError
from model.text import printable
from reports.terminal import render

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from reports.values import Summary

ALLURE = "allure"  # the folder of its results among the reports


def quiet(config: pytest.Config) -> None:
    """No dots, no tracebacks, no list of failures: unless asked for by -v."""
    if getattr(config.option, "verbose", 1) > 0:  # pytest may be without its terminal: -p no:terminal
        return
    config.option.tbstyle = "no"
    config.option.reportchars = ""
    config.option.verbose = min(config.option.verbose, -1)


def teller(config: pytest.Config) -> Callable[[str], None]:
    """A function that tells the user what is being done, a line at a time, whatever names are in it."""
    reporter = config.pluginmanager.getplugin("terminalreporter")

    def say(sentence: str) -> None:
        if reporter is not None:
            with contextlib.suppress(OSError):  # nobody listens any more: a pipe or a terminal that has gone
                reporter.write_line(printable(sentence))
                reporter.flush()  # progress is read while it goes on, through a pipe too

    return say


def show(config: pytest.Config, summary: Summary) -> None:
    """Write the report where pytest writes."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    writer = reporter._tw  # noqa: SLF001 - pytest offers no other way to its width and encoding
    encoding = getattr(getattr(writer, "_file", None), "encoding", None) or "ascii"
    with contextlib.suppress(OSError):  # as in `teller`: the reports are written in any case
        reporter.ensure_newline()
        for line in render(summary, encoding=encoding, width=max(writer.fullwidth, 80)):
            reporter.write_line(line.text, **dict.fromkeys(line.markup, True))


def place_allure(config: pytest.Config, out: Path) -> None:
    """Allure results go under the reports' folder, unless the user named another; an earlier run's are removed.

    Here and not by --clean-alluredir: with it every worker cleans the folder when it starts. UsageError where the
    folder cannot be made.
    """
    named = getattr(config.option, "allure_report_dir", "off")
    if named:  # by the user, or pytest is without Allure: -p no:allure_pytest
        if named != "off":
            _make(Path(named))
        return
    folder = out / ALLURE
    config.option.allure_report_dir = str(folder)
    _make(folder)
    clear_allure(folder)


def clear_allure(folder: Path) -> None:
    """Remove what a run has written for Allure; other files there stay."""
    for name in (
        "*-result.json*",
        "*-container.json*",
        "*-attachment*",
        "environment.properties",
        "categories.json",
    ):
        for path in folder.glob(name):
            path.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"Allure's results cannot be written to {folder}: {error.strerror}", "Choose another folder: --alluredir."
        ) from None
