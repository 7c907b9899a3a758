"""The end of a run: every result gathered, the reports written, the exit code decided. In the controller only."""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checks.chosen import Chosen
from checks.run import catalogue
from expect.world import World
from fixtures.errors import ToldError, UsageError
from gate import terminal
from gate.narrow import open_narrowed
from gate.source import settled
from gate.verdicts import results_in
from model.text import printable
from model.verdict import Gap, Result
from reports.summary import summarise
from reports.values import ExitCode, Problem, Summary, Trouble
from reports.words import counted
from reports.write import FINDINGS, JUNIT, PCAP, ReportError, not_written, write_all

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionRepr

    from gate.allure_files import AllureFiles
    from gate.options import Options
    from model.snapshot import Selection

LOG = "tool-error.txt"
PHASES = ("setup", "call", "teardown")


def prepare_folder(out: Path) -> None:
    """Make the reports' folder and empty it of an earlier run's: a run that is killed leaves none, never a green one.

    UsageError where nothing can be written there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
        for name in (JUNIT, FINDINGS, PCAP, LOG):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"the reports cannot be written to {out}: {_why(out, error)}", "Choose another folder: --out DIR."
        ) from None


def _why(out: Path, error: OSError) -> str:
    return "it is no folder" if out.exists() and not out.is_dir() else error.strerror or type(error).__name__


class Controller:
    """Gathers what the items say. `planned` is how many there are if none is left out."""

    def __init__(
        self, options: Options, snapshot: Path, selection: Selection, planned: int, allure: AllureFiles
    ) -> None:
        self.options = options
        self.snapshot = snapshot
        self.selection = selection
        self.planned = planned
        self.allure = allure
        self.collected: int | None = None
        self.reported = 0
        self.results: list[Result] = []
        self.errors: list[str] = []
        self.misused = False
        self.summary: Summary | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected = len(session.items)  # not called in the controller of a parallel run

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.collected = len(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """xdist: what a worker rejects in the command line comes to light by its exit code alone."""
        told = getattr(node, "workeroutput", {})
        self.misused |= told.get("exitstatus") == pytest.ExitCode.USAGE_ERROR
        self.allure.trouble = self.allure.trouble or told.get("allure", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = results_in(report) if report.when == "call" else None
        if found is not None:
            self.reported += 1
            self.results += found
        elif report.failed:
            why = f"an error in its {report.when}" if report.when in PHASES else "the worker that ran it died"
            self.errors.append(f"{report.nodeid} has no verdict: {why}\n{report.longreprtext}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(f"{report.nodeid or 'the suite'} cannot be collected\n{report.longreprtext}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: ExceptionRepr) -> None:
        """Keep the traceback: what pytest goes on to print is one line."""
        self.errors.append(f"pytest met an internal error\n{excrepr}")
        excrepr.toterminal = lambda tw: tw.line(f"see {self.options.out / LOG}")  # type: ignore[method-assign]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED and not session.shouldfail and not self.errors
        if session.config.option.collectonly and not interrupted:
            return
        self.misused |= exitstatus == pytest.ExitCode.USAGE_ERROR
        try:
            self.summary = self._summary(session, interrupted=interrupted)
            session.exitstatus = self._write(session.config, self.summary)
            self.snapshot = settled(self.snapshot)
        except Exception as error:  # here an exception would reach the user as it is
            self.summary = give_up(self.options.out, Trouble.TOOL, tool_error(self.options.out, error))
            session.exitstatus = self.summary.exit_code
        if exitstatus == pytest.ExitCode.INTERNAL_ERROR:  # pytest shows no summary then
            terminal.show(session.config, self.summary)

    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        if self.summary is not None:
            terminal.show(config, self.summary)
            terminal.teller(config)(f"reports: {self.options.out}   snapshot: {self.snapshot}")

    def _summary(self, session: pytest.Session, *, interrupted: bool) -> Summary:
        with contextlib.closing(open_narrowed(self.snapshot, self.selection)) as observation:
            chosen = Chosen(self.selection, World(observation.looks[-1]))
            left_out = [*chosen.left_out, *self._left_out(session.config)]
            collected = self.collected if self.collected is not None else self.planned
            missing = collected - self.reported
            unsure = self.misused or session.config.option.maxfail
            return summarise(
                self.results,
                observation.header,
                unreachable=[one.absent for one in observation.nodes if one.absent and chosen.node(one.name)],
                healed=observation.healed,
                left_out=left_out,
                planned=None if unsure else len(self.results) + max(missing, 0),
                threshold=self.options.threshold,
                problem=self._problem(),
                interrupted=interrupted,
                catalogue=catalogue(),
            )

    def _left_out(self, config: pytest.Config) -> list[Gap]:
        gaps = []
        if self.collected is not None and self.collected < self.planned:
            count = self.planned - self.collected
            gaps.append(Gap("selection", f"{count} of {self.planned} items were left out by the selection"))
        if config.option.maxfail and self.collected is not None and self.reported < self.collected:
            gaps.append(Gap("selection", "the run was asked to stop at the first failures (-x, --maxfail)"))
        return gaps

    def _problem(self) -> Problem | None:
        if self.misused:
            remedy = "What pytest says of it stands below; run it with -n 0 if nothing does."
            return Problem(Trouble.USAGE, "pytest cannot carry out this command line", remedy)
        if self.errors:
            _keep(self.options.out, "\n\n".join(self.errors))
            first, more = self.errors[0].splitlines()[0], len(self.errors) - 1
            reason = f"{first}, and {counted(more, 'more error')}" if more else first
            return Problem(Trouble.TOOL, reason, f"Please report it with {self.options.out / LOG}.")
        return None

    def _write(self, config: pytest.Config, summary: Summary) -> int:
        folder = getattr(config.option, "allure_report_dir", None)
        if folder and self.allure.trouble and Path(folder) == self.options.out / terminal.ALLURE:
            terminal.clear_allure(Path(folder))  # they are not whole, and their room may be what JUnit's file needs
        with contextlib.closing(open_narrowed(self.snapshot, self.selection)) as observation:
            pcap = observation.trials.pcap
        try:
            write_all(summary, self.results, self.options.out, pcap=pcap, allure_dir=Path(folder) if folder else None)
            if folder and self.allure.trouble:
                raise not_written(Path(folder), self.allure.trouble)
        except ReportError as error:
            terminal.teller(config)(f"ERROR: {error.reason}. {error.remedy}")
            return int(summary.exit_code or ExitCode.TOOL)
        return int(summary.exit_code)


def give_up(out: Path, trouble: Trouble, error: ToldError) -> Summary:
    """Write the reports of a run that came to no item."""
    return _write_bare(out, Problem(trouble, error.reason, error.remedy))


def interrupted(out: Path) -> Summary:
    """Write the reports of a run that was interrupted before its first item."""
    return _write_bare(out, None)


def _write_bare(out: Path, problem: Problem | None) -> Summary:
    summary = summarise([], None, problem=problem, interrupted=problem is None, catalogue=catalogue())
    with contextlib.suppress(ReportError):  # the error itself is told on the terminal in any case
        write_all(summary, [], out)
    return summary


def tool_error(out: Path, error: BaseException) -> ToldError:
    """An unexpected error as the user is told it; its traceback is kept in the reports' folder."""
    _keep(out, "".join(traceback.format_exception(error)))
    return ToldError(f"{type(error).__name__}: {printable(str(error), 300)}", f"Please report it with {out / LOG}.")


def _keep(out: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
        (out / LOG).write_text(text, errors="backslashreplace")
