"""The BIRD of each node: started, reconfigured, ended, and waited for."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from model import ip

from . import bird_control
from .bird_config import Twist, bird_config, tor_config
from .bird_peers import sessions_of
from .bird_routes import expected_routes, kernel_routes
from .network import fabric_netns
from .processes import alive, end, spawn
from .state import write_whole
from .tools import LabError, wait_until

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


def daemons(topology: Topology, node: str) -> tuple[int, ...]:
    """The families of the node's daemons: BIRD for IPv4 always, bird6 where the node has an IPv6 address; none where
    the backend starts none."""
    if topology.backend != "bird":
        return ()
    return (4, 6) if topology.node(node).uplink(6) else (4,)


def write_config(lab: Lab, topology: Topology, node: str) -> None:
    """Write the node's configuration as confd would, with what faults have changed."""
    folder = lab.node_directory(node) / "bird"
    folder.mkdir(parents=True, exist_ok=True)
    for family in daemons(topology, node):
        text = bird_config(topology, node, list(twists(lab, node).values()), family)
        write_whole(folder / f"{_stem(family)}.cfg", text.encode())


def _stem(family: int) -> str:
    """What the names of a daemon's files begin with."""
    return "bird" if family == 4 else "bird6"


def start(lab: Lab, state: State, node: str, families: Iterable[int] = ()) -> None:
    """Start BIRD on a node (all of its daemons, or those of these families), in its namespaces; `-R`: it takes over the
    last one's routes."""
    for family in families or daemons(state.topology, node):
        stem = _stem(family)
        inside = ["nsenter", "-t", str(state.nodes[node].pid), "-m", "-n", "--", "bird", "-f", "-R"]
        inside += ["-c", f"/etc/calico/confd/config/{stem}.cfg"]
        places = ["-s", f"/var/run/calico/{stem}.ctl", "-P", f"/var/run/calico/{stem}.pid"]
        (control_directory(lab, node) / f"{stem}.pid").unlink(missing_ok=True)
        spawn(lab.name, [*inside, *places], lab.node_directory(node) / f"{stem}.log")


def start_tor(lab: Lab, topology: Topology) -> None:
    """Start the BGP speaker of the router between the subnets, where the topology has one."""
    if topology.tor_as is None:
        return
    folder = lab.directory / "tor"
    folder.mkdir()
    write_whole(folder / "bird.cfg", tor_config(topology).encode())
    argv = ["nsenter", f"--net=/run/netns/{fabric_netns(lab.name)}", "bird", "-f", "-c", str(folder / "bird.cfg")]
    spawn(lab.name, [*argv, "-s", str(folder / "bird.ctl"), "-P", str(folder / "bird.pid")], folder / "bird.log")


def pid(lab: Lab, node: str) -> int:
    """The process id of the node's BIRD for IPv4; 0 when none runs."""
    try:
        number = int((control_directory(lab, node) / "bird.pid").read_text())
    except (OSError, ValueError):
        return 0
    return number if alive(number) else 0


def kill(lab: Lab, node: str) -> None:
    """End the node's BIRD for IPv4 without a word to its peers. LabError if none runs."""
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
    before = twists(lab, node)
    changes = {key: value for key, value in before.items() if key != name}
    if change:
        changes[name] = change
    struck = change or before[name]
    write_whole(lab.node_directory(node) / "twists.json", msgspec.json.encode(changes))
    write_config(lab, lab.state().topology, node)
    bird_control.command(control_directory(lab, node), "configure", family=struck.family)


def set_peer(lab: Lab, node: str, peer_address: str, *, enabled: bool) -> None:
    """Enable or disable one session on one side."""
    _tell_peer(lab, node, peer_address, "enable" if enabled else "disable")


def restart_peer(lab: Lab, node: str, peer_address: str) -> None:
    """Let one session start afresh, from one side."""
    _tell_peer(lab, node, peer_address, "restart")


def _tell_peer(lab: Lab, node: str, peer_address: str, verb: str) -> None:
    topology, family = lab.state().topology, ip.family(peer_address)
    names = {each.remote: each.name for each in sessions_of(topology, topology.node(node), family)}
    if peer_address not in names:
        raise LabError(f"{node} has no BGP session to {peer_address}")
    bird_control.command(control_directory(lab, node), f'{verb} "{names[peer_address]}"', family=family)


def sessions(lab: Lab, node: str) -> dict[str, bool]:
    """The node's sessions: whether each is established. LabError if BIRD does not answer."""
    found = [
        each
        for family in daemons(lab.state().topology, node)
        for each in bird_control.protocols(control_directory(lab, node), family)
    ]
    return {each.name: each.info.startswith("Established") for each in found if each.proto == "BGP"}


def wait_converged(lab: Lab, nodes: Iterable[str] = ()) -> None:
    """Wait until every session is established and every kernel holds exactly BIRD's routes. LabError: what lacks."""
    state = lab.state()
    asked = list(nodes) or list(state.nodes)
    missing = ""

    def converged() -> bool:
        nonlocal missing
        missing = next(filter(None, (_unestablished(lab, node) for node in asked)), "")
        unlike = (_unlike(state, node, family) for node in asked for family in daemons(state.topology, node))
        missing = missing or next(filter(None, unlike), "")
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
        logs = [lab.node_directory(node) / f"{_stem(family)}.log" for family in (4, 6)]
        said = " ".join(log.read_text(errors="replace").strip() for log in logs if log.exists())
        return f"{node}: {error}{f' ({said})' if said else ''}"
    return f"{node}: {', '.join(down)} not established" if down else ""


def _unlike(state: State, node: str, family: int) -> str:
    """What the node's kernel holds of BIRD's and should not, or the reverse; "" if all is as it should be."""
    expected, held = expected_routes(state.topology, node, family), kernel_routes(state, node, family)
    if expected == held:
        return ""
    return f"{node}: missing {sorted(expected - held)}, unexpected {sorted(held - expected)}"


def forget(lab: Lab, node: str) -> None:
    """Remove what a killed BIRD left behind, so that a later one can listen."""
    for name in ("bird.ctl", "bird.pid"):
        with suppress(OSError):
            (control_directory(lab, node) / name).unlink()
