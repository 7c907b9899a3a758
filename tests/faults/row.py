"""A row of the fault catalogue, and what a test of it looks like."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from model.snapshot import Snapshot

Place = tuple[str, str, str]  # check, node ("" for the cluster), object

DIVERTED = "nothing_else_diverts_the_pods_traffic"
EVERY_NODE = "every_node_was_observed"
AFFINITY_NODE = "each_affinity_has_its_node"
ALLOCATION = "each_allocation_is_in_use"
ARP = "host_interface_answers_arp_and_forwards"
BGP_ADDRESS = "node_has_its_bgp_address"
BIRD = "bird_answers"
BLACKHOLES = "node_blackholes_its_own_blocks_and_no_others"
BLOCK_OWNER = "each_block_has_one_owner"
BLOCK_ROUTES = "node_routes_every_other_nodes_blocks"
BLOCK_WHOLE = "each_block_is_whole"
BORROWED = "borrowed_addresses_lead_to_their_borrowers"
DEFAULT = "pod_default_route_leaves_by_eth0"
DEVICES = "node_has_its_tunnel_devices"
DROPS = "packets_to_free_addresses_are_dropped"
ETH0 = "pod_has_eth0_and_it_is_up"
ETH0_ADDRESS = "eth0_has_exactly_the_pods_addresses"
FDB = "vxlan_device_knows_every_other_node"
FORWARDS = "node_forwards_packets"
HANDLES = "handles_count_their_allocations"
HOLDER = "no_other_namespace_has_a_pools_address"
HOST_ADDRESS = "host_interface_has_no_address_of_its_own"
HOST_ROUTE = "host_route_leads_to_its_pod"
HOST_SETTINGS = "host_interface_has_calicos_settings"
INTERFACE = "every_pod_interface_belongs_to_a_pod"
LEFTOVER = "every_pod_and_block_route_is_accounted_for"
LENGTH = "node_knows_the_length_of_its_subnet"
LOOKUP = "host_route_wins_the_lookup"
MTU = "pods_mtu_fits_its_way_out"
ONE_POD = "each_address_has_one_pod"
OWNERS = "each_pools_routes_have_one_programmer"
PAIR = "pair_joins_the_pod_and_its_host_interface"
PEER = "pod_has_its_host_interface"
PEERS = "every_bgp_peer_can_be_read"
POD_FORWARDS = "pod_forwards_where_its_configuration_says_so"
POOL = "each_block_lies_in_a_pool"
PRIORITIES = "felix_and_bird_have_the_same_priorities"
SESSIONS = "bgp_sessions_are_established"
STRICT = "strict_affinity_leaves_nothing_borrowed"
NODE_IN_POOL = "no_nodes_address_lies_in_a_pool"
ANSWERS = "pod_and_node_answer_each_other"
EGRESS = "pods_packets_are_routed_by_its_node"
FIXED = "no_fixed_neighbour_misleads"
ON_SUBNET = "node_finds_the_others_on_its_subnet"
REVERSE_PATH = "strict_filtering_lets_the_other_nodes_in"
TO_NODES = "node_has_a_route_to_every_other_node"
WIREGUARD = "encrypted_peers_are_reached_by_wireguard"


class Case(msgspec.Struct, frozen=True):
    """One way to have the fault: the healthy cluster (tests/faults/bases.py), the change, and exactly what is found."""

    base: str
    change: Callable[[Snapshot], Snapshot]
    found: frozenset[Place]
    name: str = ""


class Row(msgspec.Struct, frozen=True):
    """One fault. `checks` find it: what others say besides is a consequence.

    `lab` are the lab's faults (lab/faults) and `recorded` the recordings that prove it too.
    """

    id: str
    broken: str
    checks: tuple[str, ...]
    cases: tuple[Case, ...] = ()
    lab: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    note: str = ""


class Unseen(msgspec.Struct, frozen=True):
    """A fault that no observation of these kinds can show, and why."""

    id: str
    broken: str
    reason: str


def found(*places: Place) -> frozenset[Place]:
    """The expected findings."""
    return frozenset(places)


def on(check: str, node: str, *objects: str) -> tuple[Place, ...]:
    """Findings of one check on one node."""
    return tuple((check, node, name) for name in objects)
