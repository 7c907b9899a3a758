"""The API server as a running thing: listen, say so by writing the kubeconfig, end cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from lab.api.answers import World
from lab.api.control import SOCKET
from lab.api.control_server import control_application
from lab.api.credentials import fresh, kubeconfig, write_private
from lab.api.server import application
from lab.api.store import Store
from lab.api.trouble import Troubles
from lab.cluster.manager import Cluster
from lab.objects import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.topology import Topology

HOST = "127.0.0.1"
KUBECONFIG = "kubeconfig"
READY = "the lab's API server listens"
_WATCH = 1.0  # seconds between two looks whether the state directory is still there
_GOODBYE = 0.2  # seconds that open requests have at the end


async def serve(state_dir: Path, topology: Topology, ready: Callable[[], None] = lambda: None) -> None:
    """Serve the topology until SIGTERM, SIGINT, or the state directory is gone; what it wrote there is removed then.

    `state_dir/kubeconfig` appears when the server listens, and `ready` is called. OSError if it cannot; ValueError
    for a topology that contradicts itself.
    """
    told = _told()
    credentials = fresh(HOST)
    world = World(Store(build(topology, datetime.now(UTC))), credentials.tokens)
    troubles = Troubles()
    cluster = Cluster(world, state_dir, [node.name for node in topology.nodes])
    api = web.AppRunner(
        application(world, cluster, troubles), handler_cancellation=True, access_log=None, shutdown_timeout=_GOODBYE
    )
    control = web.AppRunner(control_application(world, cluster, troubles), access_log=None, shutdown_timeout=_GOODBYE)
    await api.setup()
    await control.setup()
    controllers: asyncio.Task[None] | None = None
    try:
        await web.SockSite(control, _control_socket(state_dir)).start()
        await web.TCPSite(api, HOST, 0, ssl_context=credentials.tls).start()
        world.address = f"{HOST}:{api.addresses[0][1]}"
        write_private(state_dir / KUBECONFIG, kubeconfig(credentials, f"https://{world.address}"))
        controllers = asyncio.create_task(cluster.run())
        ready()
        await _until(told, state_dir)
    finally:
        (state_dir / KUBECONFIG).unlink(missing_ok=True)
        (state_dir / SOCKET).unlink(missing_ok=True)
        if controllers is not None:
            controllers.cancel()
            await asyncio.gather(controllers, return_exceptions=True)
        await control.cleanup()
        await api.cleanup()


def _control_socket(state_dir: Path) -> socket.socket:
    """The listening socket. Bound by the directory's descriptor, because a Unix address holds only 107 bytes."""
    (state_dir / SOCKET).unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    descriptor = os.open(state_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        door.bind(f"/proc/self/fd/{descriptor}/{SOCKET}")
    finally:
        os.close(descriptor)
    (state_dir / SOCKET).chmod(0o600)
    return door


def _told() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def _until(told: asyncio.Event, state_dir: Path) -> None:
    while not told.is_set() and state_dir.is_dir():
        try:
            # A directory's removal has no event of its own that is worth a watcher: look once a second.
            await asyncio.wait_for(told.wait(), _WATCH)
        except TimeoutError:
            continue
