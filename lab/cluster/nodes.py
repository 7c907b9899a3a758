"""The lab's nodes as their kubelets have them: which process holds each, and which kubelets are dead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KUBELET_PORT = 10250


class Nodes:
    """What runs on which node. `names` are the topology's: a Node object that somebody adds has no kubelet."""

    def __init__(self, state_dir: Path, names: Iterable[str]) -> None:
        self.state_dir = state_dir
        self.names = frozenset(names)
        self._dead: dict[str, asyncio.Event] = {}
        self.start_seconds: dict[str, float] = {}
        self.confined = ""  # what confines containers on all nodes: "apparmor", "selinux"

    def keeper(self, node: str) -> int | None:
        """The process that holds the node's mount and network namespaces; None where no lab is up."""
        held = self._state().get("nodes", {}).get(node)
        return int(held["pid"]) if held else None

    def pod_process(self, pod: str) -> int | None:
        """The process that holds a pod of the topology (`namespace/name`); None where no lab is up."""
        held = self._state().get("pods", {}).get(pod)
        return int(held["pid"]) if held else None

    def _state(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode((self.state_dir / "state.json").read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError):
            return {}

    def dead(self, node: str) -> bool:
        """Whether nothing listens on the node's kubelet port."""
        return node not in self.names or node in self._dead

    def set_dead(self, node: str, dead: bool) -> None:
        """Let a kubelet die or come back."""
        if dead:
            self._dead.setdefault(node, asyncio.Event())
        elif node in self._dead:
            self._dead.pop(node).set()

    async def alive(self, node: str) -> None:
        """Wait until the node's kubelet is alive."""
        while node in self._dead:
            await self._dead[node].wait()
