"""Which routes of a node are accounted for: by an expectation that another check judges, or by a named healthy reason.

What nothing claims is a leftover (calico-state R8, §3.6, §4.6). Routes outside every pool that do not touch a pod's
interface are none of Calico's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.hops import expected_hops, hops_of
from expect.pods import POD_INTERFACES
from expect.services import advertises
from expect.ways import ways
from model import ip, net
from model.free import FLOATING_IPS

if TYPE_CHECKING:
    from checks.cases import NodeCase
    from model.cluster import Pod

_LINK_LOCAL = ("fe80::/10", "ff00::/8")
_DROPS = frozenset({net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT, net.THROW})
_TUNNELS = frozenset({"vxlan.calico", "vxlan-v6.calico", "tunl0"})


def touches_pods(route: net.Route) -> bool:
    """Whether a route leaves by an interface that only Calico's pods have."""
    return any(hop.dev.startswith(POD_INTERFACES) for hop in route.hops)


def passes_on(route: net.Route) -> bool:
    """Whether a route only ends the lookup in a table of somebody's own: the next rule decides (ip-route(8), throw)."""
    return route.type == net.THROW and route.table not in {net.MAIN, net.LOCAL}


def of_interest(node: NodeCase, route: net.Route) -> bool:
    """Whether a route must be claimed: it lies in a pool, or in a block (its pool may be gone), or leaves by a pod's
    interface.

    A route to a whole pool that is no block is less specific than every block: an aggregate, and of no concern.
    """
    if passes_on(route) or any(ip.contains(prefix, route.dst) for prefix in _LINK_LOCAL):
        return False
    if touches_pods(route):
        return True
    pool = node.world.pool_of(route.dst)
    if pool is not None:
        return pool.cidr != route.dst or route.dst in node.world.blocks
    block = node.world.block_of(ip.bare(route.dst))
    return block is not None and ip.contains(block.cidr, route.dst)


def claim(node: NodeCase, route: net.Route) -> str | None:
    """The reason why a route of interest is there; None if there is none."""
    if touches_pods(route):
        return _pod_route(node, route)
    if route.protocol == net.PROTO_KERNEL and _own_network(node, route):
        return "the node's own network, which the check of pools reports"
    if route.table == net.LOCAL:
        return _local(node, ip.bare(route.dst)) if ip.is_host_prefix(route.dst) else None
    return _block(node, route) or _host_prefix(node, route)


def _pod_route(node: NodeCase, route: net.Route) -> str | None:
    """A route by a pod's interface: to an address of a pod of this node, or to a floating one."""
    if not ip.is_host_prefix(route.dst):
        return None
    address = ip.bare(route.dst)
    here = [pod for pod in node.world.pods_by_address.get(address, ()) if pod.node == node.name]
    if here and route.table == net.MAIN:
        return f"host route of pod {here[0].key}, which another check judges"
    devices = {hop.dev for hop in route.hops}
    pod = node.pods_by_interface.get(next(iter(devices))) if len(devices) == 1 else None
    if pod is None:
        return None
    if pod.key in node.world.flux.pods:
        return f"pod {pod.key} changed while it was looked at"
    return f"floating address of pod {pod.key}" if _floats(pod, address) else None


def _floats(pod: Pod, address: str) -> bool:
    return f'"{address}"' in pod.annotations.get(FLOATING_IPS, "")


def _own_network(node: NodeCase, route: net.Route) -> bool:
    """Whether the kernel made it for the address that Calico knows the node by: then the pool overlaps its network."""
    devices = {hop.dev for hop in route.hops}
    return any(
        item.dev in devices
        and node.world.node_addresses.get(item.address) == node.name
        and ip.contains(ip.canonical(item.text), route.dst)
        for item in node.facts.host.addresses
    )


def _local(node: NodeCase, address: str) -> str | None:
    """An address of the node itself that lies in a pool: a tunnel's, or the node's own."""
    if node.world.tunnel_addresses.get(address) == node.name:
        return "tunnel address of this node"
    if node.world.node_addresses.get(address) == node.name:
        return "address of this node"
    return None


def _block(node: NodeCase, route: net.Route) -> str | None:
    world = node.world
    block = world.blocks.get(route.dst)
    if route.dst in world.flux.blocks:
        return "its block changed while it was looked at"
    if block is not None and (block.node in world.nodes or block.node in world.flux.nodes or not block.settled):
        return f"block of {block.node}, which another check judges"
    if route.type in _DROPS and not ip.is_host_prefix(route.dst):
        return "the check of blackholes reports it"
    return None


def _by_workload(node: NodeCase, route: net.Route) -> bool:
    source = node.world.felix(node.name, "routeSource")
    return source == "WorkloadIPs" and route.protocol != net.PROTO_BIRD and route.type == net.UNICAST


def _leads_to(node: NodeCase, route: net.Route, name: str) -> bool:
    """Whether a route goes a way to another node that is right for its pool."""
    other = node.world.nodes.get(name)
    if other is None or name == node.name:
        return False
    found = ways(node.world, node.name, other, route.dst, node.world.pool_of(route.dst))
    return any(hops_of(route) in expected_hops(node, way) for way in found)


def _host_prefix(node: NodeCase, route: net.Route) -> str | None:
    if not ip.is_host_prefix(route.dst):
        return None
    world, address = node.world, ip.bare(route.dst)
    borrowed = world.borrowed.get(address)
    if borrowed is not None and borrowed.borrower != node.name and borrowed.borrower in world.nodes:
        return f"address borrowed by {borrowed.borrower}"
    if address in world.flux.addresses:
        return "its pod changed while it was looked at"
    hosts = {pod.node for pod in world.pods_by_address.get(address, ())}
    hosts |= {pod.node for pod in world.cluster.pods if _floats(pod, address) and world.is_networked(pod)}
    if route.protocol == net.PROTO_KERNEL and _local(node, address):
        return "the kernel's route to an address of this node"
    if route.protocol == net.PROTO_BIRD and len(hosts) == 1 and _leads_to(node, route, next(iter(hosts))):
        return "leads to the node that has the pod"
    if len(hosts) == 1 and _by_workload(node, route):
        return "Felix routes pods one by one (FelixConfiguration routeSource WorkloadIPs)"
    devices = {hop.dev for hop in route.hops}
    if devices and devices <= _TUNNELS and world.tunnel_addresses.get(address) not in {None, node.name}:
        return "a remote tunnel endpoint (older releases, or borrowed)"
    if advertises(world, address):
        return "an advertised service's address"
    return None
