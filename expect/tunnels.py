"""The tunnel devices that a node must have, and the remote endpoints that they must know (calico-state §4.5)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from expect.ownership import Owner, RouteClass
from expect.ways import tunnel_devices
from expect.world import route_class
from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expect.world import World
    from model.cluster import Node

_OVERHEAD = {("tunl0", 4): 20, ("vxlan", 4): 50, ("vxlan", 6): 70}  # int_dataplane.go:484-489, bytes


class Endpoint(msgspec.Struct, frozen=True):
    """A remote VTEP: its node, tunnel address, the MAC of its device, and the node's own address."""

    node: str
    tunnel: str
    mac: str
    address: str


class Tunnel(msgspec.Struct, frozen=True):
    """One tunnel device. `names` are the ones it may have; `address` None: the Node object shows none."""

    kind: RouteClass
    family: int
    names: tuple[str, ...]
    because: str
    address: str | None
    local: str | None
    mtu: int | None  # configured; None: at most the parent's less `overhead`
    overhead: int
    vni: int
    port: int
    mac: str
    addressless: bool  # BPF with bpfOverlayHostSourceIP HostAddress gives it none


def tunnels(world: World, me: str) -> Iterator[Tunnel]:
    """The devices that Felix keeps on a node: one for each encapsulation and family of a pool (IPIP: whoever
    programs)."""
    seen: set[tuple[RouteClass, int]] = set()
    for pool in world.cluster.pools:
        kind, family = route_class(pool), ip.family(pool.cidr)
        if (
            kind is RouteClass.NO_ENCAP
            or (kind, family) in seen
            or world.felix_address(world.nodes[me], family) is None
        ):
            continue
        if kind is RouteClass.VXLAN and Owner.FELIX not in world.owner(pool, me).owners:
            continue
        if kind is RouteClass.IPIP and world.felix(me, "ipipEnabled") is False:
            continue
        seen.add((kind, family))
        yield _tunnel(world, me, kind, family, f"IPPool {pool.name} uses {kind}")


def _tunnel(world: World, me: str, kind: RouteClass, family: int, because: str) -> Tunnel:
    node = world.nodes[me]
    vxlan = kind is RouteClass.VXLAN
    address = (node.vxlan_tunnel if family == 4 else node.vxlan_tunnel_v6) if vxlan else node.ipip_tunnel
    setting = ("vxlanMTU" if family == 4 else "vxlanMTUV6") if vxlan else "ipipMTU"
    return Tunnel(
        kind=kind,
        family=family,
        names=tunnel_devices(world, me, kind, family),
        because=because,
        address=address,
        local=world.felix_address(node, family),
        mtu=_number(world.felix(me, setting)) or None,
        overhead=_OVERHEAD["vxlan" if vxlan else "tunl0", family],
        vni=_number(world.felix(me, "vxlanVNI")) or 4096,
        port=_number(world.felix(me, "vxlanPort")) or 4789,
        mac=tunnel_mac(node, family),
        addressless=world.felix(me, "bpfEnabled") is True,
    )


def tunnel_mac(node: Node, family: int) -> str:
    """The stored MAC, else 66 and five bytes of SHA-1 of the node's name (vxlan_resolver.go:335-372)."""
    stored = node.vxlan_mac if family == 4 else node.vxlan_mac_v6
    if stored:
        return stored.lower()
    name = node.name if family == 4 else f"{node.name}-v6"
    digest = hashlib.sha1(name.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
    return ":".join(["66", *(digest[at : at + 2] for at in range(0, 10, 2))])


def endpoints(world: World, me: str, family: int) -> Iterator[Endpoint]:
    """The remote VTEPs that a node's VXLAN device must know: those of every other node that has a tunnel address."""
    for node in world.nodes.values():
        tunnel = node.vxlan_tunnel if family == 4 else node.vxlan_tunnel_v6
        address = world.felix_address(node, family)
        if node.name != me and tunnel and address and node.name not in world.flux.nodes:
            yield Endpoint(node.name, tunnel, tunnel_mac(node, family), address)


def _number(value: object | None) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
