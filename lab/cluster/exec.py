"""Running a program in a pod that runs: a client's, or one of the lab's own."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lab.cluster import processes
from lab.cluster.processes import Place, exec_process

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Sequence

    from lab.cluster.manager import Cluster
    from lab.objects import Json


class ExecError(Exception):
    """The program does not run; the text is the kubelet's."""


class Program:
    """A program that exec started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def write(self, data: bytes) -> None:
        """To its standard input; what a program that has ended or closed it does not read is lost."""
        if self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.write(data)
                await self._process.stdin.drain()

    def end_input(self) -> None:
        """Its standard input ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def output(self, size: int) -> AsyncIterator[bytes]:
        """Its standard output, in pieces of at most `size` bytes."""
        return _pieces(self._process.stdout, size)

    def errors(self, size: int) -> AsyncIterator[bytes]:
        """Its standard error."""
        return _pieces(self._process.stderr, size)

    async def wait(self) -> int:
        """Its exit code, 128 and the signal's number if one killed it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def let_go(self) -> None:
        """Leave it alone: its input ends, its output breaks."""
        self.end_input()
        transport: Any = self._process._transport  # type: ignore[attr-defined]  # noqa: SLF001  # the only way to the pipes
        for number in (1, 2):
            pipe = transport.get_pipe_transport(number)
            if pipe is not None:
                pipe.close()


async def begin(cluster: Cluster, pod: Json, container: str, command: Sequence[str], stdin: bool) -> Program:
    """Start a program in a container. ExecError if the container does not run, or has no such program."""
    spec = next(each for each in pod["spec"]["containers"] if each["name"] == container)
    if pod["metadata"]["uid"] in cluster.world.managed:
        running = cluster.kubelets.container(pod["metadata"]["uid"], container)
        if running is None:
            raise ExecError(f'unable to upgrade connection: container not found ("{container}")')
        _check(cluster, pod, spec, command)
        return Program(await running.run(command, processes.environment(pod, spec), stdin))
    if pod["status"]["phase"] != "Running":
        raise ExecError(f'unable to upgrade connection: container not found ("{container}")')
    _check(cluster, pod, spec, command)
    argv = [*_inside(cluster, pod, spec), *command]
    process = await exec_process(argv, processes.environment(pod, spec), stdin)
    cluster.kubelets.note(process)
    return Program(process)


def _check(cluster: Cluster, pod: Json, container: Json, command: Sequence[str]) -> None:
    why = processes.lookup(command, python=cluster.images.find(container["image"]).python)
    if why:
        run = next(
            (each.get("containerID", "") for each in pod["status"].get("containerStatuses") or []
             if each["name"] == container["name"]), ""
        )  # fmt: skip
        shown = run.removeprefix("containerd://")
        raise ExecError(
            "Internal error occurred: error executing command in container: failed to exec in container: failed to "
            f'start exec "{shown}": OCI runtime exec failed: exec failed: unable to start container process: '
            f"{why}: unknown"
        )


def _inside(cluster: Cluster, pod: Json, container: Json) -> list[str]:
    """How to enter a pod of the topology: its node's mounts, its own network, and no process but its own to be seen."""
    node = cluster.nodes.keeper(pod["spec"]["nodeName"])
    if node is None:
        return ["setpriv", "--pdeathsig", "KILL"]
    key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    process = cluster.nodes.pod_process(key)
    net = f"--net=/proc/{process}/ns/net" if process and not pod["spec"].get("hostNetwork") else "--net"
    argv = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--target={node}", "--mount", net, "--"]
    if not pod["spec"].get("hostPID") and os.geteuid() == 0:
        argv += processes.PRIVATE
    capabilities = processes.capabilities_of(container.get("securityContext") or {})
    return argv + Place(node, capabilities=capabilities).narrowed([])


async def _pieces(stream: asyncio.StreamReader | None, size: int) -> AsyncIterator[bytes]:
    while stream is not None and (data := await stream.read(size)):
        yield data
