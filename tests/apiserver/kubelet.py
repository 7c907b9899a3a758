"""A scheduler and the nodes' kubelets, as far as the tool's own pods need them: they start, and they end.

No container is made: what a pod's status says of it is all that there is.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from fixtures.api import connect
from fixtures.api.session import RefusedError
from fixtures.deploy.places import OURS, PODS
from fixtures.errors import UnobservableError
from tests.apiserver.server import ADMIN, RealApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api

PAUSE = 0.1  # seconds between two looks at the pods
Json = dict[str, Any]


class Kubelets:
    """Places pending pods where their affinity wants them, starts them, and lets those go that are to end.

    `waiting`: nodes whose containers do not start, with why (core/v1 ContainerStateWaiting). `dead`: nodes whose
    kubelets neither start nor end anything.
    """

    def __init__(self, api: Api) -> None:
        self.waiting: dict[str, Json] = {}
        self.dead: set[str] = set()
        self.failures: list[BaseException] = []
        self._api = api
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kubelets")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._ended.wait(PAUSE):  # a look at the pods in place of a watch, until it is stopped
            try:
                for pod in _pods(self._api):
                    with suppress(RefusedError):  # it has changed, or gone, since it was listed
                        self._step(pod)
            except UnobservableError as error:
                self.failures.append(error)
                return

    def _step(self, pod: Json) -> None:
        meta, node = pod["metadata"], pod["spec"].get("nodeName", "")
        path = PODS.path(meta["namespace"], meta["name"])
        if node in self.dead:
            return
        if "deletionTimestamp" in meta:
            options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
            self._api.transport.send("DELETE", path, body=msgspec.json.encode(options))
        elif not node:
            target = {"apiVersion": "v1", "kind": "Node", "name": _wanted(pod)}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
            self._api.post(f"{path}/binding", binding)
        elif pod["status"].get("containerStatuses", [{}])[0].get("state") != self._state(node):
            self._api.merge(f"{path}/status", {"status": self._status(pod, node)})

    def _state(self, node: str) -> Json:
        waiting = self.waiting.get(node)
        return {"waiting": waiting} if waiting else {"running": {"startedAt": "2020-01-01T00:00:00Z"}}

    def _status(self, pod: Json, node: str) -> Json:
        runs = node not in self.waiting
        container = pod["spec"]["containers"][0]
        told = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        told |= {"ready": runs, "started": runs, "state": self._state(node)}
        ready = {"type": "Ready", "status": "True" if runs else "False"}
        return {"phase": "Running" if runs else "Pending", "conditions": [ready], "containerStatuses": [told]}


def _pods(api: Api) -> list[Json]:
    found: list[Json] = msgspec.json.decode(api.get(PODS.everywhere(), {"labelSelector": OURS}).body)["items"] or []
    return found


def _wanted(pod: Json) -> str:
    """The node that the DaemonSet controller has made the pod for."""
    affinity = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    name: str = affinity["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    return name


@contextmanager
def kubelets(up: RealApi) -> Iterator[Kubelets]:
    """Kubelets of all nodes, for as long as the body runs."""
    api = connect(up.kubeconfig, ADMIN)
    made = Kubelets(api)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        api.close()
    assert made.failures == []
