"""Running this machine's programs as root, and waiting for what they bring about."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

NETNS_DIR = Path("/run/netns")
# PATH of programs that run in the lab: the system's own, as on a node, whatever the caller's shell has in front
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """What went wrong in the lab, in a sentence for the user, with what to do about it."""


class UsageError(LabError):
    """The lab was asked for something that does not exist: an unknown node, pod, fault, or a lab that is not up."""


def run(argv: Sequence[str], text: str = "", *, seconds: float = 30.0) -> str:
    """Run a program and return what it wrote. LabError with its complaint when it fails or takes longer."""
    try:
        done = subprocess.run(
            list(argv),
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "PATH": SYSTEM_PATH, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise LabError(f"there is no program {argv[0]!r} on this machine: run `make setup`") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(argv)}` did not end within {seconds:g} s") from None
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip() or done.returncode}")
    return done.stdout


def ip_batch(lines: Sequence[str], netns: str | None = None) -> None:
    """Carry out ip(8) commands, one a line, in one process. LabError names the first line that the kernel refused."""
    if not lines:
        return
    where = ["-n", netns] if netns else []
    try:
        run(["ip", *where, "-batch", "-"], "\n".join(lines) + "\n")
    except LabError as error:
        number = str(error).rpartition("Command failed -:")[2].strip()
        line = lines[int(number) - 1] if number.isdigit() and int(number) <= len(lines) else ""
        raise LabError(f"{error}{f' (ip {line})' if line else ''}{f' in {netns}' if netns else ''}") from None


def in_netns(netns: str, work: Callable[[], T]) -> T:
    """Call `work` in a network namespace: in a thread of its own that enters it, so that nothing else moves.

    Costs microseconds where a process of `ip netns exec` costs milliseconds.
    """
    results: list[T] = []
    errors: list[OSError] = []

    def body() -> None:
        try:
            fd = os.open(NETNS_DIR / netns, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"cannot enter network namespace {netns}")
            finally:
                os.close(fd)
            results.append(work())
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=body, name=f"netns {netns}")
    thread.start()
    thread.join()
    if errors:
        raise LabError(f"{netns}: {errors[0]}") from errors[0]
    return results[0]


def write_sysctls(netns: str, values: dict[str, str]) -> None:
    """Write sysctls of a network namespace, named as for sysctl(8): `/` stands for a dot within a name."""

    def write() -> None:
        for key, value in values.items():
            sysctl_path(key).write_text(value)

    in_netns(netns, write)


def read_sysctl(netns: str, key: str) -> str:
    """One sysctl of a network namespace."""
    return in_netns(netns, lambda: sysctl_path(key).read_text().strip())


def sysctl_path(key: str) -> Path:
    """The file of a sysctl, as sysctl(8) writes names: dots and slashes change places."""
    return Path("/proc/sys", key.translate(str.maketrans("./", "/.")))


def wait_until(what: str, ready: Callable[[], bool], seconds: float, pause: float = 0.05) -> None:
    """Wait for a state that announces itself to nobody (a route, a session, a process): look every `pause` seconds.

    LabError that names `what` when it has not come about after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)  # bounded by the deadline
