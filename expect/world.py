"""The cluster as the expectations read it: who owns which block, who borrows what, which pods live where.

Built once from a look, then only read. Everything here comes from the datastore.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from expect.allocations import Allocation, allocations
from expect.flux import Flux, flux_of, reconfigured
from expect.ownership import Owner, Ownership, RouteClass, ownership
from expect.pods import Presence, state_of
from expect.release import Release, release_of
from model import ip
from model.cluster import IPAMBlock, IPPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.cluster import BlockAffinity, Cluster, Look, Node, Pod, Settings

DEFAULT_AS = "64512"  # BGPConfiguration asNumber
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


class World:
    """The indexes. Every property is computed on first use and kept."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.cluster: Cluster = look.before
        self.flux: Flux = flux_of(look)
        self._releases: dict[str, Release] = {}
        self._owners: dict[tuple[RouteClass | None, str], Ownership] = {}

    @cached_property
    def later(self) -> World | None:
        """The same cluster by the configuration listed after the nodes were read; None where it did not change."""
        look = reconfigured(self.look)
        return World(look) if look is not None else None

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

    def release(self, node: str) -> Release:
        """The Calico release that a node runs."""
        if node not in self._releases:
            self._releases[node] = release_of(self.cluster, self.agents.get(node))
        return self._releases[node]

    def felix(self, node: str, field: str) -> object | None:
        """A FelixConfiguration field as it holds on a node: `node.<name>` before `default` (calico-state §4.1)."""
        for name in (f"node.{node}", "default"):
            settings = self._felix.get(name)
            value = settings.get(field) if settings is not None else None
            if value is not None:
                return value
        return None

    @cached_property
    def _felix(self) -> dict[str, Settings]:
        return {settings.name: settings for settings in reversed(self.cluster.felix)}

    def bgp(self, field: str) -> object | None:
        """A field of the BGPConfiguration `default`."""
        return _field(self.cluster.bgp, "default", field)

    def owner(self, pool: IPPool | None, node: str) -> Ownership:
        """Who programs a pool's cluster routes on a node.

        A block that no pool contains (its pool was deleted) is BIRD's: its filter lets pass what lies in no pool, and
        Felix has no type for it (calico-state §4.2).
        """
        kind = route_class(pool) if pool is not None else None
        if (kind, node) not in self._owners:
            self._owners[kind, node] = self._owner(kind, node)
        return self._owners[kind, node]

    def _owner(self, kind: RouteClass | None, node: str) -> Ownership:
        if kind is None:
            owners = frozenset({Owner.BIRD}) if self.bird_runs(node) else frozenset[Owner]()
            return Ownership(
                owners, "no IPPool contains it: BIRD announces and programs it all the same, Felix does not"
            )
        disabled = {RouteClass.VXLAN: "vxlanEnabled", RouteClass.IPIP: "ipipEnabled"}.get(kind)
        if disabled and self.felix(node, disabled) is False:
            return Ownership(frozenset(), f"FelixConfiguration {disabled} is false: Felix programs nothing of {kind}")
        return ownership(
            kind,
            self.release(node),
            self.felix(node, "programClusterRoutes"),
            self.bgp("programClusterRoutes"),
            bird_runs=self.bird_runs(node),
        )

    def bird_runs(self, node: str) -> bool:
        """Whether the networking backend starts BIRD on a node: any but `none` and `vxlan` (node: etc/rc.local).

        Told by calico-node's own environment, else by ClusterInformation clusterType, which names `bgp`.
        """
        agent = self.agents.get(node)
        if agent is not None and agent.backend:
            return agent.backend not in {"none", "vxlan"}
        kinds = (self.cluster.information.cluster_type if self.cluster.information else "").split(",")
        return kinds == [""] or "bgp" in kinds

    def speaks_from(self, node: Node, family: int) -> str | None:
        """The address that BIRD on a node announces as next hop: its BGP address."""
        text = node.bgp_ipv4 if family == 4 else node.bgp_ipv6
        return ip.bare(text) if text else None

    def felix_address(self, node: Node, family: int) -> str | None:
        """The address that Felix knows a node by: BGP, else InternalIP, else ExternalIP
        (l3_route_resolver.go:352-398)."""
        known = (self.speaks_from(node, family), *node.internal_ips, *node.external_ips)
        return next((address for address in known if address and ip.family(address) == family), None)

    def same_subnet(self, me: str, address: str) -> bool:
        """Whether an address lies in the network of this node's BGP address, by the mask that is stored with it."""
        node = self.nodes[me]
        own = node.bgp_ipv4 if ip.family(address) == 4 else node.bgp_ipv6
        return own is not None and ip.contains(ip.canonical(own), address)

    def as_number(self, node: str) -> str:
        """The node's AS: its own, else BGPConfiguration's, else 64512."""
        return self.nodes[node].as_number or str(self.bgp("asNumber") or DEFAULT_AS)

    def wireguard_between(self, one: str, other: str, family: int) -> bool:
        """Whether two nodes encrypt their traffic: it is enabled, and both have published a key for the family."""
        if self.felix(one, "wireguardEnabled" if family == 4 else "wireguardEnabledV6") is not True:
            return False
        nodes = (self.nodes[one], self.nodes[other])
        return all(node.wireguard_key if family == 4 else node.wireguard_key_v6 for node in nodes)

    def external_between(self, one: str, other: str) -> bool:
        """Whether a speaker of another AS may stand between two nodes: then the next hop is that speaker's affair."""
        if self.as_number(one) != self.as_number(other):
            return True
        default = str(self.bgp("asNumber") or DEFAULT_AS)
        return any(str(peer.get("asNumber") or default) != default for peer in self.cluster.peers)


def route_class(pool: IPPool | None) -> RouteClass:
    """A pool's class. VXLAN wins, as in Felix, should both modes be set."""
    if pool is None or pool.vxlan_mode == pool.ipip_mode == "Never":
        return RouteClass.NO_ENCAP
    return RouteClass.IPIP if pool.vxlan_mode == "Never" else RouteClass.VXLAN


def _field(objects: tuple[Settings, ...], name: str, field: str) -> object | None:
    return next((item.get(field) for item in objects if item.name == name), None)
