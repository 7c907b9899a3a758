"""Don't-cares among the facts of the pods' namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip, net
from tests.mutations.dont_care import DontCare, of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutations.dont_care import Scene
    from tests.mutations.mutation import Mutation


def _unconcerned(route: net.Route, scene: Scene) -> bool:
    """By the loopback interface alone, or IPv6 where no pool is."""
    loopback = bool(route.hops) and all(hop.dev == "lo" for hop in route.hops)
    own = ip.contains("127.0.0.0/8", route.dst) if ":" not in route.dst else not scene.has_ipv6()
    return loopback or own


def _loopback_route(mutation: Mutation, scene: Scene) -> bool:
    return all(_unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def _routes(scene: Scene) -> Iterator[net.Route]:
    for facts in scene.snapshot.node_facts.values():
        for namespace in facts.pods:
            yield from namespace.routes


def _same_key(mutation: Mutation, scene: Scene) -> bool:
    keys = {(route.dst, route.table, route.tos, route.metric) for route in _routes(scene)}
    return all((route.dst, route.table, route.tos, route.metric) in keys for route in of(net.Route, mutation.gained))


def _same_way(mutation: Mutation, scene: Scene) -> bool:
    ways = {(route.dst, route.type, route.hops) for route in _routes(scene)}
    return all(
        (route.dst, route.type, route.hops) in ways or _as_default(route) for route in of(net.Route, mutation.gained)
    )


def _as_default(route: net.Route) -> bool:
    """Whether a route goes the way that the default route goes, whatever its destination."""
    return route.type == net.UNICAST and [(hop.gateway, hop.dev) for hop in route.hops] == [("169.254.1.1", "eth0")]


def _goes_as_default(mutation: Mutation, _scene: Scene) -> bool:
    routes = list(of(net.Route, mutation.gained))
    return bool(routes) and all(_as_default(route) for route in routes)


def _leaving_route(mutation: Mutation, scene: Scene) -> bool:
    return scene.is_leaving(mutation.where.partition(": ")[0])


def _not_default(mutation: Mutation, scene: Scene) -> bool:
    return all(route.dst != "0.0.0.0/0" for route in of(net.Route, mutation.touched))


def _own_source(mutation: Mutation, scene: Scene) -> bool:
    """The source that a route prescribes is the pod's own address, which it would have anyway."""
    own = {address for pod in scene.cluster.pods for address in pod.ips}
    return all(route.prefsrc in {None, *own} for route in of(net.Route, mutation.gained))


def _local(mutation: Mutation, scene: Scene) -> bool:
    return all(route.type == net.LOCAL_TYPE for route in of(net.Route, mutation.touched))


def _ipv4(mutation: Mutation, scene: Scene) -> bool:
    return all(":" not in route.dst for route in of(net.Route, mutation.touched))


def _ipv6_rules(mutation: Mutation, scene: Scene) -> bool:
    return not scene.has_ipv6() and all(rule.family != 4 for rule in of(net.Rule, mutation.touched))


def _same_rule(mutation: Mutation, scene: Scene) -> bool:
    """As many equal IPv4 rules as before."""
    lost = [rule for rule in of(net.Rule, mutation.lost) if rule.family == 4]
    gained = [rule for rule in of(net.Rule, mutation.gained) if rule.family == 4]
    return all(rule in gained for rule in lost)


def _not_eth0(mutation: Mutation, scene: Scene) -> bool:
    named = [*of(net.Link, mutation.lost), *of(net.Link, mutation.gained)]
    return all(link.name != "eth0" for link in named)


def _second_eth0(mutation: Mutation, scene: Scene) -> bool:
    return not mutation.lost and all(link.name in {"eth0", "lo"} for link in of(net.Link, mutation.gained))


def _leaving_pod(mutation: Mutation, scene: Scene) -> bool:
    place = mutation.where.replace(": ", "/")
    return scene.is_leaving("/".join(place.split("/")[:2]))


def _elsewhere(mutation: Mutation, scene: Scene) -> bool:
    """No IPv4 address of eth0 is touched: another interface's, or a link-local one."""
    return all(
        address.dev != "eth0" or (":" in address.address and not scene.has_ipv6())
        for address in of(net.Address, mutation.touched)
    )


def _no_uids(mutation: Mutation, scene: Scene) -> bool:
    return not any(namespace.uids for facts in scene.snapshot.node_facts.values() for namespace in facts.pods)


ENTRIES: tuple[DontCare, ...] = (
    DontCare(
        "pod Route",
        "*",
        "*",
        "Routes by the loopback interface are the pod's own, and IPv6 ones carry nothing where no pool is IPv6.",
        _loopback_route,
    ),
    DontCare("pod Route", "", "drop", "A pod that is being deleted may lose its routes.", _leaving_route),
    DontCare(
        "pod Route",
        "*",
        "add copy: *",
        "The kernel holds one route for a table, destination, TOS and metric (calico-state R5): this cannot be.",
        _same_key,
    ),
    DontCare(
        "pod Route", "*", "add copy: *", "A second entry that leads to the same place takes nothing away.", _same_way
    ),
    DontCare(
        "pod Route",
        "dst",
        "*",
        "A pod that is being deleted may lose its default route, and what goes the same way takes nothing away.",
        _goes_as_default,
    ),
    DontCare("pod Route", "metric", "*", "There is no other route to the same prefix that it could lose to."),
    DontCare("pod Route", "hops.weight", "*", "A weight shares traffic among several next hops; these have one."),
    DontCare("pod Route", "hops", "double one", "Two equal next hops lead to the same place."),
    DontCare("pod Route", "hops", "add one: weight*", "Two next hops to the same place, whatever their shares."),
    DontCare("pod Route", "hops", "add one: flags → 4", "Two next hops to the same place, onlink or not."),
    DontCare("pod Route", "hops.flags", "→ 4", "Onlink changes nothing for a next hop that is on the link anyway."),
    DontCare("pod Route", "protocol", "*", "Who made the route is all one if it leads to the right place."),
    DontCare(
        "pod Route",
        "scope",
        "*",
        "The kernel refuses a gateway with the scope of a link, and gives local routes their scope itself.",
    ),
    DontCare("pod Route", "src", "*", "IPv4 routes have no source: RTA_SRC is IPv6's.", _ipv4),
    DontCare(
        "pod Route", "prefsrc", "*", "Nobody sends to the gateway itself or to the pod's own address.", _not_default
    ),
    DontCare("pod Route", "prefsrc", "*", "The pod's own address is the source anyway.", _own_source),
    DontCare("pod Route", "hops*", "*", "A local route delivers here, whatever next hop it shows.", _local),
    DontCare(
        "pod Route", "hops.flags", "*", "The kernel marks a hop as dead when eth0 is down, which is read.", _not_default
    ),
    DontCare("pod Route", "mtu", "*", "Nobody sends to the gateway itself or to the pod's own address.", _not_default),
    DontCare("pod Rule", "*", "*", "No pool is IPv6: what IPv6 rules do is no pod's concern.", _ipv6_rules),
    DontCare("pod Rule", "family", "*", "The IPv4 rules are the same as before.", _same_rule),
    DontCare("pod Link", "mac", "*", "eth0's MAC is the kernel's choice (calico-state §1.4)."),
    DontCare("pod Link", "vxlan", "*", "A veth has no VXLAN attributes."),
    DontCare("pod Link", "kind", "*→ netkit", "A pod's pair may be a netkit one (calico-state §1.4)."),
    DontCare("pod Link", "*", "*", "Interfaces other than eth0 are the application's or Multus's.", _not_eth0),
    DontCare("pod Link", "*", "add copy: *", "No two interfaces have one name.", _second_eth0),
    DontCare("pod Link", "", "add another's", "No two interfaces have one name.", _second_eth0),
    DontCare("pod Link", "*", "*", "A pod that is being deleted may lose its interface.", _leaving_pod),
    DontCare("pod Link", "peer_nsid", "+1", "A plain dump does not say how a pod's namespace numbers the node's."),
    DontCare("pod Namespace", "host_nsid", "given", "A number that the node's links contradict proves nothing here."),
    DontCare(
        "pod Address",
        "*",
        "*",
        "An address on another interface than eth0 is the application's (calico-state §1.2); no pool is IPv6.",
        _elsewhere,
    ),
    DontCare("pod Address", "broadcast", "*", "A host prefix has no broadcast; the plugin sets none and none is sent."),
    DontCare(
        "pod Neighbour",
        "*",
        "*",
        "The entry of 169.254.1.1 comes with traffic, and its state changes with it (calico-state §1.4).",
    ),
    DontCare("pod Namespace", "neighbours", "*", "They come with traffic (calico-state §1.4)."),
    DontCare("pod Namespace", "name", "*", "A namespace's name says nothing; the runtime chooses it."),
    DontCare("pod Namespace", "uids", "*", "No namespace of this recording names a pod's UID.", _no_uids),
    DontCare("pod Namespace", "nsid", "→ none", "The pair of indexes and the address still tell whose it is."),
    DontCare("pod Namespace", "", "add foreign", "An empty namespace holds no address and takes no traffic."),
    DontCare("pod Namespace", "", "drop", "A pod that is being deleted may lose its namespace.", _leaving_pod),
    DontCare(
        "pod sysctl",
        "*",
        "*",
        "Read by no check yet: a pod's ip_forward against the CNI configuration. The rest is the application's.",
    ),
)
