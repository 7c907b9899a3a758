"""What this machine and a lab hold, as text to compare."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.processes import alive, marked
from lab.state import PROJECT, Lab
from lab.tools import in_netns, run

if TYPE_CHECKING:
    from collections.abc import Sequence


def command(*words: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    """`python -m lab …`, as a user calls it."""
    argv = [sys.executable, "-m", "lab", *words]
    return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)


def traces(lab: Lab) -> list[str]:
    """Everything of the lab that this machine holds outside of the lab's own records; empty when it is gone."""
    found = [f"process {pid}" for pid in marked(lab.name) if alive(pid)]
    found += [str(path) for path in Path("/run/netns").glob(f"{lab.name}-*")]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if lab.name in line]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/*{lab.name}*")]
    found += [str(path) for path in [lab.directory] if path.exists()]
    # The wiring goes straight into the namespaces: no link of the lab's kind may ever show up in the machine's own.
    links = json.loads(run(["ip", "-j", "link", "show"]))
    return found + [
        link["ifname"] for link in links if link["ifname"] in {"ens160", "port0", "switch0", "calie965c96dc90"}
    ]


def routing(lab: Lab) -> dict[str, list[str]]:
    """Links, IPv4 addresses, routes of all tables, rules and the sysctls that matter, of every namespace of the lab.

    Without what the kernel numbers afresh: interface indices, and the random MAC address of an eth0.
    """
    state = lab.state()
    spaces = {name: node.netns for name, node in state.nodes.items()}
    spaces |= {key: pod.netns for key, pod in state.pods.items() if pod.netns}
    return {name: _space(netns) for name, netns in spaces.items()}


def _space(netns: str) -> list[str]:
    inside = ["ip", "-n", netns, "-d"]
    routes = run([*inside, "-4", "route", "show", "table", "all"]).replace(" table main", "").splitlines()
    lines = [route.strip() for route in routes]
    lines += run([*inside, "rule", "show"]).splitlines()
    for link in json.loads(run([*inside, "-j", "addr", "show"])):
        addresses = [f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"] if each["family"] == "inet"]
        lines.append(f"{link['ifname']} {sorted(link['flags'])} mtu {link['mtu']} {sorted(addresses)}")
    return sorted(lines + in_netns(netns, _sysctls))


def _sysctls() -> list[str]:
    """Of the namespace that the calling thread is in."""
    names = ("forwarding", "proxy_arp", "rp_filter", "route_localnet")
    files = [path for name in names for path in Path("/proc/sys/net/ipv4/conf").glob(f"*/{name}")]
    return [f"{path}:{path.read_text().strip()}" for path in files]


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, Sequence[str]]:
    """For each namespace, the lines that only one of the two has."""
    names = before.keys() | after.keys()
    found = {name: sorted(set(before.get(name, ())) ^ set(after.get(name, ()))) for name in names}
    return {name: lines for name, lines in found.items() if lines}
