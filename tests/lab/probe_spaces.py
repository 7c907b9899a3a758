"""Network namespaces for the probe's tests, and what runs the probe in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fixtures.probe_program import BOOTSTRAP, payload
from fixtures.probe_reply import node_facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model.node import NodeFacts

SMALL = ["links", "addresses", "routes"]


def run(*command: str) -> bytes:
    """The output of a command that succeeds."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def ip(namespace: str, *lines: str) -> None:
    """Commands of ip(8), one a line, in a namespace."""
    subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines).encode() + b"\n", check=True)


def ip_json(namespace: str, *words: str) -> Any:
    """`ip -N -d -j` in a namespace."""
    return json.loads(run("ip", "-n", namespace, "-N", "-d", "-j", *words) or b"[]")


@contextmanager
def spaces(*suffixes: str) -> Iterator[tuple[str, ...]]:
    """Namespaces of this test alone, without IPv6 duplicate address detection: what is configured is there at once."""
    names = tuple(f"cctest{os.getpid()}-{suffix}" for suffix in suffixes)
    try:
        for name in names:
            run("ip", "netns", "add", name)
            for key in ("all", "default"):
                inside(name, "sysctl", "-qw", f"net.ipv6.conf.{key}.accept_dad=0", f"net.ipv6.conf.{key}.accept_ra=0")
            ip(name, "link set lo up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def inside(namespace: str, *command: str) -> bytes:
    """The output of a command that succeeds in a namespace (and sees its /proc/sys/net)."""
    return run("nsenter", f"--net=/run/netns/{namespace}", *command)


def answer(namespace: str, python: str = sys.executable, **request: object) -> bytes:
    """What the probe writes, asked to observe from a namespace."""
    asked: dict[str, object] = {"do": "observe", "node": namespace, **request}
    command = ["nsenter", f"--net=/run/netns/{namespace}", python, *BOOTSTRAP]
    done = subprocess.run(command, input=payload(asked), check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def observe(namespace: str, **request: Any) -> NodeFacts:
    """One look from a namespace."""
    return node_facts(namespace, [answer(namespace, **request)])


@contextmanager
def process_in(namespace: str, command: Sequence[str] = ("sleep", "infinity")) -> Iterator[int]:
    """A process in a namespace: its PID."""
    with subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", *command]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def pythons() -> list[str]:
    """Every Python 3 at hand, the oldest first; the running one where there is no other."""
    found: dict[tuple[int, int], str] = {}
    places = [*Path.home().glob(".pyenv/versions/3.*/bin/python3"), *Path("/usr/bin").glob("python3.[0-9]*")]
    for place in places:
        said = subprocess.run(
            [str(place), "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, check=False
        )
        if said.returncode == 0:
            major, minor = said.stdout.split()
            found.setdefault((int(major), int(minor)), str(place))
    return [found[version] for version in sorted(found)] or [sys.executable]
