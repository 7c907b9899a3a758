"""What the tests of the way in `kube` against a real API server share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from fixtures.api import connect
from fixtures.deploy.settings import ProbeSettings
from fixtures.reach.kube import KubeReach
from tests.apiserver.server import RUNNER
from tests.lab.kube_lab import left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api
    from tests.apiserver.server import RealApi


@contextmanager
def reaching(up: RealApi, user: str = RUNNER, **settings: object) -> Iterator[tuple[KubeReach, Api, list[str]]]:
    """A way in that is not opened yet, its connection, and a list for what it says; closed afterwards."""
    api = connect(up.kubeconfig, user)
    reach = KubeReach(api, msgspec.structs.replace(ProbeSettings(), **settings), kubeconfig=up.kubeconfig)
    try:
        yield reach, api, []
    finally:
        reach.close()
        api.close()


def kinds(api: Api) -> list[str]:
    """The kinds of what is on the cluster of the tool, sorted."""
    return sorted(name.partition("/")[0] for name in left(api))
