"""A process that is ending is no refusal: the kernel answers EACCES for what it has let go already."""

from __future__ import annotations

import os
import subprocess

from fixtures.probe.namespaces import is_ending


def test_a_living_process_is_not_ending() -> None:
    assert not is_ending(str(os.getpid()).encode())


def test_a_zombie_is_ending_and_so_is_one_that_is_gone() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet reaped: a zombie
    pid = str(process.pid).encode()
    assert is_ending(pid)
    process.wait()
    assert is_ending(pid)
