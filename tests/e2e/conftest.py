"""What the end-to-end tests share: snapshots of recordings, an API server without nodes, a lab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fixtures.dumps import read_dumps
from fixtures.snapshot_file import write_snapshot
from lab import topology
from lab.api.control import Control
from lab.api.launch import end, launch
from tests.e2e.suite import RECORDINGS
from tests.lab.conftest import lab_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.state import Lab


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with healthy.zst and faulty.zst, the latter with findings on several nodes."""
    folder = tmp_path_factory.mktemp("snapshots")
    write_snapshot(folder / "healthy.zst", read_dumps(RECORDINGS / "noencap.tar.xz"))
    write_snapshot(folder / "faulty.zst", read_dumps(RECORDINGS / "labelled" / "fault-15-bgp-session-disabled.tar.xz"))
    return folder


@pytest.fixture(scope="session")
def healthy(snapshots: Path) -> str:
    """The options that replay a healthy cluster."""
    return f"--replay={snapshots / 'healthy.zst'}"


@pytest.fixture(scope="session")
def faulty(snapshots: Path) -> str:
    """The options that replay a cluster whose nodes worker1 and worker2 do not conform."""
    return f"--replay={snapshots / 'faulty.zst'}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """The lab's API server alone, and its door. No node of it can be entered, and it needs no root."""
    state = tmp_path_factory.mktemp("api")
    process = launch(state)
    (state / "state.json").write_text(json.dumps({"nodes": {}}))
    try:
        yield Control(state)
    finally:
        end(process)


@pytest.fixture
def api(served: Control) -> Iterator[Control]:
    """The API server, afterwards without denials and troubles."""
    yield served
    served.allow_all()
    served.no_trouble()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The seed's lab, up for the session."""
    with lab_up("e2e", topology.DEFAULT) as up:
        yield up
