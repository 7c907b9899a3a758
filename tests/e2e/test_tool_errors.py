"""The tool's own faults, a killed worker, an interrupt: never a pass, no traceback, and the reports are there."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.suite import SECONDS, finished, judged, run, started

if TYPE_CHECKING:
    from pathlib import Path

TROUBLE = ("-p", "e2e_trouble")


@pytest.mark.parametrize(
    ("trouble", "workers", "words", "fault"),
    [
        ("check", "-n0", "test_node_forwards_packets[worker", "ValueError: a fault of the check's own"),
        ("check", "-n2", "test_node_forwards_packets[worker", "ValueError: a fault of the check's own"),
        ("setup", "-n0", "has no verdict: an error in its setup", "ValueError: a fault of the set-up's own"),
        ("collection", "-n0", "pytest met an internal error", "ValueError: a fault of the collection's own"),
        ("collection", "-n2", "pytest met an internal error", "ValueError: a fault of the collection's own"),
    ],
)
def test_fault_of_the_tool_is_no_verdict(
    healthy: str, trouble: str, workers: str, words: str, fault: str, tmp_path: Path
) -> None:
    done = judged(run(tmp_path, healthy, workers, *TROUBLE, f"--trouble={trouble}"), 3, words, "tool-error.txt")
    assert done.document["problem"]["trouble"] == "an error inside the tool"
    assert fault in (tmp_path / "tool-error.txt").read_text()


def test_fault_of_the_tool_outweighs_findings(faulty: str, tmp_path: Path) -> None:
    done = judged(run(tmp_path, faulty, *TROUBLE, "--trouble=check"), 3)
    assert done.ids


def test_fault_while_observing_is_one_sentence(healthy: str, tmp_path: Path) -> None:
    done = judged(
        run(tmp_path, healthy, *TROUBLE, "--trouble=engine"), 3, "ValueError: a fault of the observation's own"
    )
    assert "Traceback" in (tmp_path / "tool-error.txt").read_text()
    assert done.document["results"] == 0


def test_killed_worker_is_never_a_pass(healthy: str, tmp_path: Path) -> None:
    done = judged(run(tmp_path, healthy, "-n2", *TROUBLE, "--trouble=kill"), 3, "the worker that ran it died")
    assert 0 < done.document["results"] < done.document["planned"]


def test_next_run_leaves_nothing_of_a_failed_one(healthy: str, tmp_path: Path) -> None:
    judged(run(tmp_path, healthy, *TROUBLE, "--trouble=setup"), 3)
    judged(run(tmp_path, healthy), 0)
    assert not (tmp_path / "tool-error.txt").exists()


@pytest.mark.parametrize(
    ("number", "workers", "whole_group"),
    [
        (signal.SIGINT, "-n0", True),
        (signal.SIGINT, "-n2", True),
        (signal.SIGTERM, "-n2", True),
        (signal.SIGTERM, "-n2", False),
        (signal.SIGHUP, "-n0", False),
    ],
)
def test_interrupt_is_told_in_every_report(
    healthy: str, number: signal.Signals, workers: str, whole_group: bool, tmp_path: Path
) -> None:
    """As by Ctrl-C, which the terminal sends to the workers too, as by a CI job's end, as by a `kill` of the controller
    alone."""
    there = tmp_path / "there"
    os.mkfifo(there)
    sign = os.open(there, os.O_RDONLY | os.O_NONBLOCK)
    process = started(tmp_path / "out", healthy, workers, *TROUBLE, "--trouble=wait", f"--trouble-file={there}")
    select.select([sign], [], [], SECONDS)  # until the run has opened it at the item that it stays in
    os.close(sign)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    done = judged(finished(process, tmp_path / "out"), 2, "Interrupted, so there is no verdict")
    assert done.document["interrupted"]
    assert done.document["results"] < done.document["planned"]
