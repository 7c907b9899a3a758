"""The decision table: which way a node's route to a prefix of another node must go (calico-state §4.3, §10).

One row a combination of the pool's class, who programs it, its mode and whether the two nodes share a subnet.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from expect.host_routes import device_route_protocol
from expect.ownership import Owner, RouteClass
from expect.world import route_class
from model import ip, net

if TYPE_CHECKING:
    from expect.world import World
    from model.cluster import IPPool, Node


class By(enum.StrEnum):
    """How a route gets to the other node."""

    TUNNEL = "into the tunnel"
    NODE = "straight to the other node, on the parent interface"
    ROUTE = "by the route that leads to the other node's address"  # what BIRD resolves a next hop to


FELIX, BIRD = Owner.FELIX, Owner.BIRD
VXLAN, IPIP, NO_ENCAP = RouteClass.VXLAN, RouteClass.IPIP, RouteClass.NO_ENCAP

TABLE: dict[tuple[RouteClass, Owner, bool, bool], By] = {
    # class, programmed by, CrossSubnet, same subnet
    (VXLAN, FELIX, False, False): By.TUNNEL,
    (VXLAN, FELIX, False, True): By.TUNNEL,
    (VXLAN, FELIX, True, False): By.TUNNEL,
    (VXLAN, FELIX, True, True): By.NODE,
    (IPIP, FELIX, False, False): By.TUNNEL,
    (IPIP, FELIX, False, True): By.TUNNEL,
    (IPIP, FELIX, True, False): By.TUNNEL,
    (IPIP, FELIX, True, True): By.NODE,
    (IPIP, BIRD, False, False): By.TUNNEL,
    (IPIP, BIRD, False, True): By.TUNNEL,
    (IPIP, BIRD, True, False): By.TUNNEL,
    (IPIP, BIRD, True, True): By.ROUTE,
    (NO_ENCAP, FELIX, False, False): By.NODE,  # route_mgr.go:444-463 does not ask for the subnet
    (NO_ENCAP, FELIX, False, True): By.NODE,
    (NO_ENCAP, BIRD, False, False): By.ROUTE,
    (NO_ENCAP, BIRD, False, True): By.ROUTE,
}


class Way(msgspec.Struct, frozen=True):
    """One acceptable shape of a route. `target` is the other node's own address, `gateway` what the route must name,
    `devices` are a tunnel's possible names, empty otherwise; `external`: a speaker of another AS may stand between."""

    prefix: str
    owner: Owner
    by: By
    target: str
    gateway: str | None
    devices: tuple[str, ...]
    protocols: frozenset[int]
    metrics: frozenset[int] | None = None  # None: any, for it is the announcing side's doing
    external: bool = False

    @property
    def protocol(self) -> str:
        return net.protocol_name(min(self.protocols))


def ways(world: World, me: str, other: Node, prefix: str, pool: IPPool | None) -> tuple[Way, ...]:
    """Every acceptable shape of `me`'s route to a prefix of `other`: one an owner; none where nobody programs the class
    or the other node lacks the address that the route would need."""
    found = []
    for owner in sorted(world.owner(pool, me).owners):
        way = _way(world, me, other, prefix, pool, owner)
        if way is not None:
            found.append(way)
    return tuple(found)


def _way(world: World, me: str, other: Node, prefix: str, pool: IPPool | None, owner: Owner) -> Way | None:
    family = ip.family(prefix)
    kind = route_class(pool)
    target = world.speaks_from(other, family) if owner is BIRD else world.felix_address(other, family)
    if target is None:
        return None
    by = TABLE[kind, owner, crosses(pool), world.same_subnet(me, target)]
    device, gateway = None, target
    if by is By.TUNNEL and kind is VXLAN:
        gateway = (other.vxlan_tunnel if family == 4 else other.vxlan_tunnel_v6) or ""
        if not gateway:
            return None
    if by is By.TUNNEL:
        device = tunnel_devices(world, me, kind, family)
    return Way(
        prefix=prefix,
        owner=owner,
        by=by,
        target=target,
        gateway=gateway,
        devices=device or (),
        protocols=_protocols(world, me, owner, tunnelled=by is By.TUNNEL and kind is VXLAN),
        metrics=None if owner is BIRD else frozenset({0 if family == 4 else 1024}),
        external=owner is BIRD and world.external_between(me, other.name),
    )


def crosses(pool: IPPool | None) -> bool:
    """Whether the pool's mode is CrossSubnet."""
    return pool is not None and "CrossSubnet" in {pool.vxlan_mode, pool.ipip_mode}


def tunnel_devices(world: World, node: str, kind: RouteClass, family: int) -> tuple[str, ...]:
    """The tunnel device's name; BPF shares one device between the families (int_dataplane.go:1498-1513)."""
    if kind is IPIP:
        return ("tunl0",)
    if family == 4:
        return ("vxlan.calico",)
    return ("vxlan.calico", "vxlan-v6.calico") if world.felix(node, "bpfEnabled") is True else ("vxlan-v6.calico",)


def felix_protocols(world: World, node: str) -> frozenset[int]:
    """What Felix marks cluster routes with: deviceRouteProtocol if that is not boot, else 80 (route_mgr.go:137-151)."""
    number = device_route_protocol(world, node)
    return frozenset({net.PROTO_FELIX if number == net.PROTO_BOOT else number})


def _protocols(world: World, node: str, owner: Owner, *, tunnelled: bool) -> frozenset[int]:
    if owner is BIRD:
        return frozenset({net.PROTO_BIRD})
    return frozenset({device_route_protocol(world, node)}) if tunnelled else felix_protocols(world, node)
