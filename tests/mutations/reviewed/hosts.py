"""Don't-cares among the facts of a node's own namespace and of its BIRD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip, net
from model.node import BirdProtocol
from tests.mutations.dont_care import DontCare, of

if TYPE_CHECKING:
    from tests.mutations.dont_care import Scene
    from tests.mutations.mutation import Mutation

_HOST_METRICS = {0, 512, 1024}  # the CNI plugin's, Felix's elevated and its normal one


def _unconcerned(route: net.Route, scene: Scene) -> bool:
    """Outside every pool and by no pod's interface; or IPv6, where no pool is."""
    outside = not scene.in_pool(route.dst) and not any(hop.dev.startswith("cali") for hop in route.hops)
    return outside or (":" in route.dst and not scene.has_ipv6())


def _apart(mutation: Mutation, scene: Scene) -> bool:
    return all(_unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def _same_key(mutation: Mutation, scene: Scene) -> bool:
    """A copy with the key of another route: table, destination, TOS and metric."""
    routes = [route for facts in scene.snapshot.node_facts.values() for route in facts.host.routes]
    keys = {(route.dst, route.table, route.tos, route.metric) for route in routes}
    return all((route.dst, route.table, route.tos, route.metric) in keys for route in of(net.Route, mutation.gained))


def _same_way(mutation: Mutation, scene: Scene) -> bool:
    """A copy that differs from a route only in what does not decide where its packets go."""
    routes = {
        (route.dst, route.type, route.hops)
        for facts in scene.snapshot.node_facts.values()
        for route in facts.host.routes
    }
    return all((route.dst, route.type, route.hops) in routes for route in of(net.Route, mutation.gained))


def _no_pod_metric(mutation: Mutation, scene: Scene) -> bool:
    return all(
        route.metric in _HOST_METRICS or not any(hop.dev.startswith("cali") for hop in route.hops)
        for route in of(net.Route, mutation.gained)
    )


def _blackhole(mutation: Mutation, scene: Scene) -> bool:
    return all(route.type == net.BLACKHOLE or _unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def _not_to_pods(mutation: Mutation, scene: Scene) -> bool:
    return not any(hop.dev.startswith("cali") for route in of(net.Route, mutation.touched) for hop in route.hops)


def _ipv4(mutation: Mutation, scene: Scene) -> bool:
    return all(":" not in route.dst for route in of(net.Route, mutation.touched))


def _leaving_route(mutation: Mutation, scene: Scene) -> bool:
    return all(ip.bare(route.dst) in scene.leaving_addresses for route in of(net.Route, mutation.touched))


def _main_stays(mutation: Mutation, scene: Scene) -> bool:
    """The IPv4 rule to the main table stays as it is, and nothing is put before it."""
    lost = [rule for rule in of(net.Rule, mutation.lost) if rule.family == 4 and rule.table == net.MAIN]
    first = [rule for rule in of(net.Rule, mutation.gained) if rule.family == 4 and rule.priority < 32766]
    full = {route.table for facts in scene.snapshot.node_facts.values() for route in facts.host.routes}
    return not lost and all(
        rule.table in {net.LOCAL, net.MAIN} or (rule.table not in full and rule.action == net.RULE_TO_TABLE)
        for rule in first
    )


def _order(mutation: Mutation, scene: Scene) -> bool:
    return all(rule.table in {net.LOCAL, net.MAIN, net.DEFAULT} for rule in of(net.Rule, mutation.gained))


def _default_only(mutation: Mutation, scene: Scene) -> bool:
    return all((rule.suppress_prefixlength or 0) <= 1 for rule in of(net.Rule, mutation.gained))


def _other_links(mutation: Mutation, scene: Scene) -> bool:
    return all(not link.name.startswith("cali") for link in of(net.Link, mutation.touched))


def _same_name(mutation: Mutation, scene: Scene) -> bool:
    names = {link.name for facts in scene.snapshot.node_facts.values() for link in facts.host.links}
    return all(link.name in names for link in of(net.Link, mutation.gained))


def _leaving_link(mutation: Mutation, scene: Scene) -> bool:
    return any(link.name in scene.leaving for link in of(net.Link, mutation.lost))


def _not_the_nodes(mutation: Mutation, scene: Scene) -> bool:
    """The node's own address stays where it is, and a pod's interface gets no IPv4 address."""
    own = {ip.bare(node.bgp_ipv4) for node in scene.cluster.nodes if node.bgp_ipv4}
    links = {link.name for name in mutation.nodes for link in scene.snapshot.node_facts[name].host.links}
    pods = {name for name in links if name.startswith("cali")}
    gained = [address for address in of(net.Address, mutation.gained) if address.dev in pods]
    kept = {(address.address, address.dev) for address in of(net.Address, mutation.gained)}
    lost = [address for address in of(net.Address, mutation.lost) if (address.address, address.dev) not in kept]
    return not any(address.address in own for address in lost) and all(":" in address.address for address in gained)


def _no_ipv6(mutation: Mutation, scene: Scene) -> bool:
    return not scene.has_ipv6()


def _not_a_pods_sysctl(mutation: Mutation, scene: Scene) -> bool:
    return ".cali*." not in mutation.field


def _not_vital(mutation: Mutation, scene: Scene) -> bool:
    vital = ("net.ipv4.conf.cali*.forwarding", "net.ipv4.conf.cali*.proxy_arp", "net.ipv4.ip_forward")
    return mutation.field not in vital


def _bird6(mutation: Mutation, scene: Scene) -> bool:
    place = mutation.where.partition(" of ")[0]
    return not scene.has_ipv6() and "bird6" in place and "bird4" not in place


def _no_bgp(mutation: Mutation, scene: Scene) -> bool:
    return all(item.proto != "BGP" for item in of(BirdProtocol, mutation.touched))


def _gained_no_bgp(mutation: Mutation, scene: Scene) -> bool:
    return not mutation.lost and _no_bgp(mutation, scene)


ENTRIES: tuple[DontCare, ...] = (
    DontCare("*", "", "add copy", "The kernel and the API hold no two equal facts: one read twice says nothing new."),
    DontCare(
        "host Route",
        "*",
        "*",
        "A route outside every pool and by no pod's interface is none of Calico's (calico-state R8), and neither is an "
        "IPv6 one where no pool is IPv6.",
        _apart,
    ),
    DontCare("host Route", "", "drop", "The route of a pod that is being deleted may go.", _leaving_route),
    DontCare(
        "host Route",
        "*",
        "add copy: *",
        "The kernel holds one route for a table, destination, TOS and metric (calico-state R5): this cannot be.",
        _same_key,
    ),
    DontCare(
        "host Route",
        "*",
        "add copy: *",
        "A second entry that leads to the same place as the first takes nothing away (calico-state §3.1).",
        _same_way,
    ),
    DontCare(
        "host Route",
        "metric",
        "*",
        "A pod's route may have the CNI plugin's metric, Felix's normal or its elevated one (calico-state §3.1); any "
        "other route any: BIRD's comes from the announcer's release (§4.3), a blackhole has no competitor.",
        _no_pod_metric,
    ),
    DontCare("host Route", "hops.weight", "*", "A weight shares traffic among several next hops; these have one."),
    DontCare("host Route", "hops", "double one", "Two equal next hops lead to the same place."),
    DontCare("host Route", "hops", "add one: weight*", "Two next hops to the same place, whatever their shares."),
    DontCare("host Route", "hops", "add one: flags → 4", "Two next hops to the same place, onlink or not."),
    DontCare("host Route", "hops.flags", "→ 4", "Onlink changes nothing for a next hop that is on the link anyway."),
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
    DontCare("host Route", "prefsrc", "*", "A dropped packet gets no source.", _blackhole),
    DontCare("host Route", "mtu", "*", "A dropped packet has no MTU.", _blackhole),
    DontCare("host Route", "hops", "*", "The kernel keeps no next hop of a blackhole; IPv6 shows dev lo.", _blackhole),
    DontCare("host Route", "src", "*", "IPv4 routes have no source: RTA_SRC is IPv6's.", _ipv4),
    DontCare(
        "host Rule",
        "*",
        "*",
        "The rule to the main table stays the first to decide on pools' addresses: the local table holds the node's "
        "own, and IPv6 rules or later ones get none of them.",
        _main_stays,
    ),
    DontCare("host Rule", "fwmask", "*", "A mask selects nothing without a mark."),
    DontCare("host Rule", "goto", "*", "Only a rule whose action is goto has a target."),
    DontCare(
        "host Rule",
        "suppress_prefixlength",
        "*",
        "It hides default routes, by which no pool's address is reached.",
        _default_only,
    ),
    DontCare(
        "host Rule", "table", "swap*", "The three tables hold no route in common: their order is all one.", _order
    ),
    DontCare("host Rule", "priority", "*", "The three tables hold no route in common: their order is all one.", _order),
    DontCare(
        "host Neighbour",
        "*",
        "*",
        "Only those of a VXLAN device must be there; those of pods come and go (calico-state §3.5).",
    ),
    DontCare(
        "host Address",
        "*",
        "*",
        "An address that is not the node's own shows in the routes that the kernel makes of it, which are read.",
        _not_the_nodes,
    ),
    DontCare("host Link", "vxlan", "*", "Only a link of kind vxlan has these attributes, and here is none."),
    DontCare("host Link", "kind", "*→ netkit", "A pod's pair may be a netkit one (calico-state §1.4)."),
    DontCare(
        "host Link", "*", "*", "An interface that is no pod's: what it carries shows in the routes.", _other_links
    ),
    DontCare("host Link", "*", "*", "The interface of a pod that is being deleted may go.", _leaving_link),
    DontCare("host Link", "*", "add copy: *", "No two interfaces have one name.", _same_name),
    DontCare("host Namespace", "name", "*", "It is the node's own, whatever it is called."),
    DontCare("host Namespace", "*nsid", "*", "The number of a namespace in itself says nothing."),
    DontCare("host Namespace", "uids", "*", "The node's own namespace is no pod's."),
    DontCare("host Namespace", "neighbours", "*", "Only those of a VXLAN device must be there."),
    DontCare("host sysctl", "net.ipv6.*", "*", "No pool is IPv6: IPv6's settings are no pod's concern.", _no_ipv6),
    DontCare("host sysctl", "", "add one*", "A setting that no rule names."),
    DontCare("host sysctl", "net.ipv4.conf.all.forwarding", "*", "The same switch as ip_forward, which is read."),
    DontCare(
        "host sysctl",
        "*",
        "drop",
        "A setting that a way in does not read is not judged; those that every packet needs are asked for.",
        _not_vital,
    ),
    DontCare(
        "host sysctl", "net.ipv4.conf.all.rp_filter", "*", "Read by no check yet: rp_filter by its effective value."
    ),
    DontCare("host sysctl", "*.rp_filter", "*", "The uplink's is the host's own affair (§2).", _not_a_pods_sysctl),
    DontCare("host sysctl", "*.route_localnet", "*", "Set on pods' interfaces only (§2).", _not_a_pods_sysctl),
    DontCare("host sysctl", "*.proxy_delay", "*", "Set on pods' interfaces only (§2).", _not_a_pods_sysctl),
    DontCare("host sysctl", "net.ipv4.conf.default.*", "*", "It holds for interfaces to come."),
    DontCare("host sysctl", "net.ipv4.conf.lo.*", "*", "Nothing is forwarded from the loopback interface."),
    DontCare(
        "host sysctl", "*.proxy_arp", "*", "Only pods' interfaces must answer for 169.254.1.1.", _not_a_pods_sysctl
    ),
    DontCare("host sysctl", "*.proxy_arp_pvlan", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "*.send_redirects", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "*.accept_local", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "*.arp_*", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "net.ipv4.ip_forward_*", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("Bird", "version", "*", "Any BIRD that answers will do."),
    DontCare("Bird", "family", "add copy: *", "There is a BIRD for IPv4 and one for IPv6, and no third."),
    DontCare("Bird", "", "add foreign*", "There is a BIRD for IPv4 and one for IPv6, and no third."),
    DontCare("Bird", "*", "*", "No pool is IPv6: the IPv6 BIRD has nothing to announce.", _bird6),
    DontCare("BirdProtocol", "*", "*", "No pool is IPv6: the IPv6 BIRD has nothing to announce.", _bird6),
    DontCare("BirdProtocol", "name", "*", "A session is known by its neighbour; confd names it."),
    DontCare("BirdProtocol", "since", "*", "When a session came up is no state."),
    DontCare("BirdProtocol", "neighbor_as", "*", "A session with the wrong AS is never established."),
    DontCare("BirdProtocol", "info", "*", "Of the protocols only BGP's has a state of its own in it.", _no_bgp),
    DontCare("BirdProtocol", "neighbor", "*", "Of the protocols only BGP has neighbours.", _no_bgp),
    DontCare(
        "BirdProtocol", "*", "*", "One protocol more that is up and no BGP session changes nothing.", _gained_no_bgp
    ),
    DontCare("BirdProtocol", "proto", "swap", "Both protocols are there, under each other's name."),
    DontCare("BirdProtocol", "neighbor", "swap", "Both sessions are there, under each other's name."),
    DontCare("BirdProtocol", "info", "add copy: *", "A peer needs one established session."),
    DontCare("BirdProtocol", "state", "add copy: *", "A peer needs one established session."),
    DontCare("BirdProtocol", "neighbor", "add copy: *", "A second session to a node of the mesh takes nothing away."),
)
