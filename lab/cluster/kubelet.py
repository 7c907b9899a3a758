"""The kubelets: what clients' pods become on their nodes, as processes and as status."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lab.cluster import processes
from lab.cluster.pod_worker import PodWorker

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.cluster.events import Recorder
    from lab.cluster.images import Images
    from lab.cluster.network import PodNetwork
    from lab.cluster.nodes import Nodes
    from lab.cluster.processes import Container
    from lab.objects import Json, Key


class Kubelets:
    """All nodes' kubelets."""

    def __init__(self, world: World, nodes: Nodes, known: Images, events: Recorder, network: PodNetwork) -> None:
        self.world = world
        self.nodes = nodes
        self.images = known
        self.events = events
        self.network = network
        self._strays: set[asyncio.subprocess.Process] = set()  # what exec runs in the topology's own pods
        self._pods: dict[str, PodWorker] = {}
        self._uids: dict[Key, str] = {}

    def sync(self, at: Key, pod: Json | None) -> None:
        """Take notice of a pod that changed, or is gone."""
        before = self._uids.get(at)
        if before is not None and (pod is None or pod["metadata"]["uid"] != before):
            self._pods[before].drop()
        if pod is None or pod["metadata"]["uid"] not in self.world.managed:
            return
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        if node not in self.nodes.names:
            return
        if uid not in self._pods:
            self._pods[uid] = PodWorker(self, at, pod)
            self._uids[at] = uid
        if pod["metadata"].get("deletionTimestamp"):
            self._pods[uid].end(float(pod["metadata"]["deletionGracePeriodSeconds"]))

    def container(self, uid: str, name: str) -> Container | None:
        """A container that runs."""
        pod = self._pods.get(uid)
        return pod.containers.get(name) if pod else None

    def note(self, process: asyncio.subprocess.Process) -> None:
        """A program runs in one of the topology's own pods: it is to end with the server."""
        self._strays = {each for each in self._strays if each.returncode is None} | {process}

    def forget(self, uid: str) -> None:
        """The pod has ended and is gone."""
        gone = self._pods.pop(uid, None)
        if gone is not None:
            self._uids.pop(gone.at, None)

    async def close(self) -> None:
        """Kill everything."""
        for process in self._strays:
            processes.kill_group(process)
        pods = list(self._pods.values())
        for pod in pods:
            pod.drop()
        await asyncio.gather(*(pod.done() for pod in pods), return_exceptions=True)
