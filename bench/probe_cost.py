"""What looking at a node costs the node: the probe beside `ip -j` and pyroute2, for the same facts.

    python -m bench.probe_cost [--assert] [--pods 110] [--routes 1000] [--rounds 5]

Builds a node with its pods out of network namespaces (root), measures the ways in turn, and takes all of it down again.
The figures are CPU seconds, user and system, of whole processes: interpreter start, imports and children included. The
probe and pyroute2 run under the same interpreter: the system's, as on a node, where there is one.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pyroute2

from fixtures.probe_program import BOOTSTRAP, payload
from fixtures.probe_reply import node_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model.node import NodeFacts

SAME_FACTS = ["links", "addresses", "routes"]
SYSTEM_PYTHON = Path("/usr/bin/python3")
PYTHON = str(SYSTEM_PYTHON) if SYSTEM_PYTHON.exists() else sys.executable
LEAST_IP, LEAST_PYROUTE2 = 12.0, 20.0
PYROUTE2 = """
import sys
from pyroute2 import NetNS
for name in sys.argv[1:]:
    with NetNS(name, flags=0) as space:
        links, addresses, routes = list(space.get_links()), list(space.get_addr()), list(space.get_routes())
        if len(links) < 2 or not addresses or not routes:
            raise SystemExit(f"{name}: nothing was read")
"""


@dataclass(frozen=True)
class Node:
    """A node that was built: names of network namespaces."""

    name: str
    pods: tuple[str, ...]

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.name, *self.pods)


@dataclass(frozen=True)
class Way:
    """One way of looking, and what it took in each round (CPU seconds)."""

    title: str
    look: Callable[[], None]
    seconds: list[float]


def _ip(lines: list[str], namespace: str | None = None) -> None:
    inside = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *inside, "-batch", "-"], input="\n".join(lines).encode() + b"\n", check=True)


@contextmanager
def node(pods: int, routes: int) -> Iterator[Node]:
    """A node with that many pods, each with a process, and about that many IPv4 routes."""
    prefix = f"ccbench{os.getpid()}"
    built = Node(f"{prefix}-node", tuple(f"{prefix}-{number}" for number in range(pods)))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        _ip([f"netns add {name}" for name in built.namespaces])
        _ip(_wiring(built, routes), built.name)
        for number, pod in enumerate(built.pods):
            _ip(_pod(number), pod)
            processes.append(subprocess.Popen(["nsenter", f"--net=/run/netns/{pod}", "sleep", "infinity"]))
        yield built
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for name in built.namespaces:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def _address(number: int) -> str:
    return f"10.48.{number // 250}.{number % 250 + 1}"


def _wiring(built: Node, routes: int) -> list[str]:
    lines = ["link set lo up", "link add ens160 type veth peer name fabric", "link set fabric up"]
    lines += ["addr add 10.0.0.11/24 dev ens160", "link set ens160 up"]
    for number, pod in enumerate(built.pods):
        lines += [
            f"link add cali{number:011x} type veth peer name eth0 netns {pod}",
            f"link set cali{number:011x} address ee:ee:ee:ee:ee:ee up",
            f"route add {_address(number)} dev cali{number:011x} scope link",
        ]
    for number in range(max(0, routes - len(built.pods))):
        block = number * 64
        lines.append(f"route add 10.{64 + (block >> 16)}.{block >> 8 & 255}.{block & 255}/26 via 10.0.0.12 proto bird")
    return lines


def _pod(number: int) -> list[str]:
    return [
        "link set lo up",
        "link set eth0 up",
        f"addr add {_address(number)}/32 dev eth0",
        "route add 169.254.1.1 dev eth0 scope link",
        "route add default via 169.254.1.1 dev eth0",
    ]


def cpu(look: Callable[[], None]) -> float:
    """CPU seconds of the processes that a look started and waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    look()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def probe(built: Node, facts: list[str] | None) -> NodeFacts:
    """One run of the probe in the node's namespace."""
    request: dict[str, object] = {"do": "observe", "node": built.name}
    if facts:
        request["facts"] = facts
    command = ["nsenter", f"--net=/run/netns/{built.name}", PYTHON, *BOOTSTRAP]
    done = subprocess.run(command, input=payload(request), stdout=subprocess.PIPE, check=True)
    return node_facts(built.name, [done.stdout])


def _probe(built: Node, facts: list[str] | None) -> None:
    seen = probe(built, facts)
    if len(seen.pods) != len(built.pods) or not all(pod.links and pod.addresses and pod.routes for pod in seen.pods):
        raise SystemExit(f"the probe saw {len(seen.pods)} of {len(built.pods)} pods: {seen.problems}")


def _ip_json(built: Node) -> None:
    for name in built.namespaces:
        for question in (["-d", "addr"], ["route", "show", "table", "all"]):
            command = ["ip", "netns", "exec", name, "ip", "-j", *question]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _pyroute2(built: Node) -> None:
    packages = str(Path(pyroute2.__file__).parent.parent)
    subprocess.run([PYTHON, "-c", PYROUTE2, *built.namespaces], check=True, env={**os.environ, "PYTHONPATH": packages})


def measure(built: Node, rounds: int) -> list[Way]:
    """All ways, in turn in each round, so that what else the machine does falls on all of them."""
    ways = [
        Way("probe, links, addresses and routes", lambda: _probe(built, SAME_FACTS), []),
        Way("probe, everything", lambda: _probe(built, None), []),
        Way("ip netns exec POD ip -j, twice a pod", lambda: _ip_json(built), []),
        Way("pyroute2 NetNS() per pod", lambda: _pyroute2(built), []),
    ]
    for _ in range(rounds):
        for way in ways:
            way.seconds.append(cpu(way.look))
    return ways


def table(ways: list[Way]) -> list[str]:
    """The medians, and how many times the first way's each is."""
    base = median(ways[0].seconds)
    lines = [f"{'way':<38}{'CPU s':>8}{'times':>8}   least and most of {len(ways[0].seconds)} rounds"]
    for way in ways:
        middle = median(way.seconds)
        spread = f"{min(way.seconds):.3f} to {max(way.seconds):.3f}"
        lines.append(f"{way.title:<38}{middle:>8.3f}{middle / base:>8.1f}   {spread}")
    return lines


def main() -> int:
    """The table on standard output; 1 where `--assert` is given and the probe is not as cheap as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assert", dest="check", action="store_true", help="fail where the probe costs too much")
    parser.add_argument("--pods", type=int, default=110)
    parser.add_argument("--routes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("This builds network namespaces: run it as root.", file=sys.stderr)
        return 4
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was built is taken down then, too
    with node(options.pods, options.routes) as built:
        ways = measure(built, options.rounds)
    print(f"{options.pods} pods, {options.routes} routes, {PYTHON}")
    print("\n".join(table(ways)))
    base, _, ip_json, by_pyroute2 = (median(way.seconds) for way in ways)
    if options.check and (ip_json / base < LEAST_IP or by_pyroute2 / base < LEAST_PYROUTE2):
        print(f"The probe is to be {LEAST_IP:.0f} and {LEAST_PYROUTE2:.0f} times as cheap as these.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
