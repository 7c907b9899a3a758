"""The lab's API server as one of the lab's processes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .processes import alive, spawn
from .state import PROJECT
from .tools import LabError, wait_until

if TYPE_CHECKING:
    from .state import Lab

TOPOLOGY = "topology.json"
START_SECONDS = 30.0


def start_api(lab: Lab) -> int:
    """Start the API server on the lab's copy of its topology; returns its process id at once."""
    argv = [sys.executable, "-m", "lab.api", "--state-dir", str(lab.directory)]
    argv += ["--topology", str(lab.directory / TOPOLOGY)]
    return spawn(lab.name, argv, lab.directory / "api.log", more={"PYTHONPATH": str(PROJECT)})


def wait_api(lab: Lab, pid: int) -> None:
    """Wait until the API server listens: it says so by writing the kubeconfig. LabError with what it said otherwise."""
    try:
        wait_until("the API server", lambda: lab.kubeconfig.exists() or not alive(pid), START_SECONDS)
    except LabError as error:
        raise LabError(f"{error}{_said(lab)}") from None
    if not lab.kubeconfig.exists():
        raise LabError(f"the API server ended{_said(lab)}")


def _said(lab: Lab) -> str:
    text = (lab.directory / "api.log").read_text(errors="replace").strip()
    return f"; it said: {text[-2000:]}" if text else ""
