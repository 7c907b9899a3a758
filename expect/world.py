"""The cluster as the expectations read it: its objects, and what the configuration makes of each node.

Everything here comes from the datastore.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from expect.flux import reconfigured
from expect.index import Index
from expect.ownership import Owner, Ownership, RouteClass, ownership
from expect.release import Release, release_of
from model import ip

if TYPE_CHECKING:
    from model.cluster import IPPool, Look, Node, Settings

DEFAULT_AS = "64512"  # BGPConfiguration asNumber


class World(Index):
    """The objects by their indexes, and the configuration as it holds on a node. Computed on first use and kept."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._releases: dict[str, Release] = {}
        self._owners: dict[tuple[RouteClass | None, str], Ownership] = {}

    @cached_property
    def later(self) -> World | None:
        """The same cluster by the configuration listed after the nodes were read; None where it did not change."""
        look = reconfigured(self.look)
        return World(look) if look is not None else None

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
