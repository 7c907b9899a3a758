"""Don't-cares among the facts of a node's own namespace and of its BIRD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import net
from tests.mutations.dont_care import DontCare

if TYPE_CHECKING:
    from tests.mutations.dont_care import Scene
    from tests.mutations.mutation import Mutation

_HOST_METRICS = {0, 512, 1024}  # the CNI plugin's, Felix's elevated and its normal one


def apart(mutation: Mutation, scene: Scene) -> bool:
    """All routes that are touched, as they were and as they become, are none of Calico's business."""
    routes = [fact for fact in mutation.concerned if isinstance(fact, net.Route)]
    return bool(routes) and all(scene.apart(route) for route in routes)


def link_local(mutation: Mutation, scene: Scene) -> bool:
    """All routes that are touched stay within IPv6's link-local and multicast ranges, in a cluster without IPv6
    pools."""
    routes = [fact for fact in mutation.concerned if isinstance(fact, net.Route)]
    return bool(routes) and not scene.has_ipv6() and all(":" in route.dst for route in routes)


def _to_pods(mutation: Mutation) -> bool:
    return any(hop.dev.startswith("cali") for fact in mutation.concerned for hop in getattr(fact, "hops", ()))


def _same_way(mutation: Mutation, scene: Scene) -> bool:
    """A copy that differs from a route in what does not decide where its packets go."""
    routes = [fact for fact in mutation.concerned if isinstance(fact, net.Route)]
    ways = {(route.dst, route.table, route.type, route.hops, route.tos, route.src) for route in routes}
    return len(ways) == 1


def _accepted_metric(mutation: Mutation, scene: Scene) -> bool:
    metrics = {fact.metric for fact in mutation.concerned if isinstance(fact, net.Route)}
    return not _to_pods(mutation) or metrics <= _HOST_METRICS


def _blackhole(mutation: Mutation, scene: Scene) -> bool:
    return all(fact.type == net.BLACKHOLE for fact in mutation.concerned if isinstance(fact, net.Route))


def _not_to_pods(mutation: Mutation, scene: Scene) -> bool:
    return not _to_pods(mutation)


def _ipv4(mutation: Mutation, scene: Scene) -> bool:
    return all(":" not in fact.dst for fact in mutation.concerned if isinstance(fact, net.Route))


def ipv6_only(mutation: Mutation, scene: Scene) -> bool:
    """Only IPv6 rules are touched, in a cluster without IPv6 pools."""
    rules = [fact for fact in mutation.concerned if isinstance(fact, net.Rule)]
    return bool(rules) and not scene.has_ipv6() and all(rule.family != 4 for rule in rules)


def besides_main(mutation: Mutation, scene: Scene) -> bool:
    """The rule to the main table is not touched."""
    rules = [fact for fact in mutation.concerned if isinstance(fact, net.Rule)]
    return bool(rules) and all(rule.table != net.MAIN for rule in rules[:1])


def _other_links(mutation: Mutation, scene: Scene) -> bool:
    links = [fact for fact in mutation.concerned if isinstance(fact, net.Link)]
    return bool(links) and all(not link.name.startswith("cali") for link in links)


def _leaving_link(mutation: Mutation, scene: Scene) -> bool:
    return any(isinstance(fact, net.Link) and fact.name in scene.leaving for fact in mutation.concerned)


def _no_ipv6(mutation: Mutation, scene: Scene) -> bool:
    return not scene.has_ipv6()


def _bird6(mutation: Mutation, scene: Scene) -> bool:
    place = mutation.where.partition(" of ")[0]
    return not scene.has_ipv6() and "bird6" in place and "bird4" not in place


ENTRIES: tuple[DontCare, ...] = (
    DontCare("*", "", "add copy", "The kernel and the API hold no two equal facts: one read twice says nothing new."),
    DontCare(
        "host Route",
        "*",
        "*",
        "A route outside every pool and by no pod's interface is none of Calico's (calico-state R8).",
        apart,
    ),
    DontCare("host Route", "*", "*", "No pool is IPv6: no pod's packet takes an IPv6 route.", link_local),
    DontCare(
        "host Route",
        "metric",
        "*",
        "A pod's route may have the CNI plugin's metric, Felix's normal or its elevated one (calico-state §3.1); any "
        "other route any: BIRD's comes from the announcer's release (§4.3), a blackhole has no competitor.",
        _accepted_metric,
    ),
    DontCare("host Route", "hops.weight", "*", "A weight shares traffic among several next hops; these have one."),
    DontCare("host Route", "hops", "double one", "Two equal next hops lead to the same place."),
    DontCare("host Route", "hops", "add one: weight*", "Two next hops to the same place, whatever their shares."),
    DontCare("host Route", "hops", "add one: flags → 4", "Two next hops to the same place, onlink or not."),
    DontCare("host Route", "hops.flags", "*→ 4", "Onlink changes nothing for a next hop that is on the link anyway."),
    DontCare(
        "host Route",
        "scope",
        "*",
        "The kernel refuses a gateway with the scope of a link, and a wider scope changes nothing (ip-route(8)).",
        _not_to_pods,
    ),
    DontCare(
        "host Route",
        "protocol",
        "*",
        "A blackhole may be BIRD's or Felix's, also by FelixConfiguration deviceRouteProtocol (calico-state §4.4).",
        _blackhole,
    ),
    DontCare("host Route", "src", "*", "IPv4 routes have no source: RTA_SRC is IPv6's.", _ipv4),
    DontCare(
        "host Route",
        "*",
        "add copy: *",
        "A second entry that leads to the same place as the first takes nothing away (calico-state §3.1).",
        _same_way,
    ),
    DontCare("host Rule", "*", "*", "No pool is IPv6: what IPv6 rules do is no pod's concern.", ipv6_only),
    DontCare(
        "host Rule",
        "*",
        "*",
        "The local table holds the node's own addresses, the default one nothing: what takes them away shows in BGP.",
        besides_main,
    ),
    DontCare("host Rule", "fwmask", "*", "A mask selects nothing without a mark."),
    DontCare("host Rule", "goto", "*", "Only a rule whose action is goto has a target."),
    DontCare("host Rule", "suppress_prefixlength", "*", "It hides default routes, which are not Calico's."),
    DontCare("host Rule", "priority", "*", "The order of the rules stays, or two tables without common routes change."),
    DontCare(
        "host Neighbour",
        "*",
        "*",
        "Read by no check yet: neighbours and the forwarding database. Those of pods come and go (calico-state §3.5).",
    ),
    DontCare("host Link", "mac", "*", "ee:ee:ee:ee:ee:ee is best effort (calico-state §2)."),
    DontCare("host Link", "mtu", "*", "Read by no check yet: MTU."),
    DontCare("host Link", "vxlan", "*", "Read by no check yet: VXLAN devices."),
    DontCare("host Link", "kind", "*→ netkit", "A pod's pair may be a netkit one (calico-state §1.4)."),
    DontCare("host Link", "*", "*", "An interface that is no pod's: what it carries shows in the routes.", _other_links),
    DontCare("host Link", "*", "*", "The interface of a pod that is being deleted may go.", _leaving_link),
    DontCare("host Namespace", "name", "*", "It is the node's own, whatever it is called."),
    DontCare("host Namespace", "*nsid", "*", "The number of a namespace in itself says nothing."),
    DontCare("host Namespace", "uids", "*", "The node's own namespace is no pod's."),
    DontCare("host Namespace", "neighbours", "*", "Read by no check yet: neighbours and the forwarding database."),
    DontCare("host sysctl", "net.ipv6.*", "*", "No pool is IPv6: IPv6's settings are no pod's concern.", _no_ipv6),
    DontCare("host sysctl", "*", "*", "Read by no check yet: the settings of calico-state §2 beyond forwarding and proxy_arp."),
    DontCare("Bird", "version", "*", "Any BIRD that answers will do."),
    DontCare("Bird", "*", "*", "No pool is IPv6: the IPv6 BIRD has nothing to announce.", _bird6),
    DontCare("BirdProtocol", "*", "*", "No pool is IPv6: the IPv6 BIRD has nothing to announce.", _bird6),
    DontCare("BirdProtocol", "name", "*", "A session is known by its neighbour; confd names it."),
    DontCare("BirdProtocol", "since", "*", "When a session came up is no state."),
    DontCare("BirdProtocol", "neighbor_as", "*", "A session with the wrong AS is never established."),
)
