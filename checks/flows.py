"""The packets that a lookup is asked about: made on the node, and coming in from another node or another node's pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expect.fib import Flow
from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase


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
    """One packet made on the node; then, by the uplink, one from another node and one from an address of each pool."""
    yield Flow(address)
    family = ip.family(address)
    iif = uplink(node, family)
    if iif is None:
        return
    other = other_address(node, family)
    if other:
        yield Flow(address, other, iif)
    for pool in node.world.cluster.pools:
        if ip.family(pool.cidr) == family:
            yield Flow(address, ip.bare(pool.cidr), iif)
