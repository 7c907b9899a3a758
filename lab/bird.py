"""The BIRD of each node: started, reconfigured, ended, and waited for."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from model import ip

from . import bird_control
from .bird_config import Twist, bird_config, peer_name
from .processes import alive, end, spawn
from .state import write_whole
from .tools import LabError, run, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .state import Lab, State
    from .topology import Topology

CONVERGED_SECONDS = 30.0  # connect retry 5 s and error wait 5 to 30 s lie within it; on an idle machine it takes 2 s


def control_directory(lab: Lab, node: str) -> Path:
    """The node's /var/run/calico as it is seen from outside."""
    return lab.node_directory(node) / "run"


def twists(lab: Lab, node: str) -> dict[str, Twist]:
    """The changes to the node's configuration that faults have made, by the fault's name."""
    try:
        return msgspec.json.decode((lab.node_directory(node) / "twists.json").read_bytes(), type=dict[str, Twist])
    except FileNotFoundError:
        return {}


def write_config(lab: Lab, topology: Topology, node: str) -> None:
    """Write the node's configuration as confd would, with what faults have changed."""
    text = bird_config(topology, node, list(twists(lab, node).values()))
    folder = lab.node_directory(node) / "bird"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "bird.cfg", text.encode())


def start(lab: Lab, state: State, node: str) -> None:
    """Start BIRD on a node, in its namespaces; `-R`: it takes over the last one's routes."""
    inside = ["nsenter", "-t", str(state.nodes[node].pid), "-m", "-n", "--", "bird", "-f", "-R"]
    inside += ["-c", "/etc/calico/confd/config/bird.cfg"]
    places = ["-s", "/var/run/calico/bird.ctl", "-P", "/var/run/calico/bird.pid"]
    (control_directory(lab, node) / "bird.pid").unlink(missing_ok=True)
    spawn(lab.name, [*inside, *places], lab.node_directory(node) / "bird.log")


def pid(lab: Lab, node: str) -> int:
    """The process id of the node's BIRD; 0 when none runs."""
    try:
        number = int((control_directory(lab, node) / "bird.pid").read_text())
    except (OSError, ValueError):
        return 0
    return number if alive(number) else 0


def kill(lab: Lab, node: str) -> None:
    """End the node's BIRD without a word to its peers. LabError if none runs."""
    number = pid(lab, node)
    if not number:
        raise LabError(f"no BIRD runs on {node}")
    end([number])


def pause(lab: Lab, node: str) -> None:
    """Stop the node's BIRD (SIGSTOP), so that it repairs nothing; its peers notice after the hold time, 240 s."""
    os.kill(pid(lab, node), signal.SIGSTOP)


def resume(lab: Lab, node: str) -> None:
    os.kill(pid(lab, node), signal.SIGCONT)


def twist(lab: Lab, node: str, name: str, change: Twist | None) -> None:
    """Add a change to the node's configuration under a name, or take it back with None, and have BIRD read it."""
    changes = {key: value for key, value in twists(lab, node).items() if key != name}
    if change:
        changes[name] = change
    write_whole(lab.node_directory(node) / "twists.json", msgspec.json.encode(changes))
    write_config(lab, lab.state().topology, node)
    bird_control.command(control_directory(lab, node), "configure")


def set_peer(lab: Lab, node: str, peer_address: str, *, enabled: bool) -> None:
    """Enable or disable one session of the mesh on one side."""
    verb = "enable" if enabled else "disable"
    bird_control.command(control_directory(lab, node), f'{verb} "{peer_name(peer_address)}"')


def sessions(lab: Lab, node: str) -> dict[str, bool]:
    """The node's sessions: whether each is established. LabError if BIRD does not answer."""
    found = bird_control.protocols(control_directory(lab, node))
    return {each.name: each.info.startswith("Established") for each in found if each.proto == "BGP"}


def expected_routes(topology: Topology, node: str) -> set[str]:
    """What `ip route show proto bird` lists on the node of a healthy lab, in the words of `_words`."""
    addresses = {each.name: each.address for each in topology.nodes}
    pools = [pool for pool in topology.pools if pool.vxlan_mode == "Never"]
    hidden = [pool for pool in topology.pools if pool.disable_bgp_export]

    def programmed(prefix: str) -> bool:
        return any(ip.contains(pool.cidr, prefix) for pool in pools)

    def announced(prefix: str) -> bool:
        return not any(ip.contains(pool.cidr, prefix) for pool in hidden)

    routes = set()
    for block in topology.blocks:
        if not programmed(block.cidr) or ip.is_host_prefix(block.cidr):
            continue
        if block.node == node:
            routes.add(f"blackhole {block.cidr}")
        else:  # the block itself is accepted by calico_aggr, before the pools' statements
            routes.add(f"{block.cidr} via {addresses[block.node]}")
    for pod in topology.pods:
        if pod.wired and pod.node != node and pod.node is not None:
            for address in pod.addresses:
                if topology.borrowed(address, pod.node) and programmed(address) and announced(address):
                    routes.add(f"{address} via {addresses[pod.node]}")
    return routes


def kernel_routes(state: State, node: str) -> set[str]:
    """The routes with `proto bird` that the node's kernel holds: type, destination and next hop."""
    text = run(["ip", "-n", state.nodes[node].netns, "route", "show", "proto", "12"])
    return {_words(line) for line in text.splitlines()}


def _words(line: str) -> str:
    return re.sub(r" (dev|metric|onlink|linkdown|proto)\b.*", "", line.strip()).strip()


def wait_converged(lab: Lab, nodes: Iterable[str] = ()) -> None:
    """Wait until every session is established and every kernel holds exactly BIRD's routes. LabError: what lacks."""
    state = lab.state()
    asked = list(nodes) or list(state.nodes)
    missing = ""

    def converged() -> bool:
        nonlocal missing
        missing = next(filter(None, (_unestablished(lab, node) for node in asked)), "")
        missing = missing or next(filter(None, (_unlike(state, node) for node in asked)), "")
        return not missing

    with suppress(LabError):
        wait_until("BIRD", converged, CONVERGED_SECONDS)
    if missing:
        raise LabError(f"BIRD did not converge within {CONVERGED_SECONDS:g} s: {missing}")


def _unestablished(lab: Lab, node: str) -> str:
    """Which of the node's sessions are not established; "" if all are."""
    try:
        down = [name for name, established in sessions(lab, node).items() if not established]
    except LabError as error:
        log = lab.node_directory(node) / "bird.log"
        said = log.read_text(errors="replace").strip() if log.exists() else ""
        return f"{node}: {error}{f' ({said})' if said else ''}"
    return f"{node}: {', '.join(down)} not established" if down else ""


def _unlike(state: State, node: str) -> str:
    """What the node's kernel holds of BIRD's and should not, or the reverse; "" if all is as it should be."""
    expected, held = expected_routes(state.topology, node), kernel_routes(state, node)
    if expected == held:
        return ""
    return f"{node}: missing {sorted(expected - held)}, unexpected {sorted(held - expected)}"


def forget(lab: Lab, node: str) -> None:
    """Remove what a killed BIRD left behind, so that a later one can listen."""
    for name in ("bird.ctl", "bird.pid"):
        with suppress(OSError):
            (control_directory(lab, node) / name).unlink()
