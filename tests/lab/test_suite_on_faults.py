"""The suite on the lab: healthy passes, each fault is found by exactly the expected checks, and undone it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checks.run import catalogue
from lab import faults
from model.verdict import Outcome, Severity
from tests.lab.looking import findings, results, unobserved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.state import Lab
    from model.verdict import Result

Place = tuple[str, str, str]  # check, node, object

POD = "yaobank/customer-5df6b999fb-cf7jl"
ADDRESS = f"{POD}/10.48.0.67/32"
ON_WORKER1 = {
    "kube-system/coredns-7c65d6cfc9-2xk8p": "calie4a31edfc92",
    "kube-system/metrics-server-5b4fc487-w9n6d": "calid19f8bc32fc",
    "yaobank/summary-7579bd9566-mqz4r": "cali64747cc3f30",
    POD: "calie965c96dc90",
}
BLACKHOLES = "node_blackholes_its_own_blocks_and_no_others"
BLOCK_ROUTES = "node_routes_every_other_nodes_blocks"
BORROWED = "borrowed_addresses_lead_to_their_borrowers"
DROPS = "packets_to_free_addresses_are_dropped"
HOST_ROUTE = "host_route_leads_to_its_pod"
LEFTOVER = "every_pod_and_block_route_is_accounted_for"
PEER = "pod_has_its_host_interface"
SESSIONS = "bgp_sessions_are_established"
SYSCTLS = "host_interface_answers_arp_and_forwards"

NEWER = {"felix_and_bird_have_the_same_priorities"}  # v3.32 and later: the seed is older
NOT_HERE = NEWER | {  # no pool of the seed is tunnelled, nothing is encrypted, affinity is not strict, no BGPPeer
    "every_bgp_peer_can_be_read",
    "node_has_its_tunnel_devices",
    "node_knows_the_length_of_its_subnet",
    "vxlan_device_knows_every_other_node",
    "encrypted_peers_are_reached_by_wireguard",
    "strict_affinity_leaves_nothing_borrowed",
}

FOUND: dict[str, set[Place]] = {
    "F1": {("pod_default_route_leaves_by_eth0", "worker1", f"{POD}/default-ipv4")},
    "F3": {
        ("eth0_has_exactly_the_pods_addresses", "worker1", ADDRESS),
        ("nothing_else_diverts_the_pods_traffic", "worker1", f"{POD}/10.48.0.0/24"),  # the on-link /24 that it makes
    },
    "F10": {
        ("pod_has_eth0_and_it_is_up", "worker1", POD),
        (PEER, "worker1", POD),
        (HOST_ROUTE, "worker1", ADDRESS),
    },
    "F12": {
        ("pod_has_eth0_and_it_is_up", "worker1", POD),
        (PEER, "worker1", POD),
        (HOST_ROUTE, "worker1", ADDRESS),
    },
    "F15": {(SYSCTLS, "worker1", f"{POD}/net.ipv4.conf.calie965c96dc90.proxy_arp")},
    "F15-forwarding": {(SYSCTLS, "worker1", f"{POD}/net.ipv4.conf.calie965c96dc90.forwarding")},
    "F17": {("node_forwards_packets", "worker1", "net.ipv4.ip_forward")}
    | {(SYSCTLS, "worker1", f"{pod}/net.ipv4.conf.{link}.forwarding") for pod, link in ON_WORKER1.items()},
    "F19": {(HOST_ROUTE, "worker1", ADDRESS)},
    "F21": {(HOST_ROUTE, "worker1", ADDRESS)},
    "F22": {
        (LEFTOVER, "worker1", "10.48.0.127/32"),
        (DROPS, "worker1", "10.48.0.64/26"),  # a packet to that free address is not dropped
    },
    "F23-rule": {
        ("host_route_wins_the_lookup", "worker1", ADDRESS),
        (LEFTOVER, "worker1", "10.48.0.67/32"),
    },
    "F26": {("each_address_has_one_pod", "", "10.48.0.67"), (HOST_ROUTE, "worker1", ADDRESS)},
    "F28": {(BLACKHOLES, "worker1", "10.48.0.64/26"), (DROPS, "worker1", "10.48.0.64/26")},
    "drop-unreachable": {(BLACKHOLES, "worker1", "10.48.0.64/26"), (DROPS, "worker1", "10.48.0.64/26")},
    "drop-prohibit": {(BLACKHOLES, "worker1", "10.48.0.64/26"), (DROPS, "worker1", "10.48.0.64/26")},
    "F29": {(BLACKHOLES, "worker2", "10.48.0.64/26"), (BLOCK_ROUTES, "worker2", "10.48.0.64/26")},
    "F34": {(BORROWED, "worker1", "10.48.0.100/32")},
    "F37": {
        (SESSIONS, "worker1", "10.0.0.12"),
        (SESSIONS, "worker2", "10.0.0.11"),
        (BLOCK_ROUTES, "worker1", "10.48.0.128/26"),
        (BLOCK_ROUTES, "worker2", "10.48.0.64/26"),
        (BORROWED, "worker1", "10.48.0.100/32"),
    },
    "F39": {(BLOCK_ROUTES, "worker1", "10.48.0.128/26")},
    "F42": {(LEFTOVER, "worker1", "10.48.0.0/26")},
    "F43": {(BLOCK_ROUTES, "worker1", "10.48.0.128/26")},
    "X1": {
        ("host_route_wins_the_lookup", "worker1", ADDRESS),
        (LEFTOVER, "worker1", "10.48.0.67/32"),
    },
    "X2": {("node_finds_the_others_on_its_subnet", "worker1", "worker2/10.0.0.12")},
    "X3": {("no_fixed_neighbour_misleads", "worker1", f"{POD}/neighbour-10.48.0.67")},
    "X4": {(PEER, "worker1", POD)},
    "bird-killed": {
        ("bird_answers", "worker2", "bird"),
        (SESSIONS, "worker1", "10.0.0.12"),
        (SESSIONS, "host1", "10.0.0.12"),
    },
    "raw-drop": set(),
    "strict-rp-filter": set(),
    "node-unreachable": set(),
}
UNOBSERVED: dict[str, set[Place]] = {
    "F17": {(DROPS, "worker1", "10.48.0.64/26")},  # nobody answers the control either
    "raw-drop": {(DROPS, "worker1", "10.48.0.64/26")},
    "strict-rp-filter": {(DROPS, "worker1", "10.48.0.64/26")},
    "uplink-down": {(DROPS, "worker1", "10.48.0.64/26")},
    "node-unreachable": {("every_node_was_observed", "", "worker2")},
}
WITH_METRICS = {
    "F23": {("host_route_wins_the_lookup", "worker1", ADDRESS)},
}


@pytest.fixture(scope="module")
def state_dir(seed_lab: Lab) -> Iterator[Path]:
    """The shared lab, healthy before the first fault and after the last."""
    assert_healthy(results(seed_lab.directory))
    yield seed_lab.directory
    assert_healthy(results(seed_lab.directory))


def assert_healthy(judged: list[Result]) -> None:
    assert findings(judged) == set()
    assert unobserved(judged) == set()
    examined = {item.check for item in judged if item.verdict.examined}
    assert examined - NEWER == {check.id for check in catalogue()} - NOT_HERE


@pytest.mark.root
@pytest.mark.parametrize("name", sorted(FOUND))
def test_fault_is_found_by_just_the_expected_checks(seed_lab: Lab, state_dir: Path, name: str) -> None:
    where = faults.inject(seed_lab, name)
    try:
        judged = results(state_dir)
    finally:
        faults.undo(seed_lab, name, where)
    assert findings(judged) == FOUND[name]
    assert unobserved(judged) == UNOBSERVED.get(name, set())
    for item in judged:
        for difference in item.verdict.differences:
            assert difference.expected
            assert difference.because
            assert difference.found
            assert difference.look
            assert difference.severity is not Severity.HOUSEKEEPING


@pytest.mark.root
@pytest.mark.parametrize("name", ["F3", "F10", "F12", "F19", "F26", "F29", "F37", "F43", "bird-killed"])
def test_undone_it_is_healthy_again(seed_lab: Lab, state_dir: Path, name: str) -> None:
    where = faults.inject(seed_lab, name)
    faults.undo(seed_lab, name, where)
    assert_healthy(results(state_dir))


@pytest.mark.root
def test_a_packet_that_does_not_arrive_proves_nothing(seed_lab: Lab, state_dir: Path) -> None:
    where = faults.inject(seed_lab, "uplink-down")
    try:
        judged = results(state_dir)
    finally:
        faults.undo(seed_lab, "uplink-down", where)
    assert unobserved(judged) == UNOBSERVED["uplink-down"]
    assert DROPS not in {check for check, _node, _object in findings(judged)}


@pytest.mark.root
@pytest.mark.parametrize("name", sorted(WITH_METRICS))
def test_fault_of_a_release_with_metrics(metrics_lab: Lab, name: str) -> None:
    assert_healthy(results(metrics_lab.directory))
    where = faults.inject(metrics_lab, name)
    try:
        judged = results(metrics_lab.directory)
    finally:
        faults.undo(metrics_lab, name, where)
    assert findings(judged) >= WITH_METRICS[name]
    assert {check for check, _node, _object in findings(judged)} <= {"host_route_wins_the_lookup", HOST_ROUTE, LEFTOVER}
    assert_healthy(results(metrics_lab.directory))


@pytest.mark.root
def test_an_unreachable_node_costs_no_other_check_its_verdict(seed_lab: Lab, state_dir: Path) -> None:
    where = faults.inject(seed_lab, "node-unreachable")
    try:
        judged = results(state_dir)
    finally:
        faults.undo(seed_lab, "node-unreachable", where)
    failed = [item for item in judged if item.outcome is Outcome.FAILED]
    assert failed == []
    assert {item.node for item in judged} == {"", "host1", "worker1"}
    assert [item.check for item in judged if item.outcome is Outcome.UNOBSERVED] == ["every_node_was_observed"]


@pytest.mark.root
def test_twenty_looks_at_a_healthy_lab_say_the_same(state_dir: Path) -> None:
    first = [(item.check, item.node, item.subject, item.outcome) for item in results(state_dir)]
    for _ in range(19):
        judged = results(state_dir, packets=False)
        assert_quiet(judged)
        said = [(item.check, item.node, item.subject, item.outcome) for item in judged if item.check != DROPS]
        assert said == [line for line in first if line[0] != DROPS]


def assert_quiet(judged: list[Result]) -> None:
    assert findings(judged) == set()
    assert unobserved(judged) == set()
