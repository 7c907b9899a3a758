"""What IPAM says of each address of a block (calico-state §5.1, §5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip
from model.cluster import AllocationAttribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.cluster import IPAMBlock

TUNNEL_TYPES = frozenset(
    {
        "ipipTunnelAddress",
        "vxlanTunnelAddress",
        "vxlanV6TunnelAddress",
        "wireguardTunnelAddress",
        "wireguardV6TunnelAddress",
    }
)


class Allocation(msgspec.Struct, frozen=True):
    """One allocated ordinal. `node` is its owner's (attribute `node`); None where the attribute is missing."""

    address: str
    block: str
    handle: str | None
    node: str | None
    pod: str | None  # namespace/name
    type: str | None  # a tunnel address's kind
    released: bool  # cooldown
    timestamp: str | None = None  # when it was made


def allocations(block: IPAMBlock) -> Iterator[Allocation]:
    """The allocated ordinals of a block. An index without an attribute has None for its fields; an ordinal beyond the
    prefix is the structure's fault, and no address.
    """
    for ordinal, index in enumerate(block.allocations[: ip.size(block.cidr)]):
        if index is None:
            continue
        known = 0 <= index < len(block.attributes)
        attribute = block.attributes[index] if known else AllocationAttribute()
        secondary = attribute.secondary
        pod, namespace = secondary.get("pod"), secondary.get("namespace")
        yield Allocation(
            address=ip.nth(block.cidr, ordinal),
            block=block.cidr,
            handle=attribute.handle,
            node=secondary.get("node") or None,
            pod=f"{namespace}/{pod}" if pod and namespace else None,
            type=secondary.get("type"),
            released=attribute.released_at is not None,
            timestamp=secondary.get("timestamp"),
        )


def free_addresses(block: IPAMBlock) -> Iterator[str]:
    """The addresses of a block that nothing has: neither allocated, nor reserved, nor cooling down."""
    for ordinal, index in enumerate(block.allocations[: ip.size(block.cidr)]):
        if index is None:
            yield ip.nth(block.cidr, ordinal)
