"""Real clusters get the right verdict: the fault's node and object, and nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.run import judge
from fixtures.dumps import read_dumps
from model.verdict import Outcome, Result, Severity

HERE = Path(__file__).parent
BLACKHOLES = "node_blackholes_its_own_blocks_and_no_others"
BLOCK_ROUTES = "node_routes_every_other_nodes_blocks"
BORROWED = "borrowed_addresses_lead_to_their_borrowers"
HOST_INTERFACE = "host_interface_answers_arp_and_forwards"
LEFTOVER = "every_pod_and_block_route_is_accounted_for"
SESSIONS = "bgp_sessions_are_established"

HEALTHY = [
    "noencap",
    "borrowed-and-many-blocks",
    "labelled/base",
    "labelled/base-borrow",
    "labelled/var-02-route-reflector",
    "labelled/var-05-service-advertisement",
    "labelled/var-13a-burst",
    "labelled/var-15-unrelated-things",
]
DELETED = {("each_block_lies_in_a_pool", "", f"{block}/pool") for block in ("10.49.0.0/29", "10.49.0.8/29")}
TUNNELLED = {
    "node_knows_the_length_of_its_subnet",
    "every_bgp_peer_can_be_read",
    "node_has_its_tunnel_devices",
    "vxlan_device_knows_every_other_node",
    "strict_affinity_leaves_nothing_borrowed",
    "encrypted_peers_are_reached_by_wireguard",
}
OLD_MTU = {("pods_mtu_fits_its_way_out", "worker1", f"vx/{pod}/mtu-size") for pod in ("v1-0", "v1-1")}


def borrowed(node: str, *addresses: str) -> set[tuple[str, str, str]]:
    return {(BORROWED, node, f"{address}/32") for address in addresses}


def lost(node: str, *blocks: str) -> set[tuple[str, str, str]]:
    return {(BLOCK_ROUTES, node, block) for block in blocks}


FAULTY: dict[str, set[tuple[str, str, str]]] = {
    "labelled/fault-03-own-blackhole-missing": {(BLACKHOLES, "worker2", "10.48.189.64/26")},
    "labelled/fault-04-blockroute-missing": lost("worker3", "10.48.235.128/26"),
    "labelled/fault-06-borrowed-missing-on-owner": borrowed("worker2", "10.49.0.10"),
    "labelled/fault-10-proxyarp-off": {
        (HOST_INTERFACE, "worker1", "corpus/w1-0/net.ipv4.conf.calia6c8bdbd82b.proxy_arp")
    },
    "labelled/fault-15-bgp-session-disabled": {
        (SESSIONS, "worker1", "10.0.0.12"),
        (SESSIONS, "worker2", "10.0.0.11"),
        *lost("worker1", "10.48.189.64/26", "10.50.0.176/29"),
        *lost("worker2", "10.48.235.128/26", "10.50.0.232/29", "10.50.0.240/29"),
    },
    "labelled/fault-16b-bird-dead-140s": {
        ("bird_answers", "worker2", "bird"),
        (SESSIONS, "worker1", "10.0.0.12"),
        (SESSIONS, "worker3", "10.0.0.12"),
        *lost("worker1", "10.48.189.64/26", "10.50.0.176/29"),
        *lost("worker3", "10.48.189.64/26", "10.50.0.176/29"),
    },
    "labelled/fault-20-vxlan-fdb-missing": {
        ("vxlan_device_knows_every_other_node", "worker1", "vxlan.calico/worker3/fdb")
    },
    "labelled/fault-22b-shadowing-route-spread": {
        (LEFTOVER, node, "10.48.235.128/28") for node in ("worker1", "worker2", "worker3")
    },
    "labelled/fault-24b-duplicate-ip-spread": {
        (LEFTOVER, "worker2", "10.48.235.139/32"),
        (LEFTOVER, "worker3", "10.48.235.139/32"),
        ("every_pod_interface_belongs_to_a_pod", "worker3", "cali0d0bb1e0001"),
        ("no_other_namespace_has_a_pools_address", "worker3", "10.48.235.139"),
    },
    "no-owner": OLD_MTU | {("each_pools_routes_have_one_programmer", "", "no encapsulation/neither")},
    "pool-deleted": OLD_MTU
    | DELETED
    | borrowed("worker1", "10.49.0.2", "10.49.0.3", "10.49.0.4")
    | borrowed("worker2", "10.49.0.2", "10.49.0.3", "10.49.0.4", "10.49.0.5", "10.49.0.6")
    | borrowed("worker3", "10.49.0.5", "10.49.0.6"),
    "duplicate-host-route": OLD_MTU
    | DELETED
    | borrowed("worker2", "10.49.0.5", "10.49.0.6")
    | {
        ("each_affinity_has_its_node", "", "node/worker3"),
        ("each_allocation_is_in_use", "", "10.48.182.0/26/held by node worker3, which does not exist"),
        ("each_allocation_is_in_use", "", "10.51.0.192/28/held by a tunnel that no node has"),
    },
}
WORKING = {BLACKHOLES, "each_block_lies_in_a_pool", "each_affinity_has_its_node"}
MENTIONED = {"every_pod_interface_belongs_to_a_pod", "pods_mtu_fits_its_way_out", "each_allocation_is_in_use"}
ELSEWHERE = {(LEFTOVER, "worker1", "10.48.235.128/28")}  # it covers pods of this node alone, whose host routes win


def results(name: str) -> list[Result]:
    return list(judge(read_dumps(HERE / f"{name}.tar.xz")))


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_recording_conforms(name: str) -> None:
    judged = results(name)
    assert [item for item in judged if item.verdict.differences or item.verdict.unobserved] == []
    assert sum(item.verdict.examined for item in judged) > 400
    assert sum(item.outcome is Outcome.PASSED for item in judged) > 100


@pytest.mark.parametrize("name", FAULTY)
def test_fault_is_named_with_its_node_and_object_and_nothing_else(name: str) -> None:
    found = {
        (item.check, item.node, difference.object): difference
        for item in results(name)
        for difference in item.verdict.differences
    }
    assert found.keys() == FAULTY[name]
    for place, difference in found.items():
        working = Severity.WRONG if place[0] in WORKING or place in ELSEWHERE else Severity.BROKEN
        assert difference.severity is (Severity.HOUSEKEEPING if place[0] in MENTIONED else working), place
        assert difference.expected
        assert difference.because
        assert difference.found
        assert difference.look


def test_two_pods_older_than_their_tunnel_are_mentioned_and_nothing_more() -> None:
    judged = results("vxlan-always")
    differences = {
        (item.check, item.node, difference.object): difference.severity
        for item in judged
        for difference in item.verdict.differences
    }
    assert differences == dict.fromkeys(OLD_MTU, Severity.HOUSEKEEPING)
    assert {item.outcome for item in judged} <= {Outcome.PASSED, Outcome.INAPPLICABLE, Outcome.UNASKED}


@pytest.mark.parametrize("name", ["labelled/base-borrow", "labelled/base"])
def test_every_check_but_the_trials_examines_something(name: str) -> None:
    examined: dict[str, int] = {}
    for item in results(name):
        examined[item.check] = examined.get(item.check, 0) + item.verdict.examined
    empty = {check for check, count in examined.items() if not count}
    assert empty <= {"packets_to_free_addresses_are_dropped", "every_bgp_peer_can_be_read", BORROWED, *TUNNELLED}


def test_a_replay_without_trials_says_that_they_were_not_asked() -> None:
    drops = [item for item in results("noencap") if item.check == "packets_to_free_addresses_are_dropped"]
    assert drops
    assert {item.outcome for item in drops} == {Outcome.UNASKED}
