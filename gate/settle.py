"""Looking again at what fails, until two looks agree or the time is over (calico-state §7).

Felix repairs a route at its next refresh, BIRD at its next scan: what a later look no longer shows has healed, and is
reported as healed, never as failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checks.run import judge
from fixtures.errors import UnobservableError
from model.snapshot import Healed, NodeRecord, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model.verdict import Result

PAUSE = 10.0  # seconds between two looks; never more than half the settle time

CONFIRMING = 2  # looks after the time is over: pods that come and go must not be accused of what one look saw


@dataclass(frozen=True)
class Clock:
    """Time as the loop needs it: now, and waiting. The tests hand in their own."""

    now: Callable[[], float]
    wait: Callable[[float], None]


def settle(
    first: Snapshot, look_again: Callable[[Snapshot, frozenset[str]], Snapshot], seconds: float, clock: Clock
) -> Snapshot:
    """The snapshot that is judged: `first`, or `first` with later looks at the nodes that failed.

    `look_again` observes the named nodes (none: the API and the trials alone) and returns a snapshot of just them.
    Where it raises UnobservableError, what was seen so far stands. What only the last look shows is looked at once more
    even when the time is over, `CONFIRMING` times at most.
    """
    if seconds <= 0:
        return first
    began = clock.now()
    current, open_ids = first, _open(judge(first))
    since = dict.fromkeys(open_ids, began)
    healed: dict[str, float] = {}
    pause = min(PAUSE, seconds / 2)
    new: set[str] = set()
    left = CONFIRMING
    while open_ids:
        if clock.now() + pause > began + seconds:
            if not new or not left:
                break
            left -= 1
        clock.wait(pause)
        try:
            again = look_again(current, frozenset(node for node in open_ids.values() if node))
        except UnobservableError:
            break
        current = merge(current, again)
        seen = _open(judge(current))
        now = clock.now()
        for name in open_ids.keys() - seen.keys():
            healed[name] = now - since[name]
        for name in seen:
            healed.pop(name, None)
            since.setdefault(name, now)
        new = seen.keys() - open_ids.keys()
        agreed = seen.keys() == open_ids.keys()
        open_ids = seen
        if agreed:
            break
    return msgspec.structs.replace(current, healed=tuple(Healed(name, healed[name]) for name in sorted(healed)))


def _open(results: Iterable[Result]) -> dict[str, str]:
    """What is not settled, by finding id or gap, with the node to look at again. Housekeeping too: one look alone takes
    a pod that came and went between the two lists for a leftover."""
    found: dict[str, str] = {}
    for result in results:
        found |= {result.finding_id(item): result.node for item in result.verdict.differences}
        for gap in result.verdict.unobserved:
            found[f"{result.check}/{result.node or 'cluster'}/{gap.object}/unobserved"] = result.node or gap.object
    return found


def merge(before: Snapshot, again: Snapshot) -> Snapshot:
    """The later look laid over the earlier: its nodes replace theirs; a node keeps the look that its facts belong to.

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
        trials=again.trials if again.trials.asked else before.trials,
    )
