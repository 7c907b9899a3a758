"""Which blocks the drop trials of a look are about, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fixtures.packets.plan import NOBODY
from fixtures.packets.scope import owner_of, pool_of
from model.trial import Trials, Untried

if TYPE_CHECKING:
    from model.cluster import Cluster
    from model.snapshot import Selection

LEFT_OUT = "it is left out by the selection"
STANDS = "its trial of an earlier look stands"
ALONE = "its node is the only one that was chosen, so that no other can send to it"


def exempt(cluster: Cluster, selection: Selection, owners: frozenset[str] | None) -> dict[str, str]:
    """The blocks that get no trial in this look, each with the reason: those of pools and nodes that are not chosen,
    and, where `owners` names nodes, those of all others."""
    nodes = None if selection.nodes is None else frozenset(selection.nodes)
    found: dict[str, str] = {}
    for block in cluster.blocks:
        owner, pool = owner_of(block), pool_of(block.cidr, cluster.pools)
        foreign = selection.pools is not None and pool is not None and pool.name not in selection.pools
        if foreign or (nodes is not None and owner not in nodes):
            found[block.cidr] = LEFT_OUT
        elif owners is not None and owner not in owners:
            found[block.cidr] = STANDS
    return found


def narrowed(trials: Trials, cluster: Cluster, selection: Selection) -> Trials:
    """What a selection kept from being tried is not asked, rather than impossible or of no concern."""
    nodes = None if selection.nodes is None else frozenset(selection.nodes)
    alone = nodes is not None and any(node.name not in nodes and not node.unobservable for node in cluster.nodes)
    return msgspec.structs.replace(trials, untried=tuple(_unasked(one, alone=alone) for one in trials.untried))


def _unasked(one: Untried, *, alone: bool) -> Untried:
    if one.reason == LEFT_OUT:
        return msgspec.structs.replace(one, applies=True, asked=False)
    if one.reason == NOBODY and alone:
        return msgspec.structs.replace(one, reason=ALONE, applies=True, asked=False)
    return one


def given_up(cluster: Cluster, reason: str) -> Trials:
    """No trial was begun, though all were asked for."""
    owned = [block for block in cluster.blocks if not block.deleted and owner_of(block)]
    return Trials(asked=True, untried=tuple(Untried(block.cidr, owner_of(block), reason) for block in owned))
