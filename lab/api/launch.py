"""Starting the API server as a process of its own, and ending it."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from pathlib import Path

from lab.api.run import READY
from lab.topology import DEFAULT

LOG = "api.log"
_ROOT = Path(__file__).parents[2]


class LaunchError(Exception):
    """The server did not come up; the text ends in what it said."""


def launch(state_dir: Path, topology: Path = DEFAULT, seconds: float = 15.0) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own and wait until it listens. What goes wrong later is in `api.log`.

    LaunchError if it ends or does not listen within the time; nothing is left running then.
    """
    command = [sys.executable, "-m", "lab.api", "--state-dir", str(state_dir.resolve())]
    command += ["--topology", str(topology.resolve())]
    with (state_dir / LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        _until_ready(process, state_dir, seconds)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    return process


def _until_ready(process: subprocess.Popen[bytes], state_dir: Path, seconds: float) -> None:
    if process.stdout is not None:
        readable, _, _ = select.select([process.stdout], [], [], seconds)
        if readable and process.stdout.readline().decode().strip() == READY:
            return
    said = (state_dir / LOG).read_text(errors="replace").strip()[-2000:] or f"silence for {seconds:g} s"
    raise LaunchError(f"the lab's API server did not come up: {said}")


def end(process: subprocess.Popen[bytes], seconds: float = 5.0) -> None:
    """End the server and wait for it; by force if it does not end in time."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
