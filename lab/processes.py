"""The processes that a lab consists of: what holds a node, what runs in a pod; started, marked, found again and ended.

Every process carries the lab's name in its environment, so that a later start can find what a crashed one left.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .tools import SYSTEM_PATH, LabError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MARK = "CALICO_CONFORMANCE_LAB"

# Runs in a mount namespace of its own, with the node's directory as $1. What a node has to itself is bound there; the
# overlays give those binds a place to be mounted on without a change to the machine. Copies of other namespaces' mounts
# are let go, for each would keep its namespace alive. The overlays' upper directories lie in a tmpfs, because one
# overlay cannot be another's upper.
_NODE_SCRIPT = """set -e
umount -R -l /run/netns 2>/dev/null || true
mkdir -p "$1/run" "$1/bird" "$1/cni" "$1/lib"
mount -t tmpfs -o mode=755 lab /run
mkdir -p /run/calico /run/lock /run/lab/bird /run/lab/cni /run/lab/lib /run/lab/upper-etc /run/lab/work-etc \
  /run/lab/upper-lib /run/lab/work-lib
mount --bind "$1/run" /run/calico
mount --bind "$1/bird" /run/lab/bird
mount --bind "$1/cni" /run/lab/cni
mount --bind "$1/lib" /run/lab/lib
mount -t overlay -o lowerdir=/etc,upperdir=/run/lab/upper-etc,workdir=/run/lab/work-etc lab /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lab/upper-lib,workdir=/run/lab/work-lib lab /var/lib
mkdir -p /etc/cni/net.d /etc/calico/confd/config /var/lib/calico
mount --bind /run/lab/bird /etc/calico/confd/config
mount --bind /run/lab/cni /etc/cni/net.d
mount --bind /run/lab/lib /var/lib/calico
echo ready
exec sleep infinity </dev/null >/dev/null 2>&1
"""


def environment(lab: str) -> dict[str, str]:
    """The environment of a lab's process: nothing of the caller's, and the lab's name."""
    return {"PATH": SYSTEM_PATH, "LC_ALL": "C", MARK: lab}


def spawn(
    lab: str,
    argv: Sequence[str],
    log: Path | None = None,
    stdout: int | None = None,
    more: Mapping[str, str] | None = None,
) -> int:
    """Start a process that outlives this one, in a session of its own, marked with the lab's name. Returns its id.

    Its output goes to the file `log` (or nowhere); `stdout` is a descriptor to use for its standard output instead;
    `more` is added to its environment.
    """
    target = str(log) if log else os.devnull
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions: list[tuple[object, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, target, flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 2 if stdout is None else stdout, 1),
    ]
    try:
        return os.posix_spawnp(
            argv[0],
            list(argv),
            environment(lab) | dict(more or {}),
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
        )
    except FileNotFoundError:
        raise LabError(f"there is no program {argv[0]!r} on this machine: run `make setup`") from None


def start_keepers(lab: str, nodes: dict[str, tuple[str, Path]]) -> dict[str, int]:
    """Start for each node (name → network namespace, directory) the process that holds its mount namespace.

    Returns their ids once every node's own directories are in place. LabError with what the mounts said otherwise.
    """
    started: dict[str, tuple[int, int]] = {}
    try:
        for name, (netns, directory) in nodes.items():
            read_end, write_end = os.pipe2(os.O_CLOEXEC)
            inside = ["nsenter", f"--net=/run/netns/{netns}", "unshare", "--mount", "--propagation", "private"]
            directory.mkdir(parents=True, exist_ok=True)
            try:
                argv = [*inside, "sh", "-c", _NODE_SCRIPT, "node", str(directory)]
                started[name] = spawn(lab, argv, directory / "keeper.log", write_end), read_end
            finally:
                os.close(write_end)
        for name, (_, read_end) in started.items():
            _await_ready(name, read_end, nodes[name][1] / "keeper.log")
    finally:
        for _, read_end in started.values():
            os.close(read_end)
    return {name: pid for name, (pid, _) in started.items()}


def _await_ready(name: str, read_end: int, log: Path) -> None:
    readable, _, _ = select.select([read_end], [], [], 10.0)
    if not readable or os.read(read_end, 64).strip() != b"ready":
        said = log.read_text(errors="replace").strip() if log.exists() else ""
        raise LabError(f"node {name} got no mount namespace: {said or 'no answer within 10 s'}")


def start_sleeper(lab: str, netns: str) -> int:
    """Start the process that a pod runs: it sleeps, in the pod's network namespace. Returns its id."""
    return spawn(lab, ["nsenter", f"--net=/run/netns/{netns}", "sleep", "infinity"])


def marked(lab: str) -> list[int]:
    """The live processes that carry the lab's name, this one and its ancestors apart."""
    sign = f"{MARK}={lab}".encode()
    spared = _lineage()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) not in spared:
            with suppress(OSError):  # it ended meanwhile
                if sign in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def _lineage() -> set[int]:
    pids = {0}
    pid = os.getpid()
    while pid not in pids:
        pids.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return pids


def end(pids: Iterable[int]) -> None:
    """Kill processes and wait until they are gone."""
    remaining = set(pids)
    for pid in remaining:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until("processes to end", lambda: not any(alive(pid) for pid in remaining), 10.0, pause=0.005)


def alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie. Reaps it if it is this process's own child."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
