"""How a fault is made: functions that give a snapshot with something changed in it, to be put one after the other.

Nothing follows by itself: what the kernel and Calico make of the change is part of the fault's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from model import net
    from model.cluster import Pod
    from model.node import NodeFacts
    from model.snapshot import Snapshot

    Change = Callable[[Snapshot], Snapshot]
    Edit = Callable[[net.Namespace], net.Namespace]

replace = msgspec.structs.replace


def every(*changes: Change) -> Change:
    """All of them, in that order."""

    def change(snapshot: Snapshot) -> Snapshot:
        for one in changes:
            snapshot = one(snapshot)
        return snapshot

    return change


def facts(node: str, edit: Callable[[NodeFacts], NodeFacts]) -> Change:
    """Change what was seen of one node."""
    return lambda snapshot: replace(snapshot, node_facts={**snapshot.node_facts, node: edit(snapshot.node_facts[node])})


def unlooked(node: str) -> Change:
    """A node that is no part of the observation any more."""

    def change(snapshot: Snapshot) -> Snapshot:
        kept = {name: seen for name, seen in snapshot.node_facts.items() if name != node}
        return replace(snapshot, nodes=tuple(item for item in snapshot.nodes if item.name != node), node_facts=kept)

    return change


def host(node: str, *edits: Edit) -> Change:
    """Change a node's own namespace."""
    return facts(node, lambda seen: replace(seen, host=_edited(seen.host, edits)))


def pod(snapshot: Snapshot, key: str) -> Pod:
    """The pod of that namespace/name. StopIteration."""
    return next(item for item in snapshot.looks[0].before.pods if item.key == key)


def inside(key: str, *edits: Edit) -> Change:
    """Change a pod's namespace."""

    def change(snapshot: Snapshot) -> Snapshot:
        owner = pod(snapshot, key)

        def edit(seen: NodeFacts) -> NodeFacts:
            pods = [_edited(space, edits) if owner.uid in space.uids else space for space in seen.pods]
            return replace(seen, pods=tuple(pods))

        return facts(owner.node, edit)(snapshot)

    return change


def without_namespace(key: str) -> Change:
    """A pod whose namespace is gone, with all that was in it."""

    def change(snapshot: Snapshot) -> Snapshot:
        owner = pod(snapshot, key)
        return facts(
            owner.node,
            lambda seen: replace(seen, pods=tuple(space for space in seen.pods if owner.uid not in space.uids)),
        )(snapshot)

    return change


def session(node: str, neighbor: str, state: str, info: str) -> Change:
    """A BGP session of a node's BIRD in another state."""

    def edit(seen: NodeFacts) -> NodeFacts:
        birds = [
            replace(
                bird,
                protocols=tuple(
                    replace(item, state=state, info=info) if item.neighbor == neighbor else item
                    for item in bird.protocols
                ),
            )
            for bird in seen.birds
        ]
        return replace(seen, birds=tuple(birds))

    return facts(node, edit)


def no_session(node: str, neighbor: str) -> Change:
    """A BGP session that a node's BIRD is not configured with any more."""

    def edit(seen: NodeFacts) -> NodeFacts:
        birds = [
            replace(bird, protocols=tuple(item for item in bird.protocols if item.neighbor != neighbor))
            for bird in seen.birds
        ]
        return replace(seen, birds=tuple(birds))

    return facts(node, edit)


def dead_bird(node: str) -> Change:
    """BIRD does not answer any more."""
    return facts(
        node,
        lambda seen: replace(
            seen, birds=tuple(replace(bird, running=False, protocols=(), version="") for bird in seen.birds)
        ),
    )


def _edited(space: net.Namespace, edits: tuple[Edit, ...]) -> net.Namespace:
    for edit in edits:
        space = edit(space)
    return space
