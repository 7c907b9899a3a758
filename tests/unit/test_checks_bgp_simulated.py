"""BGP sessions of simulated and recorded clusters: each one that is dropped or goes down is found, whatever asks for
it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from checks.run import Bench, apply, catalogue
from fixtures.dumps import read_dumps
from model.verdict import Severity
from tests.simulate.matrix import matrix
from tests.simulate.rows_fabric import fabric
from tests.simulate.run import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.node import Bird, BirdProtocol
    from model.snapshot import Snapshot

SESSIONS = "bgp_sessions_are_established"
RECORDINGS = Path(__file__).parents[1] / "recordings"
DOWN = {
    "start": ("start", "Active        Socket: Connection refused"),
    "passive": ("start", "Passive"),
    "disabled": ("down", ""),
}
SAMPLED = {
    spec.name: spec
    for spec in (
        *(spec for spec in fabric() if spec.release == "v3.33"),
        *(spec for spec in matrix() if spec.name.startswith(("noencap-bird/racks/v3.3", "ipip-Always/flat-default"))),
    )
}
Found = dict[tuple[str, str], Severity]  # node, object


def said(snapshot: Snapshot, node: str) -> Found:
    """What the check says of one node."""
    (check,) = (item for item in catalogue() if item.id == SESSIONS)
    verdict = apply(check, Bench(snapshot).node(node)).verdict
    assert (verdict.unobserved, verdict.unasked) == ((), ())
    return {(node, item.object): item.severity for item in verdict.differences}


def with_birds(snapshot: Snapshot, node: str, birds: tuple[Bird, ...]) -> Snapshot:
    facts = {**snapshot.node_facts, node: structs.replace(snapshot.node_facts[node], birds=birds)}
    return structs.replace(snapshot, node_facts=facts)


def without(snapshot: Snapshot, node: str, session: BirdProtocol, how: str) -> Snapshot:
    """One session fewer, or one that is down."""

    def kept(item: BirdProtocol) -> tuple[BirdProtocol, ...]:
        if item is not session:
            return (item,)
        if how == "dropped":
            return ()
        state, info = DOWN[how]
        return (structs.replace(item, state=state, info=info),)

    birds = snapshot.node_facts[node].birds
    changed = (structs.replace(bird, protocols=sum(map(kept, bird.protocols), ())) for bird in birds)
    return with_birds(snapshot, node, tuple(changed))


def sessions(snapshot: Snapshot) -> Iterator[tuple[str, BirdProtocol]]:
    for node, facts in snapshot.node_facts.items():
        yield from ((node, item) for bird in facts.birds for item in bird.protocols if item.proto == "BGP")


@cache
def simulated(name: str) -> Snapshot:
    return simulate(SAMPLED[name])


@pytest.mark.parametrize("name", SAMPLED)
def test_every_lost_session_is_found_on_its_node(name: str) -> None:
    snapshot = simulated(name)
    every = list(sessions(snapshot))
    assert len(every) >= 2
    for node in snapshot.node_facts:
        assert said(snapshot, node) == {}
    for node, session in every:
        for how in ("dropped", *DOWN):
            assert said(without(snapshot, node, session, how), node).keys() == {(node, session.neighbor)}, (name, how)


REDUNDANT = {"dual-tor": True, "tor": False, "reflectors-2": True, "reflectors-1": False, "ebgp-mesh": False}


@pytest.mark.parametrize(("row", "redundant"), REDUNDANT.items())
def test_a_session_with_a_substitute_is_wrong_and_one_without_is_broken(row: str, redundant: bool) -> None:
    snapshot = simulated(f"{row}/noencap/v3.33")
    reflectors = {node.name for node in snapshot.looks[0].before.nodes if node.route_reflector_id}
    client = next(name for name in snapshot.node_facts if name not in reflectors)
    mine = [item for node, item in sessions(snapshot) if node == client and ":" not in (item.neighbor or "")]
    wanted = Severity.WRONG if redundant else Severity.BROKEN
    assert mine
    for session in mine:
        assert set(said(without(snapshot, client, session, "start"), client).values()) == {wanted}


@pytest.mark.parametrize("count", [1, 2])
def test_a_node_whose_bird_cannot_be_asked_is_judged_by_its_status(count: int) -> None:
    snapshot = simulated(f"reflectors-{count}/noencap/v3.33")
    node, other = "node4", "10.0.1.11"
    blind = with_birds(snapshot, node, ())
    assert said(blind, node) == {}
    look = snapshot.looks[0]
    (status,) = (item for item in look.before.node_statuses if item.node == node)
    peers = tuple((*peer[:2], "Connect") if peer[0] == other else peer for peer in status.peers)
    down = structs.replace(
        look, before=structs.replace(look.before, node_statuses=(structs.replace(status, peers=peers),))
    )
    assert said(structs.replace(blind, looks=(down,)), node).keys() == {(node, other)}


def test_a_foreign_session_is_found_wherever_calico_would_have_made_it() -> None:
    for name in ("tor/noencap/v3.33", "reflectors-1/ipip/v3.33", "ebgp-mesh/vxlan/v3.33"):
        snapshot = simulated(name)
        four, six = snapshot.node_facts["node1"].birds
        one = next(item for item in four.protocols if item.proto == "BGP")
        more = structs.replace(one, name="Mesh_10_0_9_9", neighbor="10.0.9.9")
        birds = (structs.replace(four, protocols=(*four.protocols, more)), six)
        assert said(with_birds(snapshot, "node1", birds), "node1").keys() == {("node1", "10.0.9.9")}, name


def test_a_recorded_reflector_has_the_sessions_of_its_bgp_peer_and_no_others() -> None:
    snapshot = read_dumps(RECORDINGS / "labelled" / "var-02-route-reflector.tar.xz")
    every = {(node, item.neighbor): item for node, item in sessions(snapshot)}
    assert every.keys() == {
        ("worker1", "10.0.0.12"),
        ("worker1", "10.0.0.13"),
        ("worker2", "10.0.0.11"),
        ("worker3", "10.0.0.11"),
    }
    for place, session in every.items():
        node, _ = place
        assert said(snapshot, node) == {}
        for how in ("dropped", *DOWN):
            assert said(without(snapshot, node, session, how), node) == {place: Severity.BROKEN}
