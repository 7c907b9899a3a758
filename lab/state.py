"""What is known of a lab that is up: which namespaces and processes it consists of, in `.lab/<name>/state.json`."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .tools import LabError, UsageError
from .topology import LabPod, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
LABS = PROJECT / ".lab"
DEFAULT_NAME = "lab"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")


class NodeRun(msgspec.Struct, frozen=True):
    """A node that is up: its network namespace's name, and the process that holds its mount namespace."""

    netns: str
    pid: int


class PodRun(msgspec.Struct, frozen=True):
    """A pod that is up. `netns` is "" for a host-network pod, which lives in its node's namespace."""

    node: str
    netns: str
    pid: int
    cgroup: str = ""


class State(msgspec.Struct, frozen=True):
    """Everything that the faults and the way in need to know. `topology` holds pods that were added later, too."""

    name: str
    topology: Topology
    nodes: dict[str, NodeRun]
    pods: dict[str, PodRun]
    api_pid: int = 0


class Lab(msgspec.Struct, frozen=True):
    """A lab by its name; what it consists of at the moment is read from its directory."""

    name: str

    @property
    def directory(self) -> Path:
        return LABS / self.name

    @property
    def state_file(self) -> Path:
        return self.directory / "state.json"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    def node_directory(self, node: str) -> Path:
        """What the node's own /run/calico, CNI configuration and BIRD configuration are kept in."""
        return self.directory / "nodes" / node

    def state(self) -> State:
        """The state as last written. UsageError if the lab is not up."""
        try:
            return msgspec.json.decode(self.state_file.read_bytes(), type=State)
        except FileNotFoundError:
            raise UsageError(f"no lab {self.name!r} is up: `python -m lab up --name {self.name}` makes one") from None
        except msgspec.MsgspecError as error:
            raise LabError(f"{self.state_file} is damaged ({error}): take the lab down and up again") from None

    def write(self, state: State) -> None:
        """Replace the state file; a reader sees the old one or the new one, never a part."""
        write_whole(self.state_file, msgspec.json.format(msgspec.json.encode(state)))

    def node(self, name: str) -> NodeRun:
        """A node that is up. UsageError if there is none of that name."""
        nodes = self.state().nodes
        if name not in nodes:
            raise UsageError(f"there is no node {name!r} in this lab; there are {', '.join(nodes)}")
        return nodes[name]

    def pod(self, key: str) -> LabPod:
        """A pod of the topology, by `namespace/name`. UsageError if there is none."""
        for pod in self.state().topology.pods:
            if pod.key == key:
                return pod
        raise UsageError(f"there is no pod {key!r} in this lab; `python -m lab status` lists them")

    def pod_run(self, key: str) -> PodRun:
        """A pod that is up. UsageError if there is none of that key, or it has nothing on a node (any more, or yet)."""
        pod = self.pod(key)
        try:
            return self.state().pods[key]
        except KeyError:
            raise UsageError(f"pod {key} is {pod.state}: it has no network namespace") from None


def lab(name: str = DEFAULT_NAME) -> Lab:
    """The lab of that name, whether it is up or not. UsageError for a name that cannot prefix a namespace's."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"a lab cannot be called {name!r}: lower-case letters, digits and dashes, at most 20")
    return Lab(name)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file by a rename."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)


@contextmanager
def locked(lab: Lab, *, wait: bool = True) -> Iterator[None]:
    """Hold the lab's lock: one change at a time. LabError at once with `wait` False when somebody else holds it.

    The lock ends with its holder, however that ends; its file stays behind, empty, beside the labs' directories.
    """
    LABS.mkdir(parents=True, exist_ok=True)
    fd = os.open(LABS / f".{lab.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LabError(f"lab {lab.name!r} is being brought up, changed or taken down by another process") from None
        yield
    finally:
        os.close(fd)
