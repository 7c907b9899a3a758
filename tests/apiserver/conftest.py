"""The real API server that these tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fixtures.api import connect
from lab import topology
from lab.objects import build
from tests.apiserver.load import load
from tests.apiserver.server import ADMIN, ASSETS, RealApi, assets, real_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApi]:
    """An API server that holds the objects of the default lab."""
    programs = assets()
    if programs is None:
        pytest.skip(f"{ASSETS} names no folder with etcd and kube-apiserver (setup-envtest brings both)")
    with real_api(programs, tmp_path_factory.mktemp("apiserver")) as up:
        load(connect(up.kubeconfig, ADMIN), build(topology.load(topology.DEFAULT), datetime.now(UTC)).values())
        yield up


@pytest.fixture
def admin(real: RealApi) -> Iterator[Api]:
    """Its connection for who may do everything."""
    api = connect(real.kubeconfig, ADMIN)
    yield api
    api.close()
