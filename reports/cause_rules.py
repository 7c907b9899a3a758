"""What follows from what: the table by which findings are gathered under their causes.

Rules are tried in this order, and the first that names a cause holds. `cause_joins` has what a rule is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cause_joins import Rule, side, twins

if TYPE_CHECKING:
    from .values import Finding

PROGRAMMER = "each_pools_routes_have_one_programmer"
NODE_GONE = "each_affinity_has_its_node"
NO_POOL = "each_block_lies_in_a_pool"
BLOCK_OWNER = "each_block_has_one_owner"
BLOCK_LISTS = "each_block_is_whole"
ONE_POD = "each_address_has_one_pod"
LEAKS = "each_allocation_is_in_use"
LENGTH = "node_knows_the_length_of_its_subnet"
ON_SUBNET = "node_finds_the_others_on_its_subnet"
REVERSE_PATH = "strict_filtering_lets_the_other_nodes_in"
TO_NODES = "node_has_a_route_to_every_other_node"
EGRESS = "pods_packets_are_routed_by_its_node"
ANSWERS = "pod_and_node_answer_each_other"
POD_FORWARDS = "pod_forwards_where_its_configuration_says_so"
HANDLES = "handles_count_their_allocations"
NODE_ADDRESS = "node_has_its_bgp_address"
FORWARDING = "node_forwards_packets"
BIRD = "bird_answers"
SESSIONS = "bgp_sessions_are_established"
TUNNELS = "node_has_its_tunnel_devices"
ENTRIES = "vxlan_device_knows_every_other_node"
HOLDERS = "no_other_namespace_has_a_pools_address"
HOST_END = "pod_has_its_host_interface"
POD_END = "pod_has_eth0_and_it_is_up"
PAIR = "pair_joins_the_pod_and_its_host_interface"
HOST_ADDRESSES = "host_interface_has_no_address_of_its_own"
POD_SYSCTLS = "host_interface_answers_arp_and_forwards"
HOST_SETTINGS = "host_interface_has_calicos_settings"
POD_ADDRESSES = "eth0_has_exactly_the_pods_addresses"
POD_ROUTES = "pod_default_route_leaves_by_eth0"
DIVERSIONS = "nothing_else_diverts_the_pods_traffic"
INTERFACES = "every_pod_interface_belongs_to_a_pod"
BLACKHOLES = "node_blackholes_its_own_blocks_and_no_others"
STRAY = "every_pod_and_block_route_is_accounted_for"
BLOCK_ROUTES = "node_routes_every_other_nodes_blocks"
BORROWED = "borrowed_addresses_lead_to_their_borrowers"
HOST_ROUTE = "host_route_leads_to_its_pod"
LOOKUP = "host_route_wins_the_lookup"
DROPS = "packets_to_free_addresses_are_dropped"
MTU = "pods_mtu_fits_its_way_out"

NODE_IN_POOL = "no_nodes_address_lies_in_a_pool"
WIREGUARD = "encrypted_peers_are_reached_by_wireguard"
STRICT = "strict_affinity_leaves_nothing_borrowed"
_HELD = f"{ONE_POD}/allocation"  # an address that is not its pod's in IPAM: less than one that two pods have

ROUTES = (BLOCK_ROUTES, BORROWED)
RANKS = {  # nothing is the cause of what stands before it: so no finding is its own cause, by whatever way round
    check: rank
    for rank, checks in enumerate(
        (
            (PROGRAMMER,),
            (NODE_GONE,),
            (NO_POOL,),
            (NODE_IN_POOL,),
            (BLOCK_OWNER,),
            (BLOCK_LISTS,),
            (ONE_POD,),
            (NODE_ADDRESS,),
            (LENGTH,),
            (TO_NODES,),
            (ON_SUBNET,),
            (FORWARDING,),
            (BIRD,),
            (SESSIONS,),
            (TUNNELS,),
            (ENTRIES,),
            (HOLDERS,),
            (HOST_END, POD_END),
            (PAIR,),
            (HOST_ADDRESSES,),
            (POD_SYSCTLS, HOST_SETTINGS),
            (ANSWERS,),
            (POD_ADDRESSES,),
            (_HELD,),
            (POD_ROUTES,),
            (DIVERSIONS,),
            (INTERFACES,),
            (BLACKHOLES,),
            (STRAY,),
            ROUTES,
            (HOST_ROUTE,),
            (LOOKUP,),
            (EGRESS,),
            (REVERSE_PATH,),
            (DROPS,),
        )
    )
    for check in checks
}
_FIRST = {  # among findings of one rank: those that are rather causes have one of these, the others none
    SESSIONS: ("state:disabled", "state:alone", "kind:missing"),
    POD_ADDRESSES: ("kind:missing",),
}
_LAST = {HOST_END: "state:without-carrier", POD_END: "state:without-carrier", STRAY: "by:BIRD"}
_LAST |= dict.fromkeys(ROUTES, "by:BIRD")


def rank(finding: Finding) -> tuple[int, int, int]:
    """How far to the front a finding stands as a cause of others: only a smaller rank explains a larger one."""
    tokens = {*finding.about, f"kind:{finding.kind}"}
    first = _FIRST.get(finding.check, ())
    place = next((number for number, token in enumerate(first) if token in tokens), len(first))
    name = _HELD if finding.check == ONE_POD and "state:duplicate" not in tokens else finding.check
    return RANKS.get(name, len(RANKS)), place, int(_LAST.get(finding.check) in tokens)


_LOST = "kind:missing owner:BIRD"  # a route that BIRD would program
_PREFIXES = (*ROUTES, BLACKHOLES, STRAY, DROPS)

_DATASTORE = (
    # a class of routes that nobody programs, or two
    Rule(side(PROGRAMMER, "encap node"), side(_PREFIXES, "encap node", "encap on")),
    # a node that left: its blocks, allocations, routes
    Rule(side(NODE_GONE, "node"), side((BLOCK_OWNER, LEAKS, STRAY, BLACKHOLES), "node")),
    # a deleted pool. No object says which pool a block was cut out of, so all such blocks are one matter
    twins("kind", checks=NO_POOL),
    Rule(side(NO_POOL, "block"), side(ROUTES, "block", having="kind:missing")),
    Rule(side(NO_POOL, "block"), side((BLACKHOLES, STRAY), "block")),
    Rule(side(BLOCK_OWNER, "block"), side(_PREFIXES, "block")),
    Rule(side(BLOCK_LISTS, "block"), side((ONE_POD, LEAKS, HANDLES), "block", lacking="state:duplicate")),
    Rule(
        side(ONE_POD, "address", having="state:duplicate"),
        side((ONE_POD, HOLDERS, STRAY, HOST_ROUTE, LOOKUP), "address"),
    ),
    Rule(side(ONE_POD, "pod"), side(LEAKS, "pod")),
    Rule(side(NODE_IN_POOL, "encap"), side(STRAY, "encap", having="state:nodes-address")),
    twins("kind", checks=STRICT),
)

_NODES = (
    # an address that the node does not have
    Rule(side(NODE_ADDRESS, "on"), side((SESSIONS, ENTRIES), "on", "node")),
    Rule(side(NODE_ADDRESS, "on"), side(ROUTES, "on", "node", having="kind:missing")),
    Rule(side(NODE_ADDRESS, "on"), side(TUNNELS, "on")),
    Rule(
        side(NODE_ADDRESS, "on family", having="kind:missing"),
        side(ROUTES, "node family", having="kind:different"),
    ),
    # an interface with another mask than the node's address: BIRD resolves next hops by the one, Calico by the other
    Rule(side(LENGTH, "on family"), side(ROUTES, "on family", having="kind:different")),
    Rule(side(LENGTH, "on"), side(REVERSE_PATH, "on", "node")),
    # a node without a way to another
    twins("on", checks=TO_NODES),
    Rule(side(TO_NODES, "on node family", "node on family"), side(SESSIONS, "on node family")),
    Rule(side(TO_NODES, "on node family", "node on family"), side(ROUTES, "on node family", having=_LOST)),
    Rule(side(TO_NODES, "on node family"), side(ROUTES, "on node family", having="state:unresolved")),
    Rule(side(TO_NODES, "on family"), side(EGRESS, "on")),
    Rule(side(TO_NODES, "on family", having="kind:missing"), side(POD_SYSCTLS, "on family", having="setting:gateway")),
    # a node that has another one's address answers in its place
    Rule(side(TO_NODES, "node family", having="state:taken"), side(SESSIONS, "on family", "node family")),
    Rule(
        side(TO_NODES, "node family", having="state:taken"),
        side(ROUTES, "on family", "node family", having=_LOST),
    ),
    # nodes that do not find each other on their subnet
    Rule(side(ON_SUBNET, "on", having="state:silent"), side(SESSIONS, "on", "node")),
    Rule(side(ON_SUBNET, "on", having="state:silent"), side(ROUTES, "on", "node", having="kind:missing")),
    Rule(side(ON_SUBNET, "on node family", "node on family"), side(SESSIONS, "on node family")),
    Rule(side(ON_SUBNET, "on node family", "node on family"), side(ROUTES, "on node family", having=_LOST)),
    # ip_forward: the kernel clears every interface's with it
    Rule(
        side(FORWARDING, "on family"),
        side(POD_SYSCTLS, "on family", having="setting:forwarding"),
    ),
    # without it the kernel takes no route by an IPv6 tunnel
    Rule(side(FORWARDING, "on family"), side(ROUTES, "on family", having="kind:missing owner:Felix")),
    # BIRD is dead: the others lose its routes when graceful restart is over, its own table stays as it was
    Rule(side(BIRD, "on family", having="state:dead"), side(SESSIONS, "node family")),
    Rule(side(BIRD, "on family", lacking="protocol:Kernel"), side(ROUTES, "node family", having=_LOST)),
    Rule(side(BIRD, "on family", lacking="protocol:Static"), side(ROUTES, "on family", having=_LOST)),
    Rule(
        side(BIRD, "on family", lacking="protocol:Static"),
        side((*ROUTES, STRAY, BLACKHOLES), "on family", having="by:BIRD"),
    ),
    Rule(side(BIRD, "on family"), side(BLACKHOLES, "on family", having=_LOST)),
    # all of a node's sessions, those to a node that could not be observed, and the two ends of one
    Rule(side(SESSIONS, "on family", having="state:alone"), side(SESSIONS, "on family", "node family"), twins=True),
    twins("node family", checks=SESSIONS, having="state:unobserved"),
    twins("node family", checks=SESSIONS, having="state:notready"),
    Rule(side(SESSIONS, "on node family", "node on family"), side(SESSIONS, "on node family"), twins=True),
    Rule(side(SESSIONS, "on node family", "node on family"), side(ROUTES, "on node family", having=_LOST)),
    # a client that has lost its reflector, or all its peers, has lost everybody, and everybody it
    Rule(
        side(SESSIONS, "on family", having="state:reflected"),
        side(ROUTES, "on family", "node family", having=_LOST),
    ),
    Rule(
        side(SESSIONS, "on family", having="state:alone"),
        side(ROUTES, "on family", "node family", having=_LOST),
    ),
    # tunnels
    Rule(
        side(TUNNELS, "on device", having="state:unusable"),
        side((ENTRIES, *ROUTES), "on device"),
    ),
    Rule(side(TUNNELS, "on encap", having="setting:mtu"), side(MTU, "on encap")),
    Rule(side(TUNNELS, "on device", lacking="setting:mtu setting:mac"), side(STRAY, "on device")),
    Rule(side(TUNNELS, "on", having="setting:object"), side(LEAKS, "node")),
    twins("on", checks=WIREGUARD),
)

_PODS = (
    # a namespace that outlived its pod, or was made by hand; its interface; the route by that
    twins("on namespace", checks=HOLDERS),
    Rule(side(HOLDERS, "on address"), side((STRAY, HOST_ROUTE), "on address")),
    Rule(side(HOLDERS, "on link"), side((INTERFACES, STRAY), "on link")),
    Rule(side(INTERFACES, "on link"), side(STRAY, "on link")),
    # the pod's pair
    Rule(
        side((HOST_END, POD_END), "on subject"),
        side((HOST_END, POD_END, PAIR, POD_ROUTES, HOST_ROUTE, LOOKUP), "on subject"),
    ),
    Rule(side(PAIR, "on subject"), side((POD_ROUTES, HOST_ROUTE, LOOKUP), "on subject")),
    Rule(side((HOST_END, POD_END, PAIR), "on subject"), side(ANSWERS, "on subject")),
    Rule(side(POD_SYSCTLS, "on subject family"), side(ANSWERS, "on subject family")),
    twins("on subject", checks=ANSWERS),
    # somebody who manages the interface flushes its routes, and resets what Calico set
    Rule(side(HOST_ADDRESSES, "on subject"), side((POD_SYSCTLS, HOST_SETTINGS, HOST_ROUTE), "on subject")),
    Rule(side(HOST_ADDRESSES, "on link"), side(STRAY, "on link")),
    Rule(
        side(HOST_SETTINGS, "on subject family", having="setting:disable_ipv6"),
        side((POD_ROUTES, HOST_ROUTE), "on subject family"),
    ),
    Rule(side(HOST_SETTINGS, "on subject family", having="setting:mac"), side(POD_ROUTES, "on subject family")),
    # another address than the API shows
    Rule(side(POD_ADDRESSES, "on subject"), side((POD_ROUTES, DIVERSIONS), "on subject", lacking="state:dropped")),
    Rule(
        side(POD_ADDRESSES, "on subject", having="kind:missing"),
        side((POD_ADDRESSES, HOST_ROUTE), "on subject", lacking="kind:different"),
    ),
    Rule(side(POD_ADDRESSES, "on link", having="kind:missing"), side(STRAY, "on link")),
    Rule(side(POD_ADDRESSES, "subject", having="kind:missing"), side(ONE_POD, "pod")),
    # eth0 taken down and up again loses every route
    twins("on subject", checks=POD_ROUTES, having="kind:missing"),
    # a Felix that knows none of its pods; a script that changes one setting of all; pods older than their tunnel
    twins("on", checks=HOST_ROUTE, having="kind:missing"),
    twins("on setting", checks=(POD_SYSCTLS, HOST_SETTINGS)),
    twins("on", checks=HOST_ADDRESSES),
    twins("on", checks=POD_FORWARDS),
    twins("severity setting encap", checks=MTU),
)

_KERNEL = (
    Rule(side(BLACKHOLES, "on block"), side((*ROUTES, DROPS), "on block")),
    Rule(side(BLACKHOLES, "on address"), side((HOST_ROUTE, LOOKUP), "on address")),
    # a node that blackholes another's block announces it
    Rule(side(BLACKHOLES, "object", lacking="kind:missing"), side(ROUTES, "object", having="kind:different by:BIRD")),
    twins("object", checks=BLACKHOLES, having="by:BIRD"),
    Rule(side(STRAY, "on address"), side((HOST_ROUTE, LOOKUP), "on address")),
    Rule(side(HOST_ROUTE, "on address"), side(LOOKUP, "on address")),
    Rule(side(STRAY, "on block"), side(DROPS, "on block")),
    # BIRD exports what it finds in its node's kernel: the route that it did not make itself is the cause
    Rule(
        side((STRAY, *ROUTES), "object", lacking="by:BIRD kind:missing"),
        side((STRAY, *ROUTES), "object", having="by:BIRD"),
    ),
    twins("object", checks=STRAY, having="by:BIRD"),
    # one address of an interface: its local, broadcast and network routes
    twins("on device", "on link", checks=STRAY, having="by:kernel"),
    # one policy rule for many pods and blocks
    twins("on rule", checks=(TO_NODES, POD_SYSCTLS, LOOKUP, EGRESS, *ROUTES)),
    # one prefix that several nodes lack, all prefixes that a node lacks of another
    twins("object", "on node", checks=ROUTES, having="kind:missing"),
)

RULES = (*_DATASTORE, *_NODES, *_PODS, *_KERNEL)
