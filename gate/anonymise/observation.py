"""A whole observation, anonymised node by node: the original is read twice, and never held whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gate.anonymise.atlas import Atlas
from gate.anonymise.guard import Guard
from gate.anonymise.noted import Noted
from gate.anonymise.walk import walk
from model.snapshot import Snapshot

if TYPE_CHECKING:
    from model.cluster import Look
    from model.node import NodeFacts
    from model.snapshot import Header, Healed, NodeRecord, Observation
    from model.trial import Trials


class Anonymised:
    """An observation (`model.snapshot.Observation`) in which every name and address is another one.

    LeakError, from here or from `facts`: something of the original would be left.
    """

    def __init__(self, observation: Observation, key: bytes | None = None) -> None:
        noted = Noted()
        for part in (observation.header, observation.looks, observation.nodes, observation.trials, observation.healed):
            walk(noted, part)
        seen = [record.name for record in observation.nodes if record.absent is None]
        for name in seen:
            walk(noted, observation.facts(name))
        self.atlas = Atlas(noted, key)
        self._guard = Guard(self.atlas)
        self._observation = observation
        self._names = {self.atlas.name("node", name): name for name in seen}
        self.header: Header = walk(self.atlas, observation.header)
        self.looks: tuple[Look, ...] = walk(self.atlas, observation.looks)
        self.nodes: tuple[NodeRecord, ...] = walk(self.atlas, observation.nodes)
        self.trials: Trials = walk(self.atlas, observation.trials)
        self.healed: tuple[Healed, ...] = walk(self.atlas, observation.healed)
        if observation.trials.pcap:
            note = f"{self.header.note}; the frames of the drop trials were left out"
            self.header = msgspec.structs.replace(self.header, note=note)
        for part, where in (
            (self.header, "the header"),
            (self.looks, "the lists of the API"),
            (self.nodes, "the nodes"),
            (self.trials, "the trials"),
            (self.healed, "what healed"),
        ):
            self._guard.check(part, where)

    def facts(self, name: str) -> NodeFacts:
        """The facts of one node by its new name. KeyError for a node that was not observed; LeakError."""
        found = walk(self.atlas, self._observation.facts(self._names[name]))
        self._guard.check(found, "a node's facts")
        return found


def anonymise(snapshot: Observation, key: bytes | None = None) -> Snapshot:
    """The whole anonymised observation in memory. The same key gives the same replacements; by default it is random
    and kept nowhere. LeakError."""
    return held(Anonymised(snapshot, key))


def held(found: Anonymised) -> Snapshot:
    """An anonymised observation, held in memory whole."""
    return Snapshot(
        header=found.header,
        looks=found.looks,
        nodes=found.nodes,
        node_facts={record.name: found.facts(record.name) for record in found.nodes if record.absent is None},
        trials=found.trials,
        healed=found.healed,
    )
