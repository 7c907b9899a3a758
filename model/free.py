"""Which addresses of a block nobody has: what a drop trial may aim at, and what the kernel is asked about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import ip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .cluster import IPAMBlock, Node, Pod

FLOATING_IPS = "cni.projectcalico.org/floatingIPs"  # a JSON list of addresses, beside a pod's own
_QUOTED = re.compile(r'"([^"]*)"')


def shown_addresses(pods: Iterable[Pod], nodes: Iterable[Node]) -> frozenset[str]:
    """Every address that a pod (a finished one, too) or a node shows as its own, floating and tunnel addresses
    included."""
    found: set[str] = set()
    for pod in pods:
        found.update(pod.ips)
        if FLOATING_IPS in pod.annotations:
            found.update(_QUOTED.findall(pod.annotations[FLOATING_IPS]))
    for node in nodes:
        found.update(node_addresses(node))
    return frozenset(canonical for text in found if (canonical := _canonical(text)))


def node_addresses(node: Node) -> tuple[str, ...]:
    """Every address that the Node object gives the node, without lengths: BGP, internal, external, tunnels."""
    single = (
        node.bgp_ipv4,
        node.bgp_ipv6,
        node.ipip_tunnel,
        node.vxlan_tunnel,
        node.vxlan_tunnel_v6,
        node.wireguard_ipv4,
        node.wireguard_ipv6,
    )
    texts = (*(text for text in single if text), *node.internal_ips, *node.external_ips)
    return tuple(dict.fromkeys(canonical for text in texts if (canonical := _canonical(text))))


def free_addresses(block: IPAMBlock, shown: frozenset[str]) -> tuple[str, ...]:
    """The block's addresses that IPAM has not given away and nothing shows.

    Allocated, reserved (Windows) and cooling-down addresses have an allocation, so they are not free (IPAMBlock
    spec.allocations, spec.attributes). An IPReservation only keeps IPAM from choosing an address: the kernel drops it
    all the same.
    """
    addresses = (
        ip.nth(block.cidr, ordinal)
        for ordinal, index in enumerate(block.allocations[: ip.size(block.cidr)])
        if index is None
    )
    return tuple(address for address in addresses if address not in shown)


def _canonical(text: str) -> str | None:
    try:
        return str(ip.address(ip.bare(text)))
    except ValueError:
        return None
