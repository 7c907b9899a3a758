"""Selections: what the options may say, what they choose, and that what is left out is said and never judged."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from checks.chosen import Chosen
from checks.run import Bench, judge
from expect.world import World
from fixtures.errors import UsageError
from gate.choose import Wanted, choose
from gate.patterns import patterns
from gate.sample import Sample, drawn, features, read_sample
from gate.trials import ALONE, LEFT_OUT, STANDS, exempt, given_up, narrowed
from model.cluster import Cluster, IPPool, Node
from model.node import Absent
from model.snapshot import NodeRecord, Selection
from model.trial import Trials, Untried
from model.verdict import Difference, Gap, Kind, Outcome, Verdict, about
from tests.unit.builders import BLOCK1, BLOCK1_V6, BLOCK2, BLOCK2_V6, CUSTOMER
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.snapshot import Snapshot
    from model.verdict import Result

LABELS = {"a": {"zone": "x", "gpu": ""}, "b": {"zone": "y"}, "c": {}}
ROUTES = "node_routes_every_other_nodes_blocks"
COVERAGE = "every_node_was_observed"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a", "a"),
        ("a, c", "ac"),
        ("[ab]", "ab"),
        ("?", "abc"),
        ("zone=x", "a"),
        ("zone==y", "b"),
        ("zone!=x", "bc"),
        ("zone in (x,y)", "ab"),
        ("zone notin ( x )", "bc"),
        ("!gpu", "bc"),
        ("label:gpu", "a"),
        ("zone,!gpu", "b"),
        ("label:zone,gpu", "a"),
        ("gpu=", "a"),
        ("zone in (x,y),gpu!=1", "ab"),
        ("label:a", ""),
        ("d*", ""),
    ],
)
def test_patterns_are_globs_or_selectors_as_kubectl_writes_them(value: str, names: str) -> None:
    wanted = patterns([value], "--nodes")
    assert {name for name in LABELS if any(one.matches(name, LABELS[name]) for one in wanted)} == set(names)


@pytest.mark.parametrize(
    "value", ["", "a,,b", "zone=x=y", "zone in x", "=x", "!", "label:", "a b in (c)", "zone in (x", "-a=b"]
)
def test_what_is_no_pattern_is_told(value: str) -> None:
    with pytest.raises(UsageError, match="--nodes") as caught:
        patterns([value], "--nodes")
    assert "key in (a,b)" in caught.value.remedy


def wanted(**options: str) -> Wanted:
    """As the command line gives it."""
    sample = options.pop("sample", None)
    read = {name: patterns([value], f"--{name}") for name, value in options.items()}
    return structs.replace(Wanted(**read), sample=read_sample(sample) if sample else None)  # type: ignore[arg-type]


def observed(**options: str) -> Snapshot:
    """The example under a selection, every node of it ready."""
    it = scene()
    for node in it.cluster.nodes:
        it.api("nodes", node.name, ready=True)
    return under(it, **options)


def under(it: Scene, **options: str) -> Snapshot:
    seen = it.observe()
    selection = choose(wanted(**options), seen.looks[-1], dict, seen.header.selection)
    return structs.replace(seen, header=structs.replace(seen.header, selection=selection))


def told(observation: Snapshot) -> str:
    """What is said to be left out."""
    return "; ".join(gap.reason for gap in Chosen(observation.header.selection, World(observation.looks[-1])).left_out)


def by_check(observation: Snapshot, check: str) -> list[Result]:
    return [result for result in judge(observation) if result.check == check]


def test_without_options_everything_is_judged_and_nothing_is_left_out() -> None:
    everything = observed()
    assert everything.header.selection == Selection()
    assert told(everything) == ""


def test_only_chosen_nodes_are_judged_and_their_expectations_stay_whole() -> None:
    chosen = observed(nodes="worker1")
    assert Bench(chosen).nodes() == ["worker1"]
    assert told(chosen).endswith("are left out by --nodes worker1")
    assert "2 of 3 nodes" in told(chosen)
    (coverage,) = by_check(chosen, COVERAGE)
    assert (coverage.outcome, coverage.verdict.examined) == (Outcome.PASSED, 1)
    (routes,) = by_check(chosen, ROUTES)
    (all_routes,) = (result for result in by_check(observed(), ROUTES) if result.node == "worker1")
    assert routes == all_routes


def alone(chosen: Snapshot) -> Snapshot:
    """As in a live run, which looks at worker1 and at no other node."""
    kept = tuple(record for record in chosen.nodes if record.name == "worker1")
    return structs.replace(chosen, nodes=kept, node_facts={"worker1": chosen.facts("worker1")})


@pytest.mark.parametrize("seen", [True, False])
def test_a_node_that_nobody_was_to_ask_excuses_no_missing_route(seen: bool) -> None:
    """Neither where its facts are in the recording nor where they are not, as in a live run."""
    it = scene()
    for node in it.cluster.nodes:
        it.api("nodes", node.name, ready=True)
    it.node("worker1").no_route(BLOCK2)
    chosen = under(it, nodes="worker1")
    (routes,) = by_check(chosen if seen else alone(chosen), ROUTES)
    assert [item.object for item in routes.verdict.differences] == [BLOCK2]
    (coverage,) = by_check(chosen, COVERAGE)
    assert coverage.outcome is Outcome.PASSED


def test_a_node_that_is_not_ready_excuses_it_though_nobody_was_to_ask() -> None:
    it = scene()
    it.api("nodes", "worker2", ready=False)
    it.node("worker1").no_route(BLOCK2)
    (routes,) = by_check(alone(under(it, nodes="worker1")), ROUTES)
    assert routes.verdict.differences == ()


def test_a_lost_node_that_is_not_chosen_is_no_gap() -> None:
    chosen = observed(nodes="worker1")
    lost = NodeRecord("worker2", 0, Absent("worker2", "nobody answers"))
    records = tuple(lost if record.name == "worker2" else record for record in chosen.nodes)
    assert not any(result.verdict.unobserved for result in judge(structs.replace(chosen, nodes=records)))


def test_only_pods_of_chosen_namespaces_and_pools_are_judged() -> None:
    bench = Bench(observed(namespaces=CUSTOMER.partition("/")[0]))
    every = Bench(observed())
    assert {key.partition("/")[0] for node in bench.nodes() for key in bench.pods(node)} == {CUSTOMER.partition("/")[0]}
    assert bench.nodes() == every.nodes()


def difference(name: str, **tokens: str) -> Difference:
    return Difference(Kind.MISSING, name, "", "", "", "", about=about(**tokens))


@pytest.mark.parametrize(
    ("item", "kept"),
    [
        (difference("10.48.0.64/26"), True),
        (difference("10.49.0.64/26"), False),
        (difference("10.49.0.7"), False),
        (difference("10.0.0.0/8"), True),
        (difference("session to 10.0.0.1"), True),
        (difference("handle x", block="10.49.0.64/26"), False),
        (difference("10.49.0.64/26", block="10.48.0.64/26"), True),
        (difference("other/pod-1"), False),
        (difference("address", pod="other/pod-1"), False),
        (difference("address", pod=CUSTOMER), True),
    ],
)
def test_a_finding_about_nothing_that_is_chosen_is_not_told(item: Difference, kept: bool) -> None:
    it = scene()
    it.add("pools", IPPool("second", "10.49.0.0/16", 26))
    first = it.cluster.pods[0]
    it.add("pods", structs.replace(first, namespace="other", name="pod-1", uid="other-1"))
    pool = it.cluster.pools[0].name
    chosen = Chosen(Selection(namespaces=(CUSTOMER.partition("/")[0],), pools=(pool,)), World(it.observe().looks[-1]))
    gap = Gap(item.object, "x")
    verdict = chosen.narrowed(Verdict(1, (item,), unobserved=(gap,), unasked=(gap,), inapplicable=(gap,)))
    assert (verdict.differences == (item,)) is kept
    if not item.about:
        assert verdict == (Verdict(1, (item,), (gap,), (gap,), (gap,)) if kept else Verdict(1))


@pytest.mark.parametrize(
    ("options", "reason", "remedy"),
    [
        ({"nodes": "wroker1"}, "--nodes wroker1 matches none of the 3 nodes", "host1, worker1, worker2"),
        ({"nodes": "worker1,w9"}, "--nodes w9 matches none", "There are"),
        ({"nodes": "arch=arm64"}, "--nodes arch=arm64 matches none", "There are"),
        ({"pools": "none"}, "--pools none matches none of the 2 IP pools", "There are"),
        ({"namespaces": "none"}, "--namespaces none matches none", "There are"),
        (
            {"nodes": "host1", "namespaces": "*"},
            "no pod with an address of Calico's is left by --nodes host1",
            "kubectl",
        ),
    ],
)
def test_a_selection_that_leaves_nothing_is_a_wrong_call(options: Mapping[str, str], reason: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        observed(**options)
    assert reason in caught.value.reason
    assert remedy in caught.value.remedy


def test_nodes_that_have_no_linux_state_are_not_enough() -> None:
    it = scene()
    it.api("nodes", "host1", os="windows")
    with pytest.raises(UsageError, match="none of the chosen nodes can be looked at") as caught:
        under(it, nodes="host1")
    assert caught.value.remedy == "host1: it runs windows: there is no Linux state to observe."


def test_a_recorded_selection_can_be_narrowed_and_not_widened() -> None:
    first = observed(nodes="worker*")
    look = first.looks[-1]
    again = choose(wanted(nodes="*1"), look, dict, first.header.selection)
    assert again.nodes == ("worker1",)
    assert again.asked == ("--nodes worker*", "--nodes *1")
    with pytest.raises(UsageError):
        choose(wanted(nodes="host1"), look, dict, first.header.selection)


def test_labels_of_namespaces_are_asked_for_only_where_they_are_needed() -> None:
    asked: list[str] = []

    def labels() -> Mapping[str, Mapping[str, str]]:
        asked.append("labels")
        return {CUSTOMER.partition("/")[0]: {"team": "a"}, "empty": {"team": "b"}}

    look = scene().observe().looks[-1]
    choose(wanted(namespaces="*"), look, labels, Selection())
    assert asked == []
    chosen = choose(wanted(namespaces="team=a"), look, labels, Selection())
    assert (asked, chosen.namespaces) == (["labels"], (CUSTOMER.partition("/")[0],))
    with pytest.raises(UsageError, match="no pod"):
        choose(wanted(namespaces="team=b"), look, labels, Selection())


def fleet(count: int) -> Cluster:
    """Nodes of three zones, three of them control planes, two of them virtual."""
    nodes = [
        Node(
            f"n{number:03}",
            "",
            "",
            labels={"topology.kubernetes.io/zone": f"z{number % 3}"}
            | ({"node-role.kubernetes.io/control-plane": ""} if number < 3 else {})
            | ({"type": "virtual-kubelet"} if number > count - 3 else {}),
        )
        for number in range(count)
    ]
    return Cluster(nodes=tuple(nodes))


def test_a_sample_is_spread_and_the_same_for_the_same_seed() -> None:
    kinds = features(fleet(60), {"n010": frozenset({"rare"})})
    assert len(kinds) == 58
    for seed in ("1", "2", "x"):
        chosen = drawn(Sample(7, seed), kinds)
        assert len(chosen) == 7
        assert chosen == drawn(Sample(7, seed), kinds)
        seen = Counter(one for name in chosen for one in kinds[name])
        assert {one for kind in kinds.values() for one in kind} == seen.keys()
    assert len({drawn(Sample(7, str(seed)), kinds) for seed in range(8)}) > 1


@given(st.integers(1, 40), st.integers(1, 50), st.text(max_size=5))
def test_a_sample_has_the_size_that_was_asked_for(count: int, size: int, seed: str) -> None:
    kinds = features(fleet(count), {})
    assert len(drawn(Sample(size, seed), kinds)) == min(size, len(kinds))


def test_a_sample_is_drawn_from_the_chosen_nodes_and_told_so_that_it_can_be_repeated() -> None:
    seen = observed(nodes="worker*", sample="1")
    assert seen.header.selection.nodes in {("worker1",), ("worker2",)}
    again = seen.header.selection.asked[-1].removeprefix("--sample ")
    assert observed(nodes="worker*", sample=again).header.selection == seen.header.selection
    assert observed(sample="9").header.selection.nodes == ("host1", "worker1", "worker2")


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "3:", "3:a b", "1:2:3", "9999999"])
def test_what_is_no_sample_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="--sample takes a number of nodes"):
        read_sample(text)


def test_only_the_blocks_that_are_asked_about_are_tried() -> None:
    it = scene()
    it.add("pools", IPPool("second", "10.49.0.0/16", 26))
    it.add("blocks", structs.replace(it.cluster.blocks[0], name="s", cidr="10.49.0.0/26"))
    cluster = it.cluster
    pools = tuple(pool.name for pool in cluster.pools if pool.name != "second")
    assert exempt(cluster, Selection(), None) == {}
    assert exempt(cluster, Selection(nodes=("worker1",), pools=pools), None) == {
        BLOCK2: LEFT_OUT,
        BLOCK2_V6: LEFT_OUT,
        "10.49.0.0/26": LEFT_OUT,
    }
    assert exempt(cluster, Selection(pools=pools), frozenset({"worker2"})) == {
        BLOCK1: STANDS,
        BLOCK1_V6: STANDS,
        "10.49.0.0/26": LEFT_OUT,
    }


def test_what_a_selection_keeps_from_being_tried_is_not_asked() -> None:
    cluster = scene().cluster
    nobody = Untried(BLOCK1, "worker1", "no other node that was observed can send to it")
    left_out = Untried(BLOCK2, "worker2", LEFT_OUT, applies=False)
    other = Untried("10.48.1.0/26", "worker1", "no uplink")
    trials = Trials(asked=True, untried=(nobody, left_out, other))
    assert narrowed(trials, cluster, Selection(nodes=("worker1",))).untried == (
        structs.replace(nobody, reason=ALONE, asked=False),
        structs.replace(left_out, applies=True, asked=False),
        other,
    )
    assert narrowed(trials, cluster, Selection()).untried[0] == nobody


def test_trials_that_there_was_no_time_for_could_not_be_observed() -> None:
    trials = given_up(scene().cluster, "too late")
    assert trials.asked
    assert {(one.block, one.owner, one.reason, one.asked, one.applies) for one in trials.untried} == {
        (cidr, node, "too late", True, True)
        for cidr, node in (
            (BLOCK1, "worker1"),
            (BLOCK1_V6, "worker1"),
            (BLOCK2, "worker2"),
            (BLOCK2_V6, "worker2"),
        )
    }
