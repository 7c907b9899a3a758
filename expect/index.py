"""The objects of one look by what they are looked up by: blocks, borrowed addresses, pods, nodes.

Built once from a look, then only read. Everything here comes from the datastore.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from expect.allocations import Allocation, allocations
from expect.flux import Flux, flux_of
from expect.pods import Presence, state_of
from model import ip
from model.cluster import IPAMBlock, IPPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.cluster import BlockAffinity, Cluster, Look, Node, Pod

_AFTER = 1 << 129  # beyond any last address


class Block(msgspec.Struct, frozen=True):
    """One live IPAM block. `node` is the host that its affinity names (the IPAMBlock's word), None for none or a
    virtual owner; `settled` False: its claim or its release is under way, and neither state of the network is wrong."""

    cidr: str
    node: str | None
    pool: IPPool | None
    object: IPAMBlock
    settled: bool
    virtual: bool = False

    @property
    def because(self) -> str:
        return f"IPAMBlock {self.object.name} has affinity {self.object.affinity or 'none'}"


class Borrowed(msgspec.Struct, frozen=True):
    """An address of one node's block (or of nobody's) that another node uses."""

    address: str
    borrower: str
    block: Block
    allocation: Allocation

    @property
    def because(self) -> str:
        holder = f"pod {self.allocation.pod}" if self.allocation.pod else self.allocation.type or self.allocation.handle
        return (
            f"IPAMBlock {self.block.object.name} ({self.block.object.affinity or 'no affinity'}) "
            f"allocates {self.address} to {holder} on {self.borrower}"
        )


class Index:
    """The indexes. Every property is computed on first use and kept."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.cluster: Cluster = look.before
        self.flux: Flux = flux_of(look)

    @cached_property
    def nodes(self) -> dict[str, Node]:
        return {node.name: node for node in self.cluster.nodes}

    @cached_property
    def pods_by_node(self) -> dict[str, tuple[Pod, ...]]:
        """The pods of each node, host-network ones and finished ones included, in order of their names."""
        found: dict[str, list[Pod]] = defaultdict(list)
        for pod in sorted(self.cluster.pods, key=lambda pod: pod.key):
            found[pod.node].append(pod)
        return {node: tuple(pods) for node, pods in found.items()}

    @cached_property
    def pods_by_address(self) -> dict[str, tuple[Pod, ...]]:
        """The live, networked pods that have an address: more than one is a duplicate."""
        found: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.cluster.pods:
            if self.is_networked(pod):
                for address in pod.ips:
                    found[address].append(pod)
        return {address: tuple(pods) for address, pods in found.items()}

    @cached_property
    def node_addresses(self) -> dict[str, str]:
        """Each address that Calico knows a node by, and the node's name."""
        return {
            address: node.name
            for node in self.cluster.nodes
            for address in (
                *node.internal_ips,
                *node.external_ips,
                *(ip.bare(text) for text in (node.bgp_ipv4, node.bgp_ipv6) if text),
            )
        }

    def is_networked(self, pod: Pod) -> bool:
        """Whether anything of a pod's network may be there."""
        return state_of(pod).presence is not Presence.NOTHING

    @cached_property
    def tunnel_addresses(self) -> dict[str, str]:
        """Each tunnel address that a Node object shows, and the node's name."""
        return {
            address: node.name
            for node in self.cluster.nodes
            for address in (
                node.ipip_tunnel,
                node.vxlan_tunnel,
                node.vxlan_tunnel_v6,
                node.wireguard_ipv4,
                node.wireguard_ipv6,
            )
            if address
        }

    def pool_of(self, prefix: str) -> IPPool | None:
        """The pool that contains a prefix or an address."""
        return next((pool for pool in self.cluster.pools if ip.contains(pool.cidr, prefix)), None)

    @cached_property
    def affinities(self) -> dict[str, tuple[BlockAffinity, ...]]:
        """The live host affinities of each prefix."""
        found: dict[str, list[BlockAffinity]] = defaultdict(list)
        for affinity in self.cluster.affinities:
            if not affinity.deleted and affinity.type == "host":
                found[affinity.cidr].append(affinity)
        return {cidr: tuple(items) for cidr, items in found.items()}

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """The live blocks by their prefix, in order."""
        live = [block for block in self.cluster.blocks if not block.deleted] or list(self._pod_cidrs())
        return {block.cidr: self._block(block) for block in sorted(live, key=lambda block: ip.span(block.cidr))}

    def _pod_cidrs(self) -> Iterator[IPAMBlock]:
        """With host-local IPAM each node's podCIDRs take the part of blocks (felixnodeprocessor.go:252-290).

        No allocations are known then, and none are judged: `IPAMBlock.allocations` is empty.
        """
        if not self.host_local:
            return
        for node in self.cluster.nodes:
            for cidr in node.pod_cidrs:
                name = f"none: host-local IPAM, podCIDR of node {node.name}"
                yield IPAMBlock(name, ip.canonical(cidr), "", f"host:{node.name}", (), ())

    @cached_property
    def host_local(self) -> bool:
        """Whether pods get their addresses from their node's podCIDRs: no IPAM block exists, and pods have such
        ones."""
        if self.cluster.blocks or "ipamblocks" in self.cluster.unlisted:
            return False
        cidrs = {node.name: node.pod_cidrs for node in self.cluster.nodes}
        return any(
            ip.contains(cidr, address)
            for address, pods in self.pods_by_address.items()
            for pod in pods
            for cidr in cidrs.get(pod.node, ())
        )

    def _block(self, block: IPAMBlock) -> Block:
        kind, _, name = (block.affinity or "").partition(":")
        in_claim = any(
            item.state in {"pending", "pendingDeletion"} and (kind != "host" or item.node == name)
            for item in self.affinities.get(block.cidr, ())  # another node's beside an owner is stale, however long
        )
        return Block(
            cidr=block.cidr,
            node=name if kind == "host" else None,
            pool=self.pool_of(block.cidr),
            object=block,
            settled=not in_claim and block.cidr not in self.flux.blocks,
            virtual=kind == "virtual",
        )

    @cached_property
    def blocks_by_node(self) -> dict[str, tuple[Block, ...]]:
        """The blocks that each node owns."""
        found: dict[str, list[Block]] = defaultdict(list)
        for block in self.blocks.values():
            if block.node:
                found[block.node].append(block)
        return {node: tuple(blocks) for node, blocks in found.items()}

    @cached_property
    def allocations(self) -> dict[str, Allocation]:
        """Every allocated address of every live block."""
        return {item.address: item for block in self.blocks.values() for item in allocations(block.object)}

    @cached_property
    def borrowed(self) -> dict[str, Borrowed]:
        """Borrowed addresses: the owner node is known and is not the block's (calico-state §5.2)."""
        return {
            item.address: Borrowed(item.address, item.node, self.blocks[item.block], item)
            for item in self.allocations.values()
            if item.node and not item.released and item.node != self.blocks[item.block].node
        }

    def block_of(self, address: str) -> Block | None:
        """The live block that contains an address."""
        family, first, _ = ip.span(address)
        spans = self._block_spans
        at = bisect.bisect_right(spans, (family, first, _AFTER)) - 1
        if at < 0:
            return None
        block = self.blocks[spans[at][3]]
        return block if ip.contains(block.cidr, address) else None

    @cached_property
    def _block_spans(self) -> list[tuple[int, int, int, str]]:
        return sorted((*ip.span(cidr), cidr) for cidr in self.blocks)

    @cached_property
    def agents(self) -> dict[str, Pod]:
        """The calico-node pod of each node, where the cluster lists one."""
        return {pod.node: pod for pod in self.cluster.pods if pod.images and pod.phase == "Running"}
