"""How a fault is made: functions that give a snapshot with something changed in it, to be put one after the other.

Nothing follows by itself: what the kernel and Calico make of the change is part of the fault's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from model import ip, net
from model.node import Absent

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.cluster import BlockAffinity, Cluster, IPAMBlock, Pod
    from model.node import NodeFacts
    from model.snapshot import Snapshot

    Change = Callable[[Snapshot], Snapshot]
    Edit = Callable[[net.Namespace], net.Namespace]
    Which = Callable[[net.Route], bool]

replace = msgspec.structs.replace


def every(*changes: Change) -> Change:
    """All of them, in that order."""

    def change(snapshot: Snapshot) -> Snapshot:
        for one in changes:
            snapshot = one(snapshot)
        return snapshot

    return change


# --- what the API holds ------------------------------------------------------------------------------------------


def api(edit: Callable[[Cluster], Cluster]) -> Change:
    """Change the cluster's objects, in the lists before and after alike: they did not change while one looked."""

    def change(snapshot: Snapshot) -> Snapshot:
        looks = []
        for look in snapshot.looks:
            new = edit(look.before)
            looks.append(
                replace(
                    look,
                    before=new,
                    pods_after=new.pods,
                    blocks_after=new.blocks,
                    affinities_after=new.affinities,
                    nodes_after=new.nodes,
                )
            )
        return replace(snapshot, looks=tuple(looks))

    return change


def of(kind: str, key: str, **fields: Any) -> Change:
    """Set fields of one object: of `nodes`, `pools` by name, of `pods` by namespace/name, of `blocks` and `affinities`
    by prefix."""
    return api(lambda cluster: _each(cluster, kind, key, lambda item: (replace(item, **fields),)))


def without(kind: str, key: str) -> Change:
    """Delete an object."""
    return api(lambda cluster: _each(cluster, kind, key, lambda item: ()))


def with_new(kind: str, *items: Any) -> Change:
    """Add objects."""
    return api(lambda cluster: replace(cluster, **{kind: (*getattr(cluster, kind), *items)}))


def settings(kind: str, **fields: object) -> Change:
    """Set fields of the `default` object of `felix` or `bgp`."""

    def edit(cluster: Cluster) -> Cluster:
        found = [replace(item, spec={**item.spec, **fields}) for item in getattr(cluster, kind)]
        return replace(cluster, **{kind: tuple(found)})

    return api(edit)


def _each(cluster: Cluster, kind: str, key: str, edit: Callable[[Any], tuple[Any, ...]]) -> Cluster:
    items = getattr(cluster, kind)
    met = [item for item in items if _key(item) == key]
    if not met:
        raise KeyError(f"{kind}: {key}")
    found = [new for item in items for new in (edit(item) if item in met else (item,))]
    return replace(cluster, **{kind: tuple(found)})


def _key(item: Any) -> str:
    return str(getattr(item, "key", None) or getattr(item, "cidr", None) or item.name)


def block(snapshot: Snapshot, cidr: str) -> IPAMBlock:
    """The block of that prefix. StopIteration."""
    return next(item for item in snapshot.looks[0].before.blocks if item.cidr == cidr)


def pod(snapshot: Snapshot, key: str) -> Pod:
    """The pod of that namespace/name. StopIteration."""
    return next(item for item in snapshot.looks[0].before.pods if item.key == key)


def affinity(snapshot: Snapshot, cidr: str) -> BlockAffinity:
    """The affinity of that prefix. StopIteration."""
    return next(item for item in snapshot.looks[0].before.affinities if item.cidr == cidr)


# --- what the nodes hold -----------------------------------------------------------------------------------------


def facts(node: str, edit: Callable[[NodeFacts], NodeFacts]) -> Change:
    """Change what was seen of one node."""
    return lambda snapshot: replace(
        snapshot, node_facts={**snapshot.node_facts, node: edit(snapshot.node_facts[node])}
    )


def gone(node: str, reason: str) -> Change:
    """A node that nobody could look at."""

    def change(snapshot: Snapshot) -> Snapshot:
        records = [replace(item, absent=Absent(node, reason)) if item.name == node else item for item in snapshot.nodes]
        kept = {name: seen for name, seen in snapshot.node_facts.items() if name != node}
        return replace(snapshot, nodes=tuple(records), node_facts=kept)

    return change


def unlooked(node: str) -> Change:
    """A node that is no part of the observation any more."""

    def change(snapshot: Snapshot) -> Snapshot:
        kept = {name: seen for name, seen in snapshot.node_facts.items() if name != node}
        return replace(snapshot, nodes=tuple(item for item in snapshot.nodes if item.name != node), node_facts=kept)

    return change


def host(node: str, *edits: Edit) -> Change:
    """Change a node's own namespace."""
    return facts(node, lambda seen: replace(seen, host=_edited(seen.host, edits)))


def inside(key: str, *edits: Edit) -> Change:
    """Change a pod's namespace."""

    def change(snapshot: Snapshot) -> Snapshot:
        owner = pod(snapshot, key)

        def edit(seen: NodeFacts) -> NodeFacts:
            pods = [_edited(space, edits) if owner.uid in space.uids else space for space in seen.pods]
            return replace(seen, pods=tuple(pods))

        return facts(owner.node, edit)(snapshot)

    return change


def without_namespace(key: str) -> Change:
    """A pod whose namespace is gone, with all that was in it."""

    def change(snapshot: Snapshot) -> Snapshot:
        owner = pod(snapshot, key)
        return facts(
            owner.node,
            lambda seen: replace(seen, pods=tuple(space for space in seen.pods if owner.uid not in space.uids)),
        )(snapshot)

    return change


def session(node: str, neighbor: str, state: str, info: str) -> Change:
    """A BGP session of a node's BIRD in another state."""

    def edit(seen: NodeFacts) -> NodeFacts:
        birds = [
            replace(
                bird,
                protocols=tuple(
                    replace(item, state=state, info=info) if item.neighbor == neighbor else item
                    for item in bird.protocols
                ),
            )
            for bird in seen.birds
        ]
        return replace(seen, birds=tuple(birds))

    return facts(node, edit)


def dead_bird(node: str) -> Change:
    """BIRD does not answer any more."""
    return facts(
        node,
        lambda seen: replace(
            seen, birds=tuple(replace(bird, running=False, protocols=(), version="") for bird in seen.birds)
        ),
    )


# --- what a namespace holds --------------------------------------------------------------------------------------


def _edited(space: net.Namespace, edits: tuple[Edit, ...]) -> net.Namespace:
    for edit in edits:
        space = edit(space)
    return space


def to(*prefixes: str) -> Which:
    """Routes of the main table to one of these prefixes."""
    return lambda route: route.table == net.MAIN and route.dst in prefixes


def by(device: str) -> Which:
    """Routes of any table by an interface."""
    return lambda route: any(hop.dev == device for hop in route.hops)


def drop(which: Which) -> Edit:
    """Delete routes. LookupError if there is none such."""

    def edit(space: net.Namespace) -> net.Namespace:
        kept = tuple(route for route in space.routes if not which(route))
        if len(kept) == len(space.routes):
            raise LookupError(f"{space.name}: no such route")
        return replace(space, routes=kept)

    return edit


def add(*routes: net.Route) -> Edit:
    """Add routes, each instead of the one with the same key (table, destination, tos, metric)."""
    keys = {_route_key(route) for route in routes}
    return lambda space: replace(
        space, routes=(*(route for route in space.routes if _route_key(route) not in keys), *routes)
    )


def turn(which: Which, **fields: Any) -> Edit:
    """Set fields of routes. LookupError if there is none such."""

    def edit(space: net.Namespace) -> net.Namespace:
        if not any(map(which, space.routes)):
            raise LookupError(f"{space.name}: no such route")
        routes = tuple(replace(route, **fields) if which(route) else route for route in space.routes)
        return replace(space, routes=routes)

    return edit


def _route_key(route: net.Route) -> tuple[int, str, int, int]:
    return route.table, route.dst, route.tos, route.metric


def link(name: str, **fields: Any) -> Edit:
    """Set fields of an interface. LookupError if there is none such."""

    def edit(space: net.Namespace) -> net.Namespace:
        if space.link(name) is None:
            raise LookupError(f"{space.name}: no {name}")
        return replace(
            space, links=tuple(replace(item, **fields) if item.name == name else item for item in space.links)
        )

    return edit


def new_link(item: net.Link) -> Edit:
    """Add an interface."""
    return lambda space: replace(space, links=(*space.links, item))


def no_link(name: str) -> Edit:
    """Delete an interface and all that hangs on it."""
    mark = f".{name.replace('.', '/')}."

    def edit(space: net.Namespace) -> net.Namespace:
        return replace(
            space,
            links=tuple(item for item in space.links if item.name != name),
            addresses=tuple(item for item in space.addresses if item.dev != name),
            neighbours=tuple(item for item in space.neighbours if item.dev != name),
            routes=tuple(route for route in space.routes if not by(name)(route)),
            sysctls={key: value for key, value in space.sysctls.items() if mark not in key},
        )

    return edit


def sysctl(**values: str) -> Edit:
    """Set sysctls; `__` stands for a dot: `net__ipv4__ip_forward`. For names with other characters: `sysctls`."""
    return sysctls({key.replace("__", "."): value for key, value in values.items()})


def sysctls(values: dict[str, str]) -> Edit:
    """Set sysctls. LookupError for one that was not there."""

    def edit(space: net.Namespace) -> net.Namespace:
        unknown = values.keys() - space.sysctls.keys()
        if unknown:
            raise LookupError(f"{space.name}: {sorted(unknown)}")
        return replace(space, sysctls={**space.sysctls, **values})

    return edit


def address(dev: str, text: str, **fields: Any) -> Edit:
    """Add an address with the kernel's local route for it; a network shorter than a host's brings its route along."""
    bare, length = ip.bare(text), int(text.partition("/")[2])
    six = ip.family(bare) == 6
    scope = net.SCOPE_GLOBAL if six else net.SCOPE_HOST
    routes = [net.Route(ip.host_prefix(bare), net.LOCAL_TYPE, net.LOCAL, net.PROTO_KERNEL, scope, 0, (_hop(dev),))]
    if not ip.is_host_prefix(text):
        scope, metric = (net.SCOPE_GLOBAL, 256) if six else (net.SCOPE_LINK, 0)
        routes.append(
            net.Route(ip.canonical(text), net.UNICAST, net.MAIN, net.PROTO_KERNEL, scope, metric, (_hop(dev),), bare)
        )
    new = net.Address(dev, bare, length, **{"scope": net.SCOPE_GLOBAL, **fields})
    return lambda space: replace(space, addresses=(*space.addresses, new), routes=(*space.routes, *routes))


def no_address(dev: str, bare: str) -> Edit:
    """Delete an address with the kernel's routes for it."""

    def edit(space: net.Namespace) -> net.Namespace:
        found = [item for item in space.addresses if (item.dev, item.address) == (dev, bare)]
        if not found:
            raise LookupError(f"{space.name}: no {bare} on {dev}")
        networks = {ip.host_prefix(bare), *(ip.canonical(item.text) for item in found)}
        return replace(
            space,
            addresses=tuple(item for item in space.addresses if item not in found),
            routes=tuple(
                route
                for route in space.routes
                if not (route.protocol == net.PROTO_KERNEL and route.dst in networks and by(dev)(route))
            ),
        )

    return edit


def neighbours(edit_one: Callable[[net.Neighbour], net.Neighbour | None]) -> Edit:
    """Change each neighbour and forwarding entry, or drop it (None). LookupError where nothing changed."""

    def edit(space: net.Namespace) -> net.Namespace:
        new = tuple(item for old in space.neighbours if (item := edit_one(old)) is not None)
        if new == space.neighbours:
            raise LookupError(f"{space.name}: no such neighbour")
        return replace(space, neighbours=new)

    return edit


def _hop(dev: str) -> net.Hop:
    return net.Hop(None, dev)


# --- routes as their programmers write them ----------------------------------------------------------------------


def via(dst: str, gateway: str | None, dev: str, protocol: int = net.PROTO_BIRD, metric: int = 1024) -> net.Route:
    """A unicast route of the main table; BIRD's by default, in the metric of v3.32 and newer."""
    return net.Route(dst, net.UNICAST, net.MAIN, protocol, net.SCOPE_GLOBAL, metric, (net.Hop(gateway, dev),))


def dropped(dst: str, protocol: int = net.PROTO_BIRD, kind: int = net.BLACKHOLE, metric: int = 0) -> net.Route:
    """A blackhole, or another type without a next hop."""
    return net.Route(dst, kind, net.MAIN, protocol, net.SCOPE_GLOBAL, metric, ())


def workload(dst: str, dev: str, metric: int = 1024) -> net.Route:
    """A pod's host route as Felix writes it."""
    return net.Route(dst, net.UNICAST, net.MAIN, net.PROTO_BOOT, net.SCOPE_LINK, metric, (net.Hop(None, dev),))
