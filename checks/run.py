"""The engine: every check over every subject of an observation. No pytest here: the plugin, the settle loop, the
mutation harness and the tests all call this."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import msgspec

import checks
from checks.applies import wired_by
from checks.cases import ClusterCase, NodeCase, PodCase, judged
from checks.declare import CATALOGUE, NEEDS, Check, Scope
from checks.required import REQUIRED
from expect.world import World
from model import net
from model.verdict import Gap, Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from model.net import Namespace
    from model.snapshot import Observation

COVERAGE = "every_node_was_observed"  # says itself which lists are missing

Case = PodCase | NodeCase | ClusterCase


def catalogue() -> tuple[Check, ...]:
    """Every check, by module and then as written; importing the modules declares them."""
    for module in sorted(info.name for info in pkgutil.iter_modules(checks.__path__) if info.name.startswith("test_")):
        importlib.import_module(f"checks.{module}")
    return tuple(sorted(CATALOGUE.values(), key=lambda check: check.module))  # whatever was imported first


class Bench:
    """The cases of one observation. Keeps the last node's facts only, so that memory stays flat."""

    def __init__(self, observation: Observation, worlds: Sequence[World] | None = None) -> None:
        """`worlds`: those of the same looks, where they are there already."""
        self._observation = observation
        self._worlds = worlds or [World(look) for look in observation.looks]
        self._last: NodeCase | None = None
        self._records = {record.name: record for record in observation.nodes}
        self.world = self._worlds[-1]
        self._macs: dict[tuple[str, str], str | None] = {}
        self.cluster = ClusterCase(observation.header, self.world, observation.nodes, observation.trials, self._mac_of)

    def nodes(self) -> list[str]:
        """The observed nodes that the API knows: the ones that are judged."""
        return [
            name
            for name, record in self._records.items()
            if record.absent is None and name in self._worlds[record.look].nodes and self.cluster.chosen.node(name)
        ]

    def node(self, name: str) -> NodeCase:
        """One node's case; asked for again, the same one while it is the last."""
        if self._last is None or self._last.name != name:
            world = self._worlds[self._records[name].look]
            self._last = NodeCase(self.cluster, world, world.nodes[name], self._observation.facts(name))
        return self._last

    def _mac_of(self, name: str, address: str) -> str | None:
        """The one thing that a node is asked about another: the MAC that a neighbour entry is compared with, its own or
        one that it has learnt.

        Its facts are decoded for it and let go: such entries are rare.
        """
        key = (name, address)
        if key not in self._macs:
            record = self._records.get(name)
            known = record is not None and record.absent is None
            self._macs[key] = _mac_of(self._observation.facts(name).host, address) if known else None
        return self._macs[key]

    def pods(self, name: str) -> list[str]:
        """The keys of the judged pods of a node."""
        world = self._worlds[self._records[name].look]
        return [
            pod.key for pod in world.pods_by_node.get(name, ()) if judged(pod, world) and self.cluster.chosen.pod(pod)
        ]

    def stable_name(self, node: str, key: str) -> str:
        """A pod's name that outlives a rollout: its namespace and workload, or its own name without a controller."""
        pod = self.pod(node, key).pod
        return f"{pod.namespace}/{pod.workload or pod.name}"

    def pod(self, node: str, key: str) -> PodCase:
        """One pod's case. KeyError if the node has no such pod."""
        case = self.node(node)
        for pod in case.pods:
            if pod.key == key:
                return PodCase(case, pod)
        raise KeyError(key)


def _mac_of(host: Namespace, address: str) -> str | None:
    dev = next((item.dev for item in host.addresses if item.address == address), None)
    if dev is None:
        learnt = (item for item in host.neighbours if item.address == address and item.state & net.NUD_LEARNT)
        return next((item.mac for item in learnt), None)
    link = host.link(dev)
    return link.mac if link else None


def apply(check: Check, case: Case) -> Result:
    """One check on one case: what could not be observed at all is said before the check is asked."""
    node = _node_of(case)
    subject = case.name if not isinstance(case, ClusterCase) else "cluster"
    verdict = _beforehand(check, case) or _settled(check, case)
    narrowed = (case if isinstance(case, ClusterCase) else _cluster(case)).chosen.narrowed(verdict)
    return Result(check.id, check.sentence, node, subject, narrowed)


def _settled(check: Check, case: Case) -> Verdict:
    """The check's verdict; where the configuration changed while one looked, only what is wrong by either."""
    verdict = check.function(case)
    later = case.later if verdict.differences else None
    if later is None:
        return verdict
    wrong = {difference.object for difference in check.function(later).differences}
    moving = tuple(
        Gap(difference.object, "IPPools, FelixConfigurations, BGPConfigurations or BGPPeers changed while one looked")
        for difference in verdict.differences
        if difference.object not in wrong
    )
    kept = tuple(difference for difference in verdict.differences if difference.object in wrong)
    return msgspec.structs.replace(verdict, differences=kept, inapplicable=(*verdict.inapplicable, *moving))


def _beforehand(check: Check, case: Case) -> Verdict | None:
    """The verdict that holds before the check is asked.

    For what the way in cannot see, pods that Calico does not wire, and lists of the datastore without which no
    expectation can be trusted.
    """
    gap, foreign = _unasked(check, case), _foreign(case)
    if gap:
        return Verdict(unasked=(gap,))
    if foreign:
        return Verdict(inapplicable=(foreign,))
    unlisted = (case if isinstance(case, ClusterCase) else _cluster(case)).world.cluster.unlisted
    missing = [Gap(name, reason) for name, reason in sorted(unlisted.items()) if name in REQUIRED]
    if not missing or check.id == COVERAGE:
        return None
    return Verdict(
        unobserved=(Gap(missing[0].object, f"the list of {missing[0].object} is missing: {missing[0].reason}"),)
    )


def _node_of(case: Case) -> str:
    if isinstance(case, PodCase):
        return case.node.name
    return case.name if isinstance(case, NodeCase) else ""


def _foreign(case: Case) -> Gap | None:
    """Why no expectation of a pod's network holds on its node: another plugin than Calico's wires the pods there."""
    other = wired_by(case.node) if isinstance(case, PodCase) else None
    return Gap(_node_of(case), f"the CNI plugin {other} wires the pods there, not Calico's") if other else None


def _unasked(check: Check, case: Case) -> Gap | None:
    header = case.header if isinstance(case, ClusterCase) else _cluster(case).header
    blind = {"pods": not header.sees_pods, "bird": not header.sees_bird}
    missing = next((need for need in sorted(check.needs) if blind.get(need)), None)
    if missing is None:
        return None
    return Gap(check.id, f"the way in ({header.reach or header.source}) cannot see {NEEDS[missing]}")


def _cluster(case: PodCase | NodeCase) -> ClusterCase:
    return case.cluster if isinstance(case, NodeCase) else case.node.cluster


def judge(
    observation: Observation, nodes: Iterable[str] | None = None, *, cluster: bool | None = None
) -> Iterator[Result]:
    """Every check on every subject, node by node and then the cluster; `nodes` limits the nodes (and leaves the cluster
    out, unless `cluster` says otherwise)."""
    bench = Bench(observation)
    every = catalogue()
    for name in bench.nodes() if nodes is None else nodes:
        yield from judge_node(bench, name, every)
    if nodes is None if cluster is None else cluster:
        yield from (apply(check, bench.cluster) for check in every if check.scope is Scope.CLUSTER)


def judge_node(bench: Bench, name: str, every: Iterable[Check]) -> Iterator[Result]:
    """Every check of one node and of its pods."""
    case = bench.node(name)
    for check in every:
        if check.scope is Scope.NODE:
            yield apply(check, case)
        elif check.scope is Scope.POD:
            for key in bench.pods(name):
                yield apply(check, bench.pod(name, key))
