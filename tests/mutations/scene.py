"""What an entry of the reviewed list may ask of the observation that is mutated."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from expect.pods import host_interface
from model import ip, net
from model.cluster import IPAMBlock, IPAMHandle
from model.free import node_addresses
from tests.mutations.facts import label
from tests.mutations.owners import minor_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.cluster import Pod
    from model.snapshot import Snapshot
    from tests.mutations.mutation import Mutation


Key = tuple[str, int, int, int]
Way = tuple[str, int, tuple[net.Hop, ...]]


class Scene:
    """What a predicate may ask of the observation; its own words, not the checks', for it judges them."""

    def __init__(self, snapshot: Snapshot) -> None:
        known = snapshot.looks[-1].before
        self.snapshot = snapshot
        self.cluster = known
        pod_cidrs = () if known.blocks else (cidr for node in known.nodes for cidr in node.pod_cidrs)
        self.prefixes = tuple(
            {*(pool.cidr for pool in known.pools), *(block.cidr for block in known.blocks), *pod_cidrs}
        )
        self.families = {ip.family(prefix) for prefix in self.prefixes}
        self.vxlan = any(pool.vxlan_mode != "Never" for pool in known.pools)
        self.ipip = any(pool.ipip_mode != "Never" for pool in known.pools)
        self.wireguard = any(item.get("wireguardEnabled") is True for item in known.felix)
        self.tunnels = self.vxlan or self.ipip or self.wireguard
        unsettled = [*(pod for pod in known.pods if pod.deleting), *_in_flux(snapshot)]
        self.leaving = {host_interface(pod) for pod in unsettled}
        self.leaving_addresses = {address for pod in unsettled for address in pod.ips}
        self.leaving_keys = {pod.key for pod in unsettled}
        self.devices = frozenset(self._devices())
        self._pools: dict[str, bool] = {}

    def _devices(self) -> Iterator[str]:
        """The tunnel devices that a pool or WireGuard uses."""
        for pool in self.cluster.pools:
            if pool.vxlan_mode != "Never":
                yield "vxlan.calico" if ip.family(pool.cidr) == 4 else "vxlan-v6.calico"
            elif pool.ipip_mode != "Never":
                yield "tunl0"
        if self.wireguard:
            yield "wireguard.cali"

    @cached_property
    def minor(self) -> int:
        """The minor of Calico's release: calico-node's image goes before ClusterInformation."""
        known = self.cluster
        images = [image for pod in known.pods for image in pod.images if "node" in image]
        return minor_of([*images, *([known.information.calico_version] if known.information else [])])

    @cached_property
    def bird_runs(self) -> bool:
        """Whether any node has a BIRD that answers."""
        return any(bird.running for facts in self.snapshot.node_facts.values() for bird in facts.birds)

    @cached_property
    def bird_families(self) -> frozenset[int]:
        """The families of pools of which BIRD programs something: a route or a blackhole in a pool is its own."""
        return frozenset(
            ip.family(route.dst)
            for facts in self.snapshot.node_facts.values()
            for route in facts.host.routes
            if route.protocol == net.PROTO_BIRD and self.in_pool(route.dst)
        )

    @cached_property
    def programmed(self) -> bool:
        """Whether Felix or BIRD has any route to another node's block in a kernel."""
        cidrs = {block.cidr for block in self.cluster.blocks}
        cidrs |= {cidr for node in self.cluster.nodes for cidr in node.pod_cidrs if not self.cluster.blocks}
        return any(
            route.dst in cidrs and route.hops
            for facts in self.snapshot.node_facts.values()
            for route in facts.host.routes
        )

    @cached_property
    def two_owners(self) -> bool:
        """Whether any node has two routes to another node's block."""
        blocks = {block.cidr for block in self.cluster.blocks}
        return any(
            count > 1
            for facts in self.snapshot.node_facts.values()
            for (dst, table), count in Counter((route.dst, route.table) for route in facts.host.routes).items()
            if dst in blocks and table == net.MAIN
        )

    @cached_property
    def uplinks(self) -> frozenset[str]:
        """The interfaces that have a node's own address, tunnels aside."""
        nodes = {address for node in self.cluster.nodes for address in node.internal_ips}
        return frozenset(
            address.dev
            for facts in self.snapshot.node_facts.values()
            for address in facts.host.addresses
            if address.address in nodes
        )

    @cached_property
    def host_keys(self) -> dict[str, frozenset[Key]]:
        """By node: table, destination, TOS and metric of each route of its own namespace."""
        return {name: _keys(facts.host.routes) for name, facts in self.snapshot.node_facts.items()}

    @cached_property
    def host_ways(self) -> dict[str, frozenset[Way]]:
        """By node: destination, type and next hops of each route of its own namespace."""
        return {name: _ways(facts.host.routes) for name, facts in self.snapshot.node_facts.items()}

    @cached_property
    def pod_keys(self) -> dict[str, frozenset[Key]]:
        """The same by pods' namespaces, as `node/name`."""
        return {place: _keys(namespace.routes) for place, namespace in self.namespaces.items()}

    @cached_property
    def pod_ways(self) -> dict[str, frozenset[Way]]:
        """The same by pods' namespaces, as `node/name`."""
        return {place: _ways(namespace.routes) for place, namespace in self.namespaces.items()}

    @cached_property
    def namespaces(self) -> dict[str, net.Namespace]:
        """The namespaces of pods, as `node/name`."""
        return {
            f"{name}/{namespace.name}": namespace
            for name, facts in self.snapshot.node_facts.items()
            for namespace in facts.pods
        }

    @cached_property
    def full_tables(self) -> dict[str, frozenset[int]]:
        """By node: the tables that hold a route."""
        return {
            name: frozenset(route.table for route in facts.host.routes)
            for name, facts in self.snapshot.node_facts.items()
        }

    @cached_property
    def link_names(self) -> frozenset[str]:
        """The names of all interfaces of all nodes."""
        return frozenset(link.name for facts in self.snapshot.node_facts.values() for link in facts.host.links)

    @cached_property
    def own_addresses(self) -> frozenset[str]:
        """Every address that a Node object gives its node, those of tunnels that are in use included."""
        known = frozenset(address for node in self.cluster.nodes for address in node_addresses(node))
        return known - self.idle_addresses

    def addresses_of(self, node: str) -> frozenset[str]:
        """The addresses of one node, without those of idle tunnels."""
        known = (address for item in self.cluster.nodes if item.name == node for address in node_addresses(item))
        return frozenset(known) - self.idle_addresses

    @cached_property
    def idle_addresses(self) -> frozenset[str]:
        """The addresses of tunnels that no pool uses any more."""
        return frozenset(
            address
            for node in self.cluster.nodes
            for device, address in (
                ("vxlan.calico", node.vxlan_tunnel),
                ("vxlan-v6.calico", node.vxlan_tunnel_v6),
                ("tunl0", node.ipip_tunnel),
                ("wireguard.cali", node.wireguard_ipv4),
            )
            if address and device not in self.devices
        )

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Every pool, block and node's address as prefixes: what Calico's packets are from and to."""
        return (*self.prefixes, *(ip.host_prefix(address) for address in self.own_addresses))

    @cached_property
    def objects(self) -> frozenset[tuple[type, str]]:
        """Type and name of each object of the API."""
        known = self.cluster
        lists = (
            known.pods,
            known.nodes,
            known.pools,
            known.blocks,
            known.affinities,
            known.felix,
            known.bgp,
            known.peers,
            known.filters,
            known.services,
            known.handles,
        )
        return frozenset((type(item), label(item)) for items in lists for item in items)

    @cached_property
    def live(self) -> frozenset[str]:
        """The addresses of pods."""
        return frozenset(address for pod in self.cluster.pods for address in pod.ips)

    @cached_property
    def by_bird(self) -> bool:
        """Whether the routes of blocks are BIRD's on every node, and there is but one subnet."""
        blocks = {block.cidr for block in self.cluster.blocks}
        routes = [
            route for facts in self.snapshot.node_facts.values() for route in facts.host.routes if route.dst in blocks
        ]
        masks = {ip.canonical(node.bgp_ipv4) for node in self.cluster.nodes if node.bgp_ipv4}
        return bool(routes) and all(route.protocol == net.PROTO_BIRD for route in routes) and len(masks) <= 1

    @cached_property
    def borrows(self) -> bool:
        """Whether a node uses an address of another one's block."""
        return any(
            item.secondary.get("node", "") not in {"", (block.affinity or "").removeprefix("host:")}
            for block in self.cluster.blocks
            for item in block.attributes
        )

    @cached_property
    def has_uids(self) -> bool:
        """Whether any namespace says which pods' it is."""
        return any(namespace.uids for namespace in self.namespaces.values())

    def flux_words(self, mutation: Mutation) -> str:
        """What a mutation of blocks and handles is about, as text: the pods whose allocations change."""
        handles = {fact.handle for fact in mutation.touched if isinstance(fact, IPAMHandle)}
        lost = [fact for fact in mutation.lost if isinstance(fact, IPAMBlock)]
        gained = [fact for fact in mutation.gained if isinstance(fact, IPAMBlock)]
        items = [item for block in self.cluster.blocks for item in block.attributes if item.handle in handles] + [
            item
            for old, new in zip(lost, gained, strict=False)
            if len(old.attributes) == len(new.attributes) and old.allocations == new.allocations
            for item, other in zip(old.attributes, new.attributes, strict=True)
            if item != other
        ]
        return " ".join(item.secondary.get("pod", "") for item in items)

    def is_leaving(self, place: str) -> bool:
        """Whether a namespace, as `node/name`, is that of a pod that is being deleted."""
        namespace = self.namespaces.get(place)
        if namespace is None:
            return False
        own = {address.address for address in namespace.addresses if self.in_pool(address.address)}
        return bool(own & self.leaving_addresses) or not own & self.live  # not known to the API yet, or any more

    def in_pool(self, prefix: str) -> bool:
        """Whether a prefix or an address touches a pool or a block."""
        if prefix not in self._pools:
            self._pools[prefix] = any(ip.contains(outer, prefix) for outer in self.prefixes)
        return self._pools[prefix]

    def has_ipv6(self) -> bool:
        """Whether a pool of the observation is IPv6."""
        return 6 in self.families

    def has_ipv4(self) -> bool:
        """Whether a pool of the observation is IPv4."""
        return 4 in self.families


def _in_flux(snapshot: Snapshot) -> list[Pod]:
    """What pods were, and what they became, that changed while one looked."""
    look = snapshot.looks[-1]
    before = {pod.key: pod for pod in look.before.pods}
    after = {pod.key: pod for pod in look.pods_after or look.before.pods}
    return [
        pod
        for key in before.keys() | after.keys()
        if _settled(before.get(key)) != _settled(after.get(key))
        for pod in (before.get(key), after.get(key))
        if pod is not None
    ]


def _settled(pod: Pod | None) -> Pod | None:
    return pod and msgspec.structs.replace(pod, resource_version="")


def _keys(routes: tuple[net.Route, ...]) -> frozenset[Key]:
    return frozenset((route.dst, route.table, route.tos, route.metric) for route in routes)


def _ways(routes: tuple[net.Route, ...]) -> frozenset[Way]:
    return frozenset((route.dst, route.type, route.hops) for route in routes)
