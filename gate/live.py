"""A live observation: look at all nodes, try the drops, look again at what fails until it settles."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.api import connect, list_again, list_cluster
from fixtures.api.namespaces import namespace_labels
from fixtures.errors import UnobservableError
from fixtures.observe import LONGER, WHOLE_OVER, header, observable, observe_nodes
from fixtures.packets.conduct import conduct
from fixtures.permissions import NotAllowedError
from gate.choose import choose
from gate.progress import Progress
from gate.rights import whole
from gate.settle import Clock, settle
from gate.trials import exempt, given_up, narrowed
from model.cluster import Look
from model.snapshot import Selection, Snapshot, snapshot
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
    until = time.monotonic() + options.total_seconds
    api = connect(options.kubeconfig, options.context)
    assert options.enter is not None  # there is no kubeconfig without a way in
    reach = options.enter(api)
    try:
        observer = _Observer(api, reach, options, say, until)
        first = observer.first()
        seconds = min(options.settle, until - time.monotonic())
        return settle(first, observer.again, seconds, Clock(time.monotonic, time.sleep), say)
    finally:
        reach.close()


@dataclass(frozen=True)
class _Observer:
    """What every look of one run shares; `until` is when the whole is over (time.monotonic)."""

    api: Api
    reach: Reach
    options: Options
    say: Callable[[str], None]
    until: float

    def first(self) -> Snapshot:
        """All nodes that are chosen."""
        before = self._listed()
        selection = choose(
            self.options.wanted, Look(before, before.pods), lambda: namespace_labels(self.api), Selection()
        )
        every = observable(before)
        names = every if selection.nodes is None else [name for name in every if name in frozenset(selection.nodes)]
        if selection.asked:
            self.say(f"looking at {len(names):,} of {len(every):,} nodes ({' '.join(selection.asked)})")
        self.reach.open([node for node in before.nodes if node.name in frozenset(names)], self.say)
        before = list_cluster(self.api)  # opening may have taken minutes, and made pods
        return self._look(before, names, {}, selection, None)

    def _listed(self) -> Cluster:
        try:
            return list_cluster(self.api)
        except NotAllowedError as error:
            raise whole(error, self.api, self.reach, self.options.wanted) from None

    def again(self, earlier: Snapshot, nodes: frozenset[str]) -> Snapshot:
        """The named nodes, and the trials at their blocks. UnobservableError: this look is not to be had."""
        try:
            before = list_cluster(self.api)
            names = [name for name in observable(before) if name in nodes]
            return _in_time(self._look(before, names, earlier.node_facts, earlier.header.selection, nodes))
        except UnobservableError as error:
            self.say(f"which failed, so that the earlier look stands: {error.reason}")
            raise

    def _look(
        self,
        before: Cluster,
        names: list[str],
        known: dict[str, NodeFacts],
        selection: Selection,
        owners: frozenset[str] | None,
    ) -> Snapshot:
        seen = observe_nodes(
            before,
            names,
            self.reach,
            parallel=self.options.parallel,
            seconds=self.options.node_seconds,
            until=self.until,
            progress=Progress(self.say, time.monotonic),
        )
        lost = {node.name for node in seen.absent}
        facts = {name: node for name, node in known.items() if name not in lost}
        facts |= {node.name: node for node in seen.facts}
        trials = self._trials(before, facts, selection, owners)
        after = list_again(self.api, before)
        made = header("cluster", self.api.context_name, self.reach, selection)
        return snapshot(made, after, seen.facts, seen.absent, trials)

    def _trials(
        self, before: Cluster, facts: dict[str, NodeFacts], selection: Selection, owners: frozenset[str] | None
    ) -> Trials:
        """The trials at the blocks of these nodes (None: of all that are chosen)."""
        if not self.options.packets:
            return Trials(asked=False, reason="packets are off (--packets off)")
        way = self.reach.packets
        if way is None:
            return Trials(asked=False, reason=f"the way in ({self.reach.name}) cannot send packets")
        if owners is not None and not owners:
            return Trials(asked=False, reason="those of the earlier look stand")
        if time.monotonic() >= self.until:
            return given_up(before, WHOLE_OVER)
        present = {node.name for node in before.nodes}
        trials = conduct(
            Look(before, before.pods),
            facts.__getitem__,
            way,
            sorted(facts.keys() & present),
            run_id=uuid.uuid4().hex,
            parallel=self.options.parallel,
            seconds=self.options.node_seconds,
            announce=self.say,
            exempt=exempt(before, selection, owners),
        )
        return narrowed(trials, before, selection)


def _in_time(seen: Snapshot) -> Snapshot:
    """A later look that was finished. UnobservableError for one that ran out of time: the earlier knows more."""
    if any(record.absent and record.absent.reason == WHOLE_OVER for record in seen.nodes):
        raise UnobservableError(WHOLE_OVER, LONGER)
    return seen
