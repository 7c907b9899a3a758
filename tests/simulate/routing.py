"""All BIRDs of a cluster together, and the fabric's routers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip
from model.node import Bird
from tests.simulate import bgp
from tests.simulate.bird import Daemon
from tests.simulate.sessions import as_number

if TYPE_CHECKING:
    from tests.simulate.world import World

VERSION = "v0.3.3+birdv1.6.8"


def run(world: World) -> None:
    """Both families' daemons on every node that runs them: learn, tell each other, program."""
    silent = (Bird(4, running=False), Bird(6, running=False))
    for node in world.nodes.values():
        node.birds = () if world.backend(node.spec) == "bird" else silent
    for family in (4, 6):
        daemons = {
            name: Daemon(world, node, family)
            for name, node in world.nodes.items()
            if world.backend(node.spec) == "bird"
        }
        speakers: dict[str, bgp.Speaker] = {**daemons, **_routers(world, daemons, family)}
        bgp.converge(speakers)
        for daemon in daemons.values():
            daemon.program()
            daemon.node.birds += (Bird(family, True, VERSION, daemon.protocols()),)


def _routers(world: World, daemons: dict[str, Daemon], family: int) -> dict[str, bgp.Router]:
    routers = [router for router in world.spec.routers if ip.family(router.address) == family]
    numbers = {name: as_number(world, daemon.node.spec) for name, daemon in daemons.items()}
    return {
        router.name: bgp.Router(
            name=router.name,
            address=router.address,
            as_number=router.as_number,
            announces=router.announces,
            transit=router.transit,
            nodes=tuple(name for name, daemon in daemons.items() if router.name in daemon.sessions),
            routers=tuple(other.name for other in routers if other is not router),
            node_as=numbers,
        )
        for router in routers
    }
