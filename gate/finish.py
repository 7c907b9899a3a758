"""The end of a run: every result gathered, the reports written, the exit code decided. In the controller only."""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checks.run import catalogue
from fixtures.errors import ToldError, UsageError
from fixtures.snapshot_file import open_snapshot
from gate import terminal
from gate.verdicts import results_in
from model.text import printable
from model.verdict import Gap, Result
from reports.summary import summarise
from reports.values import ExitCode, Problem, Summary, Trouble
from reports.write import FINDINGS, JUNIT, PCAP, ReportError, write_all

if TYPE_CHECKING:
    from gate.options import Options

LOG = "tool-error.txt"


def prepare(out: Path) -> None:
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
            f"the reports cannot be written to {out}: {error.strerror}", "Choose another folder: --out DIR."
        ) from None


class Controller:
    """Gathers what the items say. `planned` is how many there are if none is left out."""

    def __init__(self, options: Options, snapshot: Path, planned: int) -> None:
        self.options = options
        self.snapshot = snapshot
        self.planned = planned
        self.collected: int | None = None
        self.reported = 0
        self.results: list[Result] = []
        self.errors: list[str] = []
        self.summary: Summary | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:
            self.collected = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.collected = len(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = results_in(report) if report.when == "call" else None
        if found is not None:
            self.reported += 1
            self.results += found
        elif report.failed:
            self.errors.append(f"{report.nodeid} ({report.when})\n{report.longreprtext}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(f"{report.nodeid or 'the suite'} (collection)\n{report.longreprtext}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: ExceptionRepr) -> None:
        """Keep the traceback; what pytest goes on to print is one line, unless -v asks for more."""
        self.errors.append(f"pytest met an internal error\n{excrepr}")
        if not self.options.verbose:
            excrepr.toterminal = lambda tw: tw.line(f"kept in {self.options.out / LOG}")  # type: ignore[method-assign]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED and not session.shouldfail and not self.errors
        if session.config.option.collectonly and not interrupted:
            return
        try:
            self.summary = self._summary(session, exitstatus, interrupted=interrupted)
            session.exitstatus = self._write(session.config, self.summary)
        except Exception as error:  # here an exception would reach the user as it is
            told = tool_error(self.options.out, error)
            self.summary = give_up(self.options.out, ToldError(told), Trouble.TOOL)
            session.exitstatus = self.summary.exit_code

    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        if self.summary is not None:
            terminal.show(config, self.summary)
            terminal.teller(config)(f"reports: {self.options.out}   snapshot: {self.snapshot}")

    def _summary(self, session: pytest.Session, exitstatus: int, *, interrupted: bool) -> Summary:
        with contextlib.closing(open_snapshot(self.snapshot)) as observation:
            left_out = self._left_out(session.config)
            collected = self.collected if self.collected is not None else self.planned
            missing = collected - self.reported
            stopped_early = bool(session.config.option.maxfail)
            return summarise(
                self.results,
                observation.header,
                unreachable=[record.absent for record in observation.nodes if record.absent],
                healed=observation.healed,
                left_out=left_out,
                planned=None if stopped_early else len(self.results) + max(missing, 0),
                threshold=self.options.threshold,
                problem=self._problem(exitstatus),
                interrupted=interrupted,
                catalogue=catalogue(),
            )

    def _left_out(self, config: pytest.Config) -> list[Gap]:
        gaps = []
        if self.collected is not None and self.collected < self.planned:
            count = self.planned - self.collected
            gaps.append(Gap("selection", f"{count} of {self.planned} items were left out by the selection"))
        if config.option.maxfail:
            gaps.append(Gap("selection", "the run was asked to stop at the first failures (-x, --maxfail)"))
        return gaps

    def _problem(self, exitstatus: int) -> Problem | None:
        if self.errors:
            _keep(self.options.out, "\n\n".join(self.errors))
            reason = f"{len(self.errors)} items ended without a verdict, the first: {self.errors[0].splitlines()[0]}"
            return Problem(Trouble.TOOL, reason, f"Please report it with {self.options.out / LOG}.")
        if exitstatus == pytest.ExitCode.USAGE_ERROR:
            return Problem(Trouble.USAGE, "pytest cannot carry out this command line", "What it says stands below.")
        return None

    def _write(self, config: pytest.Config, summary: Summary) -> int:
        folder = getattr(config.option, "allure_report_dir", None)
        with contextlib.closing(open_snapshot(self.snapshot)) as observation:
            pcap = observation.trials.pcap
        try:
            write_all(summary, self.results, self.options.out, pcap=pcap, allure_dir=Path(folder) if folder else None)
        except ReportError as error:
            terminal.teller(config)(f"ERROR: {error}")
            return int(summary.exit_code or ExitCode.TOOL)
        return int(summary.exit_code)


def give_up(out: Path, error: ToldError | None, trouble: Trouble | None = None) -> Summary:
    """Write the reports of a run that came to no item: because of an error, or, without one, of an interrupt."""
    problem = Problem(trouble or Trouble.TOOL, error.reason, error.remedy) if error else None
    summary = summarise([], None, problem=problem, interrupted=error is None, catalogue=catalogue())
    with contextlib.suppress(ReportError):  # the error itself is told on the terminal in any case
        write_all(summary, [], out)
    return summary


def tool_error(out: Path, error: BaseException) -> str:
    """Keep an unexpected error's traceback in the reports' folder, and say so in one line."""
    _keep(out, "".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {printable(str(error), 300)}. Please report it with {out / LOG}."


def _keep(out: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
        (out / LOG).write_text(text, errors="backslashreplace")
