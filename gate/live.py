"""A live observation: look at all nodes, try the drops, look again at what fails until it settles."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.api import connect, list_again, list_cluster
from fixtures.errors import UnobservableError
from fixtures.observe import header, observable, observe_nodes
from fixtures.packets.conduct import conduct
from gate.settle import Clock, settle
from model.cluster import Look
from model.snapshot import Snapshot, snapshot
from model.trial import Trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.api import Api
    from fixtures.reach.protocol import Reach
    from gate.options import Options
    from model.cluster import Cluster
    from model.node import NodeFacts


def observe(options: Options, say: Callable[[str], None]) -> Snapshot:
    """The settled snapshot of the cluster that the options name. ToldError: it cannot be had, and why."""
    api = connect(options.kubeconfig, options.context)
    assert options.enter is not None  # there is no kubeconfig without a way in
    reach = options.enter(api)
    try:
        observer = _Observer(api, reach, options, say)
        return settle(observer.first(), observer.again, options.settle, Clock(time.monotonic, time.sleep))
    finally:
        reach.close()


@dataclass(frozen=True)
class _Observer:
    """What every look of one run shares."""

    api: Api
    reach: Reach
    options: Options
    say: Callable[[str], None]

    def first(self) -> Snapshot:
        """All nodes."""
        before = list_cluster(self.api)
        names = observable(before)
        self.reach.open([node for node in before.nodes if node.name in names], self.say)
        return self._look(before, names, {})

    def again(self, earlier: Snapshot, names: frozenset[str]) -> Snapshot:
        """The named nodes, and the trials anew. UnobservableError: this look is not to be had."""
        self.say(f"looking again at {', '.join(sorted(names)) or 'the cluster'}")
        try:
            before = list_cluster(self.api)
            return self._look(before, [name for name in observable(before) if name in names], earlier.node_facts)
        except UnobservableError as error:
            self.say(f"which failed, so that the earlier look stands: {error.reason}")
            raise

    def _look(self, before: Cluster, names: list[str], known: dict[str, NodeFacts]) -> Snapshot:
        seen = observe_nodes(
            before,
            names,
            self.reach,
            parallel=self.options.parallel,
            seconds=self.options.node_seconds,
            progress=lambda name, done, total: self.say(f"asked {name} ({done} of {total})"),
        )
        lost = {node.name for node in seen.absent}
        facts = {name: node for name, node in known.items() if name not in lost}
        facts |= {node.name: node for node in seen.facts}
        trials = self._trials(before, facts)
        after = list_again(self.api, before)
        return snapshot(header("cluster", self.api.context_name, self.reach), after, seen.facts, seen.absent, trials)

    def _trials(self, before: Cluster, facts: dict[str, NodeFacts]) -> Trials:
        if not self.options.packets:
            return Trials(asked=False, reason="packets are off (--packets off)")
        way = self.reach.packets
        if way is None:
            return Trials(asked=False, reason=f"the way in ({self.reach.name}) cannot send packets")
        present = {node.name for node in before.nodes}
        return conduct(
            Look(before, before.pods),
            facts.__getitem__,
            way,
            sorted(facts.keys() & present),
            run_id=uuid.uuid4().hex,
            parallel=self.options.parallel,
            seconds=self.options.node_seconds,
            announce=self.say,
        )
