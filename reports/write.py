"""The only place where reports meet a disk: whole files or none."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from model.text import printable

from .allure import categories, environment
from .json_findings import findings_json
from .junit import junit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from model.verdict import Result

    from .values import Summary

JUNIT = "junit.xml"
FINDINGS = "findings.json"
PCAP = "trials.pcap"


class ReportError(Exception):
    """A report could not be written: which, why, and what to do next. Never shown as a traceback."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}\n{remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


def write_all(
    summary: Summary, results: Sequence[Result], out_dir: Path, *, pcap: bytes = b"", allure_dir: Path | None = None
) -> tuple[Path, ...]:
    """Write every report of a run and return their paths. ReportError names the first file that could not be written.

    JUnit comes first, so that CI has it even if the disk is full a moment later. `allure_dir` is where allure-pytest
    writes: call this at the end of the controller's session, since each worker of a parallel run may clean that folder
    when it starts. An earlier run's packets are removed where this one has none.
    """
    files = {out_dir / JUNIT: junit(summary, results), out_dir / FINDINGS: findings_json(summary)}
    if pcap:
        files[out_dir / PCAP] = pcap
    if allure_dir is not None:
        files[allure_dir / "environment.properties"] = environment(summary)
        files[allure_dir / "categories.json"] = categories()
    for path, data in files.items():
        write_file(path, data)
    if not pcap:
        _remove(out_dir / PCAP)
    return tuple(files)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole, with its folders: under another name in the same folder, then renamed. ReportError if not."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(data)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise not_written(path, _reason(error)) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise not_written(path, _reason(error)) from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def not_written(path: Path, reason: str) -> ReportError:
    """What is said of a report that is not there."""
    return ReportError(
        printable(f"the report {path} could not be written: {reason}"),
        "The verdict stands. Free the path, or choose another folder for the reports.",
    )
