"""What the tests of the way in `kube` share: its own lab, and one deployment in this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from fixtures.api import connect, list_cluster
from fixtures.deploy.places import ACCOUNTS, BINDINGS, DAEMON_SETS, JOBS, NAMESPACES, OURS, PODS
from fixtures.deploy.settings import ProbeSettings
from fixtures.deploy.shapes import Bare, list_of
from fixtures.reach.kube import KubeReach
from lab.api.control import Control

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api
    from lab.state import Lab
    from model.cluster import Node

EVERY = (JOBS, DAEMON_SETS, ACCOUNTS, BINDINGS, PODS)


def left(api: Api) -> set[str]:
    """Everything of the tool that is on the cluster, `Kind/name`."""
    found = {
        f"{kind.kind}/{one.metadata.name}" for kind in EVERY for one in list_of(api, kind.everywhere(), Bare, OURS)
    }
    return found | {f"Namespace/{one.metadata.name}" for one in list_of(api, NAMESPACES, Bare, OURS)}


def left_in(lab: Lab) -> set[str]:
    """Everything of the tool that is in a lab."""
    api = connect(lab.kubeconfig, "lab")
    try:
        return left(api)
    finally:
        api.close()


@contextmanager
def clean(lab: Lab) -> Iterator[Lab]:
    """A shared lab, afterwards behaving again, and with nothing of the tool in it: that is asserted."""
    yield lab
    Control(lab.directory).well()
    assert left_in(lab) == set()


def nodes(api: Api) -> list[Node]:
    """The cluster's nodes."""
    return list(list_cluster(api).nodes)


@contextmanager
def reaching(lab: Lab, **settings: object) -> Iterator[tuple[KubeReach, Api, list[str]]]:
    """A way in that is not opened yet, its connection, and what it says. Closed afterwards, whatever happens."""
    api = connect(lab.kubeconfig, "lab")
    reach = KubeReach(api, msgspec.structs.replace(ProbeSettings(), **settings), kubeconfig=lab.kubeconfig)
    try:
        yield reach, api, []
    finally:
        reach.close()
        api.close()
