"""From the options to a selection by name, once it is known what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checks.cases import judged
from checks.chosen import Chosen
from expect.world import World
from fixtures.errors import UsageError
from gate.patterns import Pattern, matching
from gate.sample import Sample, drawn, features
from model.snapshot import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model.cluster import Cluster, Look

    Labels = Mapping[str, Mapping[str, str]]  # of each object by its name


class Wanted(msgspec.Struct, frozen=True):
    """The selection as the user put it; nothing asked for is everything."""

    nodes: tuple[Pattern, ...] = ()
    namespaces: tuple[Pattern, ...] = ()
    pools: tuple[Pattern, ...] = ()
    sample: Sample | None = None

    @property
    def by_namespace_labels(self) -> bool:
        """Whether the labels of namespaces must be known."""
        return any(pattern.requirements for pattern in self.namespaces)


def choose(wanted: Wanted, look: Look, labels: Callable[[], Labels], before: Selection) -> Selection:
    """What is wanted of what there is, within an earlier selection; `labels` gives those of the namespaces.

    UsageError: something that is asked for is not there, or nothing of it can be judged; with what there is.
    """
    if wanted == Wanted():
        return before
    cluster = look.before
    selection = Selection(
        nodes=_nodes(wanted, look, before),
        namespaces=_namespaces(wanted, cluster, labels, before),
        pools=_pools(wanted, cluster, before),
        asked=(*before.asked, *_asked(wanted)),
    )
    _check_pods(wanted, look, selection)
    return selection


def _nodes(wanted: Wanted, look: Look, before: Selection) -> tuple[str, ...] | None:
    known = _within({node.name: node.labels for node in look.before.nodes}, before.nodes)
    if not wanted.nodes and wanted.sample is None:
        return before.nodes
    names = matching(wanted.nodes, known, "--nodes", "nodes") if wanted.nodes else tuple(sorted(known))
    observable = {node.name for node in look.before.nodes if not node.unobservable}.intersection(names)
    if not observable:
        why = {node.name: node.unobservable for node in look.before.nodes if node.name in names}
        first = min(why.items(), default=("", ""))
        raise UsageError("none of the chosen nodes can be looked at", f"{first[0]}: {first[1]}." if why else "")
    if wanted.sample is None:
        return names
    every = {name: kind for name, kind in _features(look).items() if name in observable}
    return tuple(sorted(drawn(wanted.sample, every)))


def _features(look: Look) -> dict[str, frozenset[str]]:
    blocks = World(look).blocks_by_node
    pools = {name: frozenset(block.pool.name for block in owned if block.pool) for name, owned in blocks.items()}
    return features(look.before, pools)


def _namespaces(
    wanted: Wanted, cluster: Cluster, labels: Callable[[], Labels], before: Selection
) -> tuple[str, ...] | None:
    if not wanted.namespaces:
        return before.namespaces
    known: Labels = labels() if wanted.by_namespace_labels else {pod.namespace: {} for pod in cluster.pods}
    return matching(wanted.namespaces, _within(known, before.namespaces), "--namespaces", "namespaces with pods")


def _pools(wanted: Wanted, cluster: Cluster, before: Selection) -> tuple[str, ...] | None:
    if not wanted.pools:
        return before.pools
    known = _within({pool.name: pool.labels for pool in cluster.pools}, before.pools)
    return matching(wanted.pools, known, "--pools", "IP pools")


def _within(known: Labels, names: tuple[str, ...] | None) -> Labels:
    return known if names is None else {name: known[name] for name in names if name in known}


def _asked(wanted: Wanted) -> tuple[str, ...]:
    options = (("--nodes", wanted.nodes), ("--namespaces", wanted.namespaces), ("--pools", wanted.pools))
    told = [f"{option} {','.join(pattern.text for pattern in given)}" for option, given in options if given]
    return (*told, *([wanted.sample.text] if wanted.sample else []))


def _check_pods(wanted: Wanted, look: Look, selection: Selection) -> None:
    """Who names namespaces or pools asks for pods: there must be one."""
    if not (wanted.namespaces or wanted.pools):
        return
    world = World(look)
    chosen = Chosen(selection, world)
    if not any(chosen.node(pod.node) and chosen.pod(pod) and judged(pod, world) for pod in look.before.pods):
        raise UsageError(
            f"no pod with an address of Calico's is left by {' '.join(selection.asked)}",
            "Choose other namespaces, pools or nodes: kubectl get pods -A -o wide shows who runs where.",
        )
