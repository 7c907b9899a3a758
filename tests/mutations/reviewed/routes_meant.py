"""Which mutations of a node's routes the reviewed list means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip, net
from model.free import node_addresses
from tests.mutations.dont_care import of
from tests.mutations.reviewed.host_words import means_nobody, pods

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


_LINK_LOCAL = ("fe80::/10", "ff00::/8")
_HOST_METRICS = {0, 512, 1024}  # the CNI plugin's, Felix's elevated and its normal one


def unconcerned(route: net.Route, scene: Scene) -> bool:
    """Outside every pool and by no pod's interface; of a family that no pool has; or link-local, which the kernel
    makes of the interface's address."""
    outside = not scene.in_pool(route.dst) and not any(pods(hop.dev) for hop in route.hops)
    own = any(ip.contains(prefix, route.dst) for prefix in _LINK_LOCAL)
    own = own or (route.protocol == net.PROTO_KERNEL and ip.bare(route.dst) in scene.idle_addresses)
    return outside or own or ip.family(route.dst) not in scene.families


def apart(mutation: Mutation, scene: Scene) -> bool:
    return all(unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def same_key(mutation: Mutation, scene: Scene) -> bool:
    """A copy with the key of another route: table, destination, TOS and metric."""
    (node,) = mutation.nodes
    keys = scene.host_keys[node]
    return all((route.dst, route.table, route.tos, route.metric) in keys for route in of(net.Route, mutation.gained))


def same_way(mutation: Mutation, scene: Scene) -> bool:
    """A copy that differs from a route only in what does not decide where its packets go."""
    (node,) = mutation.nodes
    ways = scene.host_ways[node]
    return all((route.dst, route.type, route.hops) in ways for route in of(net.Route, mutation.gained))


def rivals_of(mutation: Mutation, scene: Scene) -> list[net.Route]:
    """The other routes to the prefixes of those that are lost, in the same tables of the same nodes."""
    found = []
    for node in mutation.nodes:
        routes = scene.snapshot.node_facts[node].host.routes
        mine = [route for route in routes if any(route is lost for lost in mutation.lost)]
        places = {(route.dst, route.table) for route in mine if not unconcerned(route, scene)}
        found += [route for route in routes if (route.dst, route.table) in places and route not in mine]
    return found


def no_rival(mutation: Mutation, scene: Scene) -> bool:
    """A metric that a pod's route may have, or another route's that has no other route to its prefix to beat."""
    to_pods = [route for route in of(net.Route, mutation.gained) if any(pods(hop.dev) for hop in route.hops)]
    return all(route.metric in _HOST_METRICS for route in to_pods) and not rivals_of(mutation, scene)


def one_hop(mutation: Mutation, scene: Scene) -> bool:
    return all(len(route.hops) == 1 for route in of(net.Route, mutation.touched))


def second(mutation: Mutation, scene: Scene) -> bool:
    """The route of the second owner, which stays behind the first one's."""
    rivals = rivals_of(mutation, scene)
    return bool(rivals) and all(
        route.metric > rival.metric for route in of(net.Route, mutation.touched) for rival in rivals
    )


def both_there(mutation: Mutation, scene: Scene) -> bool:
    """Both owners' routes to one prefix, each under the other's name."""
    left = {(route.dst, route.table) for route in of(net.Route, mutation.touched)}
    return len(left) == 1


def aggregate(mutation: Mutation, scene: Scene) -> bool:
    """To a whole pool that is no block, beside more specific routes."""
    pools = {pool.cidr for pool in scene.cluster.pools} - {block.cidr for block in scene.cluster.blocks}
    return all(route.dst in pools for route in of(net.Route, mutation.gained)) and all(
        unconcerned(route, scene) for route in of(net.Route, mutation.lost)
    )


def same_local(mutation: Mutation, scene: Scene) -> bool:
    """The same local prefixes and blackholes as before."""
    left = {(route.dst, route.type, route.table) for route in of(net.Route, mutation.lost)}
    return left == {(route.dst, route.type, route.table) for route in of(net.Route, mutation.gained)} and all(
        route.type in {net.LOCAL_TYPE, net.BLACKHOLE} for route in of(net.Route, mutation.lost)
    )


def as_the_fabric(mutation: Mutation, scene: Scene) -> bool:
    """The way of a default route of the fabric, which answers for every block."""
    defaults = [
        route.hops
        for node in mutation.nodes
        for route in scene.snapshot.node_facts[node].host.routes
        if route.dst == "0.0.0.0/0" and route.protocol == net.PROTO_BIRD
    ]
    return not mutation.lost and all(route.hops in defaults for route in of(net.Route, mutation.gained))


def to_its_node(mutation: Mutation, scene: Scene) -> bool:
    """To a pod's address by the node that has the pod, beside the block's route, which leads there as well."""
    return not mutation.lost and all(
        any(
            ip.contains(other.dst, route.dst) and scene.in_pool(other.dst) and other.hops == route.hops
            for node in mutation.nodes
            for other in scene.snapshot.node_facts[node].host.routes
        )
        or _by_home(route, scene)
        for route in of(net.Route, mutation.gained)
    )


def _by_home(route: net.Route, scene: Scene) -> bool:
    nodes = {node.name: set(node_addresses(node)) for node in scene.cluster.nodes}
    homes = {address: nodes.get(pod.node, set()) for pod in scene.cluster.pods for address in pod.ips}
    return bool(route.hops) and {hop.gateway for hop in route.hops} <= homes.get(ip.bare(route.dst), set())


def other_family(mutation: Mutation, scene: Scene) -> bool:
    return all(
        route.src is None or ip.family(route.src) != ip.family(route.dst) for route in of(net.Route, mutation.gained)
    )


def two_owners(mutation: Mutation, scene: Scene) -> bool:
    """Of two owners' routes to a block one stays as it is, and leads there."""
    if not all(hop.dev in scene.uplinks for route in of(net.Route, mutation.lost) for hop in route.hops):
        return False
    rivals = rivals_of(mutation, scene)
    places = {(rival.dst, rival.table) for rival in rivals}
    worse = [route for route in of(net.Route, mutation.gained) if (route.dst, route.table) in places]
    return bool(rivals) and all(route.metric > min(rival.metric for rival in rivals) for route in worse)


def either_owner(mutation: Mutation, scene: Scene) -> bool:
    """Routes to blocks of which two are in one kernel."""
    return scene.two_owners and not_to_pods(mutation, scene)


def own_table(mutation: Mutation, scene: Scene) -> bool:
    return scene.wireguard and any(
        route.table not in {net.LOCAL, net.MAIN} for route in of(net.Route, mutation.touched)
    )


def to_wireguard(mutation: Mutation, scene: Scene) -> bool:
    """In WireGuard's own table, by its own device, before and after."""
    return wireguards_table(mutation, scene) and all(
        {hop.dev for hop in route.hops} <= {"wireguard.cali"} or unconcerned(route, scene)
        for route in of(net.Route, mutation.touched)
    )


def wireguards_table(mutation: Mutation, scene: Scene) -> bool:
    tables = {net.LOCAL, net.MAIN, net.DEFAULT}
    return scene.wireguard and all(
        route.table not in tables or route.type == net.LOCAL_TYPE or unconcerned(route, scene)
        for route in of(net.Route, mutation.touched)
    )


def to_itself(mutation: Mutation, scene: Scene) -> bool:
    """Local routes, before and after, to addresses that the node has."""
    return all(
        (route.type == net.LOCAL_TYPE and route.table in {net.LOCAL, net.MAIN} and not route.tos)
        or unconcerned(route, scene)
        for route in of(net.Route, mutation.touched)
    )


def beside_local(mutation: Mutation, scene: Scene) -> bool:
    """A second route, in another table or behind the local one, to an address that the node has itself, or that one
    again."""
    own = {address for node in mutation.nodes for address in scene.addresses_of(node)}
    return all(
        (
            ip.is_host_prefix(route.dst)
            and ip.bare(route.dst) in own
            and (route.metric >= 256 or route.table != net.LOCAL or route.type == net.LOCAL_TYPE)
        )
        or unconcerned(route, scene)
        for route in of(net.Route, mutation.touched)
    )


def nobodys(mutation: Mutation, scene: Scene) -> bool:
    """Neither Felix nor BIRD programs routes between nodes, and no pod's interface is touched."""
    return not scene.programmed and not scene.bird_families and not_to_pods(mutation, scene)


def onlink(mutation: Mutation, scene: Scene) -> bool:
    """Hops that were onlink, and are otherwise the same."""
    return mutation.old == net.HOP_ONLINK


def device_mtu(mutation: Mutation, scene: Scene) -> bool:
    """By a tunnel device whose own MTU is the same as the route's."""
    return all(
        unconcerned(route, scene)
        or leaves(route, scene)
        or (ip.is_host_prefix(route.dst) and ip.bare(route.dst) in scene.own_addresses)
        or route.type in {net.BLACKHOLE, net.LOCAL_TYPE}
        or route.mtu is None
        or route.mtu in mtus(mutation, scene, route)
        for route in of(net.Route, mutation.touched)
    ) and any(hop.dev in scene.devices for route in of(net.Route, mutation.touched) for hop in route.hops)


def mtus(mutation: Mutation, scene: Scene, route: net.Route) -> set[int]:
    links = [link for node in mutation.nodes for link in scene.snapshot.node_facts[node].host.links]
    devices = {hop.dev for hop in route.hops}
    return {link.mtu for link in links if link.name in devices and link.name in scene.devices}


def throw(mutation: Mutation, scene: Scene) -> bool:
    """In WireGuard's table, about the node's own blocks, to which no wider route of that table leads."""
    return all(
        route.type == net.THROW and route.table not in {net.LOCAL, net.MAIN} for route in of(net.Route, mutation.lost)
    ) and all(route.type == net.THROW or not route.hops for route in of(net.Route, mutation.gained))


def blackhole(mutation: Mutation, scene: Scene) -> bool:
    return all(route.type == net.BLACKHOLE or unconcerned(route, scene) for route in of(net.Route, mutation.touched))


def blackhole_by_calico(mutation: Mutation, scene: Scene) -> bool:
    return blackhole(mutation, scene) and all(
        route.protocol in {net.PROTO_BIRD, net.PROTO_FELIX} or unconcerned(route, scene)
        for route in of(net.Route, mutation.gained)
    )


def not_to_pods(mutation: Mutation, scene: Scene) -> bool:
    return not any(hop.dev.startswith("cali") for route in of(net.Route, mutation.touched) for hop in route.hops)


def leaving_route(mutation: Mutation, scene: Scene) -> bool:
    return all(unconcerned(route, scene) or leaves(route, scene) for route in of(net.Route, mutation.touched))


def leaves(route: net.Route, scene: Scene) -> bool:
    """Whether a route is that of a pod that is being made or deleted, or changed while one looked."""
    return ip.bare(route.dst) in scene.leaving_addresses or any(hop.dev in scene.leaving for hop in route.hops)


def scope_all_one(mutation: Mutation, scene: Scene) -> bool:
    """By no pod's interface, or that of a pod that comes or goes."""
    return all(
        leaves(route, scene) or not any(pods(hop.dev) for hop in route.hops)
        for route in of(net.Route, mutation.touched)
    )


def to_nobody(mutation: Mutation, scene: Scene) -> bool:
    """To the single address of a block that no pod has any more."""
    blocks = {block.cidr for block in scene.cluster.blocks}
    finished = {"Succeeded", "Failed"}
    used = {address for pod in scene.cluster.pods if pod.phase not in finished for address in pod.ips}
    return all(
        ip.is_host_prefix(route.dst) and route.dst in blocks and ip.bare(route.dst) not in used
        for route in of(net.Route, mutation.gained)
    )


def to_endpoint(mutation: Mutation, scene: Scene) -> bool:
    """To another node's tunnel address, by the tunnel."""
    return all(
        ip.is_host_prefix(route.dst)
        and ip.bare(route.dst) in scene.own_addresses
        and {hop.dev for hop in route.hops} <= scene.devices
        for route in of(net.Route, mutation.gained)
    )


def others_table(mutation: Mutation, scene: Scene) -> bool:
    """In a table that only rules for packets of others lead to."""
    used = {
        rule.table
        for node in mutation.nodes
        for rule in scene.snapshot.node_facts[node].host.rules
        if not means_nobody(rule, scene)
    }
    return all(route.table not in used for route in of(net.Route, mutation.touched))
