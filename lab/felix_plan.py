"""What Felix programs on a node: tunnel devices, what they know of the other nodes, cluster routes and blackholes.

Pure, after the manager of each encapsulation (felix route_mgr.go, vxlan_mgr.go, noencap_mgr.go).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from model import ip

from .network import HOST_MTU, NORMAL_PRIORITY, VXLAN_OVERHEAD
from .owners import felix_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .datastore import Datastore
    from .topology import LabPool, Topology

DEVICES = {4: "vxlan.calico", 6: "vxlan-v6.calico"}
VNI, PORT = 4096, 4789  # felix config_params.go:362-363
PROTO = 80  # dataplanedefs.go:24
_BOOT = 3
_FIRST_MTU_MINOR = 31  # from v3.31 tunnel routes say their MTU (vxlan_mgr.go)


class Device(msgspec.Struct, frozen=True):
    """A VXLAN device: its address is None where the node has none (yet)."""

    name: str
    family: int
    mac: str
    local: str
    address: str | None
    mtu: int


class Endpoint(msgspec.Struct, frozen=True):
    """A remote VTEP: forwarding entry and permanent neighbour of a device."""

    device: str
    mac: str
    tunnel: str
    address: str


class Desired(msgspec.Struct, frozen=True):
    """Everything for one node. A route's key is its destination as ip(8) prints it, its value the rest of the line
    without the verb, type first."""

    devices: tuple[Device, ...]
    endpoints: tuple[Endpoint, ...]
    routes: dict[str, str]


def tunnel_mac(node: str, family: int) -> str:
    """66, then five bytes of SHA-1 of the node's name (vxlan_resolver.go:335-372)."""
    digest = hashlib.sha1((node if family == 4 else f"{node}-v6").encode()).digest()
    return ":".join(["66", *(f"{byte:02x}" for byte in digest[:5])])


def desired(topology: Topology, store: Datastore, me: str) -> Desired:
    """Felix's share of a node. Release and settings come from the topology, everything else from the datastore."""
    families = [family for family in (4, 6) if family in store.nodes[me].addresses]
    tunnelled = [
        family
        for family in families
        if any(mode != "Never" for cidr, mode in store.pools.items() if ip.family(cidr) == family)
    ]
    return Desired(
        devices=tuple(_device(store, me, family) for family in tunnelled),
        endpoints=tuple(each for family in tunnelled for each in _endpoints(store, me, family)),
        routes=dict(route for family in families for route in _routes(topology, store, me, family)),
    )


def _device(store: Datastore, me: str, family: int) -> Device:
    node = store.nodes[me]
    return Device(
        name=DEVICES[family],
        family=family,
        mac=tunnel_mac(me, family),
        local=ip.bare(node.addresses[family]),
        address=node.tunnels.get(family),
        mtu=HOST_MTU - VXLAN_OVERHEAD[family],
    )


def _endpoints(store: Datastore, me: str, family: int) -> Iterator[Endpoint]:
    for node in store.nodes.values():
        if node.name != me and family in node.tunnels and family in node.addresses:
            address = ip.bare(node.addresses[family])
            yield Endpoint(DEVICES[family], tunnel_mac(node.name, family), node.tunnels[family], address)


def _routes(topology: Topology, store: Datastore, me: str, family: int) -> Iterator[tuple[str, str]]:
    """Every block of another node, every address that another node borrowed, and the node's own blackholes
    (l3_route_resolver.go:655-689)."""
    metric = "" if family == 4 else f" metric {NORMAL_PRIORITY}"
    for block in store.blocks:
        pool = _pool(topology, block.cidr)
        if ip.family(block.cidr) != family or pool is None or not felix_programs(topology, pool):
            continue
        if block.node == me and not ip.is_host_prefix(block.cidr):
            yield block.cidr, f"blackhole {block.cidr} proto {PROTO}{metric}"
        elif block.node is not None and block.node != me:
            way = _way(topology, store, me, block.node, block.cidr)
            if way:
                yield _shown(block.cidr), f"{block.cidr} {way}{metric}"
        for address, user in block.borrowed:
            way = _way(topology, store, me, user, address) if user != me else ""
            if way:
                yield address, f"{ip.host_prefix(address)} {way}{metric}"


def _way(topology: Topology, store: Datastore, me: str, other: str, prefix: str) -> str:
    """How a node reaches a prefix of another one, "" if it cannot: no such node, or one without a VTEP."""
    family, node = ip.family(prefix), store.nodes.get(other)
    if node is None or family not in node.addresses:
        return ""
    target, mode = ip.bare(node.addresses[family]), store.pools[_cidr_of(store, prefix)]
    near = ip.contains(ip.canonical(store.nodes[me].addresses[family]), target)
    if mode == "Never" or (mode == "CrossSubnet" and near):
        return f"via {target} dev {topology.uplink} proto {PROTO} onlink"
    tunnel = node.tunnels.get(family)
    if tunnel is None:
        return ""
    mtu = f" mtu {HOST_MTU - VXLAN_OVERHEAD[family]}" if topology.minor >= _FIRST_MTU_MINOR else ""
    if prefix in {
        tunnel,
        ip.host_prefix(tunnel),
    }:  # borrowed, or a block of its own (vxlan_mgr.go:266-276, route_mgr.go:153-167)
        return f"dev {DEVICES[family]} proto {_BOOT} scope link{mtu}"
    return f"via {tunnel} dev {DEVICES[family]} proto {_BOOT} onlink{mtu}"


def _shown(cidr: str) -> str:
    return ip.bare(cidr) if ip.is_host_prefix(cidr) else cidr


def _pool(topology: Topology, prefix: str) -> LabPool | None:
    return next((pool for pool in topology.pools if ip.contains(pool.cidr, prefix)), None)


def _cidr_of(store: Datastore, prefix: str) -> str:
    return next(cidr for cidr in store.pools if ip.contains(cidr, prefix))
