"""One pod on its node: its containers started, kept, ended, and what is told of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from lab import cgroups
from lab.cluster import images, pod_status, processes
from lab.cluster.pod_status import ContainerState
from lab.cluster.processes import Container, StartError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from lab.cluster.kubelet import Kubelets
    from lab.objects import Json, Key

_BACK_OFF, _LONGEST = 10.0, 300.0  # seconds: kubelet.go
_NEXT_LOOK = 1.0  # seconds until a failed pull is one that is waited for, and a mount is tried again
_NOT_RUN = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: "
)


class PodWorker:
    """One pod on its node, from its start to its end."""

    def __init__(self, kubelets: Kubelets, at: Key, pod: Json) -> None:
        self.at = at
        self.containers: dict[str, Container] = {}
        self._of = kubelets
        self._uid: str = pod["metadata"]["uid"]
        self._node: str = pod["spec"]["nodeName"]
        self._started = ""
        self._addresses: list[str] = []
        self._net = ""
        self._states = [ContainerState(each["name"], each["image"]) for each in pod["spec"]["containers"]]
        self._ending = False
        self._work: set[asyncio.Task[None]] = set()
        self._main = asyncio.create_task(self._run())

    def end(self, grace: float) -> None:
        """End it gracefully, once."""
        if not self._ending:
            self._ending = True
            self._spawn(self._terminate(grace))

    def drop(self) -> None:
        """Kill it: its object is gone, or the server ends."""
        self._ending = True
        for task in (self._main, *self._work):
            task.cancel()
        for container in self.containers.values():
            container.kill()
        self._of.forget(self._uid)
        self._of.network.release(self.at)

    async def done(self) -> None:
        """Wait for everything of it to be over."""
        await asyncio.gather(self._main, *self._work, return_exceptions=True)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    @property
    def _pod(self) -> Json | None:
        pod = self._of.world.store.objects.get(self.at)
        return pod if pod is not None and pod["metadata"]["uid"] == self._uid else None

    def _event(self, reason: str, message: str, *, warning: bool = False) -> None:
        if (pod := self._pod) is not None:
            self._of.events.record(pod, reason, message, component="kubelet", warning=warning, host=self._node)

    def _publish(self) -> None:
        pod, world = self._pod, self._of.world
        if pod is None or self._of.nodes.dead(self._node):
            return
        told = pod_status.status(
            pod, self._states, self._addresses, self._of.network.host_ips(self._node), self._started
        )
        if told != pod["status"]:
            world.store.replace(self.at, pod | {"status": told})

    async def _run(self) -> None:
        await self._of.nodes.alive(self._node)
        pod = self._pod
        if pod is None or self._ending:
            return
        self._started = pod_status.now()
        for state in self._states:
            state.wait("ContainerCreating")
        self._publish()
        await asyncio.sleep(self._of.nodes.start_seconds.get(self._node, 0.0))
        while told := processes.missing(pod, self._of.nodes.keeper(self._node)):
            self._event("FailedMount", told, warning=True)
            await asyncio.sleep(_NEXT_LOOK)
        self._addresses, self._net = await self._of.network.attach(self.at, pod)
        for state, container in zip(self._states, pod["spec"]["containers"], strict=True):
            self._spawn(self._keep(state, container))

    async def _keep(self, state: ContainerState, container: Json) -> None:
        """Keep one container running as its pod's restart policy says."""
        pause = 0.0
        while not self._ending:
            if not await self._pulled(state, container):
                return
            begun = asyncio.get_running_loop().time()
            code = await self._once(state, container)
            pod = self._pod
            if pod is None or self._ending:
                return
            policy = pod["spec"]["restartPolicy"]
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                self._publish()
                if all(each.exit_code is not None for each in self._states):
                    self._of.network.release(self.at)
                return
            lasted = asyncio.get_running_loop().time() - begun
            pause = 0.0 if lasted > 2 * _LONGEST else pause
            await self._back_off(state, pause)
            pause = min(pause * 2, _LONGEST) or _BACK_OFF
            state.restarts += 1

    async def _back_off(self, state: ContainerState, pause: float) -> None:
        if not pause and state.exit_code != 128:
            state.last = state.state
            return  # the first restart is immediate, and so short that nobody sees it wait
        self._publish()
        seconds = pause or _BACK_OFF
        where = f"{self.at.name}_{self.at.namespace}({self._uid})"
        if state.exit_code is not None:
            state.last = state.state
        state.wait("CrashLoopBackOff", f"back-off {seconds:.0f}s restarting failed container={state.name} pod={where}")
        self._publish()
        self._event("BackOff", f"Back-off restarting failed container {state.name} in pod {where}", warning=True)
        await asyncio.sleep(seconds)

    async def _pulled(self, state: ContainerState, container: Json) -> bool:
        """Whether the image is on the node, after as many attempts as it takes; False if the pod ends meanwhile."""
        reference, policy = container["image"], container["imagePullPolicy"]
        pause = _BACK_OFF
        if secrets := (self._pod or {"spec": {}})["spec"].get("imagePullSecrets"):
            names = ", ".join(each["name"] for each in secrets)  # the lab holds no secrets
            told = (
                f"Unable to retrieve some image pull secrets ({names}); attempting to pull the image may not succeed."
            )
            self._event("FailedToRetrieveImagePullSecret", told, warning=True)
        while not self._ending:
            image = self._of.images.find(reference)
            if not image.error:
                self._event("Pulled", f'Container image "{reference}" already present on machine')
                return True
            if policy == "Never":
                told = f'Container image "{reference}" is not present with pull policy of Never'
                state.wait("ErrImageNeverPull", told)
                self._event("ErrImageNeverPull", told, warning=True)
                self._event("Failed", "Error: ErrImageNeverPull", warning=True)
                self._publish()
            else:
                await self._failed_pull(state, image, reference)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
        return False

    async def _failed_pull(self, state: ContainerState, image: images.Image, reference: str) -> None:
        told = images.pull_error(image, reference)
        self._event("Pulling", f'Pulling image "{reference}"')
        self._event("Failed", f'Failed to pull image "{reference}": {told}', warning=True)
        self._event("Failed", "Error: ErrImagePull", warning=True)
        state.wait("ErrImagePull", told)
        self._publish()
        await asyncio.sleep(_NEXT_LOOK)
        state.wait("ImagePullBackOff", f'Back-off pulling image "{reference}": ErrImagePull: {told}')
        self._event("BackOff", f'Back-off pulling image "{reference}"')
        self._event("Failed", "Error: ImagePullBackOff", warning=True)
        self._publish()

    async def _once(self, state: ContainerState, container: Json) -> int:
        """Start a container and wait for its end; its exit code."""
        pod = self._pod
        if pod is None:
            return 128  # it went while its image was waited for
        state.name_run()
        try:
            started = await self._start(pod, container)
        except (StartError, OSError) as error:
            self._event("Created", f"Created container: {state.name}")
            self._event("Failed", f"Error: {error}", warning=True)
            state.end(128, "StartError", str(error))
            if pod["spec"]["restartPolicy"] != "Never":
                state.last = state.state
                state.wait("RunContainerError", str(error))
            self._publish()
            return 128
        if self._ending and self._pod is None:
            started.kill()
        self.containers[state.name] = started
        cgroup = self._cgroup(state, started.pid)
        state.begin()
        self._event("Created", f"Created container: {state.name}")
        self._event("Started", f"Started container {state.name}")
        self._publish()
        code = await started.wait()
        cgroups.discard(cgroup)
        self.containers.pop(state.name, None)
        state.end(code, "Error" if code else "Completed")
        return code

    def _cgroup(self, state: ContainerState, pid: int) -> str:
        """Put a container's process where a kubelet puts it: the cgroup's path names the pod. "" without a lab."""
        if self._of.nodes.keeper(self._node) is None:
            return ""
        run = state.run_id.removeprefix("containerd://")
        return cgroups.place(self._of.nodes.state_dir.name, self._uid, run, pid)

    async def _start(self, pod: Json, container: Json) -> Container:
        command = images.command(container)
        if why := processes.lookup(command, python=self._of.images.find(container["image"]).python):
            raise StartError(f"{_NOT_RUN}{why}: unknown")
        nodes = self._of.nodes
        where = processes.place(pod, container, nodes.keeper(self._node), self._net, nodes.confined)
        env = processes.environment(pod, container)
        return await processes.start(where, command, env, log_of(self._of.nodes.state_dir, self.at, container["name"]))

    async def _terminate(self, grace: float) -> None:
        """SIGTERM, the grace period, SIGKILL, a last status, and the object goes."""
        await self._of.nodes.alive(self._node)
        self._main.cancel()
        await asyncio.gather(self._main, return_exceptions=True)
        for state in self._states:
            if state.name in self.containers:
                self._event("Killing", f"Stopping container {state.name}")
        for container in list(self.containers.values()):
            container.terminate()
        others = [task for task in self._work if task is not asyncio.current_task()]
        running = [container.wait() for container in self.containers.values()]
        if running:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*running), grace)
        for container in list(self.containers.values()):
            container.kill()
        sleeping = [task for task in others if not self.containers]
        for task in sleeping:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for state in self._states:
            if not state.running and state.exit_code is None:
                state.end(137, "ContainerStatusUnknown", "The container could not be located when the pod was deleted")
        self._publish()
        self._of.network.release(self.at)
        self._of.forget(self._uid)
        if self._pod is not None:
            self._of.world.store.delete(self.at)


def log_of(state_dir: Path, at: Key, container: str) -> Path:
    """The file that a container's output goes to."""
    return state_dir / "containers" / f"{at.namespace}_{at.name}_{container}.log"
