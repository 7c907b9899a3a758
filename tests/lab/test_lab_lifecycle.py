"""A lab comes and goes without a trace, however it ends; wrong calls are told in a sentence and an exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import lifecycle, state, topology
from lab.processes import alive, end, marked
from lab.tools import LabError, wait_until
from tests.lab.conftest import own_lab
from tests.lab.lab_view import command, traces

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def passing() -> Iterator[state.Lab]:
    """A lab of this test's own, gone afterwards."""
    with own_lab("passing") as lab:
        yield lab


def test_up_and_down_leave_nothing(passing: state.Lab) -> None:
    assert traces(passing) == []
    up = command("up", "--name", passing.name)
    assert up.returncode == 0, up.stderr
    assert f"lab {passing.name!r} is up" in up.stdout
    assert len(traces(passing)) > 10

    again = command("up", "--name", passing.name)
    assert (again.returncode, again.stdout) == (1, "")
    assert "is up already" in again.stderr

    shown = command("status", "--name", passing.name)
    assert shown.returncode == 0
    assert "node worker1  10.0.0.11: Mesh_10_0_0_10 up, Mesh_10_0_0_12 up" in shown.stdout
    assert "API server  running" in shown.stdout

    down = command("down", "--name", passing.name)
    assert (down.returncode, down.stdout) == (0, f"lab {passing.name!r} is gone\n")
    assert traces(passing) == []

    idle = command("down", "--name", passing.name)
    assert (idle.returncode, idle.stdout) == (0, f"no lab {passing.name!r} was up\n")


def _start(lab: state.Lab) -> subprocess.Popen[str]:
    """`up` in the background, on its way: its namespaces are there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "up", "--name", lab.name],
        cwd=state.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until("the lab's processes to appear", lambda: len(marked(lab.name)) > 3 or process.poll() is not None, 20.0)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_up_takes_down_what_it_made(passing: state.Lab, number: signal.Signals) -> None:
    process = _start(passing)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130, complaint
    assert complaint == "lab: interrupted; what was made is taken down\n"
    assert traces(passing) == []


def test_next_up_removes_what_a_killed_one_left(passing: state.Lab) -> None:
    process = _start(passing)
    process.kill()
    process.communicate(timeout=30)
    assert len(traces(passing)) > 3
    lifecycle.up(passing, topology.load())
    lifecycle.down(passing)
    assert traces(passing) == []


def test_next_up_replaces_a_lab_whose_processes_were_killed(passing: state.Lab) -> None:
    lifecycle.up(passing, topology.load())
    end(marked(passing.name))
    lifecycle.up(passing, topology.load())
    assert len(passing.state().nodes) == 3
    lifecycle.down(passing)
    assert traces(passing) == []


def test_one_change_at_a_time(passing: state.Lab) -> None:
    with state.locked(passing), pytest.raises(LabError, match="is being brought up, changed or taken down"):
        lifecycle.up(passing, topology.load())
    assert traces(passing) == []


def test_failed_up_takes_down_what_it_made(passing: state.Lab) -> None:
    """The kernel refuses a gateway that is no address, when other namespaces are there already."""
    seed = topology.load()
    broken = topology.LabNode(name="stray", address="10.0.0.77", gateway="10.0.0.999")
    odd = topology.Topology(nodes=(*seed.nodes, broken), pools=seed.pools, blocks=seed.blocks, pods=seed.pods)
    with pytest.raises(LabError, match=r"10\.0\.0\.999"):
        lifecycle.up(passing, odd)
    assert traces(passing) == []


def test_programs_started_in_the_lab_go_with_it(passing: state.Lab) -> None:
    lifecycle.up(passing, topology.load())
    inside = subprocess.Popen(
        [sys.executable, "-m", "lab", "exec", "--name", passing.name, "worker1", "--", "sleep", "300"],
        cwd=state.PROJECT,
    )
    wait_until("sleep to run", lambda: Path(f"/proc/{inside.pid}/exe").readlink().name == "sleep", 20.0)
    lifecycle.down(passing)
    assert not alive(inside.pid)
    inside.wait(10)
    assert traces(passing) == []


MISTAKES = [
    (["exec", "worker9", "--", "true"], 4, "there is no node 'worker9' in this lab; there are host1, worker1, worker2"),
    (["exec-pod", "nobody/nothing", "--", "true"], 4, "there is no pod 'nobody/nothing' in this lab"),
    (["exec-pod", "batch/report-29384756-x2v9c", "--", "true"], 4, "is completed: it has no network namespace"),
    (["inject", "F99"], 4, "there is no fault 'F99'"),
    (["inject", "F1", "--on", "worker1"], 4, "F1 strikes a pod; there is no 'worker1'"),
    (["undo", "F1"], 4, "F1 is not injected"),
    (["exec", "worker1", "--", "no-such-program"], 127, "failed to execute no-such-program"),
    (["exec", "worker1", "--", "sh", "-c", "exit 7"], 7, ""),
    (["exec"], 2, "the following arguments are required: node"),
    (["status", "--", "true"], 2, "status runs no program"),
    (["fly"], 2, "invalid choice: 'fly'"),
]


@pytest.mark.parametrize(("words", "code", "told"), MISTAKES)
def test_mistakes_are_told(seed_lab: state.Lab, words: list[str], code: int, told: str) -> None:
    named = [words[0], "--name", seed_lab.name, *words[1:]] if words[0] != "fly" else words
    done = command(*named)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["status"], ["exec", "worker1"], ["inject", "F1"], ["undo", "F1"]])
def test_a_lab_that_is_not_up(passing: state.Lab, words: list[str]) -> None:
    done = command(words[0], "--name", passing.name, *words[1:])
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"lab: no lab {passing.name!r} is up")


def test_a_file_that_is_no_topology(passing: state.Lab) -> None:
    done = command("up", "--name", passing.name, "--topology", "pyproject.toml")
    assert done.returncode == 4
    assert done.stderr.startswith("lab: pyproject.toml is no topology")
    assert traces(passing) == []
