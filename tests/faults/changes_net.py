"""Changes of what a network namespace holds, and routes as their programmers write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model import ip, net

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.changes import Edit

    Which = Callable[[net.Route], bool]

from tests.faults.changes import replace


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


def more_neighbours(*items: net.Neighbour) -> Edit:
    """Add neighbour entries."""
    return lambda space: replace(space, neighbours=(*space.neighbours, *items))


def more_rules(*items: net.Rule) -> Edit:
    """Add policy rules."""
    return lambda space: replace(space, rules=(*space.rules, *items))


def _hop(dev: str) -> net.Hop:
    return net.Hop(None, dev)


def via(dst: str, gateway: str | None, dev: str, protocol: int = net.PROTO_BIRD, metric: int = 1024) -> net.Route:
    """A unicast route of the main table; BIRD's by default, in the metric of v3.32 and newer."""
    return net.Route(dst, net.UNICAST, net.MAIN, protocol, net.SCOPE_GLOBAL, metric, (net.Hop(gateway, dev),))


def dropped(dst: str, protocol: int = net.PROTO_BIRD, kind: int = net.BLACKHOLE, metric: int = 0) -> net.Route:
    """A blackhole, or another type without a next hop."""
    return net.Route(dst, kind, net.MAIN, protocol, net.SCOPE_GLOBAL, metric, ())


def workload(dst: str, dev: str, metric: int = 1024) -> net.Route:
    """A pod's host route as Felix writes it."""
    return net.Route(dst, net.UNICAST, net.MAIN, net.PROTO_BOOT, net.SCOPE_LINK, metric, (net.Hop(None, dev),))
