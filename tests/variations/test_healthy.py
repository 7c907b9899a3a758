"""Thousands of healthy clusters, made by simulating what the CNI plugin, IPAM, Felix and BIRD do: none is accused.

The simulation shares no code with the expectations, so that a misunderstanding of either shows here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.run import judge
from tests.simulate.matrix import matrix
from tests.simulate.run import simulate
from tests.simulate.strategies import specs

if TYPE_CHECKING:
    from random import Random

    from model.snapshot import Snapshot
    from model.verdict import Result
    from tests.simulate.spec import ClusterSpec

T = TypeVar("T")
ROWS: dict[str, list[ClusterSpec]] = {}
for each in matrix():
    ROWS.setdefault(each.name.partition("/")[0], []).append(each)


def complaints(snapshot: Snapshot) -> list[Result]:
    """The verdicts that say anything but that all is well: a mention counts as well."""
    return [item for item in judge(snapshot) if item.verdict.differences or item.verdict.unobserved]


def examined(snapshot: Snapshot) -> int:
    return sum(item.verdict.examined for item in judge(snapshot))


@pytest.mark.parametrize("row", ROWS)
def test_no_row_of_the_decision_table_is_accused(row: str) -> None:
    accused = {spec.name: complaints(simulate(spec)) for spec in ROWS[row]}
    assert {name: said for name, said in accused.items() if said} == {}
    assert examined(simulate(ROWS[row][0])) > 50, row


def test_the_matrix_is_as_large_as_it_claims() -> None:
    names = [spec.name for found in ROWS.values() for spec in found]
    assert len(names) == len(set(names)) > 1500


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(specs())
def test_no_generated_cluster_is_accused(spec: ClusterSpec) -> None:
    assert complaints(simulate(spec)) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(specs(), st.randoms(use_true_random=False))
def test_the_order_of_facts_changes_no_verdict(spec: ClusterSpec, random: Random) -> None:
    snapshot = simulate(spec)
    assert said(shuffled(snapshot, random)) == said(snapshot)


def said(snapshot: Snapshot) -> set[tuple[str, str, str, str, int]]:
    return {(item.check, item.node, item.subject, item.outcome, item.verdict.examined) for item in judge(snapshot)}


def shuffled(snapshot: Snapshot, random: Random) -> Snapshot:
    """The same observation, with the lists of the API and of every namespace in another order."""

    def mixed(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(random.sample(items, len(items)))

    look = snapshot.looks[0]
    before = msgspec.structs.replace(
        look.before,
        pods=mixed(look.before.pods),
        nodes=mixed(look.before.nodes),
        pools=mixed(look.before.pools),
        blocks=mixed(look.before.blocks),
        affinities=mixed(look.before.affinities),
    )
    facts = {
        name: msgspec.structs.replace(
            node,
            host=msgspec.structs.replace(
                node.host, routes=mixed(node.host.routes), links=mixed(node.host.links), rules=mixed(node.host.rules)
            ),
            pods=mixed(node.pods),
        )
        for name, node in snapshot.node_facts.items()
    }
    return msgspec.structs.replace(snapshot, looks=(msgspec.structs.replace(look, before=before),), node_facts=facts)
