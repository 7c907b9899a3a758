"""The packets that a lookup is asked about: made on the node, and coming in from another node or another node's pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expect.fib import Flow
from model import ip, net

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase

TUNNELS = {4: ("vxlan.calico", "tunl0", "wireguard.cali"), 6: ("vxlan-v6.calico", "wg-v6.cali")}


def node_address(node: NodeCase, family: int) -> str | None:
    """The address that Calico knows this node by: its BGP address, else its InternalIP."""
    return address_of(node.node.bgp_ipv4 if family == 4 else node.node.bgp_ipv6, node.node.internal_ips, family)


def address_of(bgp: str | None, internal: tuple[str, ...], family: int) -> str | None:
    """A BGP address without its length, else the first InternalIP of the family."""
    if bgp:
        return ip.bare(bgp)
    return next((address for address in internal if ip.family(address) == family), None)


def uplink(node: NodeCase, family: int) -> str | None:
    """The interface that has the node's address."""
    address = node_address(node, family)
    return node.addresses.get(address) if address else None


def other_address(node: NodeCase, family: int) -> str | None:
    """The address of another node of the cluster; None where there is none of the family."""
    return next(
        (
            address
            for peer in node.world.cluster.nodes
            if peer.name != node.name
            for address in [address_of(peer.bgp_ipv4 if family == 4 else peer.bgp_ipv6, peer.internal_ips, family)]
            if address
        ),
        None,
    )


def flows_to(node: NodeCase, address: str) -> Iterator[Flow]:
    """One packet made on the node; then, by the uplink, one from another node and one from an address of each pool.

    Where the node has rules of its own, one is made with the node's own address as its source (an answer), and packets
    come in by its tunnels as well, and from each part of a pool that a rule asks for, but for the node's own.
    """
    yield Flow(address)
    family = ip.family(address)
    iif = uplink(node, family)
    if iif is None:
        return
    other = other_address(node, family)
    if other:
        yield Flow(address, other, iif)
    own = node_address(node, family)
    if own is not None and not node.fib.plain(family):
        yield Flow(address, own)
    sources = [ip.bare(pool.cidr) for pool in node.world.cluster.pools if ip.family(pool.cidr) == family]
    if not node.fib.plain(family):
        asked = {rule.src for rule in node.facts.host.rules if rule.family == family and rule.src}
        sources += [ip.bare(source) for source in sorted(asked) if _elsewhere(node, ip.bare(source))]
    yield from (Flow(address, source, dev) for dev in (iif, *_tunnels(node, family)) for source in sources)


def _elsewhere(node: NodeCase, address: str) -> bool:
    """Whether a pool's address may be another node's: a pod's own packets never come in by the uplink."""
    block = node.world.block_of(address)
    pods = node.world.pods_by_address.get(address, ())
    here = all(pod.node == node.name for pod in pods) if pods else block is not None and block.node == node.name
    return node.world.pool_of(address) is not None and not here


def _tunnels(node: NodeCase, family: int) -> tuple[str, ...]:
    """The tunnels by which packets come in, where a rule could tell them from others."""
    if node.fib.plain(family):
        return ()
    return tuple(name for name in TUNNELS[family] if node.facts.host.link(name))


def delivered(node: NodeCase, address: str, dev: str) -> bool:
    """Whether the node takes packets to an address of its own, its own and those that come in by an interface.

    True where no route of the local table is known: then nothing can be said.
    """
    routes = node.facts.host.routes
    family = ip.family(address)
    if not any(route.type == net.LOCAL_TYPE and ip.family(route.dst) == family for route in routes):
        return True
    flows = (Flow(address), Flow(address, other_address(node, family), dev))
    ways = [node.fib.lookup(flow) for flow in flows]
    return all(way is not None and way.type == net.LOCAL_TYPE for way in ways)
