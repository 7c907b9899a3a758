"""A way in that sees no pod's inside finds of a real cluster exactly what the host side shows of it, and accuses nobody
of what it did not see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from checks.run import judge
from fixtures.dumps import read_dumps
from model.verdict import Outcome

if TYPE_CHECKING:
    from model.snapshot import Snapshot

HERE = Path(__file__).parent
INSIDE = frozenset(
    {
        "eth0_has_exactly_the_pods_addresses",
        "no_fixed_neighbour_misleads",
        "no_other_namespace_has_a_pools_address",
        "nothing_else_diverts_the_pods_traffic",
        "pair_joins_the_pod_and_its_host_interface",
        "pod_and_node_answer_each_other",
        "pod_default_route_leaves_by_eth0",
        "pod_forwards_where_its_configuration_says_so",
        "pod_has_eth0_and_it_is_up",
    }
)
RECORDINGS = sorted(
    path.relative_to(HERE).as_posix().removesuffix(".tar.xz")
    for path in HERE.glob("**/*.tar.xz")
    if path.name != "api-responses.tar.xz"
)


def _blind(snapshot: Snapshot) -> Snapshot:
    facts = {name: msgspec.structs.replace(node, pods=()) for name, node in snapshot.node_facts.items()}
    header = msgspec.structs.replace(snapshot.header, sees_pods=False, reach="calico-node")
    return msgspec.structs.replace(snapshot, header=header, node_facts=facts)


def _findings(snapshot: Snapshot) -> set[tuple[str, str, str]]:
    return {
        (item.check, item.node, difference.object)
        for item in judge(snapshot)
        for difference in item.verdict.differences
    }


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_host_side_alone(name: str) -> None:
    whole = read_dumps(HERE / f"{name}.tar.xz")
    assert whole.header.sees_pods
    assert _findings(_blind(whole)) == {found for found in _findings(whole) if found[0] not in INSIDE}


def test_what_is_not_asked_is_what_is_inside_pods() -> None:
    results = list(judge(_blind(read_dumps(HERE / "noencap.tar.xz"))))
    unasked = {result.check for result in results if result.verdict.unasked}
    asked = {result.check for result in results if result.outcome is Outcome.PASSED}
    assert unasked - {"packets_to_free_addresses_are_dropped"} == INSIDE
    assert not unasked & asked
    said = {gap.reason for result in results for gap in result.verdict.unasked if result.check in INSIDE}
    assert said == {"the way in (calico-node) cannot see what is inside a pod's network namespace"}
