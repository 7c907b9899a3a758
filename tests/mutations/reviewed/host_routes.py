"""Don't-cares among the routes of a node's own namespace."""

from __future__ import annotations

from tests.mutations.dont_care import DontCare
from tests.mutations.reviewed.routes_meant import (
    aggregate,
    apart,
    as_the_fabric,
    beside_local,
    blackhole,
    blackhole_by_calico,
    both_there,
    device_mtu,
    either_owner,
    leaving_route,
    no_rival,
    nobodys,
    one_hop,
    onlink,
    other_family,
    others_table,
    own_table,
    same_key,
    same_local,
    same_way,
    scope_all_one,
    second,
    throw,
    to_endpoint,
    to_its_node,
    to_itself,
    to_nobody,
    to_wireguard,
    two_owners,
    wireguards_table,
)

ENTRIES: tuple[DontCare, ...] = (
    DontCare(
        "host Route",
        "*",
        "*",
        "A route outside every pool and by no pod's interface is none of Calico's (calico-state R8); nor is a "
        "link-local one, nor one of a family that no pool has.",
        apart,
    ),
    DontCare(
        "host Route",
        "*",
        "*",
        "The route of a pod that is being made or deleted, or changed while one looked, may be any.",
        leaving_route,
    ),
    DontCare("host Route", "metric", "*", "The second owner's route stays behind the first one's.", second),
    DontCare(
        "host Route", "protocol", "swap", "Both owners' routes are there; that there are two is found.", both_there
    ),
    DontCare(
        "host Route", "dst", "*", "A route to a whole pool is less specific than every block's (§4.7).", aggregate
    ),
    DontCare(
        "host Route", "dst", "swap*", "The node has the same local addresses and blackholes as before.", same_local
    ),
    DontCare(
        "host Route", "dst", "add copy: *", "It goes the way of the fabric's default route (§4.7).", as_the_fabric
    ),
    DontCare("host Route", "metric", "*", "Which of both owners' routes wins is all one.", either_owner),
    DontCare(
        "host Route",
        "protocol",
        "*",
        "Nobody but Felix writes into WireGuard's own table, and a local route delivers, whoever made it.",
        wireguards_table,
    ),
    DontCare("host Route", "protocol", "*", "Both own the routes: either's protocol is right.", either_owner),
    DontCare("host Route", "mtu", "*", "Read by no check yet: the MTU of routes in WireGuard's own table.", own_table),
    DontCare(
        "host Route",
        "[hmp]*",
        "*",
        "WireGuard finds the peer by the destination, whatever next hop is shown, and pods' packets keep their source.",
        to_wireguard,
    ),
    DontCare(
        "host Route",
        "",
        "add another's",
        "The kernel holds one route for a table, destination, TOS and metric.",
        same_key,
    ),
    DontCare("host Route", "", "add another's", "A link route to a remote endpoint is healthy (§3.6).", to_endpoint),
    DontCare("host Route", "", "add another's", "Nobody has the only address of the block.", to_nobody),
    DontCare(
        "host Route", "dst", "add copy: *", "The pod's node is where the block's route leads, too (§4.2).", to_its_node
    ),
    DontCare("host Route", "src", "given", "A source of another family cannot be.", other_family),
    DontCare("host Route", "*", "*", "Two owners' routes lead to the block; that there are two is found.", two_owners),
    DontCare(
        "host Route",
        "*",
        "add copy: *",
        "The kernel holds one route for a table, destination, TOS and metric (calico-state R5): this cannot be.",
        same_key,
    ),
    DontCare(
        "host Route",
        "*",
        "add copy: *",
        "A second entry that leads to the same place as the first takes nothing away (calico-state §3.1).",
        same_way,
    ),
    DontCare(
        "host Route",
        "metric",
        "*",
        "A pod's route may have the CNI plugin's metric, Felix's normal or its elevated one (calico-state §3.1); any "
        "other route any: BIRD's comes from the announcer's release (§4.3), and no other route to its prefix competes.",
        no_rival,
    ),
    DontCare(
        "host Route", "hops.weight", "*", "A weight shares traffic among several next hops; these have one.", one_hop
    ),
    DontCare("host Route", "hops", "double one", "Two equal next hops lead to the same place."),
    DontCare("host Route", "hops", "add one: weight*", "Two next hops to the same place, whatever their shares."),
    DontCare("host Route", "hops", "add one: flags → [04]", "Two next hops to the same place, onlink or not."),
    DontCare("host Route", "hops.flags", "→ 4", "Onlink changes nothing for a next hop that is on the link anyway."),
    DontCare(
        "host Route",
        "hops.flags",
        "→ 0",
        "The kernel takes a gateway that is not on the link with the flag alone, and one on the link without it.",
        onlink,
    ),
    DontCare(
        "host Route",
        "[!d]*",
        "*",
        "A local route delivers on the node, whatever else it shows (ip-route(8)).",
        to_itself,
    ),
    DontCare(
        "host Route",
        "*",
        "*",
        "The local table, which decides first, has the node's own address; what is said of it after that is not asked.",
        beside_local,
    ),
    DontCare(
        "host Route",
        "mtu",
        "*",
        "The device that the route leaves by has the same MTU (calico-state §4.3: from v3.31 the route has it, too).",
        device_mtu,
    ),
    DontCare(
        "host Route",
        "*",
        "*",
        "Calico programs no routes between these nodes; whose they are, and which way is right, is not known (§10).",
        nobodys,
    ),
    DontCare(
        "host Route",
        "*",
        "*",
        "A throw in WireGuard's table only ends the lookup there, where nothing else was found either.",
        throw,
    ),
    DontCare(
        "host Route",
        "scope",
        "*",
        "The kernel refuses a gateway with the scope of a link, and a wider scope changes nothing (ip-route(8)).",
        scope_all_one,
    ),
    DontCare("host Route", "*", "*", "Only packets from and to others are led into its table.", others_table),
    DontCare(
        "host Route",
        "protocol",
        "*",
        "A blackhole may be BIRD's or Felix's, also by FelixConfiguration deviceRouteProtocol (calico-state §4.4).",
        blackhole_by_calico,
    ),
    DontCare("host Route", "prefsrc", "*", "A dropped packet gets no source.", blackhole),
    DontCare("host Route", "mtu", "*", "A dropped packet has no MTU.", blackhole),
    DontCare("host Route", "hop_limit", "*", "A dropped packet has no TTL.", blackhole),
    DontCare("host Route", "hops", "*", "The kernel keeps no next hop of a blackhole; IPv6 shows dev lo.", blackhole),
)
