"""The engine: subjects, what a way in cannot see, parts and the whole, and laws that hold for every cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from checks.declare import CATALOGUE, Scope, check
from checks.run import Bench, apply, catalogue, judge
from model.net import Address, Link
from model.node import Absent
from model.snapshot import NodeRecord
from model.verdict import Gap, Kind, Outcome, Verdict
from tests.unit.builders import (
    CALI,
    CUSTOMER,
    DATABASE,
    DUAL,
    FREE,
    LEAVING,
    LIVE,
    NODES,
    cali,
    healthy_facts,
    held_by,
    host_route,
    pod,
    route,
    space_name,
    via,
)
from tests.unit.scenes import Scene, scene
from tests.unit.tables import UNASKED, run, said

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from model.verdict import Result

W1, W2 = "worker1", "worker2"
BLIND = [
    ({"sees_pods": False}, "pods", "cannot see what is inside a pod's network namespace"),
    ({"sees_bird": False}, "bird", "cannot see BIRD's own view of its sessions"),
]


def words(results: list[Result]) -> list[tuple[str, str, str, str]]:
    return [(item.check, item.node, item.subject, str(item.outcome)) for item in results]


def test_the_healthy_cluster_conforms() -> None:
    results = scene().judge()
    assert {item.outcome for item in results} == {Outcome.PASSED, Outcome.INAPPLICABLE}
    assert [item for item in results if item.verdict.differences] == []
    assert sum(item.verdict.examined for item in results) > 250


def test_each_check_has_its_subjects() -> None:
    results = scene().judge()
    for item in catalogue():
        subjects = {(result.node, result.subject) for result in results if result.check == item.id}
        wanted = {
            Scope.CLUSTER: {("", "cluster")},
            Scope.NODE: {(name, name) for name in NODES},
            Scope.POD: {(node, key) for key, (node, _) in LIVE.items()},
        }[item.scope]
        assert subjects == wanted, item.id
        assert all(result.title == item.sentence for result in results if result.check == item.id)


@pytest.mark.parametrize(("header", "need", "reason"), BLIND)
def test_what_the_way_in_cannot_see_is_not_asked(header: dict[str, Any], need: str, reason: str) -> None:
    cluster = scene()
    cluster.header = structs.replace(cluster.header, **header)
    needing = {item.id for item in catalogue() if need in item.needs}
    assert needing
    for result in cluster.judge():
        unasked = [gap.reason for gap in result.verdict.unasked]
        if result.check in needing:
            assert result.outcome is Outcome.UNASKED
        assert all(f"the way in (lab) {reason}" in text for text in unasked)
        assert bool(unasked) is (result.outcome is Outcome.UNASKED)


def test_a_way_in_without_a_name_is_told_by_its_source() -> None:
    cluster = scene()
    cluster.header = structs.replace(cluster.header, sees_pods=False, reach="", source="dump")
    (first, *_) = (item for item in cluster.judge() if item.verdict.unasked)
    assert "the way in (dump)" in first.verdict.unasked[0].reason


def test_packets_that_were_not_asked_for_are_told() -> None:
    cluster = scene()
    cluster.trials = structs.replace(cluster.trials, asked=False, reason="--packets off")
    check_id = "packets_to_free_addresses_are_dropped"
    assert {word for _, _, word in said(run(cluster, check_id))} == {UNASKED}


def test_the_parts_are_the_whole() -> None:
    whole = list(judge(scene().observe()))
    parts = [item for name in NODES for item in judge(scene().observe(), [name])]
    assert parts == [item for item in whole if item.node]
    assert [item for item in whole if not item.node] == whole[len(parts) :]
    assert list(judge(scene().observe(), [])) == []


def test_a_node_without_facts_is_not_judged_and_is_missed() -> None:
    for reason in (Absent(W2, "nobody answers"), None):
        cluster = scene()
        del cluster.facts[W2]
        if reason:
            cluster.absent.append(reason)
        results = cluster.judge()
        assert {item.node for item in results} == {"", "host1", W1}
        unobserved = [gap.object for item in results for gap in item.verdict.unobserved]
        assert unobserved == [W2]
        assert [item for item in results if item.verdict.differences] == []


def test_a_node_that_the_api_does_not_know_is_not_judged() -> None:
    cluster = scene()
    cluster.facts["stranger"] = structs.replace(healthy_facts("host1"), name="stranger")
    assert "stranger" not in {item.node for item in cluster.judge()}


def test_a_pods_name_outlives_its_rollout() -> None:
    cluster = scene()
    cluster.api("pods", CUSTOMER, workload="customer")
    bench = cluster.bench()
    assert bench.stable_name(W1, CUSTOMER) == "yaobank/customer"
    assert bench.stable_name(W1, DUAL) == DUAL
    with pytest.raises(KeyError):
        bench.pod(W1, DATABASE)


def test_only_networked_pods_out_of_flux_are_judged() -> None:
    cluster = scene()
    cluster.api_later("pods", DUAL, phase="Succeeded")
    bench = cluster.bench()
    assert bench.pods(W1) == [CUSTOMER, LEAVING]
    assert bench.pods("host1") == []


def test_a_case_is_kept_while_it_is_the_last() -> None:
    bench = scene().bench()
    first = bench.node(W1)
    assert bench.node(W1) is first
    bench.node(W2)
    assert bench.node(W1) is not first


def test_each_node_is_judged_by_its_own_look() -> None:
    """A node that was looked at again is judged by the later lists."""
    early, late = scene(), scene()
    early.api("pods", DATABASE, phase="Failed")
    looked = early.observe()
    again = late.look()
    records = tuple(NodeRecord(item.name, 1 if item.name == W2 else 0) for item in looked.nodes)
    bench = Bench(structs.replace(looked, looks=(*looked.looks, again), nodes=records))
    assert DATABASE in bench.pods(W2)
    assert bench.node(W1).world is not bench.node(W2).world
    assert bench.cluster.world is bench.world


def declare(**options: Any) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    return check(**{"faults": (), **options})


def test_a_check_is_declared_with_a_sentence_a_known_subject_and_known_needs() -> None:
    before = dict(CATALOGUE)

    def test_nameless(node: object) -> Verdict:
        return Verdict()

    def test_foreign(tree: object) -> Verdict:
        """A sentence."""
        return Verdict()

    def test_needy(node: object) -> Verdict:
        """A sentence."""
        return Verdict()

    with pytest.raises(TypeError, match="has no docstring"):
        declare()(test_nameless)
    with pytest.raises(ValueError, match="tree"):
        declare()(test_foreign)
    with pytest.raises(TypeError, match="needs \\['telepathy'\\]"):
        declare(needs=frozenset({"telepathy"}))(test_needy)
    assert before == CATALOGUE


def test_the_catalogue_is_whole() -> None:
    every = catalogue()
    assert len(every) == len({item.id for item in every}) > 20
    for item in every:
        assert item.sentence
        assert not item.sentence.endswith(".")
        assert "\n" not in item.sentence
        assert item.module.startswith("test_")


def shuffled(cluster: Scene, order: random.Random) -> None:
    def mixed(items: Any) -> tuple[Any, ...]:
        found = list(items)
        order.shuffle(found)
        return tuple(found)

    for kind in ("pods", "nodes", "pools", "blocks", "affinities", "handles"):
        cluster.relist(**{kind: mixed(getattr(cluster.cluster, kind))})
    for name, facts in cluster.facts.items():
        cluster.seen(name, pods=mixed(facts.pods), birds=mixed(facts.birds))
        cluster.node(name).set(
            **{kind: mixed(getattr(facts.host, kind)) for kind in ("links", "addresses", "routes", "rules")}
        )
    cluster.trials = structs.replace(cluster.trials, trials=mixed(cluster.trials.trials))


def broken(cluster: Scene) -> None:
    """One fault of many a kind."""
    cluster.node(W1).no_route("10.48.0.128/26")
    cluster.node(W2).no_route("10.48.0.128/26")
    cluster.node(W1).add("routes", route(f"{FREE}/32", via("10.0.0.10", "ens160")), host_route("10.48.0.130", CALI))
    cluster.node(W1).link(cali(DUAL), up=False)
    cluster.inside(CUSTOMER).change("addresses", lambda item: item.dev == "eth0" and item.scope == 0, prefixlen=24)
    cluster.api("pods", DATABASE, ips=("10.48.0.67",))


def findings(cluster: Scene) -> set[tuple[str, str, Kind, str]]:
    return {
        (item.finding_id(difference), item.subject, difference.kind, str(difference.severity))
        for item in cluster.judge()
        for difference in item.verdict.differences
    }


@settings(max_examples=12, deadline=None, database=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_lists_does_not_matter(order: random.Random, damage: bool) -> None:
    plain, mixed = scene(), scene()
    for cluster in (plain, mixed) if damage else ():
        broken(cluster)
        cluster.api("blocks", "10.48.0.64/26", affinity="host:worker2")
    shuffled(mixed, order)
    assert findings(mixed) == findings(plain)
    assert bool(findings(plain)) is damage
    assert sum(item.verdict.examined for item in mixed.judge()) == sum(item.verdict.examined for item in plain.judge())


def one_more_pod(cluster: Scene, name: str, last: int) -> None:
    """A healthy pod more on worker1, in every place where it must show."""
    key, address, index = f"extra/{name}", f"10.48.0.{last}", 200 + last
    cluster.add("pods", pod(key, W1, (address,)))
    cluster.allocate(address, held_by(key, W1))
    cluster.relist(
        handles=(*cluster.cluster.handles, structs.replace(cluster.cluster.handles[0], handle=f"k8s-pod-network.{key}"))
    )
    like = cluster.inside(CUSTOMER).now
    space = structs.replace(
        like,
        name=space_name(key),
        links=(like.links[0], structs.replace(like.links[1], peer_index=index)),
        addresses=tuple(_moved(item, address) for item in like.addresses),
        routes=tuple(structs.replace(item, dst=item.dst.replace("10.48.0.67", address)) for item in like.routes),
        nsid=index,
        uids=(f"uid-{key}",),
    )
    cluster.seen(W1, pods=(*cluster.facts[W1].pods, space))
    cluster.node(W1).add("links", Link(index, cali(key), "veth", True, True, "ee:ee:ee:ee:ee:ee", 1500, 2, index))
    cluster.node(W1).add("routes", host_route(address, cali(key)))
    old = cluster.node(W1).now.sysctls
    cluster.node(W1).set(sysctls={**old, **{k.replace(CALI, cali(key)): v for k, v in old.items() if CALI in k}})


def _moved(item: Address, address: str) -> Address:
    return structs.replace(item, address=address) if item.address == "10.48.0.67" else item


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).map(lambda text: text.replace("/", "-"))


@settings(max_examples=12, deadline=None, database=None)
@given(names, st.integers(100, 126), st.booleans())
def test_one_healthy_pod_more_changes_nothing(name: str, last: int, damage: bool) -> None:
    """Whatever it is called: names are data."""
    plain, more = scene(), scene()
    one_more_pod(more, name, last)
    for cluster in (plain, more) if damage else ():
        broken(cluster)
    assert findings(more) == findings(plain)
    if not damage:
        assert len(more.judge()) == len(plain.judge()) + sum(item.scope is Scope.POD for item in catalogue())


def test_the_first_thing_said_decides_the_outcome() -> None:
    (item, *_) = catalogue()
    result = apply(item, scene().bench().cluster) if item.scope is Scope.CLUSTER else scene().judge()[0]
    gap = Gap("x", "y")
    table = [
        (Verdict(), Outcome.INAPPLICABLE),
        (Verdict(inapplicable=(gap,)), Outcome.INAPPLICABLE),
        (Verdict(unasked=(gap,)), Outcome.UNASKED),
        (Verdict(1, unasked=(gap,)), Outcome.PASSED),
        (Verdict(1, unobserved=(gap,)), Outcome.UNOBSERVED),
    ]
    assert [structs.replace(result, verdict=verdict).outcome for verdict, _ in table] == [word for _, word in table]
