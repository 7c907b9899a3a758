"""BIRD with confd's templates on one node and for one family: its table, its filters, and its routes in the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from model import ip
from model.net import (
    BLACKHOLE,
    HOP_ONLINK,
    MAIN,
    PROTO_BIRD,
    PROTO_KERNEL,
    SCOPE_GLOBAL,
    UNICAST,
    Hop,
    Route,
)
from model.node import BirdProtocol
from tests.simulate import bgp, releases, services
from tests.simulate.bgp import Path
from tests.simulate.felix_wireguard import encrypts
from tests.simulate.sessions import as_number, sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulate.sessions import Session
    from tests.simulate.world import NodeRun, World

LARGEST = 2147483647
DIRECT, STATIC, LEARNED = 240, 200, 10  # BIRD's preferences; BGP's is 100


@dataclass(frozen=True)
class Entry:
    """A route of the node's own: of a protocol with that preference."""

    prefix: str
    preference: int
    dev: str = ""
    gateway: str | None = None
    metric: int | None = None
    blackhole: bool = False


@dataclass
class Daemon:
    """One BIRD daemon."""

    world: World
    node: NodeRun
    family: int
    name: str = ""
    own: dict[str, Entry] = field(default_factory=dict)
    received: dict[tuple[str, str], Path] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.name = self.node.spec.name
        self.sessions = {entry.peer: entry for entry in sessions(self.world, self.node, self.family)}
        self.blocks = tuple(_own_blocks(self.world, self.node, self.family))
        for entry in (*self._learned(), *self._static(), *self._direct()):
            present = self.own.get(entry.prefix)
            if present is None or _better(entry, present):
                self.own[entry.prefix] = entry

    def accept(self, peer: str, path: Path) -> Path | None:
        """What BGP's own rules let in; Calico's import filter accepts everything."""
        session = self.sessions[peer]
        own_as = as_number(self.world, self.node.spec)
        internal = session.neighbor_as == own_as
        looped = path.origin == self.name or (self.node.spec.cluster_id or "-") in path.clusters
        if looped or (not internal and own_as in path.as_path):
            return None
        return replace(path, source=peer, internal=internal, from_client=session.client)

    def announce(self) -> Iterator[tuple[str, Path]]:
        """The best route for each prefix, to every session whose export filter lets it through."""
        for prefix, (entry, paths) in self._table().items():
            for peer, session in self.sessions.items():
                internal = session.neighbor_as == as_number(self.world, self.node.spec)
                if not self._exported(prefix, entry, internal):
                    continue
                path = self._from_own(entry, session, internal) if entry else self._onward(paths[0], session, internal)
                if path is not None:
                    yield peer, path

    def program(self) -> None:
        """Write into the kernel what `calico_kernel_programming` lets through, with equal paths merged."""
        table = self._table()
        for prefix, (entry, _) in table.items():
            if entry is not None and entry.preference == STATIC and self._wanted(prefix, None):
                self._program_static(entry)
        for prefix, (entry, paths) in table.items():
            if entry is None and self._wanted(prefix, paths[0]):
                self.node.host.add_route(self._bgp_route(prefix, paths))

    def protocols(self) -> tuple[BirdProtocol, ...]:
        """`show protocols all`, sessions established."""
        since = f"{self.world.clock:%H:%M:%S}"
        fixed = [("static1", "Static")] if any(entry.preference == STATIC for entry in self.own.values()) else []
        fixed += [("kernel1", "Kernel"), ("device1", "Device"), ("direct1", "Direct")]
        return (
            *(BirdProtocol(name, proto, "up", since) for name, proto in fixed),
            *(
                BirdProtocol(entry.name, "BGP", "up", since, "Established", entry.neighbor, entry.neighbor_as)
                for entry in self.sessions.values()
            ),
        )

    def _learned(self) -> Iterator[Entry]:
        """kernel: routes that neither the kernel nor BIRD made; of several to a prefix that with the lowest metric."""
        found: dict[str, Route] = {}
        for route in self.node.host.main(self.family):
            if route.protocol not in {PROTO_KERNEL, PROTO_BIRD}:
                present = found.get(route.dst)
                if present is None or route.metric < present.metric:
                    found[route.dst] = route
        for prefix, route in found.items():
            hop = route.hops[0] if route.hops else Hop(None, "")
            yield Entry(prefix, LEARNED, hop.dev, hop.gateway, route.metric, route.type == BLACKHOLE)

    def _direct(self) -> Iterator[Entry]:
        """direct: the prefixes of every interface but `cali*`."""
        for address in self.node.host.addresses:
            local = address.dev == "lo" or address.address.startswith("fe80:") or address.dev.startswith("cali")
            if ip.family(address.address) == self.family and not local:
                yield Entry(ip.canonical(address.text), DIRECT, address.dev)

    def _static(self) -> Iterator[Entry]:
        """static: the node's blocks, the services, and where a peer is said to be reachable by a gateway."""
        for cidr in self.blocks:
            if not ip.is_host_prefix(cidr):
                yield Entry(cidr, STATIC, blackhole=True)
        for cidr in services.statics(self.world, self.node, self.family):
            yield Entry(cidr, STATIC, blackhole=True)
        for peer in self.world.spec.peers:
            gateway, target = peer.spec.get("reachableBy"), str(peer.spec.get("peerIP", ""))
            if gateway and target in {entry.neighbor for entry in self.sessions.values()}:
                yield Entry(ip.host_prefix(target), STATIC, self.node.spec.uplink, str(gateway))

    def _table(self) -> dict[str, tuple[Entry | None, tuple[Path, ...]]]:
        """Each prefix with what is best for it: a route of the node's own, or paths from BGP."""
        paths: dict[str, list[Path]] = {prefix: [] for prefix in self.own}
        for (_, prefix), path in self.received.items():
            paths.setdefault(prefix, []).append(path)
        return {prefix: self._best(prefix, known) for prefix, known in paths.items()}

    def _best(self, prefix: str, paths: list[Path]) -> tuple[Entry | None, tuple[Path, ...]]:
        entry = self.own.get(prefix)
        if entry is not None and (entry.preference > LEARNED or not paths):
            return entry, ()
        return None, bgp.best(paths)

    def _exported(self, prefix: str, entry: Entry | None, internal: bool) -> bool:
        """`calico_export_to_bgp_peers`: pools that are not exported, the blocks, the services, the other pools."""
        if entry is not None and entry.dev.endswith((".cali", ".calico")) and internal:
            return False
        if entry is not None and entry.dev == "tunl0" and internal and self.world.programs(self.node.spec)[0][0]:
            return False
        pool = self.world.pool_of(prefix)
        if pool is not None and pool.no_export:
            return False
        for block in self.blocks:
            if ip.contains(block, prefix):
                return block == prefix or self._elevated(entry)
        if prefix in services.statics(self.world, self.node, self.family):
            return True
        return pool is not None

    def _elevated(self, entry: Entry | None) -> bool:
        """A route beneath an own block that has precedence: less than the normal metric (v3.32 and later)."""
        priority = self._priority()
        return priority is not None and entry is not None and entry.metric is not None and entry.metric < priority

    def _priority(self) -> int | None:
        if not releases.writes_metrics(self.world.release(self.node.spec)):
            return None
        return int(str(self.world.spec.bgp.get(f"ipv{self.family}NormalRoutePriority", 1024)))

    def _from_own(self, entry: Entry, session: Session, internal: bool) -> Path:
        own = self.node.address(self.family) or ""
        foreign = entry.gateway is not None and internal
        priority = self._priority()
        preference = None
        if internal and priority is not None:
            preference = LARGEST - (priority if entry.metric is None else entry.metric)
        as_path = () if internal else (as_number(self.world, self.node.spec),)
        next_hop = entry.gateway if foreign and entry.gateway else own
        return Path(entry.prefix, next_hop, as_path, self.name, preference)

    def _onward(self, path: Path, session: Session, internal: bool) -> Path | None:
        """A learned path, told on: by a reflector inside the AS, by anybody out of it."""
        if path.source == session.peer:
            return None
        if not internal:
            own = self.node.address(self.family) or ""
            next_hop = path.next_hop if session.keep_next_hop else own
            as_path = (as_number(self.world, self.node.spec), *path.as_path)
            return replace(path, next_hop=next_hop, as_path=as_path, local_pref=None, clusters=())
        if not path.internal:
            return replace(path, local_pref=bgp.DEFAULT_LOCAL_PREF if path.local_pref is None else path.local_pref)
        if not (path.from_client or session.client):
            return None
        return replace(path, clusters=(*path.clusters, self.node.spec.cluster_id or ""))

    def _wanted(self, prefix: str, path: Path | None) -> bool:
        """`calico_kernel_programming`."""
        if any(ip.contains(cidr, prefix) for cidr in services.rejected(self.world, self.family)):
            return False
        if path is not None and self._by_wireguard(path):
            return False
        pool = self.world.pool_of(prefix)
        if pool is None:
            return True
        ipip, plain = self.world.programs(self.node.spec)[1]
        return pool.vxlan == "Never" and (ipip if pool.ipip != "Never" else plain)

    def _by_wireguard(self, path: Path) -> bool:
        if not releases.rejects_wireguard_peers(self.world.release(self.node.spec)):
            return False
        peer = next((run for run in self.world.nodes.values() if run.address(self.family) == path.next_hop), None)
        return (
            peer is not None
            and encrypts(self.world, self.node, self.family)
            and encrypts(self.world, peer, self.family)
        )

    def _program_static(self, entry: Entry) -> None:
        hops = () if entry.blackhole else (Hop(entry.gateway, entry.dev),)
        kind = BLACKHOLE if entry.blackhole else UNICAST
        self.node.host.add_route(Route(entry.prefix, kind, MAIN, PROTO_BIRD, SCOPE_GLOBAL, 0, hops))

    def _bgp_route(self, prefix: str, paths: tuple[Path, ...]) -> Route:
        hops = tuple(dict.fromkeys(self._hop(prefix, path) for path in paths))
        preference = paths[0].local_pref
        metric = LARGEST - (bgp.DEFAULT_LOCAL_PREF if preference is None else preference)
        written = metric if self._priority() is not None else 0
        return Route(prefix, UNICAST, MAIN, PROTO_BIRD, SCOPE_GLOBAL, written, tuple(sorted(hops, key=str)))

    def _hop(self, prefix: str, path: Path) -> Hop:
        """Through the tunnel where the pool says so, else wherever the next hop is reached."""
        pool = self.world.pool_of(prefix)
        network = self.node.network(self.family) or ""
        tunnelled = pool is not None and self.family == 4 and pool.ipip != "Never"
        if pool is not None and tunnelled and "tunl0" in self.node.host.links:
            far = pool.ipip == "Always" or not ip.contains(network, path.next_hop)
            return Hop(path.next_hop, "tunl0", HOP_ONLINK) if far else self._resolve(path.next_hop)
        return self._resolve(path.next_hop)

    def _resolve(self, address: str) -> Hop:
        """The next hop's own route, by longest prefix and lowest metric, as far as BGP did not make it."""
        routes = [
            route
            for route in self.node.host.main(self.family)
            if route.hops and (route.protocol != PROTO_BIRD or route.dst == ip.host_prefix(address))
            if ip.contains(route.dst, address)
        ]
        if not routes:
            raise ValueError(f"{self.name}: the next hop {address} cannot be reached")
        route = min(routes, key=lambda entry: (-ip.network(entry.dst).prefixlen, entry.metric))
        return Hop(route.hops[0].gateway or address, route.hops[0].dev)


def _own_blocks(world: World, node: NodeRun, family: int) -> list[str]:
    """confd's view: this node's confirmed BlockAffinities, or its podCIDRs."""
    if world.spec.host_local:
        cidrs = list(world.spec.pod_cidrs[node.spec.name])
    else:
        cidrs = [
            entry.cidr
            for entry in world.ipam.affinities.values()
            if entry.node == node.spec.name and entry.type == "host" and entry.state in {"", "confirmed"}
        ]
    return [cidr for cidr in cidrs if ip.family(cidr) == family]


def _better(entry: Entry, present: Entry) -> bool:
    return entry.preference > present.preference
