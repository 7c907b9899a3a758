"""Drop trials through VXLAN devices: what drops conforms, what does not fails, what goes astray is not believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.lab import trial_runs
from tests.lab.trial_lab import (
    BLOCK,
    BLOCK6,
    DEVICES,
    LIVE,
    LIVE6,
    TUNNEL_MACS,
    TUNNELS,
    TrialLab,
    block,
)
from tests.lab.trial_runs import outcome, run, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.trial import Trial

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]
FAMILIES = [pytest.param(BLOCK, id="IPv4"), pytest.param(BLOCK6, id="IPv6")]
NOBODY = ("10.9.0.99", "fd09::99")


@pytest.fixture(scope="module")
def link() -> Iterator[TrialLab]:
    """Both nodes in one subnet."""
    with TrialLab(routed=False, tunnelled=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def routed() -> Iterator[TrialLab]:
    """A router between the nodes' subnets."""
    with TrialLab(routed=True, tunnelled=True) as lab:
        yield lab


def only(lab: TrialLab, cidr: str, mode: str = "Always", *, live: bool = True) -> tuple[Trial, str, str]:
    """The one trial of a block, its outcome's word, and everything that is said."""
    return trial_runs.only(lab, lab.look(block(cidr), vxlan=mode, pods=None if live else ()))


def family(cidr: str) -> int:
    """0 for IPv4, 1 for IPv6: the place in the lab's pairs."""
    return int(":" in cidr)


@pytest.mark.parametrize("cidr", FAMILIES)
@pytest.mark.parametrize("lab", ["link", "routed"])
def test_a_blackhole_drops_what_comes_out_of_the_tunnel(lab: str, cidr: str, request: pytest.FixtureRequest) -> None:
    trial, word, said = only(request.getfixturevalue(lab), cidr)
    at = family(cidr)
    assert (word, said) == ("PASSED", "")
    assert (trial.carrier, trial.uplink, trial.source) == ("VXLAN", DEVICES[at], TUNNELS["sender"][at])
    assert (trial.packet.ttl, trial.control.ttl, trial.control.target) == (1, 1, (LIVE, LIVE6)[at])
    assert {reply.source for reply in trial.control.replies} == {TUNNELS["owner"][at]}
    assert set(trial.lookups.values()) == {"EINVAL"}
    assert len(trial.lookups) == 63


@pytest.mark.parametrize(("lab", "carrier"), [("link", ""), ("routed", "VXLAN")])
@pytest.mark.parametrize("cidr", FAMILIES)
def test_across_subnets_alone_the_tunnel_is_used(
    lab: str, carrier: str, cidr: str, request: pytest.FixtureRequest
) -> None:
    trial, word, said = only(request.getfixturevalue(lab), cidr, "CrossSubnet")
    assert (trial.carrier, word, said) == (carrier, "PASSED", "")


@pytest.mark.parametrize("cidr", FAMILIES)
def test_without_a_live_pod_the_control_lies_outside_every_block(link: TrialLab, cidr: str) -> None:
    trial, word, said = only(link, cidr, live=False)
    assert (trial.control_kind, word, said) == ("outside", "PASSED", "")


def test_the_announcement_says_what_goes_through_the_tunnel(link: TrialLab) -> None:
    said: list[str] = []
    run(link, link.look(block(BLOCK), block(BLOCK6), vxlan="Always"), said)
    assert len(said) == 1
    assert "2 block(s) (2 of them through the VXLAN tunnel) drop" in said[0]


@pytest.mark.parametrize(
    ("cidr", "instead", "words"),
    [
        (BLOCK, (), "time exceeded (type 11, code 0) from 10.49.0.1"),
        (BLOCK, ("unreachable", BLOCK), "destination unreachable (type 3, code 1) from 10.49.0.1"),
        (BLOCK, ("prohibit", BLOCK), "destination unreachable (type 3, code 13) from 10.49.0.1"),
        (BLOCK, (BLOCK, "via", "10.9.0.254"), "unicast via 10.9.0.254 dev ens160 for 63 of 63"),
        (BLOCK, (BLOCK, "via", "10.49.1.1", "dev", "vxlan.calico", "onlink"), "unicast via 10.49.1.1 dev vxlan.calico"),
        (BLOCK6, (), "time exceeded (type 3, code 0) from fd49::1"),
        (BLOCK6, ("unreachable", BLOCK6), "destination unreachable (type 1, code 0) from fd49::1"),
        (BLOCK6, ("prohibit", BLOCK6), "destination unreachable (type 1, code 1) from fd49::1"),
        (BLOCK6, (BLOCK6, "via", "fd49::1:1", "dev", "vxlan-v6.calico", "onlink"), "unicast via fd49::1:1"),
    ],
)
def test_anything_else_in_the_blackholes_place_fails(
    link: TrialLab, cidr: str, instead: tuple[str, ...], words: str
) -> None:
    link.ip("owner", "route", "del", "blackhole", cidr)
    if instead:
        link.ip("owner", "route", "add", *instead)
    try:
        trial, word, said = only(link, cidr)
    finally:
        if instead:
            link.ip("owner", "route", "del", *instead)
        link.ip("owner", "route", "add", "blackhole", cidr, "proto", "bird")
    assert word == "FAILED"
    assert words in said
    assert trial.packet.egress == ()


@pytest.mark.parametrize("dev", ["vxlan.calico", "ens160"])
def test_what_is_forwarded_in_spite_of_its_ttl_is_seen_leaving(link: TrialLab, dev: str) -> None:
    """Into the tunnel again, or beside it: what the tunnel wraps it in is not taken for the packet."""
    lives_on = ("PREROUTING", "-t", "mangle", "-i", "vxlan.calico", "-p", "udp", "-j", "TTL", "--ttl-inc", "1")
    away = (BLOCK, "via", {"vxlan.calico": TUNNELS["sender"][0], "ens160": "10.9.0.254"}[dev], "dev", dev, "onlink")
    link.ip("owner", "route", "del", "blackhole", BLOCK)
    link.ip("owner", "route", "add", *away)
    link.tool("owner", "iptables", "-I", *lives_on)
    try:
        trial, word, said = only(link, BLOCK)
    finally:
        link.tool("owner", "iptables", "-D", *lives_on)
        link.ip("owner", "route", "del", *away)
        link.ip("owner", "route", "add", "blackhole", BLOCK, "proto", "bird")
    assert word == "FAILED"
    assert trial.packet.egress == (dev,)
    assert f"left owner again by {dev}" in said


def test_a_route_of_one_free_address_fails_by_the_lookup(link: TrialLab) -> None:
    link.ip("owner", "route", "add", "10.49.0.80", "dev", "cali1", "scope", "link")
    try:
        _, word, said = only(link, BLOCK)
    finally:
        link.ip("owner", "route", "del", "10.49.0.80")
    assert word == "FAILED"
    assert "unicast dev cali1 for 1 of 63 free addresses: 10.49.0.80" in said


@pytest.mark.parametrize(
    ("cidr", "astray", "dropping"),
    [(BLOCK, True, True), (BLOCK, False, False), (BLOCK6, True, False), (BLOCK6, False, True)],
    ids=["wrong remote", "no entry, no blackhole", "wrong remote, no blackhole, IPv6", "no entry, IPv6"],
)
def test_what_the_senders_forwarding_entry_leads_astray_proves_nothing(
    link: TrialLab, cidr: str, astray: bool, dropping: bool
) -> None:
    at = family(cidr)
    dev, mac, remote = DEVICES[at], TUNNEL_MACS["owner"][at], ("10.9.0.11", "fd09::11")[at]
    own, wrong = ((mac, "dev", dev, "dst", end, "self") for end in (remote, NOBODY[at]))
    link.tool("sender", "bridge", "fdb", "del", *own)
    if astray:
        link.tool("sender", "bridge", "fdb", "add", *wrong, "permanent")
    if not dropping:
        link.ip("owner", "route", "del", "blackhole", cidr)
    try:
        trial, word, said = only(link, cidr)
    finally:
        if astray:
            link.tool("sender", "bridge", "fdb", "del", *wrong)
        link.tool("sender", "bridge", "fdb", "add", *own, "permanent")
        if not dropping:
            link.ip("owner", "route", "add", "blackhole", cidr, "proto", "bird")
    assert trial.packet.sent
    assert not trial.packet.arrived
    assert word == "UNOBSERVED"
    assert (
        f"through the VXLAN tunnel to {trial.packet.target} with TTL 1 was not seen arriving at {dev} of owner" in said
    )
    assert "on sender: bridge fdb show" in said


def test_a_tunnel_that_goes_down_after_the_look_proves_nothing(link: TrialLab) -> None:
    look = link.look(block(BLOCK), vxlan="Always")
    facts = seen(link)
    link.ip("sender", "link", "set", DEVICES[0], "down")
    try:
        (trial,) = run(link, look, facts=facts, seconds=5).trials
    finally:
        link.ip("sender", "link", "set", DEVICES[0], "up")
        link.ip("sender", "route", "add", TUNNELS["owner"][0], "dev", DEVICES[0])
        link.ip("sender", "route", "add", BLOCK, "via", TUNNELS["owner"][0], "dev", DEVICES[0], "onlink")
    word, said = outcome(trial, look)
    assert word == "UNOBSERVED"
    assert said.startswith("sender: sending by vxlan.calico failed: Network is down")


def test_an_end_of_the_tunnel_that_is_not_there_is_told_without_a_packet(link: TrialLab) -> None:
    said: list[str] = []
    link.ip("sender", "address", "del", f"{TUNNELS['sender'][0]}/32", "dev", DEVICES[0])
    try:
        trials = run(link, link.look(block(BLOCK), vxlan="Always"), said)
    finally:
        link.ip("sender", "address", "add", TUNNELS["sender"][0], "dev", DEVICES[0])
    ((reason, applies, asked),) = [(item.reason, item.applies, item.asked) for item in trials.untried]
    assert reason == "sender: none of its VXLAN devices has the tunnel address 10.49.1.1"
    assert (applies, asked, trials.trials, said) == (True, True, (), [])
