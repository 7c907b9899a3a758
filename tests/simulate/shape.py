"""A node's state without what differs from cluster to cluster: addresses become what they stand for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from model import ip
from model.net import FAMILY_BRIDGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.net import Namespace, Route
    from model.node import NodeFacts
    from model.snapshot import Snapshot

PERMANENT = 0x80
Shape = Counter[tuple[object, ...]]


class Names:
    """What each address and block of a snapshot stands for."""

    def __init__(self, snapshot: Snapshot) -> None:
        cluster = snapshot.looks[0].before
        pools = {pool.cidr: pool.name for pool in cluster.pools}
        self.known: dict[str, str] = {}
        for block in cluster.blocks:
            pool = next((name for cidr, name in pools.items() if ip.contains(cidr, block.cidr)), "no pool")
            self.known[block.cidr] = f"a block of {block.affinity} in {pool}"
            for ordinal, index in enumerate(block.allocations):
                if index is not None:
                    owner = block.attributes[index].secondary
                    words = (owner.get("type", ""), owner.get("namespace", owner["node"]), owner.get("pod", ""))
                    self.known[ip.nth(block.cidr, ordinal)] = f"{' '.join(words)} v{ip.family(block.cidr)}"

    def __call__(self, text: str | None) -> str | None:
        """The name of an address or prefix; random link-local ones are alike."""
        if text is None:
            return None
        bare = ip.bare(text)
        if bare.startswith("fe80::") and bare not in {"fe80::", "fe80::ecee:eeff:feee:eeee"}:
            return "a link-local address"
        return self.known.get(text) or (self.known.get(bare) if "/" not in text or _host(text) else None) or text


def node_shapes(facts: NodeFacts, names: Names, uplink: str = "ens160") -> dict[str, Shape]:
    """Every kind of fact of the node's own namespace and of its BIRDs, as multisets that can be compared."""
    host = facts.host
    shapes = namespace_shapes(host, names)
    shapes["links"] = Counter(
        (link.name, "" if link.name == uplink else link.kind, link.up, link.carrier, link.mtu, link.vxlan)
        for link in host.links
    )
    shapes["permanent neighbours"] = Counter(
        (entry.family, entry.dev, names(entry.address), entry.mac, entry.dst)
        for entry in host.neighbours
        if entry.state == PERMANENT and (entry.family != FAMILY_BRIDGE or entry.dst)
    )
    shapes["groups"] = Counter(
        (entry.dev, (entry.mac or "")[:6])
        for entry in host.neighbours
        if entry.family == FAMILY_BRIDGE and entry.dst is None
    )
    shapes["bird"] = Counter(
        (bird.family, bird.running, entry.name, entry.proto, entry.state, entry.info, entry.neighbor)
        for bird in facts.birds
        for entry in bird.protocols
    )
    shapes["bird's neighbours"] = Counter(  # one recorded answer is cut before its last line, the AS
        {(bird.family, entry.neighbor_as): 1 for bird in facts.birds for entry in bird.protocols if entry.neighbor_as}
    )
    return shapes


def pods_by_link(facts: NodeFacts) -> dict[str, Namespace]:
    """Each pod's namespace by the name of its link on the host."""
    peers = {(link.peer_nsid, link.peer_index): link.name for link in facts.host.links if link.name.startswith("cali")}
    return {
        peers[space.nsid, link.index]: space
        for space in facts.pods
        for link in space.links
        if (space.nsid, link.index) in peers
    }


def pod_shapes(space: Namespace, names: Names) -> dict[str, Shape]:
    """Every kind of fact of a pod's namespace."""
    shapes = namespace_shapes(space, names)
    shapes["links"] = Counter((link.name, link.kind, link.up, link.carrier, link.mtu) for link in space.links)
    return shapes


def namespace_shapes(space: Namespace, names: Names) -> dict[str, Shape]:
    """Routes, addresses, rules and sysctls."""
    return {
        "routes": Counter(_route(route, names) for route in space.routes),
        "addresses": Counter(
            (entry.dev, names(entry.address), entry.prefixlen, entry.scope, entry.peer) for entry in space.addresses
        ),
        "rules": Counter((rule,) for rule in space.rules),
        "sysctls": Counter(space.sysctls.items()),
    }


def differences(expected: dict[str, Shape], found: dict[str, Shape]) -> Iterator[str]:
    """Line by line, what one has and the other has not; of the sysctls, which a recording chooses from, those it
    has."""
    asked = {name for name, _ in expected["sysctls"]}
    found = {**found, "sysctls": Counter(item for item in found["sysctls"].elements() if item[0] in asked)}
    for kind in expected:
        for item in (expected[kind] - found[kind]).elements():
            yield f"{kind}: only recorded: {item}"
        for item in (found[kind] - expected[kind]).elements():
            yield f"{kind}: only simulated: {item}"


def _route(route: Route, names: Names) -> tuple[object, ...]:
    hops = tuple((names(hop.gateway), hop.dev, hop.flags, hop.weight) for hop in route.hops)
    fields = (route.type, route.table, route.protocol, route.scope, route.metric, names(route.prefsrc), route.mtu)
    return names(route.dst), ip.span(route.dst)[2] - ip.span(route.dst)[1], hops, *fields


def _host(text: str) -> bool:
    return ip.is_host_prefix(text)
