"""The measurement works, on a small node, and takes down what it built. The figures it gives when it is run whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

PROJECT = Path(__file__).parents[2]


def test_the_table_and_nothing_left_behind() -> None:
    command = [sys.executable, "-m", "bench.probe_cost", "--pods", "3", "--routes", "20", "--rounds", "1"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        table, complaints = process.communicate()
    titles = ("probe, links", "probe, everything", "ip netns exec POD ip -j", "pyroute2 NetNS()")
    assert all(title in table for title in titles)
    assert (process.returncode, complaints) == (0, "")
    left = subprocess.run(["ip", "netns"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert f"ccbench{process.pid}-" not in left


def test_it_fails_where_the_probe_is_not_cheap_enough() -> None:
    """One pod does not make up for an interpreter's start."""
    command = [sys.executable, "-m", "bench.probe_cost", "--pods", "1", "--routes", "1", "--rounds", "1", "--assert"]
    done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert (done.returncode, "times as cheap" in done.stderr) == (1, True)
