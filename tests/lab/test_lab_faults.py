"""Every fault shows, and leaves nothing behind when it is undone; the lab is in the end what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import bird, faults
from lab.processes import alive
from lab.tools import LabError, UsageError, run, wait_until
from tests.lab.lab_view import differences, routing
from tests.lab.topology_cases import CASES

if TYPE_CHECKING:
    from lab.state import Lab

UNSEEN = {"bird-killed", "node-unreachable", "raw-drop", "X2", "X3"}  # that change no table, link or sysctl
ONLY_WITH_METRICS = {"F23"}

# By fault, on the seed's lab: where something changes, and a line that is there only before or only while it lasts.
SHOWS = {
    "F1": ("yaobank/customer-5df6b999fb-cf7jl", "unicast default via 169.254.1.1 dev eth0 proto boot scope global"),
    "F3": ("yaobank/customer-5df6b999fb-cf7jl", "unicast 10.48.0.0/24 dev eth0 proto kernel scope link src 10.48.0.67"),
    "F10": ("worker1", "unicast 10.48.0.67 dev calie965c96dc90 proto boot scope link"),
    "F12": ("worker1", "unicast 10.48.0.67 dev calie965c96dc90 proto boot scope link"),
    "F15": ("worker1", "/proc/sys/net/ipv4/conf/calie965c96dc90/proxy_arp:0"),
    "F15-forwarding": ("worker1", "/proc/sys/net/ipv4/conf/calie965c96dc90/forwarding:0"),
    "F17": ("worker1", "/proc/sys/net/ipv4/conf/ens160/forwarding:0"),
    "F19": ("worker1", "unicast 10.48.0.67 dev calie965c96dc90 proto boot scope link"),
    "F21": ("worker1", "unicast 10.48.0.67 dev calie4a31edfc92 proto boot scope link"),
    "F22": ("worker1", "unicast 10.48.0.127 dev calie4a31edfc92 proto boot scope link"),
    "F23": ("worker1", "unicast 10.48.0.67 via 10.0.0.12 dev ens160 proto static scope global"),
    "F23-rule": ("worker1", "1000:\tfrom all to 10.48.0.67 lookup 1123 proto unspec"),
    "F26": ("worker1", "unicast 10.48.0.67 dev cali2200f30631e proto boot scope link"),
    "F28": ("worker1", "blackhole 10.48.0.64/26 proto bird scope global"),
    "F29": ("worker2", "blackhole 10.48.0.64/26 proto bird scope global"),
    "F34": ("worker1", "unicast 10.48.0.100 via 10.0.0.12 dev ens160 proto bird scope global"),
    "F37": ("worker2", "unicast 10.48.0.64/26 via 10.0.0.11 dev ens160 proto bird scope global"),
    "F39": ("worker1", "unreachable 10.48.0.128/26 proto bird scope global"),
    "F42": ("worker1", "unicast 10.48.0.0/26 via 10.0.0.253 dev ens160 proto bird scope global"),
    "F43": ("worker1", "unicast 10.48.0.128/26 via 10.0.0.10 dev ens160 proto bird scope global"),
    "X1": ("worker1", "1002:\tfrom all to 10.48.0.67 tos 0x10 lookup 1125 proto unspec"),
    "X4": (
        "worker1",
        "calie965c96dc90 ['BROADCAST', 'LOWER_UP', 'MULTICAST', 'NOARP', 'UP'] mtu 1500 []",
    ),
    "drop-prohibit": ("worker1", "prohibit 10.48.0.64/26 proto bird scope global"),
    "drop-unreachable": ("worker1", "unreachable 10.48.0.64/26 proto bird scope global"),
    "strict-rp-filter": ("worker1", "/proc/sys/net/ipv4/conf/ens160/rp_filter:1"),
    "uplink-down": ("worker1", "unicast 10.0.0.0/24 dev ens160 proto kernel scope link src 10.0.0.11"),
}
# Where else something changes: both sides of a session, both ends of a pair, a pod that was added.
ELSEWHERE = {
    "F10": {"yaobank/customer-5df6b999fb-cf7jl"},
    "F12": {"yaobank/customer-5df6b999fb-cf7jl"},
    "F26": {"yaobank/twin"},
    "F37": {"worker1"},
}


def test_the_catalogue_is_whole() -> None:
    elsewhere = {struck.name for case in CASES.values() for struck in case.faults}
    assert set(faults.FAULTS) == set(SHOWS) | UNSEEN | elsewhere
    assert all(known.summary for known in faults.FAULTS.values())


def _await_as_before(lab: Lab, before: dict[str, list[str]]) -> None:
    """An interface that was down is up at once and running a moment later."""
    left: dict[str, object] = {}

    def same() -> bool:
        left.clear()
        left.update(differences(before, routing(lab)))
        return not left

    try:
        wait_until("the lab to be as before", same, 5.0)
    except LabError:
        assert left == {}


@pytest.mark.parametrize("name", sorted(SHOWS.keys() - ONLY_WITH_METRICS))
def test_fault_shows_where_it_should_and_is_undone(seed_lab: Lab, name: str) -> None:
    before = routing(seed_lab)
    where, line = SHOWS[name]
    with faults.broken(seed_lab, name) as on:
        assert (name, on) in faults.injected(seed_lab)
        changed = differences(before, routing(seed_lab))
    assert set(changed) == {where} | ELSEWHERE.get(name, set())
    assert line in changed[where]
    assert faults.injected(seed_lab) == []
    _await_as_before(seed_lab, before)


def test_shadowing_needs_metrics(seed_lab: Lab, metrics_lab: Lab) -> None:
    with pytest.raises(LabError, match=r"F23 needs a release whose routes have metrics"):
        faults.inject(seed_lab, "F23")
    before = routing(metrics_lab)
    where, line = SHOWS["F23"]
    with faults.broken(metrics_lab, "F23"):
        changed = differences(before, routing(metrics_lab))
    assert set(changed) == {where}
    assert changed[where] == [line]
    _await_as_before(metrics_lab, before)


@pytest.mark.parametrize("name", ["F22", "F28", "F29", "F34", "F39", "F42", "F43"])
def test_faults_stay_on_their_node_with_metrics_too(metrics_lab: Lab, name: str) -> None:
    """A lower metric than 1024 would be announced as a live migration's."""
    before = routing(metrics_lab)
    with faults.broken(metrics_lab, name):
        assert set(differences(before, routing(metrics_lab))) == {SHOWS[name][0]}
    _await_as_before(metrics_lab, before)


def test_killed_bird_keeps_the_routes_and_loses_the_sessions(seed_lab: Lab) -> None:
    before = routing(seed_lab)
    with faults.broken(seed_lab, "bird-killed"):
        assert bird.pid(seed_lab, "worker2") == 0
        assert not bird.sessions(seed_lab, "worker1")["Mesh_10_0_0_12"]
        assert differences(before, routing(seed_lab)) == {}
    assert bird.sessions(seed_lab, "worker1")["Mesh_10_0_0_12"]
    _await_as_before(seed_lab, before)


def test_unreachable_node_goes_on_working(seed_lab: Lab) -> None:
    before = routing(seed_lab)
    with faults.broken(seed_lab, "node-unreachable"):
        assert not alive(seed_lab.node("worker2").pid)
        assert differences(before, routing(seed_lab)) == {}
        assert all(bird.sessions(seed_lab, "worker2").values())
    assert alive(seed_lab.node("worker2").pid)


def test_raw_drop_is_a_rule_of_the_raw_table(seed_lab: Lab) -> None:
    show = [
        "nsenter",
        f"--net=/run/netns/{seed_lab.node('worker1').netns}",
        "iptables",
        "-t",
        "raw",
        "-S",
        "PREROUTING",
    ]
    with faults.broken(seed_lab, "raw-drop"):
        assert "-A PREROUTING -i ens160 -p udp -m udp --dport 9 -j DROP" in run(show)
    assert "DROP" not in run(show)


def test_faults_refuse_what_makes_no_sense(seed_lab: Lab) -> None:
    with pytest.raises(UsageError, match="there is no fault 'F99'"):
        faults.inject(seed_lab, "F99")
    with pytest.raises(UsageError, match="strikes a node; there is no 'worker9'"):
        faults.inject(seed_lab, "F17", "worker9")
    with pytest.raises(UsageError, match="F1 is not injected"):
        faults.undo(seed_lab, "F1")
    with faults.broken(seed_lab, "f1") as on, pytest.raises(UsageError, match=r"is injected on .* already"):
        faults.inject(seed_lab, "F1", on)
