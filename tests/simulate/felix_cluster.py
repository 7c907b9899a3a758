"""Felix's cluster routes and blackholes: destinations from IPAM, shapes by the pool's encapsulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model import ip
from model.net import (
    BLACKHOLE,
    HOP_ONLINK,
    MAIN,
    PROTO_BOOT,
    PROTO_FELIX,
    SCOPE_GLOBAL,
    SCOPE_LINK,
    UNICAST,
    Hop,
    Route,
)
from tests.simulate import releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulate.ipam import Block
    from tests.simulate.spec import PoolSpec
    from tests.simulate.world import NodeRun, World

TUNNEL_TYPES = {
    "ipip": "ipipTunnelAddress",
    "vxlan": "vxlanTunnelAddress",
    "vxlan6": "vxlanV6TunnelAddress",
    "wireguard": "wireguardTunnelAddress",
    "wireguard6": "wireguardV6TunnelAddress",
}


@dataclass(frozen=True)
class Destination:
    """A prefix and the node that has it. `single_tunnel`: a tunnel's own address, outside its node's bigger blocks."""

    prefix: str
    node: str
    block: bool
    single_tunnel: bool = False


def destinations(world: World) -> Iterator[Destination]:
    """All of them, from the blocks (or the nodes' podCIDRs, or with routeSource WorkloadIPs the pods alone)."""
    if world.spec.host_local:
        for name, cidrs in world.spec.pod_cidrs.items():
            yield from (Destination(cidr, name, block=True) for cidr in cidrs)
        return
    if world.spec.felix.get("routeSource") == "WorkloadIPs":
        for run in world.nodes.values():
            for pod in run.pods.values():
                yield from (Destination(ip.host_prefix(text), run.spec.name, block=False) for text in pod.ips)
        return
    for block in world.ipam.blocks.values():
        yield from _of_block(block)


def _of_block(block: Block) -> Iterator[Destination]:
    tunnels = {text for text, attribute in block.owned() if attribute.secondary.get("type") in TUNNEL_TYPES.values()}
    if block.host is not None:
        alone = ip.is_host_prefix(block.cidr) and bool(tunnels)
        yield Destination(block.cidr, block.host, block=True, single_tunnel=alone)
    for text, attribute in block.owned():
        owner = attribute.secondary.get("node")
        if owner is not None and owner != block.host:
            yield Destination(ip.host_prefix(text), owner, block=False, single_tunnel=text in tunnels)


def routes(world: World, node: NodeRun) -> Iterator[Route]:
    """Everything that Felix programs for the cluster in that node's main table."""
    for target in destinations(world):
        pool = world.pool_of(target.prefix)
        if pool is None or not _owns(world, node, pool) or not {"Workload", "Tunnel"} & set(pool.uses):
            continue
        if target.node != node.spec.name:
            yield from _remote(world, node, pool, target)
        elif target.block and not ip.is_host_prefix(target.prefix):
            yield _blackhole(world, node, target.prefix)
    if world.spec.vtep_routes:
        yield from _vtep_routes(world, node)


def _owns(world: World, node: NodeRun, pool: PoolSpec) -> bool:
    if pool.vxlan != "Never":
        return True
    ipip, plain = world.programs(node.spec)[0]
    return ipip if pool.ipip != "Never" else plain


def _remote(world: World, node: NodeRun, pool: PoolSpec, target: Destination) -> Iterator[Route]:
    family = ip.family(target.prefix)
    peer = world.nodes.get(target.node)
    address = peer.address(family) if peer else None
    if address is None:
        return
    mode = pool.vxlan if pool.vxlan != "Never" else pool.ipip
    network = node.network(family)
    if mode == "Never" or (mode == "CrossSubnet" and network is not None and ip.contains(network, address)):
        hop = Hop(address, node.spec.uplink, HOP_ONLINK)
        yield _unicast(target.prefix, _protocol(world, node), hop)
    elif pool.vxlan == "Never":
        hop = Hop(address, "tunl0", HOP_ONLINK)
        yield _unicast(target.prefix, _protocol(world, node), hop, _mtu(world, node, "ipip"))
    else:
        yield from _vxlan(world, node, target, family)


def _vxlan(world: World, node: NodeRun, target: Destination, family: int) -> Iterator[Route]:
    kind = "vxlan6" if family == 6 else "vxlan"
    vtep = world.nodes[target.node].tunnels.get(kind)
    if vtep is None:
        return
    dev = "vxlan-v6.calico" if family == 6 and not _bpf(world, node) else "vxlan.calico"
    protocol, mtu = world.device_protocol(node.spec), _mtu(world, node, kind)
    if target.single_tunnel and target.prefix == ip.host_prefix(vtep):
        yield _unicast(target.prefix, protocol, Hop(None, dev), mtu, SCOPE_LINK)
    else:
        yield _unicast(target.prefix, protocol, Hop(vtep, dev, HOP_ONLINK), mtu)


def _vtep_routes(world: World, node: NodeRun) -> Iterator[Route]:
    """Older releases: a route to every remote tunnel address, needless and harmless."""
    for peer in world.nodes.values():
        vtep = peer.tunnels.get("vxlan")
        if vtep is not None and peer is not node:
            mtu = _mtu(world, node, "vxlan")
            hop = Hop(None, "vxlan.calico")
            yield _unicast(ip.host_prefix(vtep), world.device_protocol(node.spec), hop, mtu, SCOPE_LINK)


def _blackhole(world: World, node: NodeRun, prefix: str) -> Route:
    return Route(prefix, BLACKHOLE, MAIN, _protocol(world, node), SCOPE_GLOBAL, 0, ())


def _unicast(prefix: str, protocol: int, hop: Hop, mtu: int | None = None, scope: int = SCOPE_GLOBAL) -> Route:
    return Route(prefix, UNICAST, MAIN, protocol, scope, 0, (hop,), mtu=mtu)


def _protocol(world: World, node: NodeRun) -> int:
    """80, or deviceRouteProtocol if that is set to something else than boot."""
    configured = world.device_protocol(node.spec)
    return PROTO_FELIX if configured == PROTO_BOOT else configured


def _mtu(world: World, node: NodeRun, kind: str) -> int | None:
    if not releases.writes_tunnel_mtu(world.release(node.spec)):
        return None
    return world.tunnel_mtu(node.spec, kind)


def _bpf(world: World, node: NodeRun) -> bool:
    return world.felix(node.spec).get("bpfEnabled") is True
