"""The demonstration: the lab comes up, the suite looks at it, the lab goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from . import lifecycle, topology
from .processes import alive
from .state import DEFAULT_NAME, PROJECT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .state import Lab

STOP_SECONDS = 20.0
OWNER = "demo.pid"


def run(lab: Lab, _: argparse.Namespace, __: Sequence[str]) -> int:
    """Returns pytest's exit code. The lab goes in any case, also after Ctrl-C or SIGTERM; a lab that was up stays,
    unless it is that of a demonstration that was killed.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if _orphaned(lab):
        lifecycle.down(lab)
    state = lifecycle.up(lab, topology.load())
    (lab.directory / OWNER).write_text(str(os.getpid()))
    print(f"lab {lab.name!r} is up: {len(state.nodes)} nodes, {len(state.topology.pods)} pods", flush=True)
    try:
        return _suite(lab)
    finally:
        lifecycle.down(lab)


def _orphaned(lab: Lab) -> bool:
    """Whether the lab that is up belongs to a demonstration whose process is gone."""
    try:
        return not alive(int((lab.directory / OWNER).read_text()))
    except (OSError, ValueError):
        return False


def _suite(lab: Lab) -> int:
    """Run the suite as a user does, in a session of its own: an interrupt reaches it once, from here."""
    cluster = ["--lab"] if lab.name == DEFAULT_NAME else [f"--kubeconfig={lab.kubeconfig}", "--reach=lab"]
    argv = [sys.executable, "-m", "pytest", "-n", "auto", *cluster]
    suite = subprocess.Popen(argv, cwd=PROJECT, start_new_session=True)
    try:
        return suite.wait()
    except KeyboardInterrupt:
        suite.send_signal(signal.SIGINT)
        try:
            return suite.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return 130
    finally:
        if suite.poll() is None:
            suite.kill()
            suite.wait()
