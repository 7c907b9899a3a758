"""A whole observation in memory: what checks are run on, whatever way it came (a cluster, a snapshot, a folder of
dumps)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from .cluster import Look
from .node import Absent, NodeFacts
from .trial import Trials

if TYPE_CHECKING:
    from collections.abc import Iterable


FORMAT = 1
TOOL = "calico-conformance 0.1.0"


class Selection(msgspec.Struct, frozen=True):
    """What a run looks at and judges, by name; None: everything. `asked` holds the options that chose it, as given.

    What is expected of what is chosen stays whole: other nodes' blocks are still to be routed to.
    """

    nodes: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    pools: tuple[str, ...] | None = None
    asked: tuple[str, ...] = ()


class Header(msgspec.Struct, frozen=True):
    """Who observed what, and when. Names no user, no host of the runner, no credential."""

    format: int
    tool: str
    taken: str  # UTC, ISO 8601
    source: str  # cluster, dump
    cluster: str = ""  # the kubeconfig context's name, or the recording's
    reach: str = ""
    note: str = ""
    sees_pods: bool = True  # whether the way in can see into pod namespaces
    sees_bird: bool = True
    selection: Selection = Selection()


class Healed(msgspec.Struct, frozen=True):
    """A finding that a later look no longer showed, and how long it had lasted since it was first seen (seconds)."""

    finding: str
    seconds: float


class NodeRecord(msgspec.Struct, frozen=True):
    """One node of the index: which look its facts belong to, or why there are none."""

    name: str
    look: int
    absent: Absent | None = None


class Observation(Protocol):
    """What a judgement reads. Facts are decoded one node at a time and let go: memory stays flat on any cluster."""

    @property
    def header(self) -> Header: ...
    @property
    def looks(self) -> tuple[Look, ...]: ...
    @property
    def nodes(self) -> tuple[NodeRecord, ...]: ...
    @property
    def trials(self) -> Trials: ...
    @property
    def healed(self) -> tuple[Healed, ...]: ...

    def facts(self, name: str) -> NodeFacts:
        """The facts of one node. KeyError for a node that was not observed."""
        ...


class Snapshot(msgspec.Struct, frozen=True):
    """An observation held in memory whole."""

    header: Header
    looks: tuple[Look, ...]
    nodes: tuple[NodeRecord, ...]
    node_facts: dict[str, NodeFacts]
    trials: Trials = Trials(asked=False, reason="no trial was recorded")
    healed: tuple[Healed, ...] = ()

    def facts(self, name: str) -> NodeFacts:
        """The facts of one node. KeyError for a node that was not observed."""
        return self.node_facts[name]


def snapshot(
    header: Header,
    look: Look,
    facts: Iterable[NodeFacts],
    absent: Iterable[Absent] = (),
    trials: Trials | None = None,
) -> Snapshot:
    """The snapshot of one look, with its nodes in order of their names."""
    seen = {node.name: node for node in facts}
    records = [NodeRecord(name, 0) for name in seen] + [NodeRecord(node.name, 0, node) for node in absent]
    return Snapshot(
        header=header,
        looks=(look,),
        nodes=tuple(sorted(records, key=lambda record: record.name)),
        node_facts=seen,
        trials=trials or Trials(asked=False, reason="no trial was recorded"),
    )
