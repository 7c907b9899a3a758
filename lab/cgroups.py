"""Cgroups whose paths carry the pods' UIDs, as a kubelet with the cgroupfs driver makes them, if it may be."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_ROOTS = (  # of cgroup v1, where a kubelet puts pods into all of them; then v2's, alone or beside
    "/sys/fs/cgroup/pids",
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup",
)


def _parent(lab: str) -> str:
    return f"calico-conformance-{lab}"


def place(lab: str, uid: str, container: str, pid: int) -> str:
    """Put a pod's process into `<hierarchy>/<lab>/kubepods/burstable/pod<UID>/<container>`. Returns that path.

    Returns "" where no hierarchy can be written: the pod is then found by its interface and address alone.
    """
    for root in _ROOTS:
        path = Path(root, _parent(lab), "kubepods", "burstable", f"pod{uid}", container)
        if not Path(root, "cgroup.procs").exists():
            continue
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "cgroup.procs").write_text(str(pid))
        except OSError:
            remove(lab)
            continue
        return str(path)
    return ""


def discard(path: str) -> None:
    """Remove one pod's cgroup, whose processes have ended. One that still holds a process stays until the lab goes."""
    if path:
        with suppress(OSError):
            Path(path).rmdir()  # a cgroup is removed as it is, with the files the kernel shows in it
            Path(path).parent.rmdir()


def remove(lab: str) -> None:
    """Remove every cgroup of the lab that is empty."""
    for root in _ROOTS:
        top = Path(root, _parent(lab))
        for directory, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(directory).rmdir()
