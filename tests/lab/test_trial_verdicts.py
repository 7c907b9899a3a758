"""Drop trials with real packets in namespaces: what drops conforms, what does not fails, what lies is not believed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.lab.trial_lab import BLOCK, BLOCK6, LIVE, LIVE6, TrialLab, block
from tests.lab.trial_runs import only, outcome, run, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]
RAW_DROP = ("PREROUTING", "-t", "raw", "-p", "udp", "--dport", "9", "-j", "DROP")


@pytest.fixture(scope="module")
def link() -> Iterator[TrialLab]:
    with TrialLab(routed=False) as lab:
        yield lab


@pytest.fixture(scope="module")
def routed() -> Iterator[TrialLab]:
    with TrialLab(routed=True) as lab:
        yield lab


@pytest.mark.parametrize("cidr", [BLOCK, BLOCK6])
def test_a_blackhole_drops_and_passes(link: TrialLab, cidr: str) -> None:
    look = link.look(block(cidr))
    said: list[str] = []
    trials = run(link, look, said)
    (trial,) = trials.trials
    assert len(said) == 1
    assert outcome(trial, look) == ("PASSED", "")
    assert trial.packet.arrived
    assert len(trial.lookups) == 63
    assert set(trial.lookups.values()) == {"EINVAL"}
    assert trials.pcap


@pytest.mark.parametrize(
    ("cidr", "instead", "words"),
    [
        (BLOCK, None, "time exceeded"),
        (BLOCK, "unreachable", "destination unreachable (type 3, code 1)"),
        (BLOCK, "prohibit", "destination unreachable (type 3, code 13)"),
        (BLOCK6, None, "time exceeded"),
        (BLOCK6, "unreachable", "destination unreachable (type 1, code 0)"),
    ],
)
def test_anything_else_in_the_blackholes_place_fails(
    link: TrialLab, cidr: str, instead: str | None, words: str
) -> None:
    link.ip("owner", "route", "del", "blackhole", cidr)
    if instead:
        link.ip("owner", "route", "add", instead, cidr)
    try:
        _, word, said = only(link, link.look(block(cidr)))
    finally:
        if instead:
            link.ip("owner", "route", "del", instead, cidr)
        link.ip("owner", "route", "add", "blackhole", cidr, "proto", "bird")
    assert word == "FAILED"
    assert words in said


def test_a_route_that_a_pod_left_behind_fails(link: TrialLab) -> None:
    link.ip("owner", "route", "add", "10.49.0.80", "dev", "cali1", "scope", "link")
    try:
        _, word, said = only(link, link.look())
    finally:
        link.ip("owner", "route", "del", "10.49.0.80")
    assert word == "FAILED"
    assert "1 of 63 free addresses: 10.49.0.80" in said


def test_without_a_live_pod_the_control_lies_outside_every_block(link: TrialLab) -> None:
    look = link.look(pods=())
    trial, word, _ = only(link, look)
    assert (trial.control_kind, word) == ("outside", "PASSED")


def test_a_packet_dropped_by_netfilter_proves_nothing(link: TrialLab) -> None:
    """The raw table comes before routing and after the capture: arrival is seen, silence is not the blackhole's."""
    if shutil.which("iptables") is None:
        pytest.fail("iptables is needed, to drop packets in the raw table")
    link.tool("owner", "iptables", "-I", *RAW_DROP)
    try:
        trial, word, said = only(link, link.look())
    finally:
        link.tool("owner", "iptables", "-D", *RAW_DROP)
    assert trial.packet.arrived
    assert not trial.control.replies
    assert word == "UNOBSERVED"
    assert "did not answer the control" in said


def test_a_missing_blackhole_behind_netfilter_is_no_pass(link: TrialLab) -> None:
    link.ip("owner", "route", "del", "blackhole", BLOCK)
    link.tool("owner", "iptables", "-I", *RAW_DROP)
    try:
        _, word, _ = only(link, link.look())
    finally:
        link.tool("owner", "iptables", "-D", *RAW_DROP)
        link.ip("owner", "route", "add", "blackhole", BLOCK, "proto", "bird")
    assert word == "UNOBSERVED"


def test_a_packet_refused_by_reverse_path_filtering_proves_nothing(link: TrialLab) -> None:
    link.ip("owner", "route", "add", link.sender4, "dev", "cali1")
    link.sysctl("owner", "net.ipv4.conf.all.rp_filter", "1")
    try:
        trial, word, said = only(link, link.look())
    finally:
        link.sysctl("owner", "net.ipv4.conf.all.rp_filter", "0")
        link.ip("owner", "route", "del", link.sender4, "dev", "cali1")
    assert trial.packet.arrived
    assert trial.control_lookup in {
        "EXDEV",
        "EINVAL",
    }  # as the kernel's release has it; the latter is a blackhole's, too
    assert word == "UNOBSERVED"
    assert "did not answer the control" in said


def test_forwarding_off_makes_every_lookup_alike_and_proves_nothing(link: TrialLab) -> None:
    link.sysctl("owner", "net.ipv4.ip_forward", "0")
    try:
        trial, word, _ = only(link, link.look())
    finally:
        link.sysctl("owner", "net.ipv4.ip_forward", "1")
    assert trial.control_lookup == "EHOSTUNREACH"
    assert word == "UNOBSERVED"


@pytest.mark.parametrize("node", ["sender", "middle"])
def test_a_packet_that_never_arrives_proves_nothing(link: TrialLab, node: str) -> None:
    """The sender's link is down, or the wire in between is."""
    dev = "ens160" if node == "sender" else "to-owner"
    look = link.look()
    facts = seen(link)
    link.ip(node, "link", "set", dev, "down")
    try:
        (trial,) = run(link, look, facts=facts, seconds=5).trials
    finally:
        link.ip(node, "link", "set", dev, "up")
        if node == "sender":
            link.ip("sender", "route", "replace", "default", "via", "10.9.0.254")
            link.ip("sender", "address", "replace", f"{link.sender6}/64", "dev", "ens160")
            link.ip("sender", "-6", "route", "replace", "default", "via", "fd09::254")
    word, said = outcome(trial, look)
    assert not trial.packet.arrived
    assert word == "UNOBSERVED"
    assert ("Network is down" if node == "sender" else "was not seen arriving") in said


@pytest.mark.parametrize(("cidr", "live"), [(BLOCK, LIVE), (BLOCK6, LIVE6)])
def test_through_a_router_the_distance_is_found_by_the_control(routed: TrialLab, cidr: str, live: str) -> None:
    trial, word, said = only(routed, routed.look(block(cidr)))
    assert (word, said) == ("PASSED", "")
    assert (trial.control.target, trial.control.ttl, trial.packet.ttl) == (live, 2, 2)


def test_through_a_router_a_missing_blackhole_fails(routed: TrialLab) -> None:
    routed.ip("owner", "route", "del", "blackhole", BLOCK)
    try:
        _, word, said = only(routed, routed.look())
    finally:
        routed.ip("owner", "route", "add", "blackhole", BLOCK, "proto", "bird")
    assert word == "FAILED"
    assert "time exceeded" in said


def test_an_owner_that_does_not_answer_ends_the_climb_before_anything_is_forwarded(routed: TrialLab) -> None:
    routed.tool("owner", "iptables", "-I", "OUTPUT", "-p", "icmp", "-j", "DROP")
    try:
        trial, word, said = only(routed, routed.look())
    finally:
        routed.tool("owner", "iptables", "-D", "OUTPUT", "-p", "icmp", "-j", "DROP")
    assert word == "UNOBSERVED"
    assert "nothing answered to TTL 2" in said
    assert trial.control.egress == ()
    assert not trial.packet.sent
