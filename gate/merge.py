"""A later look laid over an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from model.snapshot import NodeRecord, Snapshot
from model.trial import Trial, Untried

if TYPE_CHECKING:
    from model.trial import Trials

Tried = TypeVar("Tried", Trial, Untried)

PCAP_HEAD = 24  # bytes of a pcap file before its first packet


def merge(before: Snapshot, again: Snapshot) -> Snapshot:
    """The later look's nodes replace the earlier's, with the trials at their blocks; a node keeps the look that its
    facts and its trials belong to.

    A node that could not be observed and that the API has no longer is no node any more.
    """
    listed = {node.name for node in again.looks[-1].before.nodes}
    fresh = {record.name: record.absent for record in again.nodes}
    last = len(before.looks)
    records = [
        record for record in before.nodes if record.name not in fresh and (not record.absent or record.name in listed)
    ]
    records += [NodeRecord(name, last, absent) for name, absent in fresh.items()]
    looks = (*before.looks, *again.looks)
    used = sorted({record.look for record in records} | {last})
    place = {old: new for new, old in enumerate(used)}
    return msgspec.structs.replace(
        before,
        looks=tuple(looks[old] for old in used),
        nodes=tuple(
            NodeRecord(record.name, place[record.look], record.absent)
            for record in sorted(records, key=lambda record: record.name)
        ),
        node_facts={name: facts for name, facts in before.node_facts.items() if fresh.get(name) is None}
        | again.node_facts,
        trials=_trials(before.trials, again.trials, frozenset(fresh)),
    )


def _trials(before: Trials, again: Trials, tried: frozenset[str]) -> Trials:
    """The later trials of those owners among the earlier ones; every frame of both is kept."""
    if not again.asked:
        return before
    if not before.asked:
        return again
    ours = _laid(before.trials, again.trials, tried)
    rest = _laid(before.untried, again.untried, tried)
    return msgspec.structs.replace(
        again,
        trials=ours,
        untried=rest,
        pcap=before.pcap + again.pcap[PCAP_HEAD:] if before.pcap and again.pcap else before.pcap or again.pcap,
    )


def _laid(before: tuple[Tried, ...], again: tuple[Tried, ...], tried: frozenset[str]) -> tuple[Tried, ...]:
    kept = [one for one in before if one.owner not in tried] + [one for one in again if one.owner in tried]
    return tuple(sorted(kept, key=lambda one: (one.owner, one.block)))
