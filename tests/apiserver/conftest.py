"""The real API server that these tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fixtures.api import connect
from lab import topology
from lab.objects import build
from tests.apiserver.load import load
from tests.apiserver.rules import file_for, path_of
from tests.apiserver.server import ADMIN, ASSETS, CONTROLLERS, RUNNER, RealApi, assets, controllers, real_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApi]:
    """An API server that holds the objects of the default lab."""
    programs = assets()
    if programs is None:
        pytest.skip(f"{ASSETS} names no folder with etcd and kube-apiserver (setup-envtest brings both)")
    objects = build(topology.load(topology.DEFAULT), datetime.now(UTC))
    exempt = {at.name for at in objects if at.plural == "namespaces"}
    with real_api(programs, tmp_path_factory.mktemp("apiserver"), exempt) as up:
        api = connect(up.kubeconfig, ADMIN)
        load(api, objects.values())
        api.close()
        yield up


@pytest.fixture(scope="session")
def controlled(real: RealApi) -> Iterator[RealApi]:
    """The same one, with the controllers that a run relies on."""
    if not real.has_controllers:
        pytest.skip(f"{ASSETS} names a folder without {CONTROLLERS}: nobody acts on DaemonSets and Jobs")
    with controllers(real):
        yield real


@pytest.fixture
def admin(real: RealApi) -> Iterator[Api]:
    """Its connection for who may do everything."""
    api = connect(real.kubeconfig, ADMIN)
    yield api
    api.close()


@pytest.fixture(scope="session")
def file(real: RealApi) -> None:
    """deploy/rbac.yaml is applied, its subjects RUNNER, who may do nothing else. It stays."""
    api = connect(real.kubeconfig, ADMIN)
    for obj in file_for(RUNNER):
        api.post(path_of(obj, named=False), obj)
    api.close()
