"""Don't-cares of a node's BIRD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.node import Bird, BirdProtocol
from tests.mutations.dont_care import DontCare, of

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def _idle_bird(mutation: Mutation, scene: Scene) -> bool:
    place = mutation.where
    idle = {f"bird{family}" for family in {4, 6} - scene.bird_families}
    busy = {f"bird{family}" for family in scene.bird_families}
    return (not place or not any(name in place for name in busy)) and (any(name in place for name in idle) or not busy)


def _no_bgp(mutation: Mutation, scene: Scene) -> bool:
    return all(item.proto != "BGP" for item in of(BirdProtocol, mutation.touched))


def _same_sessions(mutation: Mutation, scene: Scene) -> bool:
    left, right = (
        [
            (bird.family, bird.running, {(item.proto, item.neighbor, item.state, item.info) for item in bird.protocols})
            for bird in birds
            if isinstance(bird, Bird)
        ]
        for birds in (mutation.old, mutation.new)
        if isinstance(birds, tuple)
    )
    return left == right


def _gained_no_bgp(mutation: Mutation, scene: Scene) -> bool:
    return (
        not mutation.lost
        and _no_bgp(mutation, scene)
        and all(item.state == "up" for item in of(BirdProtocol, mutation.gained))
    )


ENTRIES: tuple[DontCare, ...] = (
    DontCare("Bird", "version", "*", "Any BIRD that answers will do."),
    DontCare("Bird", "family", "add copy: *", "There is a BIRD for IPv4 and one for IPv6, and no third."),
    DontCare("Bird", "", "add foreign*", "There is a BIRD for IPv4 and one for IPv6, and no third."),
    DontCare("Bird", "*", "*", "No route of a pool is this BIRD's: it has nothing to announce.", _idle_bird),
    DontCare("BirdProtocol", "*", "*", "No route of a pool is this BIRD's: it has nothing to announce.", _idle_bird),
    DontCare("NodeFacts", "birds", "swap across", "Both have the same sessions.", _same_sessions),
    DontCare("BirdProtocol", "name", "*", "A session is known by its neighbour; confd names it."),
    DontCare("BirdProtocol", "since", "*", "When a session came up is no state."),
    DontCare("BirdProtocol", "neighbor_as", "*", "A session with the wrong AS is never established."),
    DontCare("BirdProtocol", "info", "*", "Of the protocols only BGP's has a state of its own in it.", _no_bgp),
    DontCare("BirdProtocol", "neighbor", "*", "Of the protocols only BGP has neighbours.", _no_bgp),
    DontCare(
        "BirdProtocol", "*", "*", "One protocol more that is up and no BGP session changes nothing.", _gained_no_bgp
    ),
    DontCare("BirdProtocol", "proto", "swap", "Both protocols are there, under each other's name."),
    DontCare("BirdProtocol", "neighbor", "swap", "Both sessions are there, under each other's name."),
    DontCare("BirdProtocol", "info", "add copy: *", "A peer needs one established session."),
    DontCare("BirdProtocol", "state", "add copy: *", "A peer needs one established session."),
    DontCare("BirdProtocol", "neighbor", "add copy: *", "A second session to a node of the mesh takes nothing away."),
)
