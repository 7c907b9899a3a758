"""What follows from what: the table by which findings are gathered under their causes.

Every rule is a join of two sets of findings over the values of some columns; nothing here reads a text made for people.
A column is a kind of `Difference.about` (node, block, address, …) or one of the finding's own: `on` (its node),
`object`, `subject`, `kind`, `severity`. Rules are tried in this order, and the first that names a cause holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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

Columns = tuple[str, ...]
Key = tuple[str, ...]


class Side(msgspec.Struct, frozen=True):
    """The findings of some checks that have all of some tokens and none of others, and what they are joined by."""

    checks: tuple[str, ...]
    keys: tuple[Columns, ...]
    having: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()


class Rule(msgspec.Struct, frozen=True):
    """Findings of `effect` follow from the foremost one of `cause` with an equal key.

    `twins`: both are signs of the same thing, so only what no rule has explained yet is joined.
    """

    cause: Side
    effect: Side
    twins: bool = False


def facts(finding: Finding) -> dict[str, tuple[str, ...]]:
    """The values of a finding's columns."""
    found: dict[str, tuple[str, ...]] = {}
    for token in finding.about:
        kind, _, value = token.partition(":")
        found[kind] = (*found.get(kind, ()), value)
    own = {
        "on": finding.node,
        "object": finding.object,
        "subject": finding.subject,
        "kind": str(finding.kind),
        "severity": str(finding.severity),
    }
    return found | {name: (value,) for name, value in own.items()}


def rank(finding: Finding) -> tuple[int, int, int]:
    """How far to the front a finding stands as a cause of others: only a smaller rank explains a larger one."""
    tokens = {*finding.about, f"kind:{finding.kind}"}
    first = _FIRST.get(finding.check, ())
    place = next((number for number, token in enumerate(first) if token in tokens), len(first))
    name = _HELD if finding.check == ONE_POD and "state:duplicate" not in tokens else finding.check
    return RANKS.get(name, len(RANKS)), place, int(_LAST.get(finding.check) in tokens)


def _side(checks: str | tuple[str, ...], *keys: str, having: str = "", lacking: str = "") -> Side:
    """Keys and tokens as words: `on node` is one key of two columns."""
    names = (checks,) if isinstance(checks, str) else checks
    return Side(names, tuple(tuple(key.split()) for key in keys), frozenset(having.split()), frozenset(lacking.split()))


def _twins(*keys: str, checks: str | tuple[str, ...], having: str = "") -> Rule:
    return Rule(_side(checks, *keys, having=having), _side(checks, *keys, having=having), twins=True)


_LOST = "kind:missing owner:BIRD"  # a route that BIRD would program
_PREFIXES = (*ROUTES, BLACKHOLES, STRAY, DROPS)

_DATASTORE = (
    # a class of routes that nobody programs, or two
    Rule(_side(PROGRAMMER, "encap node"), _side(_PREFIXES, "encap node", "encap on")),
    # a node that left: its blocks, allocations, routes
    Rule(_side(NODE_GONE, "node"), _side((BLOCK_OWNER, LEAKS, STRAY, BLACKHOLES), "node")),
    # a deleted pool. No object says which pool a block was cut out of, so all such blocks are one matter
    _twins("kind", checks=NO_POOL),
    Rule(_side(NO_POOL, "block"), _side(ROUTES, "block", having="kind:missing")),
    Rule(_side(NO_POOL, "block"), _side((BLACKHOLES, STRAY), "block")),
    Rule(_side(BLOCK_OWNER, "block"), _side(_PREFIXES, "block")),
    Rule(_side(BLOCK_LISTS, "block"), _side((ONE_POD, LEAKS, HANDLES), "block", lacking="state:duplicate")),
    Rule(
        _side(ONE_POD, "address", having="state:duplicate"),
        _side((ONE_POD, HOLDERS, STRAY, HOST_ROUTE, LOOKUP), "address"),
    ),
    Rule(_side(ONE_POD, "pod"), _side(LEAKS, "pod")),
    Rule(_side(NODE_IN_POOL, "encap"), _side(STRAY, "encap", having="state:nodes-address")),
    _twins("kind", checks=STRICT),
)

_NODES = (
    # an address that the node does not have
    Rule(_side(NODE_ADDRESS, "on"), _side((SESSIONS, ENTRIES), "on", "node")),
    Rule(_side(NODE_ADDRESS, "on"), _side(ROUTES, "on", "node", having="kind:missing")),
    Rule(_side(NODE_ADDRESS, "on"), _side(TUNNELS, "on")),
    # an interface with another mask than the node's address: BIRD resolves next hops by the one, Calico by the other
    Rule(_side(LENGTH, "on family"), _side(ROUTES, "on family", having="kind:different")),
    Rule(_side(LENGTH, "on"), _side(REVERSE_PATH, "on", "node")),
    # a node without a way to another
    _twins("on", checks=TO_NODES),
    Rule(_side(TO_NODES, "on node family", "node on family"), _side(SESSIONS, "on node family")),
    Rule(_side(TO_NODES, "on node family", "node on family"), _side(ROUTES, "on node family", having=_LOST)),
    Rule(_side(TO_NODES, "on family"), _side(EGRESS, "on")),
    # nodes that do not find each other on their subnet
    Rule(_side(ON_SUBNET, "on", having="state:silent"), _side(SESSIONS, "on", "node")),
    Rule(_side(ON_SUBNET, "on", having="state:silent"), _side(ROUTES, "on", "node", having="kind:missing")),
    Rule(_side(ON_SUBNET, "on node family", "node on family"), _side(SESSIONS, "on node family")),
    Rule(_side(ON_SUBNET, "on node family", "node on family"), _side(ROUTES, "on node family", having=_LOST)),
    # ip_forward: the kernel clears every interface's with it
    Rule(
        _side(FORWARDING, "on family"),
        _side(POD_SYSCTLS, "on family", having="setting:forwarding"),
    ),
    # without it the kernel takes no route by an IPv6 tunnel
    Rule(_side(FORWARDING, "on family"), _side(ROUTES, "on family", having="kind:missing owner:Felix")),
    # BIRD is dead: the others lose its routes when graceful restart is over, its own table stays as it was
    Rule(_side(BIRD, "on family", having="state:dead"), _side(SESSIONS, "node family")),
    Rule(_side(BIRD, "on family", lacking="protocol:Kernel"), _side(ROUTES, "node family", having=_LOST)),
    Rule(_side(BIRD, "on family", lacking="protocol:Static"), _side(ROUTES, "on family", having=_LOST)),
    Rule(
        _side(BIRD, "on family", lacking="protocol:Static"),
        _side((*ROUTES, STRAY, BLACKHOLES), "on family", having="by:BIRD"),
    ),
    Rule(_side(BIRD, "on family"), _side(BLACKHOLES, "on family", having=_LOST)),
    # all of a node's sessions, those to a node that could not be observed, and the two ends of one
    Rule(_side(SESSIONS, "on family", having="state:alone"), _side(SESSIONS, "on family", "node family"), twins=True),
    _twins("node family", checks=SESSIONS, having="state:unobserved"),
    _twins("node family", checks=SESSIONS, having="state:notready"),
    Rule(_side(SESSIONS, "on node family", "node on family"), _side(SESSIONS, "on node family"), twins=True),
    Rule(_side(SESSIONS, "on node family", "node on family"), _side(ROUTES, "on node family", having=_LOST)),
    # a client that has lost its reflector, or all its peers, has lost everybody, and everybody it
    Rule(
        _side(SESSIONS, "on family", having="state:reflected"),
        _side(ROUTES, "on family", "node family", having=_LOST),
    ),
    Rule(
        _side(SESSIONS, "on family", having="state:alone"),
        _side(ROUTES, "on family", "node family", having=_LOST),
    ),
    # tunnels
    Rule(
        _side(TUNNELS, "on device", having="state:unusable"),
        _side((ENTRIES, *ROUTES), "on device"),
    ),
    Rule(_side(TUNNELS, "on encap", having="setting:mtu"), _side(MTU, "on encap")),
    Rule(_side(TUNNELS, "on device", lacking="setting:mtu setting:mac"), _side(STRAY, "on device")),
    Rule(_side(TUNNELS, "on", having="setting:object"), _side(LEAKS, "node")),
    _twins("on", checks=WIREGUARD),
)

_PODS = (
    # a namespace that outlived its pod, or was made by hand; its interface; the route by that
    _twins("on namespace", checks=HOLDERS),
    Rule(_side(HOLDERS, "on address"), _side((STRAY, HOST_ROUTE), "on address")),
    Rule(_side(HOLDERS, "on link"), _side((INTERFACES, STRAY), "on link")),
    Rule(_side(INTERFACES, "on link"), _side(STRAY, "on link")),
    # the pod's pair
    Rule(
        _side((HOST_END, POD_END), "on subject"),
        _side((HOST_END, POD_END, PAIR, POD_ROUTES, HOST_ROUTE, LOOKUP), "on subject"),
    ),
    Rule(_side(PAIR, "on subject"), _side((POD_ROUTES, HOST_ROUTE, LOOKUP), "on subject")),
    Rule(_side((HOST_END, POD_END, PAIR), "on subject"), _side(ANSWERS, "on subject")),
    Rule(_side(POD_SYSCTLS, "on subject family"), _side(ANSWERS, "on subject family")),
    _twins("on subject", checks=ANSWERS),
    # somebody who manages the interface flushes its routes, and resets what Calico set
    Rule(_side(HOST_ADDRESSES, "on subject"), _side((POD_SYSCTLS, HOST_SETTINGS, HOST_ROUTE), "on subject")),
    Rule(_side(HOST_ADDRESSES, "on link"), _side(STRAY, "on link")),
    Rule(
        _side(HOST_SETTINGS, "on subject family", having="setting:disable_ipv6"),
        _side((POD_ROUTES, HOST_ROUTE), "on subject family"),
    ),
    Rule(_side(HOST_SETTINGS, "on subject family", having="setting:mac"), _side(POD_ROUTES, "on subject family")),
    # another address than the API shows
    Rule(_side(POD_ADDRESSES, "on subject"), _side((POD_ROUTES, DIVERSIONS), "on subject")),
    Rule(
        _side(POD_ADDRESSES, "on subject", having="kind:missing"),
        _side((POD_ADDRESSES, HOST_ROUTE), "on subject", lacking="kind:different"),
    ),
    Rule(_side(POD_ADDRESSES, "on link", having="kind:missing"), _side(STRAY, "on link")),
    Rule(_side(POD_ADDRESSES, "subject", having="kind:missing"), _side(ONE_POD, "pod")),
    # eth0 taken down and up again loses every route
    _twins("on subject", checks=POD_ROUTES, having="kind:missing"),
    # a Felix that knows none of its pods; a script that changes one setting of all; pods older than their tunnel
    _twins("on", checks=HOST_ROUTE, having="kind:missing"),
    _twins("on setting", checks=(POD_SYSCTLS, HOST_SETTINGS)),
    _twins("on", checks=HOST_ADDRESSES),
    _twins("on", checks=POD_FORWARDS),
    _twins("severity setting encap", checks=MTU),
)

_KERNEL = (
    Rule(_side(BLACKHOLES, "on block"), _side((*ROUTES, DROPS), "on block")),
    Rule(_side(BLACKHOLES, "on address"), _side((HOST_ROUTE, LOOKUP), "on address")),
    # a node that blackholes another's block announces it
    Rule(_side(BLACKHOLES, "object", lacking="kind:missing"), _side(ROUTES, "object", having="kind:different by:BIRD")),
    _twins("object", checks=BLACKHOLES, having="by:BIRD"),
    Rule(_side(STRAY, "on address"), _side((HOST_ROUTE, LOOKUP), "on address")),
    Rule(_side(HOST_ROUTE, "on address"), _side(LOOKUP, "on address")),
    Rule(_side(STRAY, "on block"), _side(DROPS, "on block")),
    # BIRD exports what it finds in its node's kernel: the route that it did not make itself is the cause
    Rule(
        _side((STRAY, *ROUTES), "object", lacking="by:BIRD kind:missing"),
        _side((STRAY, *ROUTES), "object", having="by:BIRD"),
    ),
    _twins("object", checks=STRAY, having="by:BIRD"),
    # one address of an interface: its local, broadcast and network routes
    _twins("on device", "on link", checks=STRAY, having="by:kernel"),
    # one policy rule for many pods and blocks
    _twins("on rule", checks=(LOOKUP, EGRESS, *ROUTES)),
    # one prefix that several nodes lack, all prefixes that a node lacks of another
    _twins("object", "on node", checks=ROUTES, having="kind:missing"),
)

RULES = (*_DATASTORE, *_NODES, *_PODS, *_KERNEL)
