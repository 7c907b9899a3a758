"""The truth table of a drop trial: each piece of evidence alone missing, and it is no pass."""

from __future__ import annotations

import msgspec
import pytest

from checks.drops import Fence, fence_of, judge_drops, judge_trial, judge_untried
from model.cluster import AllocationAttribute, Cluster, IPAMBlock, Look, Node, Pod
from model.trial import Packet, Reply, Trial, Untried
from model.verdict import Outcome, Result, Severity, Verdict

BLOCK = IPAMBlock("b", "10.48.0.64/29", "1", "host:w1", (0, *[None] * 7), (AllocationAttribute(),))
FREE = tuple(f"10.48.0.{number}" for number in range(65, 72))
EXCEEDED = Reply("10.0.0.11", 11, 0)
GOOD = Trial(
    block=BLOCK.cidr,
    owner="w1",
    sender="w2",
    source="10.0.0.12",
    uplink="ens160",
    packet=Packet("10.48.0.70", 1, sent=True, arrived=True),
    control=Packet("10.48.0.64", 1, sent=True, arrived=True, replies=(EXCEEDED,)),
    control_kind="live-pod",
    control_lookup="unicast dev cali1",
    lookups=dict.fromkeys(FREE, "EINVAL"),
    owner_addresses=("10.0.0.11",),
)
LOOK = Look(Cluster(blocks=(BLOCK,)), (), (BLOCK,))
FENCE = fence_of(LOOK)


def packet(**changes: object) -> Trial:
    return msgspec.structs.replace(GOOD, packet=msgspec.structs.replace(GOOD.packet, **changes))


def control(**changes: object) -> Trial:
    return msgspec.structs.replace(GOOD, control=msgspec.structs.replace(GOOD.control, **changes))


def trial(**changes: object) -> Trial:
    return msgspec.structs.replace(GOOD, **changes)


def answers(answer: str, *addresses: str) -> dict[str, str]:
    return {**GOOD.lookups, **dict.fromkeys(addresses or FREE, answer)}


def after(**changes: object) -> Fence:
    return fence_of(Look(LOOK.before, (), (msgspec.structs.replace(BLOCK, **changes),)))


def outcome(verdict: Verdict) -> Outcome:
    return Result("drops", "", "w1", BLOCK.cidr, verdict).outcome


def test_all_evidence_together_passes() -> None:
    verdict = judge_trial(GOOD, FENCE)
    assert outcome(verdict) is Outcome.PASSED
    assert verdict.examined == 1 + len(FREE)


ALLOCATED = (0, *[None] * 5, 0, None)  # the target's ordinal is 6


@pytest.mark.parametrize(
    ("evidence", "fence", "words"),
    [
        (packet(sent=False, arrived=False), FENCE, "no packet was sent"),
        (packet(arrived=False), FENCE, "was not seen arriving at ens160 of w1"),
        (
            msgspec.structs.replace(packet(arrived=False), carrier="VXLAN", uplink="vxlan.calico"),
            FENCE,
            "with TTL 1 was not seen arriving at vxlan.calico of w1",
        ),
        (packet(arrived=False, replies=(EXCEEDED,)), FENCE, "was not seen arriving"),
        (packet(replies=(Reply("10.0.0.254", 3, 1),)), FENCE, "was answered on its way"),
        (packet(arrived=False, egress=("ens160",)), FENCE, "was not seen arriving"),
        (control(sent=False, arrived=False, replies=()), FENCE, "no control was sent"),
        (control(arrived=False), FENCE, "the control to 10.48.0.64 was not seen arriving"),
        (control(replies=()), FENCE, "did not answer the control"),
        (control(replies=(Reply("10.0.0.254", 11, 0),)), FENCE, "did not answer the control"),
        (control(replies=(Reply("10.0.0.11", 11, 1),)), FENCE, "did not answer the control"),
        (control(replies=(Reply("10.0.0.11", 3, 1),)), FENCE, "did not answer the control"),
        (control(ttl=2), FENCE, "the control had TTL 2"),
        (trial(owner_addresses=()), FENCE, "did not answer the control"),
        (trial(control_lookup="EINVAL"), FENCE, "lookup for the control"),
        (trial(control_lookup="EHOSTUNREACH"), FENCE, "lookup for the control"),
        (trial(control_lookup=None), FENCE, "lookup for the control"),
        (trial(lookups={}), FENCE, "7 of 7 free addresses were not looked up"),
        (trial(lookups=dict.fromkeys(FREE[1:], "EINVAL")), FENCE, "1 of 7 free addresses were not looked up"),
        (trial(receive_drops=1), FENCE, "1 captured frames were lost"),
        (trial(problem="w2: no python3"), FENCE, "w2: no python3"),
        (GOOD, after(allocations=ALLOCATED), "10.48.0.70 was given to somebody"),
        (GOOD, fence_of(Look(LOOK.before, (), None)), "the blocks were not listed again"),
        (
            GOOD,
            fence_of(Look(LOOK.before, (Pod("n", "p", "u", "1", "w1", False, "Running", ("10.48.0.70",)),), (BLOCK,))),
            "was given to somebody",
        ),
        (
            GOOD,
            fence_of(Look(LOOK.before, (), (BLOCK,), None, (Node("w3", "u", "1", ipip_tunnel="10.48.0.70"),))),
            "was given to somebody",
        ),
        (trial(control_lookup="EHOSTUNREACH", lookups=answers("EHOSTUNREACH")), FENCE, "lookup for the control"),
        (
            msgspec.structs.replace(control(replies=()), lookups=answers("unicast via 10.0.0.254 dev ens160")),
            FENCE,
            "did not answer the control",
        ),
        (packet(replies=(EXCEEDED,)), after(allocations=ALLOCATED), "was given to somebody"),
    ],
)
def test_each_piece_alone_missing_is_no_verdict(evidence: Trial, fence: Fence, words: str) -> None:
    verdict = judge_trial(evidence, fence)
    assert outcome(verdict) is Outcome.UNOBSERVED
    assert words in verdict.unobserved[0].reason
    assert verdict.examined == 0


@pytest.mark.parametrize(
    ("evidence", "found", "likely"),
    [
        (packet(replies=(EXCEEDED,)), "time exceeded (type 11, code 0) from 10.0.0.11", "came back"),
        (packet(replies=(Reply("10.0.0.11", 3, 1),)), "destination unreachable (type 3, code 1)", "came back"),
        (packet(replies=(Reply("10.48.0.70", 3, 3),)), "from 10.48.0.70", "came back"),
        (packet(egress=("ens160",)), "left w1 again by ens160", "came back"),
        (trial(lookups=answers("unicast via 10.0.0.254 dev ens160")), "for 7 of 7 free addresses", "is missing on w1"),
        (trial(lookups=answers("ENETUNREACH")), "ENETUNREACH for 7 of 7", "is missing on w1"),
        (trial(lookups=answers("EHOSTUNREACH")), "EHOSTUNREACH for 7 of 7", "an unreachable route"),
        (trial(lookups=answers("EACCES")), "EACCES for 7 of 7", "a prohibit route"),
        (trial(lookups=answers("unicast dev cali9", "10.48.0.66")), "1 of 7 free addresses: 10.48.0.66", "left behind"),
        (msgspec.structs.replace(packet(replies=(EXCEEDED,)), problem="late", receive_drops=3), "time exceeded", ""),
        (msgspec.structs.replace(packet(egress=("ens160",)), control_lookup=None, lookups={}), "left w1", ""),
    ],
)
def test_what_is_not_dropped_does_not_conform(evidence: Trial, found: str, likely: str) -> None:
    verdict = judge_trial(evidence, FENCE)
    assert outcome(verdict) is Outcome.FAILED
    (difference,) = verdict.differences
    assert found in difference.found
    assert likely in difference.likely
    assert difference.object == BLOCK.cidr
    assert difference.severity is Severity.WRONG
    assert difference.look.startswith("on w1: ip route get 10.48.0.")


def test_what_a_tunnel_lost_is_looked_for_in_the_tunnel() -> None:
    lost = msgspec.structs.replace(packet(arrived=False), carrier="VXLAN")
    (gap, *_) = judge_trial(lost, FENCE).unobserved
    assert gap.reason.startswith("the packet from w2 (10.0.0.12) through the VXLAN tunnel to 10.48.0.70")
    assert gap.remedy == ("look at the VXLAN tunnel from w2 to w1: on w2: bridge fdb show; ip -d link show type vxlan")


def test_a_trial_that_was_kept_before_tunnels_were_tried_is_read_as_it_was() -> None:
    kept = msgspec.to_builtins(GOOD)
    del kept["carrier"]
    assert msgspec.convert(kept, Trial) == GOOD


def test_ipv6_has_its_own_numbers() -> None:
    six = IPAMBlock("b", "fd48::40/125", "1", "host:w1", (0, *[None] * 7), (AllocationAttribute(),))
    free = tuple(f"fd48::4{number}" for number in range(1, 8))
    good = trial(
        block=six.cidr,
        source="fd00::12",
        packet=Packet("fd48::46", 1, sent=True, arrived=True),
        control=Packet("fd48::40", 1, sent=True, arrived=True, replies=(Reply("fd00::11", 3, 0),)),
        lookups=dict.fromkeys(free, "EINVAL"),
        owner_addresses=("fd00::11",),
    )
    fence = fence_of(Look(Cluster(blocks=(six,)), (), (six,)))
    assert outcome(judge_trial(good, fence)) is Outcome.PASSED
    bad = msgspec.structs.replace(good, packet=msgspec.structs.replace(good.packet, replies=(Reply("fd00::11", 3, 0),)))
    assert "time exceeded" in judge_trial(bad, fence).differences[0].found


@pytest.mark.parametrize(
    "fence",
    [
        after(affinity="host:w2"),
        after(deleted=True),
        fence_of(Look(LOOK.before, (), ())),
    ],
    ids=["moved", "deleted", "gone"],
)
def test_a_block_in_flux_is_no_finding(fence: Fence) -> None:
    leaking = packet(replies=(EXCEEDED,))
    assert outcome(judge_trial(leaking, fence)) is Outcome.INAPPLICABLE


def test_addresses_given_away_in_between_are_left_out() -> None:
    fence = after(allocations=(0, 0, *[None] * 6), resource_version="2")
    evidence = trial(lookups=answers("unicast dev cali9", "10.48.0.65"))
    verdict = judge_trial(evidence, fence)
    assert outcome(verdict) is Outcome.PASSED
    assert verdict.examined == len(FREE)


def test_a_pod_that_came_and_went_is_left_out_but_a_missing_blackhole_is_not() -> None:
    fence = after(resource_version="2")
    assert outcome(judge_trial(trial(lookups=answers("unicast dev cali9", "10.48.0.65")), fence)) is Outcome.PASSED
    lost = trial(lookups=answers("unicast via 10.0.0.254 dev ens160", "10.48.0.65"))
    assert outcome(judge_trial(lost, fence)) is Outcome.FAILED


@pytest.mark.parametrize(
    ("untried", "expected"),
    [
        (Untried("b", "w1", "full", applies=False), Outcome.INAPPLICABLE),
        (Untried("b", "w1", "not observed"), Outcome.UNOBSERVED),
        (Untried("b", "w1", "beyond the budget", asked=False), Outcome.UNASKED),
    ],
)
def test_a_block_that_was_not_tried_is_said(untried: Untried, expected: Outcome) -> None:
    assert outcome(judge_untried(untried)) is expected


def test_verdicts_add_up() -> None:
    verdict = judge_drops([GOOD, packet(replies=(EXCEEDED,))], [Untried("b", "w1", "full", applies=False)], FENCE)
    assert (len(verdict.differences), len(verdict.inapplicable), verdict.examined) == (1, 1, 16)
