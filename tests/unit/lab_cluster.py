"""The fixtures of the tests against the lab's API server: a module takes those that it needs by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.api.control import Control
from tests.unit.lab_api_client import Client, connected, namespace, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An API server of the module's own."""
    with serving(tmp_path_factory.mktemp("cluster")) as directory:
        yield directory


@pytest.fixture(scope="module")
def client(state_dir: Path) -> Iterator[Client]:
    """A client of that server."""
    with connected(state_dir) as made:
        yield made


@pytest.fixture
def control(state_dir: Path) -> Iterator[Control]:
    """What makes the server misbehave; afterwards it behaves again."""
    door = Control(state_dir)
    yield door
    door.well()


@pytest.fixture
def here(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    with namespace(client, request.node.name) as name:
        yield name
