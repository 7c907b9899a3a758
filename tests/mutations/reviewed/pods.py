"""Don't-cares among the facts of the pods' namespaces."""

from __future__ import annotations

from tests.mutations.dont_care import DontCare
from tests.mutations.reviewed.pods_meant import (
    answered,
    beside_local,
    elsewhere,
    idle_rules,
    ipv6_twice,
    leads,
    leaving,
    leaving_namespace,
    local_by,
    loopback_route,
    never_forwards,
    no_rival,
    no_uids,
    not_default,
    not_eth0,
    not_the_gateway,
    one_hop,
    one_is_leaving,
    own_again,
    own_source,
    passing,
    same_but_macs,
    same_key,
    same_rule,
    same_way,
    second_eth0,
    to_the_gateway,
    told_otherwise,
    wrong_scope,
)

ENTRIES: tuple[DontCare, ...] = (
    DontCare(
        "pod *",
        "*",
        "*",
        "A pod that is being made or deleted, or changed while one looked, needs nothing of it yet, or any more.",
        leaving,
    ),
    DontCare(
        "pod Route",
        "*",
        "*",
        "Routes by the loopback interface are the pod's own, link-local ones the kernel's; a family that no pool has "
        "carries nothing.",
        loopback_route,
    ),
    DontCare(
        "pod Route",
        "*",
        "add copy: *",
        "The kernel holds one route for a table, destination, TOS and metric (calico-state R5): this cannot be.",
        same_key,
    ),
    DontCare(
        "pod Route", "*", "add copy: *", "A second entry that leads to the same place takes nothing away.", same_way
    ),
    DontCare("pod Route", "dst", "*", "The pod's own address is local to it, once more.", own_again),
    DontCare("pod Route", "metric", "*", "There is no other route to the same prefix that it could lose to.", no_rival),
    DontCare(
        "pod Route", "hops.weight", "*", "A weight shares traffic among several next hops; these have one.", one_hop
    ),
    DontCare("pod Route", "hops", "double one", "Two equal next hops lead to the same place."),
    DontCare("pod Route", "hops", "add one: weight*", "Two next hops to the same place, whatever their shares."),
    DontCare("pod Route", "hops", "add one: flags → 4", "Two next hops to the same place, onlink or not."),
    DontCare(
        "pod Route",
        "*",
        "*",
        "The local table, which decides first, has the pod's own address; what is said of it after that is not asked.",
        beside_local,
    ),
    DontCare("pod Route", "hops.flags", "→ 4", "Onlink changes nothing for a next hop that is on the link anyway."),
    DontCare("pod Route", "protocol", "*", "Who made the route is all one if it leads to the right place.", leads),
    DontCare(
        "pod Route",
        "scope",
        "*",
        "The kernel refuses a gateway with the scope of a link, and gives local routes their scope itself.",
        not_the_gateway,
    ),
    DontCare("pod Route", "src", "given", "An IPv4 route has no source (RTA_SRC is IPv6's).", to_the_gateway),
    DontCare(
        "pod Route", "prefsrc", "*", "Nobody sends to the gateway itself or to the pod's own address.", not_default
    ),
    DontCare("pod Route", "prefsrc", "*", "The pod's own address is the source anyway.", own_source),
    DontCare("pod Route", "hops*", "*", "A local route delivers here, whatever next hop it shows.", local_by),
    DontCare(
        "pod Route", "hops.flags", "*", "The kernel marks a hop as dead when eth0 is down, which is read.", not_default
    ),
    DontCare("pod Route", "mtu", "*", "Nobody sends to the gateway itself or to the pod's own address.", not_default),
    DontCare(
        "pod Route", "hop_limit", "*", "Nobody sends to the gateway itself or to the pod's own address.", not_default
    ),
    DontCare(
        "pod Route", "hops.encap", "*", "Nobody sends to the gateway itself or to the pod's own address.", not_default
    ),
    DontCare("pod Rule", "*", "*", "No pool is of this family: what its rules do is no pod's concern.", idle_rules),
    DontCare("pod Rule", "family", "*", "The rules of the families that count are the same as before.", same_rule),
    DontCare("pod Link", "mac", "*", "eth0's MAC is the kernel's choice (calico-state §1.4)."),
    DontCare("pod Link", "vxlan", "*", "A veth has no VXLAN attributes."),
    DontCare("pod Link", "kind", "*→ netkit", "A pod's pair may be a netkit one (calico-state §1.4)."),
    DontCare("pod Link", "*", "*", "Interfaces other than eth0 are the application's or Multus's.", not_eth0),
    DontCare("pod Link", "*", "add copy: *", "No two interfaces have one name.", second_eth0),
    DontCare("pod Link", "", "add another's", "No two interfaces have one name.", second_eth0),
    DontCare("pod Link", "peer_nsid", "+1", "A plain dump does not say how a pod's namespace numbers the node's."),
    DontCare("pod Namespace", "host_nsid", "given", "A number that the node's links contradict proves nothing here."),
    DontCare(
        "pod Address",
        "*",
        "*",
        "What is on another interface than eth0 is the application's (calico-state §1.2), link-local the kernel's.",
        elsewhere,
    ),
    DontCare("pod Address", "scope", "add copy: *", "An interface has an IPv6 address once.", ipv6_twice),
    DontCare("pod Address", "address", "*", "Only link-local addresses have that scope.", wrong_scope),
    DontCare("pod Address", "broadcast", "*", "A host prefix has no broadcast; the plugin sets none and none is sent."),
    DontCare(
        "pod Neighbour",
        "*",
        "*",
        "The entry of 169.254.1.1 comes with traffic, and its state changes with it (calico-state §1.4).",
        passing,
    ),
    DontCare("pod Namespace", "neighbours", "*", "They come with traffic (calico-state §1.4)."),
    DontCare("pod Namespace", "name", "*", "A namespace's name says nothing; the runtime chooses it."),
    DontCare("pod Namespace", "uids", "*", "No namespace of this recording names a pod's UID.", no_uids),
    DontCare(
        "pod Namespace", "uids", "*", "The pair of indexes and the address still tell whose it is.", told_otherwise
    ),
    DontCare("pod Namespace", "host_nsid", "→ none", "The pair of indexes and the address tell the pair."),
    DontCare("pod Namespace", "links", "swap across", "A MAC address is the kernel's choice.", same_but_macs),
    DontCare("pod Namespace", "nsid", "→ none", "The pair of indexes and the address still tell whose it is."),
    DontCare(
        "pod Namespace",
        "nsid",
        "swap across",
        "The pair of indexes and the address still tell whose it is.",
        one_is_leaving,
    ),
    DontCare("pod Namespace", "", "drop", "A pod that is being deleted may lose its namespace.", leaving_namespace),
    DontCare("pod Namespace", "", "add foreign", "An empty namespace holds no address and takes no traffic."),
    DontCare(
        "pod sysctl",
        "*",
        "*",
        "No CNI configuration lets pods forward here, and a pod may do so by itself; the rest is the application's.",
        never_forwards,
    ),
    DontCare("pod Namespace", "sysctls", "*", "No CNI configuration lets pods forward here.", never_forwards),
    DontCare("pod Neighbour", "state", "*", "Whether an entry that is right ages or stays is all one.", answered),
)
