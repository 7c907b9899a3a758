"""Calico IPAM: blocks with affinities, handed out address by address, borrowed when nothing else is left."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model import ip
from model.cluster import AllocationAttribute, BlockAffinity, IPAMBlock, IPAMHandle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulate.spec import PoolSpec

RESERVED_HANDLE = "windows-reserved-ipam-handle"
MAX_BLOCKS = 20


@dataclass
class Block:
    """One IPAMBlock while it lives."""

    cidr: str
    affinity: str | None
    created: str
    allocations: list[int | None]
    unallocated: list[int]
    attributes: list[AllocationAttribute] = field(default_factory=list)
    version: int = 1

    def take(self, ordinal: int, attribute: AllocationAttribute) -> str:
        """Allocate one ordinal; equal attributes are stored once."""
        if attribute not in self.attributes:
            self.attributes.append(attribute)
        self.unallocated.remove(ordinal)
        self.allocations[ordinal] = self.attributes.index(attribute)
        self.version += 1
        return ip.nth(self.cidr, ordinal)

    def give_back(self, ordinal: int) -> None:
        """Free one ordinal: it goes to the end of the queue, and an attribute that nobody uses any more goes."""
        index = self.allocations[ordinal]
        self.allocations[ordinal] = None
        self.unallocated.append(ordinal)
        self.version += 1
        if index is not None and index not in self.allocations:
            del self.attributes[index]
            self.allocations = [k - 1 if k is not None and k > index else k for k in self.allocations]

    def owned(self) -> list[tuple[str, AllocationAttribute]]:
        """Every allocated address with its attribute."""
        return [
            (ip.nth(self.cidr, ordinal), self.attributes[index])
            for ordinal, index in enumerate(self.allocations)
            if index is not None
        ]

    @property
    def virtual(self) -> bool:
        """Whether it is for services, not for nodes."""
        return (self.affinity or "").startswith("virtual:")

    @property
    def host(self) -> str | None:
        """The node that the block is affine to."""
        kind, _, name = (self.affinity or "").partition(":")
        return name if kind == "host" else None


@dataclass
class Ipam:
    """The datastore's part of it. `reserving` are the Windows nodes, whose blocks keep four ordinals back."""

    strict: bool = False
    max_blocks: int = 0
    reserving: frozenset[str] = frozenset()
    blocks: dict[str, Block] = field(default_factory=dict)
    affinities: dict[tuple[str, str], BlockAffinity] = field(default_factory=dict)
    handles: dict[str, dict[str, int]] = field(default_factory=dict)

    def assign(self, node: str, pools: Iterable[PoolSpec], attribute: AllocationAttribute, now: str) -> str | None:
        """One address for something on that node: from its blocks, from a new one, or borrowed; None if there is
        none."""
        wanted = tuple(pools)
        for pool in wanted:
            for block in self._of(pool):
                if block.host == node and block.unallocated:
                    return self._take(block, attribute)
        for pool in wanted:
            claimed = self._claim(f"host:{node}", node, pool, now)
            if claimed is not None:
                return self._take(claimed, attribute)
        if self.strict:
            return None
        for pool in wanted:
            lenders = [block for block in self._of(pool) if block.unallocated and not block.virtual]
            if lenders:  # which one is a matter of a hash; here it is the youngest
                return self._take(lenders[-1], attribute)
        return None

    def assign_virtual(self, pool: PoolSpec, address: str, attribute: AllocationAttribute, now: str) -> None:
        """A LoadBalancer address of a service: from a block that is affine to no node."""
        block = next((block for block in self._of(pool) if ip.contains(block.cidr, address)), None)
        if block is None:
            cidr = ip.canonical(f"{address}/{pool.block_size}")
            block = self._create(cidr, "virtual:load-balancer", "load-balancer", "virtual", now)
        ordinal = int(ip.address(address)) - ip.span(block.cidr)[1]
        block.take(ordinal, attribute)
        self._count(attribute, block.cidr, 1)

    def release(self, address: str) -> None:
        """Free an address, as the CNI plugin's DEL does."""
        for block in self.blocks.values():
            if ip.contains(block.cidr, address):
                ordinal = int(ip.address(address)) - ip.span(block.cidr)[1]
                index = block.allocations[ordinal]
                if index is not None:
                    self._count(block.attributes[index], block.cidr, -1)
                    block.give_back(ordinal)
                return

    def release_affinity(self, node: str, pool: PoolSpec) -> None:
        """Give up the node's blocks of that pool: an empty one goes, one in use stays without affinity."""
        for block in [entry for entry in self._of(pool) if entry.host == node]:
            del self.affinities[node, block.cidr]
            if block.owned():
                block.affinity = None
                block.version += 1
            else:
                del self.blocks[block.cidr]

    def objects(self) -> tuple[tuple[IPAMBlock, ...], tuple[BlockAffinity, ...], tuple[IPAMHandle, ...]]:
        """The API's view."""
        blocks = tuple(
            IPAMBlock(
                name=cidr_name(block.cidr),
                cidr=block.cidr,
                resource_version=str(5000 + block.version),
                affinity=block.affinity,
                allocations=tuple(block.allocations),
                attributes=tuple(block.attributes),
                unallocated=tuple(block.unallocated),
                created=block.created,
            )
            for _, block in sorted(self.blocks.items())
        )
        handles = tuple(IPAMHandle(handle, dict(counts)) for handle, counts in sorted(self.handles.items()))
        return blocks, tuple(sorted(self.affinities.values(), key=lambda entry: entry.name)), handles

    def _of(self, pool: PoolSpec) -> list[Block]:
        return [block for block in self.blocks.values() if ip.contains(pool.cidr, block.cidr)]

    def _claim(self, affinity: str, node: str, pool: PoolSpec, now: str) -> Block | None:
        family, first, last = ip.span(pool.cidr)
        mine = sum(block.host == node and ip.family(block.cidr) == family for block in self.blocks.values())
        if mine >= (self.max_blocks or MAX_BLOCKS):
            return None
        size = 1 << ((32 if family == 4 else 128) - pool.block_size)
        count = (last - first + 1) // size
        start = int.from_bytes(hashlib.sha256(node.encode()).digest()[:8], "big")
        for step in range(min(count, len(self.blocks) + 1)):
            address = ip.from_number(family, first + (start + step) % count * size)
            cidr = f"{address}/{pool.block_size}"
            if cidr not in self.blocks:
                block = self._create(cidr, affinity, node, "host", now)
                if node in self.reserving:
                    self._reserve(block)
                return block
        return None

    def _create(self, cidr: str, affinity: str, owner: str, kind: str, now: str) -> Block:
        _family, first, last = ip.span(cidr)
        size = last - first + 1
        block = Block(ip.canonical(cidr), affinity, now, [None] * size, list(range(size)))
        self.blocks[block.cidr] = block
        name = f"{owner}-{cidr_name(block.cidr)}"
        self.affinities[owner, block.cidr] = BlockAffinity(
            name, owner, block.cidr, "confirmed", str(3000 + len(self.affinities)), kind, created=now
        )
        return block

    def _reserve(self, block: Block) -> None:
        reserved = AllocationAttribute(RESERVED_HANDLE, {"note": "windows host rsvd"})
        for ordinal in (0, 1, 2, len(block.allocations) - 1):
            block.take(ordinal, reserved)
        self.handles.setdefault(RESERVED_HANDLE, {})[block.cidr] = 4

    def _take(self, block: Block, attribute: AllocationAttribute) -> str:
        self._count(attribute, block.cidr, 1)
        return block.take(block.unallocated[0], attribute)

    def _count(self, attribute: AllocationAttribute, cidr: str, change: int) -> None:
        if attribute.handle is None:
            return
        counts = self.handles.setdefault(attribute.handle, {})
        counts[cidr] = counts.get(cidr, 0) + change
        if not counts[cidr]:
            del counts[cidr]
        if not counts:
            del self.handles[attribute.handle]


def cidr_name(cidr: str) -> str:
    """`10.48.0.64/26` → `10-48-0-64-26`."""
    return cidr.replace(".", "-").replace(":", "-").replace("/", "-")
