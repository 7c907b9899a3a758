"""Which mutations of what is in pods' namespaces the reviewed list means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from model import ip, net
from tests.mutations.dont_care import of

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


_DEFAULTS = frozenset({"0.0.0.0/0", "::/0"})
_GATEWAYS = frozenset({"169.254.1.1", "fe80::ecee:eeff:feee:eeee"})
_LINK_LOCAL = ("fe80::/10", "ff00::/8")


def unconcerned(route: net.Route, scene: Scene) -> bool:
    """By the loopback interface alone, of a family that no pool has, or link-local, which the kernel makes of
    eth0's address."""
    loopback = bool(route.hops) and all(hop.dev == "lo" for hop in route.hops)
    own = any(ip.contains(prefix, route.dst) for prefix in (*_LINK_LOCAL, "127.0.0.0/8"))
    return loopback or own or ip.family(route.dst) not in scene.families


def loopback_route(mutation: Mutation, scene: Scene) -> bool:
    return all(unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def place(mutation: Mutation) -> str:
    return mutation.where.partition(": ")[0]


def same_key(mutation: Mutation, scene: Scene) -> bool:
    keys = scene.pod_keys[place(mutation)]
    return all((route.dst, route.table, route.tos, route.metric) in keys for route in of(net.Route, mutation.gained))


def same_way(mutation: Mutation, scene: Scene) -> bool:
    ways = scene.pod_ways[place(mutation)]
    return all(
        (route.dst, route.type, route.hops) in ways or as_default(route) for route in of(net.Route, mutation.gained)
    )


def as_default(route: net.Route) -> bool:
    """Whether a route goes the way that the default route goes, whatever its destination."""
    return route.type == net.UNICAST and [(hop.gateway, hop.dev) for hop in route.hops] == [("169.254.1.1", "eth0")]


def own_again(mutation: Mutation, scene: Scene) -> bool:
    namespace = scene.namespaces.get(place(mutation))
    own = {ip.host_prefix(address.address) for address in namespace.addresses} if namespace else set()
    return all(route.dst in own and route.type == net.LOCAL_TYPE for route in of(net.Route, mutation.gained)) and all(
        unconcerned(route, scene) for route in of(net.Route, mutation.lost)
    )


def beside_local(mutation: Mutation, scene: Scene) -> bool:
    """The kernel's second route, in the main table, to the pod's own IPv6 address."""
    namespace = scene.namespaces.get(place(mutation))
    own = {address.address for address in namespace.addresses} if namespace else set()
    return all(
        (ip.is_host_prefix(route.dst) and ip.bare(route.dst) in own and route.table != net.LOCAL)
        or unconcerned(route, scene)
        for route in of(net.Route, mutation.touched)
    )


def leaving(mutation: Mutation, scene: Scene) -> bool:
    """Of the namespaces of pods that are being deleted, made or changed alone; of others at most what is theirs."""
    places = [_PLACE.match(part) for part in mutation.where.split(" ↔ ")]
    facts = mutation.lost if len(places) == len(mutation.lost) else (None,) * len(places)
    gone = [place is not None and scene.is_leaving(place[0]) for place in places]
    return any(gone) and all(
        leaving or theirs(fact, mutation.field, scene) for leaving, fact in zip(gone, facts, strict=False)
    )


_PLACE = re.compile(r"[^:\[ ]+")


def theirs(fact: object, field: str, scene: Scene) -> bool:
    """Whether a fact is the application's or the kernel's own."""
    match fact:
        case net.Link():
            return fact.name != "eth0"
        case net.Address():
            return fact.dev != "eth0" or ip.contains("fe80::/10", fact.address)
        case net.Route():
            all_one = {
                "prefsrc": fact.type == net.LOCAL_TYPE,
                "scope": fact.dst != "169.254.1.1/32",
                "protocol": fact.type == net.UNICAST,
            }
            return unconcerned(fact, scene) or all_one.get(field, False)
        case net.Rule():
            return fact.family not in scene.families
        case _:
            return False


def leaving_namespace(mutation: Mutation, scene: Scene) -> bool:
    return scene.is_leaving(mutation.where.replace(": ", "/"))


def one_is_leaving(mutation: Mutation, scene: Scene) -> bool:
    return any(scene.is_leaving(part) for part in mutation.where.split(" ↔ "))


def no_rival(mutation: Mutation, scene: Scene) -> bool:
    routes = scene.namespaces[place(mutation)].routes if place(mutation) in scene.namespaces else ()
    rivals = {(route.dst, route.table) for route in routes if route not in mutation.lost}
    return not any((route.dst, route.table) in rivals for route in of(net.Route, mutation.touched))


def one_hop(mutation: Mutation, scene: Scene) -> bool:
    return all(len(route.hops) == 1 for route in of(net.Route, mutation.touched))


def not_default(mutation: Mutation, scene: Scene) -> bool:
    return all(route.dst not in _DEFAULTS for route in of(net.Route, mutation.touched))


def own_source(mutation: Mutation, scene: Scene) -> bool:
    """The source that a route prescribes is the pod's own address, which it would have anyway."""
    namespace = scene.namespaces.get(place(mutation))
    own = {address.address for address in namespace.addresses} if namespace else set()
    return all(route.prefsrc in {None, *own} for route in of(net.Route, mutation.gained))


def leads(mutation: Mutation, scene: Scene) -> bool:
    return all(route.type == net.UNICAST or unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def not_the_gateway(mutation: Mutation, scene: Scene) -> bool:
    return all(route.dst != "169.254.1.1/32" for route in of(net.Route, mutation.touched))


def to_the_gateway(mutation: Mutation, scene: Scene) -> bool:
    return all(route.dst == "169.254.1.1/32" for route in of(net.Route, mutation.touched))


def local_by(mutation: Mutation, scene: Scene) -> bool:
    """A local route that is by the same interface, too."""
    left, right = (
        {hop.dev for route in of(net.Route, facts) for hop in route.hops} for facts in (mutation.lost, mutation.gained)
    )
    return local(mutation, scene) and left <= right


def local(mutation: Mutation, scene: Scene) -> bool:
    return all(route.type == net.LOCAL_TYPE for route in of(net.Route, mutation.touched))


def idle_rules(mutation: Mutation, scene: Scene) -> bool:
    return all(rule.family not in scene.families for rule in of(net.Rule, mutation.touched))


def same_rule(mutation: Mutation, scene: Scene) -> bool:
    """As many equal rules as before in each family that counts."""
    if mutation.operation == "swap across":
        return False
    lost = [rule for rule in of(net.Rule, mutation.lost) if rule.family in scene.families]
    gained = [rule for rule in of(net.Rule, mutation.gained) if rule.family in scene.families]
    return all(rule in gained for rule in lost)


def not_eth0(mutation: Mutation, scene: Scene) -> bool:
    named = [*of(net.Link, mutation.lost), *of(net.Link, mutation.gained)]
    return all(link.name != "eth0" for link in named)


def second_eth0(mutation: Mutation, scene: Scene) -> bool:
    return not mutation.lost and all(link.name in {"eth0", "lo"} for link in of(net.Link, mutation.gained))


def elsewhere(mutation: Mutation, scene: Scene) -> bool:
    """No address of eth0 of a pool's family is touched: another interface's, or a link-local one."""
    return all(
        address.dev != "eth0"
        or ip.family(address.address) not in scene.families
        or ip.contains("fe80::/10", address.address)
        for address in of(net.Address, mutation.touched)
    )


def passing(mutation: Mutation, scene: Scene) -> bool:
    """Not about the gateway, or in a state that follows from traffic."""
    fixed = net.NUD_PERMANENT | net.NUD_INCOMPLETE | net.NUD_FAILED
    return not any(
        item.dev == "eth0" and item.address in _GATEWAYS and item.state & fixed
        for item in of(net.Neighbour, mutation.gained)
    )


def answered(mutation: Mutation, scene: Scene) -> bool:
    return not any(item.state & (net.NUD_INCOMPLETE | net.NUD_FAILED) for item in of(net.Neighbour, mutation.touched))


def wrong_scope(mutation: Mutation, scene: Scene) -> bool:
    return all(
        item.scope == net.SCOPE_LINK and not ip.contains("fe80::/10", item.address)
        for item in of(net.Address, mutation.gained)
    ) and all(item.scope == net.SCOPE_LINK for item in of(net.Address, mutation.lost))


def ipv6_twice(mutation: Mutation, scene: Scene) -> bool:
    return all(ip.family(item.address) == 6 for item in of(net.Address, mutation.gained))


def never_forwards(mutation: Mutation, scene: Scene) -> bool:
    return not any("allow_ip_forwarding" in (facts.cni_config or "") for facts in scene.snapshot.node_facts.values())


def same_but_macs(mutation: Mutation, scene: Scene) -> bool:
    """Two pods' interfaces that differ in their MAC addresses alone."""
    left, right = (
        [msgspec.structs.replace(link, mac="") for link in links if isinstance(link, net.Link)]
        for links in (mutation.old, mutation.new)
        if isinstance(links, tuple)
    )
    return left == right


def told_otherwise(mutation: Mutation, scene: Scene) -> bool:
    """Every namespace's eth0 names the index of its other end."""
    return all(
        any(link.name == "eth0" and link.peer_index for link in namespace.links)
        for namespace in scene.namespaces.values()
    )


def no_uids(mutation: Mutation, scene: Scene) -> bool:
    return not scene.has_uids
