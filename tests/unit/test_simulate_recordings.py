"""The simulator against reality: a recorded cluster, simulated, has the same facts on every node and in every pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.dumps.read import read_dumps
from tests.simulate.mirror import mirror
from tests.simulate.run import simulate
from tests.simulate.shape import Names, differences, node_shapes, pod_shapes, pods_by_link

RECORDINGS = Path(__file__).parent.parent / "recordings"
WHOLE = ("noencap", "borrowed-and-many-blocks", "vxlan-always", "no-owner", "pool-deleted")
LABELLED = ("base", "base-borrow", "var-02-route-reflector", "var-05-service-advertisement")


def _differences(file: str, *ignored: str) -> list[str]:
    recorded = read_dumps(RECORDINGS / f"{file}.tar.xz")
    simulated = simulate(mirror(recorded))
    names, own_names = Names(recorded), Names(simulated)
    assert set(simulated.node_facts) == set(recorded.node_facts)
    found = []
    for node, facts in recorded.node_facts.items():
        own = simulated.facts(node)
        found += [f"{node}: {line}" for line in differences(node_shapes(facts, names), node_shapes(own, own_names))]
        spaces, own_spaces = pods_by_link(facts), pods_by_link(own)
        assert len(spaces) == len(facts.pods) > 0
        assert set(spaces) == set(own_spaces), node
        for link, space in spaces.items():
            lines = differences(pod_shapes(space, names), pod_shapes(own_spaces[link], own_names))
            found += [f"{node} {link}: {line}" for line in lines]
    return [line for line in found if not any(word in line for word in ignored)]


@pytest.mark.parametrize("recording", WHOLE)
def test_simulated_equals_recorded(recording: str) -> None:
    assert _differences(recording) == []


@pytest.mark.parametrize("recording", LABELLED)
def test_simulated_equals_recorded_labelled(recording: str) -> None:
    """Their cluster had had IPv6 support for a while: older pods' links still have proxy_ndp."""
    assert _differences(f"labelled/{recording}", ".proxy_ndp") == []


def test_what_was_recorded_wrong_shows() -> None:
    """A recorded fault is a difference, and the only one."""
    lines = _differences("labelled/fault-03-own-blackhole-missing", ".proxy_ndp")
    assert len(lines) == 1
    assert lines[0].startswith("worker2: routes: only simulated: ('a block of host:worker2 in default-ipv4-ippool'")
