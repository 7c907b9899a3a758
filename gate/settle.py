"""Looking again at what fails, until two looks agree after the time in which it may heal, or the time is over
(calico-state §7).

Felix repairs a route at its next refresh, BIRD at its next scan: what a later look no longer shows has healed, and is
reported as healed, never as failed. What nobody repairs is believed as soon as a second look shows it too.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checks.run import judge
from expect.world import World
from fixtures.errors import UnobservableError
from gate.converge import Wait, longest, wait_for
from gate.merge import merge
from model.snapshot import Healed
from reports.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model.snapshot import Snapshot

PAUSE = 10.0  # seconds before a second look; never more than half the settle time
STRIDE = 30.0  # seconds between later looks, so that it is known when something healed
CONFIRMING = 2  # looks after the time is over: pods that come and go must not be accused of what one look saw
UNOBSERVED = "/unobserved"  # how the name of what could not be observed ends
FAILURES = 2  # looks that fail one after the other before it is given up


@dataclass(frozen=True)
class Clock:
    """Time as the loop needs it: now, and waiting (seconds). The tests hand in their own."""

    now: Callable[[], float]
    wait: Callable[[float], None]


class Open(msgspec.Struct, frozen=True):
    """One thing that is not as it should be, or could not be observed: where to look again ("": the API alone), how
    long it may still heal, and the node whose judgement told it ("": the cluster's)."""

    node: str
    wait: Wait = Wait()
    told: str = ""


@dataclass
class _Suspect:
    """An open thing while it is watched, and since when."""

    what: Open
    since: float

    def due(self) -> float:
        return self.since + self.what.wait.seconds


def settle(
    first: Snapshot,
    look_again: Callable[[Snapshot, frozenset[str]], Snapshot],
    seconds: float,
    clock: Clock,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Snapshot:
    """The snapshot that is judged: `first`, or `first` with later looks at what failed.

    `look_again` observes the named nodes (none: the API alone) and returns a snapshot of just them; where it raises
    UnobservableError twice in a row, what was seen so far stands. What only the last look shows is looked at once more
    even when the time is over, `CONFIRMING` times at most. `say` gets a sentence before each wait.
    """
    if seconds <= 0:
        return first
    return _Loop(first, seconds, clock, say).run(look_again)


class _Loop:
    def __init__(self, first: Snapshot, seconds: float, clock: Clock, say: Callable[[str], None]) -> None:
        self.current = first
        self.clock, self.say = clock, say
        self.pause = min(PAUSE, seconds / 2)
        self.left = CONFIRMING
        self.since: dict[str, float] = {}
        self.healed: dict[str, float] = {}
        self.suspects: dict[str, _Suspect] = {}
        self.agreed = False  # whether the last look showed what the one before it did
        self.new = False  # whether it showed more
        self.looked = clock.now()  # when it began
        self._seen(None)
        self.new = False
        self.end = clock.now() + seconds  # judging a large cluster takes its time, too

    def run(self, look_again: Callable[[Snapshot, frozenset[str]], Snapshot]) -> Snapshot:
        failures = 0
        while failures < FAILURES:
            now = self.clock.now()
            doubted = {name: one for name, one in self.suspects.items() if not self.agreed or self.looked < one.due()}
            at = self._next(doubted)
            if at is None:
                break
            self.say(_sentence(doubted, at - now, now))
            self.clock.wait(at - now)
            began = self.clock.now()
            try:
                again = look_again(self.current, frozenset(one.what.node for one in doubted.values() if one.what.node))
            except UnobservableError:
                failures += 1
                continue
            failures = 0
            merged = merge(self.current, again)
            changed = None if _lost(merged) != _lost(self.current) else frozenset(one.name for one in again.nodes)
            self.current, self.looked = merged, began
            self._seen(changed)
        healed = tuple(Healed(name, self.healed[name]) for name in sorted(self.healed))
        return msgspec.structs.replace(self.current, healed=healed)

    def _next(self, doubted: Mapping[str, _Suspect]) -> float | None:
        """When to look again; None: not at all, because all is believed or the time is over."""
        if not doubted:
            return None
        now = self.clock.now()
        soonest = now + self.pause
        if soonest > self.end:
            if not (self.new and self.left):
                return None
            self.left -= 1
            return soonest
        if not self.agreed:
            return soonest
        return max(soonest, min(self.end, now + STRIDE, *(one.due() for one in doubted.values())))

    def _seen(self, changed: frozenset[str] | None) -> None:
        """Take down what the current snapshot shows: what is new, what is still there, what has healed.

        Only the nodes that changed are judged again (None: all), and the cluster.
        """
        now = self.clock.now()
        found = still_open(self.current, changed)
        if changed is not None:
            judged = {record.name for record in self.current.nodes} - changed
            found |= {name: one.what for name, one in self.suspects.items() if one.what.told in judged}
        self.agreed = found.keys() == self.suspects.keys()
        self.new = bool(found.keys() - self.suspects.keys())
        for name in self.suspects.keys() - found.keys():
            self.healed[name] = now - self.since[name]
        for name in found:
            self.healed.pop(name, None)
            self.since.setdefault(name, now)
        known = self.suspects  # who is young grows older while one looks: the first wait holds
        self.suspects = {name: known.get(name) or _Suspect(what, self.since[name]) for name, what in found.items()}


def _sentence(doubted: Mapping[str, _Suspect], seconds: float, now: float) -> str:
    """What is waited for, and where: `looking again in 10 s; up to 109 s for Felix's next refresh: 3 on worker2`."""
    groups: defaultdict[tuple[str, str], list[_Suspect]] = defaultdict(list)
    for name, one in doubted.items():
        kind = "gap" if name.endswith(UNOBSERVED) else "finding"
        groups[one.what.wait.reason if one.due() > now else "", kind].append(one)
    told = [_group(reason, kind, members, now) for (reason, kind), members in sorted(groups.items())]
    return f"looking again in {seconds:.0f} s: {'; '.join(told)}"


def _group(reason: str, kind: str, members: list[_Suspect], now: float) -> str:
    nodes = sorted({one.what.node or "the cluster" for one in members})
    where = f"{counted(len(members), kind)} on {listed(nodes)}"
    if not reason:
        return f"{where} to be seen twice"
    return f"waiting up to {max(one.due() for one in members) - now:.0f} s for {reason}: {where}"


def _lost(snapshot: Snapshot) -> frozenset[str]:
    """The nodes that could not be observed, on which the judgement of the others depends."""
    return frozenset(record.name for record in snapshot.nodes if record.absent)


def still_open(snapshot: Snapshot, nodes: frozenset[str] | None = None) -> dict[str, Open]:
    """What is not settled on these nodes (None: all) and in the cluster, by finding id or gap. Housekeeping too: one
    look alone takes a pod that came and went between the two lists for a leftover."""
    world = World(snapshot.looks[-1])
    taken = _unix(snapshot.header.taken)
    found: dict[str, Open] = {}
    judged = None if nodes is None else sorted(nodes & snapshot.node_facts.keys() & world.nodes.keys())
    for result in judge(snapshot, judged, cluster=True):
        for item in result.verdict.differences:
            facts = snapshot.node_facts.get(result.node)
            wait = wait_for(result, item, world, (facts.finished if facts else 0.0) or taken)
            name = result.finding_id(item)
            earlier = found.get(name, Open(""))
            found[name] = Open(result.node, longest((wait, earlier.wait)), result.node)
        for gap in result.verdict.unobserved:
            node = result.node or gap.object
            found[f"{result.check}/{result.node or 'cluster'}/{gap.object}{UNOBSERVED}"] = Open(node, told=result.node)
    return found


def _unix(text: str) -> float:
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
