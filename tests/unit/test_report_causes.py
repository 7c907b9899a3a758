"""One cause, one headline: on every labelled recording, every fault of the catalogue, and whatever else is found."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.run import catalogue, judge
from fixtures.dumps import read_dumps
from model.verdict import Gap, Kind, Result, Severity, Verdict, about
from reports import cause_rules as rules
from reports.causes import grouped
from reports.json_findings import document
from reports.junit import junit
from reports.summary import summarise
from reports.terminal import plain, render
from reports.values import Finding, Summary
from tests.faults.bases import base
from tests.faults.catalogue import ROWS
from tests.unit.report_examples import HEADER, difference, result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.snapshot import Snapshot

RECORDINGS = Path(__file__).parents[1] / "recordings"
CASES = {f"{row.id} {case.name or number}": case for row in ROWS for number, case in enumerate(row.cases) if case.found}
POOL_GONE = (rules.NO_POOL, "", "10.49.0.0/29/pool")
OLDER = (rules.MTU, "worker1", "vx/v1-0/mtu-size")

# recording: the first finding of each cause and how many others stand under it; broken causes first
CAUSES = {
    "labelled/fault-03-own-blackhole-missing": [((rules.BLACKHOLES, "worker2", "10.48.189.64/26"), 0)],
    "labelled/fault-04-blockroute-missing": [((rules.BLOCK_ROUTES, "worker3", "10.48.235.128/26"), 0)],
    "labelled/fault-06-borrowed-missing-on-owner": [((rules.BORROWED, "worker2", "10.49.0.10/32"), 0)],
    "labelled/fault-10-proxyarp-off": [
        ((rules.POD_SYSCTLS, "worker1", "corpus/w1-0/net.ipv4.conf.calia6c8bdbd82b.proxy_arp"), 0)
    ],
    "labelled/fault-15-bgp-session-disabled": [((rules.SESSIONS, "worker1", "10.0.0.12"), 6)],
    "labelled/fault-16b-bird-dead-140s": [((rules.BIRD, "worker2", "bird"), 6)],
    "labelled/fault-20-vxlan-fdb-missing": [((rules.ENTRIES, "worker1", "vxlan.calico/worker3/fdb"), 0)],
    "labelled/fault-22b-shadowing-route-spread": [((rules.STRAY, "worker3", "10.48.235.128/28"), 2)],
    "labelled/fault-24b-duplicate-ip-spread": [((rules.HOLDERS, "worker3", "10.48.235.139"), 3)],
    "no-owner": [((rules.PROGRAMMER, "", "no encapsulation/neither"), 0), (OLDER, 1)],
    "pool-deleted": [(POOL_GONE, 11), (OLDER, 1)],
    "duplicate-host-route": [(POOL_GONE, 3), ((rules.NODE_GONE, "", "node/worker3"), 2), (OLDER, 1)],
}
HEADLINES = {
    "labelled/fault-15-bgp-session-disabled": (
        "the BGP session between worker1 and worker2 is down: 5 routes missing on 2 nodes"
    ),
    "labelled/fault-16b-bird-dead-140s": (
        "worker2: BIRD does not answer: 4 routes to it missing on 2 nodes, 2 sessions to it down"
    ),
    "labelled/fault-22b-shadowing-route-spread": (
        "worker3: stray route 10.48.235.128/28: 2 copies of it by BGP on 2 nodes"
    ),
    "labelled/fault-24b-duplicate-ip-spread": (
        "worker3: duplicate address 10.48.235.139 in a namespace of no pod: "
        "2 stray routes on 2 nodes, 1 stray interface"
    ),
    "no-owner": "cluster: neither Felix nor BIRD programs the routes of pools with no encapsulation",
    "pool-deleted": (
        "block 10.49.0.0/29 lies in no IP pool: 10 routes missing on 3 nodes, 1 more block outside every pool"
    ),
}


@cache
def recorded(name: str) -> Summary:
    return told(read_dumps(RECORDINGS / f"{name}.tar.xz"))


def told(snapshot: Snapshot) -> Summary:
    return summarise(list(judge(snapshot)), snapshot.header, catalogue=catalogue())


def place(finding: Finding) -> tuple[str, str, str]:
    return finding.check, finding.node, finding.object


def bare(findings: Sequence[Finding]) -> list[Finding]:
    """Without their causes."""
    return [msgspec.structs.replace(one, cause="") for one in findings]


def is_whole(findings: Sequence[Finding]) -> bool:
    """Whether every finding is in one cause, once, under the one that it names, and nothing stands under a symptom."""
    after, causes = grouped(findings)
    heads = [cause.finding for cause in causes]
    listed = [one for cause in causes for one in (cause.finding, *cause.consequences)]
    return (
        bare(after) == bare(findings)
        and sorted(map(repr, bare(listed))) == sorted(map(repr, bare(findings)))
        and sorted(map(repr, listed)) == sorted(map(repr, after))
        and all(not head.cause for head in heads)
        and all(one.cause == cause.finding.id for cause in causes for one in cause.consequences)
    )


def test_the_rules_speak_of_checks_that_exist() -> None:
    named = {check for rule in rules.RULES for side in (rule.cause, rule.effect) for check in side.checks}
    assert named <= {check.id for check in catalogue()}
    assert {check for rule in rules.RULES for check in rule.cause.checks if not rule.twins} <= rules.RANKS.keys()


@pytest.mark.parametrize("name", list(CAUSES))
def test_a_labelled_fault_is_the_headline_and_the_rest_stands_under_it(name: str) -> None:
    summary = recorded(name)
    assert [(place(cause.finding), len(cause.consequences)) for cause in summary.causes] == CAUSES[name]
    assert is_whole(summary.findings)


@pytest.mark.parametrize("name", list(HEADLINES))
def test_the_headline_says_what_it_is_and_what_comes_of_it(name: str) -> None:
    assert recorded(name).causes[0].headline == HEADLINES[name]


@pytest.mark.parametrize("name", list(CASES))
def test_each_fault_of_the_catalogue_is_one_cause(name: str) -> None:
    case = CASES[name]
    summary = told(case.change(base(case.base)))
    assert len(summary.causes) == 1, [cause.headline for cause in summary.causes]
    assert len(summary.causes[0].consequences) == len(summary.findings) - 1
    assert is_whole(summary.findings)


PAIRS = [  # faults of two kinds in one cluster, where neither can be a part of the other
    ("F37 0", "F28 0"),
    ("F37 0", "F19 0"),
    ("F28 0", "F10 0"),
    ("F12 0", "F65 0"),
    ("F60 of a node", "F19 0"),
    ("F39 0", "F17 0"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_faults_at_once_are_two_headlines(one: str, other: str) -> None:
    first, second = CASES[one], CASES[other]
    assert first.base == second.base
    alone = {place(told(case.change(base(case.base))).causes[0].finding) for case in (first, second)}
    both = told(second.change(first.change(base(first.base))))
    assert {place(cause.finding) for cause in both.causes} == alone


@pytest.mark.parametrize("name", ["labelled/fault-15-bgp-session-disabled", "duplicate-host-route"])
@given(data=st.data())
def test_the_order_of_findings_does_not_matter(name: str, data: st.DataObject) -> None:
    summary = recorded(name)
    shuffled = data.draw(st.permutations(bare(summary.findings)))
    assert grouped(shuffled)[1] == summary.causes


NODES = st.sampled_from(["n1", "n2", "n3"])
TOKENS = st.sampled_from(
    [
        *(f"node:n{number}" for number in (1, 2, 3)),
        *("block:10.0.0.0/26", "address:10.0.0.1", "link:cali1", "pod:ns/a", "namespace:x", "device:tunl0"),
        *("owner:BIRD", "by:BIRD", "encap:vxlan", "family:4", "setting:forwarding", "setting:mtu", "protocol:Static"),
        *("state:dead", "state:alone", "state:disabled", "state:unobserved", "state:duplicate", "state:reflected"),
    ]
)
CHECKS = sorted({check for rule in rules.RULES for side in (rule.cause, rule.effect) for check in side.checks})


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """Any finding of any check: no cluster would show most of these."""
    check, node = draw(st.sampled_from([*CHECKS, "a_check_of_tomorrow"])), draw(NODES)
    name = draw(st.sampled_from(["10.0.0.0/26", "10.0.0.1/32", "10.0.0.1"]))
    kind, severity = draw(st.sampled_from(list(Kind))), draw(st.sampled_from(list(Severity)))
    tokens = tuple(sorted(draw(st.frozensets(TOKENS, max_size=5))))
    return Finding(
        id=f"{check}/{node}/{name}",
        check=check,
        title="t",
        severity=severity,
        gates=severity is Severity.BROKEN,
        node=node,
        subject=draw(NODES),
        kind=kind,
        object=name,
        expected="e",
        because="b",
        found="f",
        look="l",
        about=tokens,
    )


@given(found=st.lists(findings(), max_size=25), data=st.data())
def test_whatever_is_found_is_shown_once_and_in_one_order(found: list[Finding], data: st.DataObject) -> None:
    assert is_whole(found)
    shuffled = data.draw(st.permutations(found))
    assert grouped(shuffled)[1] == grouped(found)[1]


def test_broken_causes_come_first_then_those_that_explain_the_most() -> None:
    summary = recorded("duplicate-host-route")
    assert [cause.severity for cause in summary.causes] == [Severity.BROKEN, Severity.WRONG, Severity.HOUSEKEEPING]
    dead = recorded("labelled/fault-16b-bird-dead-140s").findings
    alone = recorded("labelled/fault-04-blockroute-missing").findings
    _, causes = grouped([*alone, *dead])
    assert [len(cause.consequences) for cause in causes] == [6, 0]


def test_the_cause_is_worked_out_without_changing_what_is_counted() -> None:
    summary = recorded("labelled/fault-15-bgp-session-disabled")
    assert int(summary.exit_code) == 1
    assert len(summary.findings) == sum(check.findings for check in summary.checks) == 7
    assert [one.id for one in summary.findings if not one.cause] == ["bgp_sessions_are_established/worker1/10.0.0.12"]


def test_the_terminal_shows_the_cause_and_under_it_what_follows() -> None:
    text = plain(render(recorded("labelled/fault-15-bgp-session-disabled")))
    start = text.index("broken: the BGP session between worker1 and worker2 is down: 5 routes missing on 2 nodes\n")
    shown = text[start : text.index("\n\n", start)].splitlines()
    assert [line for line in shown if line.startswith(" " * 12 + "worker")] == [
        "            worker2: session to worker1 is down",
        "            worker1: route 10.48.189.64/26 to worker2 is missing",
        "            worker1: route 10.50.0.176/29 to worker2 is missing",
        "            worker2: route 10.48.235.128/26 to worker1 is missing",
        "            worker2: route 10.50.0.232/29 to worker1 is missing",
        "            worker2: route 10.50.0.240/29 to worker1 is missing",
    ]
    assert "; 1 cause explains 6 of them, first: the BGP session between worker1 and worker2 is down: 5 " in text


def test_a_long_list_of_consequences_is_cut_and_says_so() -> None:
    text = plain(render(recorded("pool-deleted")))
    assert "  explains  11 findings:\n" in text
    assert "            and 3 more: see findings.json\n" in text


def test_findings_json_names_cause_and_consequences() -> None:
    told_of: dict[str, object] = document(recorded("labelled/fault-16b-bird-dead-140s"))
    causes, found = told_of["causes"], told_of["findings"]
    assert isinstance(causes, list)
    assert isinstance(found, list)
    assert [cause["finding"] for cause in causes] == ["bird_answers/worker2/bird"]
    assert {one["id"] for one in found if one["cause"] == "bird_answers/worker2/bird"} == set(causes[0]["explains"])
    assert len(causes[0]["explains"]) == 6


def test_junit_names_the_cause_in_the_symptoms_case() -> None:
    snapshot = read_dumps(RECORDINGS / "labelled/fault-16b-bird-dead-140s.tar.xz")
    results = list(judge(snapshot))
    text = junit(summarise(results, snapshot.header), results).decode()
    assert text.count('<property name="cause" value="bird_answers/worker2/bird" />') == 4  # items, of 6 findings
    assert "  cause     bird_answers/worker2/bird\n" in text
    assert '<property name="cause" value="worker2: BIRD does not answer: ' in text


def test_trials_that_prove_nothing_are_put_down_to_a_node_that_does_not_forward() -> None:
    off = msgspec.structs.replace(difference("net.ipv4.ip_forward"), about=about(setting="forwarding", family="4"))
    trials = Verdict(unobserved=(Gap("10.48.0.0/26", "silence proves nothing"), Gap("10.48.0.64/26", "silence too")))
    results: list[Result] = [
        result(Verdict(1, (off,)), rules.FORWARDING),
        result(trials, rules.DROPS),
        result(trials, rules.DROPS, "worker3", "worker3"),
    ]
    (cause,) = summarise(results, HEADER).causes
    assert cause.unobserved == 2
    assert cause.headline == "worker2: net.ipv4.ip_forward is off: 2 drop trials could not be observed"
