"""The lab's other topologies: what the suite must have looked at on each, and what it must say of faults there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lab import topology

Place = tuple[str, str, str]  # check, node, object

FOLDER = Path(topology.DEFAULT).parent

BGP_SESSIONS = "bgp_sessions_are_established"
BIRD = "bird_answers"
BLACKHOLES = "node_blackholes_its_own_blocks_and_no_others"
BLOCK_ROUTES = "node_routes_every_other_nodes_blocks"
BORROWED = "borrowed_addresses_lead_to_their_borrowers"
DEFAULT_ROUTE = "pod_default_route_leaves_by_eth0"
DEVICES = "node_has_its_tunnel_devices"
DROPS = "packets_to_free_addresses_are_dropped"
ENDPOINTS = "vxlan_device_knows_every_other_node"
HOST_ROUTE = "host_route_leads_to_its_pod"
LEFTOVER = "every_pod_and_block_route_is_accounted_for"
SUBNET = "node_knows_the_length_of_its_subnet"

COMMON = frozenset(
    {
        "every_node_was_observed",
        "each_address_has_one_pod",
        "each_affinity_has_its_node",
        "each_allocation_is_in_use",
        "each_block_has_one_owner",
        "each_block_is_whole",
        "each_block_lies_in_a_pool",
        "each_pools_routes_have_one_programmer",
        "eth0_has_exactly_the_pods_addresses",
        "handles_count_their_allocations",
        "host_interface_answers_arp_and_forwards",
        "host_route_wins_the_lookup",
        "node_forwards_packets",
        "node_finds_the_others_on_its_subnet",
        "node_has_a_route_to_every_other_node",
        "node_has_its_bgp_address",
        "pod_and_node_answer_each_other",
        "pod_has_its_host_interface",
        "pods_mtu_fits_its_way_out",
        BLACKHOLES,
        BLOCK_ROUTES,
        BORROWED,
        DEFAULT_ROUTE,
        HOST_ROUTE,
        LEFTOVER,
    }
)
_BIRD = frozenset({BIRD, BGP_SESSIONS, DROPS})
_VXLAN = frozenset({DEVICES, ENDPOINTS})


class Struck(msgspec.Struct, frozen=True):
    """A fault and everything that the suite must find of it. With `packets` the drop trials are part of the look;
    `unseen` is what the fault keeps from being observed."""

    name: str
    on: str
    found: frozenset[Place]
    packets: bool = False
    unseen: frozenset[Place] = frozenset()


class Case(msgspec.Struct, frozen=True):
    """One topology. `examines`: checks that must have looked at something beside the common ones; `untried`: the blocks
    to which no packets are sent, with a word of the reason that must be given; `tried`: nodes whose blocks are."""

    examines: frozenset[str]
    tried: frozenset[str]
    untried: dict[str, str]
    faults: tuple[Struck, ...]


def _found(*places: Place) -> frozenset[Place]:
    return frozenset(places)


def _unended(block: str, owner: str) -> frozenset[Place]:
    """What a missing blackhole shows."""
    return _found((BLACKHOLES, owner, block), (DROPS, owner, block))


WORKERS = frozenset({"worker1", "worker2"})
PLAIN, OTHER = "10.48.0.64/26", "10.48.0.128/26"
V6, OTHER_V6 = "fd00:10:48::40/122", "fd00:10:48::80/122"
OVERLAY, OVERLAY_V6 = "10.51.0.128/26", "fd00:10:51::80/122"

CASES: dict[str, Case] = {
    "vxlan": Case(
        examines=_BIRD | _VXLAN,
        tried=WORKERS,
        untried={},
        faults=(
            Struck("F28", PLAIN, _unended(PLAIN, "worker1"), packets=True),
            Struck("F28", OVERLAY, _unended(OVERLAY, "worker2"), packets=True),
            Struck("F40", OVERLAY, _found((BLOCK_ROUTES, "worker1", OVERLAY))),
            Struck(
                "F41",
                "worker1",
                _found(
                    (DEVICES, "worker1", "vxlan.calico/state"),
                    (BLOCK_ROUTES, "worker1", OVERLAY),
                    (BORROWED, "worker1", "10.51.0.66/32"),
                    (BORROWED, "worker1", "10.51.0.100/32"),
                    (ENDPOINTS, "worker1", "vxlan.calico/host1/neighbour"),
                    (ENDPOINTS, "worker1", "vxlan.calico/worker2/neighbour"),
                ),
                packets=True,
                unseen=_found((DROPS, "worker1", "10.51.0.64/26")),  # nothing comes out of a tunnel that is down
            ),
            Struck("F45", OVERLAY, _found((BLOCK_ROUTES, "worker1", OVERLAY))),
            Struck(
                "F48",
                "worker2",
                _found(
                    (DEVICES, "worker2", "vxlan.calico/object"),
                    (LEFTOVER, "worker2", "10.51.0.128/32"),
                    ("each_allocation_is_in_use", "", f"{OVERLAY}/held by a tunnel that no node has"),
                ),
                packets=True,
                unseen=_found((DROPS, "worker2", OVERLAY)),
            ),
            Struck(
                "F49",
                "worker1",
                _found(
                    (ENDPOINTS, "worker1", "vxlan.calico/worker2/fdb"),
                    (ENDPOINTS, "worker1", "vxlan.calico/66:54:bd:6c:19:2d"),
                ),
                packets=True,  # another node sends in worker1's place
            ),
            Struck("F49-missing", "worker1", _found((ENDPOINTS, "worker1", "vxlan.calico/worker2/fdb"))),
            Struck("F51", "host1", _found((BORROWED, "worker1", "10.51.0.66/32"))),
        ),
    ),
    "vxlan-crosssubnet": Case(
        examines=_VXLAN | {SUBNET, DROPS},
        tried=WORKERS | {"host1", "worker3"},
        untried={"10.54.0.3/32": "one address"},
        faults=(
            Struck("F28", "10.52.0.64/26", _unended("10.52.0.64/26", "worker1"), packets=True),  # through the tunnel
            Struck("F28", "10.52.0.128/26", _unended("10.52.0.128/26", "worker2"), packets=True),  # within the subnet
            Struck("F40", "10.52.0.128/26", _found((BLOCK_ROUTES, "worker1", "10.52.0.128/26"))),
            Struck(
                "F41",
                "worker2",
                _found(
                    (DEVICES, "worker2", "vxlan.calico/state"),
                    (BLOCK_ROUTES, "worker2", "10.52.0.0/26"),
                    (BLOCK_ROUTES, "worker2", "10.52.0.64/26"),
                    (BLOCK_ROUTES, "worker2", "10.54.0.3/32"),
                    *((ENDPOINTS, "worker2", f"vxlan.calico/{each}/neighbour") for each in ("host1", "worker1")),
                    (ENDPOINTS, "worker2", "vxlan.calico/worker3/neighbour"),
                ),
            ),
            Struck("F55", "worker1", _found((SUBNET, "worker1", "ipv4/length"))),
        ),
    ),
    "dual": Case(
        examines=_BIRD | _VXLAN,
        tried=WORKERS | {"host1"},
        untried={},
        faults=(
            Struck("F28", OVERLAY_V6, _unended(OVERLAY_V6, "worker2"), packets=True),
            Struck("F5", "dual/one", _found((DEFAULT_ROUTE, "worker1", "dual/one/default-ipv6"))),
            Struck(
                "F6",
                "dual/one",
                _found(
                    (DEFAULT_ROUTE, "worker1", "dual/one/default-ipv6"),
                    (HOST_ROUTE, "worker1", "dual/one/fd00:10:48::41/128"),
                    (
                        "host_interface_has_calicos_settings",
                        "worker1",
                        "dual/one/net.ipv6.conf.cali22d59526d9b.disable_ipv6",
                    ),
                ),
            ),
            Struck("F39", OTHER_V6, _found((BLOCK_ROUTES, "worker1", OTHER_V6))),
            Struck("F40", OVERLAY_V6, _found((BLOCK_ROUTES, "worker1", OVERLAY_V6))),
            Struck("F43", OTHER_V6, _found((BLOCK_ROUTES, "worker1", OTHER_V6))),
            Struck("F49-missing", "worker1", _found((ENDPOINTS, "worker1", "vxlan-v6.calico/worker2/fdb"))),
        ),
    ),
    "v6only": Case(
        examines=_BIRD,
        tried=WORKERS,
        untried={},
        faults=(
            Struck("F28", V6, _unended(V6, "worker1"), packets=True),
            Struck(
                "F37",
                "worker1",
                _found(
                    (BGP_SESSIONS, "worker1", "fd00:10::12"),
                    (BGP_SESSIONS, "worker2", "fd00:10::11"),
                    (BLOCK_ROUTES, "worker1", OTHER_V6),
                    (BLOCK_ROUTES, "worker2", V6),
                    (BORROWED, "worker1", "fd00:10:48::64/128"),
                ),
            ),
            Struck("F44", OTHER_V6, _found((BLOCK_ROUTES, "worker1", OTHER_V6))),
        ),
    ),
    "felix-noencap": Case(
        examines=frozenset({BGP_SESSIONS, DROPS}),
        tried=WORKERS,
        untried={},
        faults=(Struck("F28", PLAIN, _unended(PLAIN, "worker1"), packets=True),),
    ),
    "pools": Case(
        examines=_BIRD,
        tried=WORKERS,
        untried={"10.50.0.4/30": "every address", "10.53.0.3/32": "one address", "10.53.0.4/32": "one address"},
        faults=(
            Struck("F28", "10.49.0.8/29", _found((BLACKHOLES, "worker1", "10.49.0.8/29"))),
            Struck("F34", "eights/lodger", _found((BORROWED, "worker1", "10.49.0.15/32"))),
            Struck("F43", "10.53.0.4/32", _found((BLOCK_ROUTES, "worker1", "10.53.0.4/32"))),
            Struck("F44", OTHER, _found((BLOCK_ROUTES, "worker1", OTHER))),
        ),
    ),
    "route-reflector": Case(
        examines=_BIRD | {"every_bgp_peer_can_be_read"},
        tried=WORKERS,
        untried={},
        faults=(
            Struck("F34", "borrow/lodger", _found((BORROWED, "worker1", "10.48.0.100/32"))),
            Struck(
                "F37",
                "host1",
                _found(
                    (BGP_SESSIONS, "host1", "10.0.0.11"),
                    (BGP_SESSIONS, "worker1", "10.0.0.10"),
                    (BLOCK_ROUTES, "host1", PLAIN),
                    (BLOCK_ROUTES, "worker2", PLAIN),
                    (BLOCK_ROUTES, "worker1", OTHER),
                    (BORROWED, "worker1", "10.48.0.100/32"),
                ),
            ),
        ),
    ),
    "ebgp": Case(
        examines=_BIRD | {"every_bgp_peer_can_be_read"},
        tried=WORKERS | {"host1"},
        untried={},
        faults=(
            Struck("F28", PLAIN, _found((BLACKHOLES, "worker1", PLAIN))),
            Struck("F39", OTHER, _found((BLOCK_ROUTES, "worker1", OTHER))),
            Struck("F42", "worker1", _found((LEFTOVER, "worker1", "10.48.0.192/26"))),
            Struck("F43", OTHER, _found((BLOCK_ROUTES, "worker1", OTHER))),
            Struck("F44", OTHER, _found((BLOCK_ROUTES, "worker1", OTHER))),
        ),
    ),
}
