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
SESSIONS = "bgp_sessions_are_established"

HEALTHY = [
    "noencap",
    "borrowed-and-many-blocks",
    "labelled/base",
    "labelled/base-borrow",
    "labelled/var-05-service-advertisement",
    "labelled/var-13a-burst",
    "labelled/var-15-unrelated-things",
]
FAULTY: dict[str, set[tuple[str, str, str]]] = {
    "labelled/fault-03-own-blackhole-missing": {(BLACKHOLES, "worker2", "10.48.189.64/26")},
    "labelled/fault-04-blockroute-missing": {(BLOCK_ROUTES, "worker3", "10.48.235.128/26")},
    "labelled/fault-06-borrowed-missing-on-owner": {(BORROWED, "worker2", "10.49.0.10/32")},
    "labelled/fault-10-proxyarp-off": {
        (HOST_INTERFACE, "worker1", "corpus/w1-0/net.ipv4.conf.calia6c8bdbd82b.proxy_arp")
    },
    "labelled/fault-15-bgp-session-disabled": {
        (SESSIONS, "worker1", "10.0.0.12"),
        (SESSIONS, "worker2", "10.0.0.11"),
        (BLOCK_ROUTES, "worker1", "10.48.189.64/26"),
        (BLOCK_ROUTES, "worker1", "10.50.0.176/29"),
        (BLOCK_ROUTES, "worker2", "10.48.235.128/26"),
        (BLOCK_ROUTES, "worker2", "10.50.0.232/29"),
        (BLOCK_ROUTES, "worker2", "10.50.0.240/29"),
    },
}


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
    working = (
        {Severity.WRONG} if "blackhole" in name else {Severity.BROKEN}
    )  # live pods are reached without a blackhole
    assert {difference.severity for difference in found.values()} == working
    assert all(
        text
        for difference in found.values()
        for text in (difference.expected, difference.because, difference.found, difference.look)
    )


@pytest.mark.parametrize("name", ["labelled/base", "labelled/base-borrow"])
def test_a_pool_that_bird_does_not_own_is_named_as_not_judged(name: str) -> None:
    gaps = {
        gap.object: gap.reason
        for item in results(name)
        if item.check in {BLACKHOLES, BLOCK_ROUTES}
        for gap in item.verdict.inapplicable
    }
    assert {"10.51.0.112/28", "10.51.0.192/28", "10.51.0.224/28"} <= gaps.keys()
    assert all("vxlan-pool" in reason and "Felix" in reason for reason in gaps.values())


@pytest.mark.parametrize("name", ["noencap", "labelled/base"])
def test_every_check_but_the_trials_examines_something(name: str) -> None:
    examined: dict[str, int] = {}
    for item in results(name):
        examined[item.check] = examined.get(item.check, 0) + item.verdict.examined
    empty = {check for check, count in examined.items() if not count}
    assert empty <= {"packets_to_free_addresses_are_dropped", BORROWED}


def test_a_replay_without_trials_says_that_they_were_not_asked() -> None:
    drops = [item for item in results("noencap") if item.check == "packets_to_free_addresses_are_dropped"]
    assert drops
    assert {item.outcome for item in drops} == {Outcome.UNASKED}
