"""The lab's stand-in for Felix: reads the lab's API and brings every node's kernel to what it says, in one pass.

Nothing runs in between: who changes the API or a kernel calls `sync` where Felix would have noticed by itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .datastore import read
from .felix_plan import DEVICES, PORT, PROTO, VNI, Desired, desired
from .owners import felix_needed
from .tools import ip_batch, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .felix_plan import Device
    from .state import Lab

_ON_TUNNEL = {str(PROTO), "3"}  # there boot is Felix's, too
_PERMANENT = "permanent"


def sync(lab: Lab, nodes: Iterable[str] = ()) -> None:
    """Program what Felix would, and remove what it would no longer want, on these nodes (none named: on all).

    Nothing is done in a lab in which Felix programs no pool's routes. LabError: the API or the kernel refused.
    """
    state = lab.state()
    if not felix_needed(state.topology):
        return
    store = read(lab.kubeconfig)
    for name in list(nodes) or list(state.nodes):
        _program(state.nodes[name].netns, state.topology.uplink, desired(state.topology, store, name))


def _program(netns: str, uplink: str, wanted: Desired) -> None:
    present = {link["ifname"] for link in _ip(netns, "link", "show")}
    lines = [line for device in wanted.devices for line in _device(device, uplink, present)]
    lines += [f"route del {line}" for line in _stale_routes(netns, wanted)]
    for route in wanted.routes.values():
        lines.append(f"route replace {route}")
    lines += [
        f"neigh replace {each.tunnel} lladdr {each.mac} dev {each.device} nud permanent" for each in wanted.endpoints
    ]
    ip_batch([*lines, *_stale_neighbours(netns, wanted, present)], netns)
    _forward(netns, wanted, present)


def _ip(netns: str, *words: str) -> list[dict[str, Any]]:
    """What ip(8) lists, as values."""
    listed: list[dict[str, Any]] = json.loads(run(["ip", "-n", netns, "-N", "-d", "-j", *words]) or "[]")
    return listed


def _device(device: Device, uplink: str, present: set[str]) -> list[str]:
    """The device up with its address; what it has beside that is left alone."""
    lines = []
    if device.name not in present:
        lines.append(
            f"link add {device.name} address {device.mac} mtu {device.mtu} type vxlan id {VNI} dstport {PORT} "
            f"local {device.local} dev {uplink} nolearning"
        )
    lines.append(f"link set {device.name} up")
    if device.address:
        lines.append(f"addr replace {device.address}/{32 if device.family == 4 else '128 nodad'} dev {device.name}")
    return lines


def _stale_routes(netns: str, wanted: Desired) -> list[str]:
    """Felix's own routes that it no longer wants, or wants by another device: in IPv6 the kernel asks a gateway on the
    link to be reached by no other device, even by the route that is to be replaced."""
    found = []
    for family in (4, 6):
        for route in _ip(netns, f"-{family}", "route", "show"):
            if _is_own(route) and f" dev {route.get('dev')} " not in wanted.routes.get(route["dst"], ""):
                metric = f" metric {route['metric']}" if "metric" in route else ""
                kind = "" if route["type"] in {"1", "unicast"} else "blackhole "
                found.append(f"{kind}{route['dst']}{metric}")
    return found


def _is_own(route: dict[str, Any]) -> bool:
    tunnelled = route.get("dev") in DEVICES.values()
    return route.get("protocol") in (_ON_TUNNEL if tunnelled else {str(PROTO)})


def _stale_neighbours(netns: str, wanted: Desired, present: set[str]) -> list[str]:
    known = {(each.device, each.tunnel) for each in wanted.endpoints}
    return [
        f"neigh del {entry['dst']} dev {device}"
        for device in sorted(present & set(DEVICES.values()))
        for entry in _ip(netns, "neigh", "show", "dev", device, "nud", _PERMANENT)
        if (device, entry["dst"]) not in known
    ]


def _forward(netns: str, wanted: Desired, present: set[str]) -> None:
    """The forwarding entries, with bridge(8)."""
    known = {(each.device, each.mac, each.address) for each in wanted.endpoints}
    lines = [
        f"fdb del {mac} dev {device} dst {address} self"
        for device in sorted(present & set(DEVICES.values()))
        for mac, address in forwarding(netns, device)
        if (device, mac, address) not in known
    ]
    lines += [
        f"fdb replace {each.mac} dev {each.device} dst {each.address} self permanent" for each in wanted.endpoints
    ]
    bridge_batch(lines, netns)


def forwarding(netns: str, device: str) -> list[tuple[str, str]]:
    """The forwarding entries of a VXLAN device: MAC and remote address."""
    listed = run(["bridge", "-n", netns, "-j", "fdb", "show", "dev", device])
    return [(entry["mac"], entry["dst"]) for entry in json.loads(listed or "[]") if "dst" in entry]


def bridge_batch(lines: Sequence[str], netns: str) -> None:
    """Carry out bridge(8) commands, one a line."""
    if lines:
        run(["bridge", "-n", netns, "-batch", "-"], "\n".join(lines) + "\n")
