"""All controllers on one queue: what changes in the store is looked at by everyone whom it concerns."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING

from lab.api.removal import Options, remove
from lab.cluster.daemon_sets import DaemonSets
from lab.cluster.events import Recorder
from lab.cluster.garbage import Garbage, Namespaces, Owners
from lab.cluster.images import Images
from lab.cluster.jobs import Jobs
from lab.cluster.kubelet import Kubelets
from lab.cluster.network import PodNetwork
from lab.cluster.nodes import Nodes
from lab.cluster.scheduler import Scheduler
from lab.objects import Key, key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.api.answers import World
    from lab.objects import Json


class Cluster:
    """The controllers and kubelets of one API server. `run` is their life; everything ends with it."""

    def __init__(self, world: World, state_dir: Path, nodes: Iterable[str]) -> None:
        self.world = world
        self.nodes = Nodes(state_dir, nodes)
        self.images = Images()
        self.events = Recorder(world)
        self.on_channel: set[str] = set()  # nodes whose dead kubelet is told behind the upgrade
        self._owners = Owners(world)
        self._garbage = Garbage(world, self._owners)
        self._namespaces = Namespaces(world)
        self._daemon_sets = DaemonSets(world, self.events, self._owners.of, self._again)
        self._jobs = Jobs(world, self.events, self._owners.of, self._again)
        self.network = PodNetwork(world, self.nodes, self.events)
        self.kubelets = Kubelets(world, self.nodes, self.images, self.events, self.network)
        self._scheduler = Scheduler(world, self.events)
        self._queue: dict[Key, None] = {}
        self._gone: list[Json] = []
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Look after the cluster until cancelled; then everything that runs in it is killed."""
        self.world.store.listeners.append(self._changed)
        for namespace in self.world.store.of("", "namespaces"):
            self._queue[key("namespaces", namespace["metadata"]["name"])] = None
        self._woken.set()
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._queue or self._gone:
                    self._step()
                    await asyncio.sleep(0)  # requests are answered in between
        finally:
            self.world.store.listeners.remove(self._changed)
            await self.kubelets.close()

    def _changed(self, at: Key, before: Json | None, after: Json | None) -> None:
        self._owners.changed(at, before, after)
        if at.plural == "events" and after is not None:
            return
        if before is not None and after is None:
            self._gone.append(before)
        self._queue[at] = None
        for obj in (before, after):
            for uid in self._owners.named(obj):
                if (owner := self._owners.key_of(uid)) is not None:
                    self._queue[owner] = None
        self._woken.set()

    def _again(self, at: Key, seconds: float) -> None:
        asyncio.get_running_loop().call_later(max(seconds, 0.0), self._requeue, at)

    def _requeue(self, at: Key) -> None:
        self._queue[at] = None
        self._woken.set()

    def _step(self) -> None:
        """One object. A controller's own error must not end the others: it goes to the server's log."""
        try:
            if self._gone:
                self._garbage.gone(self._gone.pop(0))
                return
            at = next(iter(self._queue))
            del self._queue[at]
            self._sync(at, self.world.store.objects.get(at))
        except Exception:  # whatever it is
            traceback.print_exc(file=sys.stderr)

    def _sync(self, at: Key, obj: Json | None) -> None:
        if at.plural == "pods":
            self._scheduler.sync(at, obj)
            self.kubelets.sync(at, self.world.store.objects.get(at))
        elif at.plural == "daemonsets":
            self._daemon_sets.sync(at, obj)
        elif at.plural == "jobs":
            self._jobs.sync(at, obj)
        elif at.plural == "nodes":
            self._all(("apps", "daemonsets"), ("", "pods"))
            if obj is None:
                self._stranded(at.name)
        elif at.plural == "namespaces" and obj is not None:
            self._namespaces.sync(obj)
        if at.namespace:
            self._emptied(at.namespace)
        self._garbage.sync(at, self.world.store.objects.get(at))

    def _stranded(self, node: str) -> None:
        """The pod garbage collector: pods of a node that is gone go with it."""
        for pod in self.world.store.of("", "pods"):
            meta = pod["metadata"]
            if pod["spec"].get("nodeName") == node and meta["uid"] in self.world.managed:
                remove(self.world, key("pods", meta["name"], meta["namespace"]), Options(grace_period_seconds=0))

    def _all(self, *resources: tuple[str, str]) -> None:
        """Look again at everything of these resources that clients made."""
        for group, plural in resources:
            for obj in self.world.store.of(group, plural):
                if obj["metadata"].get("uid") in self.world.managed:
                    self._queue[key(plural, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))] = None

    def _emptied(self, namespace: str) -> None:
        """Something changed in a namespace: if it is being deleted, it may be a step further."""
        found = self.world.store.objects.get(key("namespaces", namespace))
        if found is not None and found["status"]["phase"] == "Terminating":
            self._queue[key("namespaces", namespace)] = None
