"""A healthy cluster that can be varied, observed and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from checks.run import Bench, catalogue, judge
from model import net
from model.cluster import AllocationAttribute, Cluster, IPAMBlock, Look, Pod, Settings
from model.node import Absent, NodeFacts, Problem
from model.snapshot import Header, Snapshot, snapshot
from model.trial import Trials
from tests.unit.builders import (
    LIVE,
    NODES,
    OWNERS,
    changed,
    given,
    healthy_cluster,
    healthy_facts,
    space_name,
    trial,
    within,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.net import Namespace
    from model.verdict import Result


class Space:
    """A network namespace that can be varied: a node's own or a pod's."""

    def __init__(self, get: Callable[[], Namespace], put: Callable[[Namespace], None]) -> None:
        self._get, self._put = get, put

    @property
    def now(self) -> Namespace:
        return self._get()

    def set(self, **fields: object) -> None:
        self._put(structs.replace(self._get(), **fields))

    def add(self, kind: str, *items: object) -> None:
        self.set(**{kind: (*getattr(self.now, kind), *items)})

    def drop(self, kind: str, when: Callable[[Any], bool]) -> None:
        self.set(**{kind: without(getattr(self.now, kind), when)})

    def change(self, kind: str, when: Callable[[Any], bool], /, **fields: object) -> None:
        self.set(**{kind: changed(getattr(self.now, kind), when, **fields)})

    def link(self, name: str, /, **fields: object) -> None:
        self.change("links", lambda item: item.name == name, **fields)

    def route(self, dst: str, **fields: object) -> None:
        self.change("routes", lambda item: item.dst == dst and item.table == net.MAIN, **fields)

    def no_route(self, dst: str) -> None:
        self.drop("routes", lambda item: item.dst == dst and item.table == net.MAIN)

    def sysctl(self, name: str, value: str | None) -> None:
        assert name in self.now.sysctls
        kept = {key: old for key, old in self.now.sysctls.items() if key != name}
        self.set(sysctls=kept if value is None else {**kept, name: value})


class Scene:
    """The cluster and what was seen of its nodes. `later` is the API's second listing, the first one until it is
    varied."""

    def __init__(self, cluster: Cluster, facts: dict[str, NodeFacts]) -> None:
        self.cluster = cluster
        self.later: Cluster | None = None
        self.facts = facts
        self.absent: list[Absent] = []
        self.header = Header(1, "test", "2026-01-01T00:00:00Z", "cluster", reach="lab")
        self.trials = Trials(asked=True, trials=tuple(trial(cidr) for cidr in OWNERS))

    def node(self, name: str) -> Space:
        """The node's own namespace."""

        def put(value: Namespace) -> None:
            self.seen(name, host=value)

        return Space(lambda: self.facts[name].host, put)

    def inside(self, key: str) -> Space:
        """A pod's namespace."""
        node = LIVE[key][0]

        def put(value: Namespace) -> None:
            others = (value if item.name == value.name else item for item in self.facts[node].pods)
            self.seen(node, pods=tuple(others))

        return Space(lambda: next(item for item in self.facts[node].pods if item.name == space_name(key)), put)

    def seen(self, node: str, **fields: object) -> None:
        """Other facts of a node."""
        self.facts[node] = structs.replace(self.facts[node], **fields)

    def unread(self, node: str, fact: str) -> None:
        """A fact of the node could not be read."""
        self.seen(node, problems=(*self.facts[node].problems, Problem(fact, "permission denied")))

    def api(self, kind: str, name: str, /, **fields: object) -> None:
        """Other fields of one object: a pod by its key, a block by its prefix, others by name; in both listings."""
        self.cluster = _edited(self.cluster, kind, name, fields)
        if self.later is not None:
            self.later = _edited(self.later, kind, name, fields)

    def api_later(self, kind: str, name: str, /, **fields: object) -> None:
        """Other fields of one object in the second listing only."""
        self.later = _edited(self.later or self.cluster, kind, name, fields)

    def relist_later(self, **fields: object) -> None:
        """Other lists in the second listing."""
        self.later = structs.replace(self.later or self.cluster, **fields)

    def relist(self, **fields: object) -> None:
        """Other lists in both listings."""
        self.cluster = structs.replace(self.cluster, **fields)
        if self.later is not None:
            self.later = structs.replace(self.later, **fields)

    def add(self, kind: str, *items: object) -> None:
        """More objects in both listings."""
        self.cluster = structs.replace(self.cluster, **{kind: (*getattr(self.cluster, kind), *items)})
        if self.later is not None:
            self.later = structs.replace(self.later, **{kind: (*getattr(self.later, kind), *items)})

    def drop(self, kind: str, name: str) -> None:
        """One object fewer in both listings."""
        self.cluster = _dropped(self.cluster, kind, name)
        if self.later is not None:
            self.later = _dropped(self.later, kind, name)

    def drop_later(self, kind: str, name: str) -> None:
        """One object fewer in the second listing only."""
        self.later = _dropped(self.later or self.cluster, kind, name)

    def allocate(self, address: str, attribute: AllocationAttribute | None) -> None:
        """Give an address of a block to somebody else, or to nobody."""
        block = next(item for item in self.cluster.blocks if within(item.cidr, address))
        self.api("blocks", block.cidr, **given(block, address, attribute))

    def settings(self, kind: str, name: str = "default", /, **spec: object) -> None:
        """Set fields of a FelixConfiguration, BGPConfiguration or BGPPeer."""
        self.add(kind, Settings(name, dict(spec)))

    def vary(self, *varies: Callable[[Scene], None]) -> None:
        """Several variations, one after the other."""
        for one in varies:
            one(self)

    def look(self) -> Look:
        later = self.later or self.cluster
        listed = (later.pods, later.blocks, later.affinities, later.nodes)
        return Look(self.cluster, *listed, later.pools, later.felix, later.bgp, later.peers)

    def observe(self) -> Snapshot:
        """The observation of this cluster."""
        return snapshot(self.header, self.look(), self.facts.values(), self.absent, self.trials)

    def judge(self) -> list[Result]:
        return list(judge(self.observe()))

    def run(self, check: str) -> list[Result]:
        """One check over all its subjects."""
        observation = self.observe()
        assert check in {item.id for item in catalogue()}
        return [result for result in judge(observation) if result.check == check]

    def bench(self) -> Bench:
        return Bench(self.observe())


def _name(item: Any) -> str:
    if isinstance(item, Pod):
        return item.key
    return str(item.cidr if isinstance(item, IPAMBlock) else item.name)


def _edited(cluster: Cluster, kind: str, name: str, fields: dict[str, object]) -> Cluster:
    return structs.replace(
        cluster, **{kind: changed(getattr(cluster, kind), lambda item: _name(item) == name, **fields)}
    )


def _dropped(cluster: Cluster, kind: str, name: str) -> Cluster:
    return structs.replace(cluster, **{kind: without(getattr(cluster, kind), lambda item: _name(item) == name)})


def scene() -> Scene:
    """The healthy cluster."""
    return Scene(healthy_cluster(), {name: healthy_facts(name) for name in NODES})
