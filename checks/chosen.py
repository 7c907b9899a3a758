"""What a run was asked to judge: the nodes, pods and pools of its selection, and nothing else.

What is expected of them stays whole: a chosen node still needs its routes to the blocks of nodes that are not chosen.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from expect.pods import Presence, state_of
from model import ip
from model.verdict import Difference, Gap, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expect.world import World
    from model.cluster import Pod
    from model.snapshot import Selection

PREFIXES = frozenset({"block", "address"})  # the kinds of tokens (model.verdict.about) that are addresses or prefixes


class Chosen:
    """A selection, applied to one listing of the cluster."""

    def __init__(self, selection: Selection, world: World) -> None:
        self._world = world
        self._asked = selection.asked
        self._nodes = None if selection.nodes is None else frozenset(selection.nodes)
        self._namespaces = None if selection.namespaces is None else frozenset(selection.namespaces)
        self._pools = None if selection.pools is None else frozenset(selection.pools)

    def node(self, name: str) -> bool:
        """Whether a node is looked at."""
        return self._nodes is None or name in self._nodes

    def pod(self, pod: Pod) -> bool:
        """Whether a pod is judged, on a node that is: its namespace is chosen, and the pool of one of its addresses."""
        return self._of_namespace(pod.namespace) and (
            self._pools is None or any(self._of_pool(address) for address in pod.ips)
        )

    def narrowed(self, verdict: Verdict) -> Verdict:
        """The verdict without what is about nothing but pods and pools that are not chosen."""
        if self._namespaces is None and self._pools is None:
            return verdict
        return msgspec.structs.replace(
            verdict,
            differences=tuple(item for item in verdict.differences if self._concerns(*_subjects(item))),
            unobserved=tuple(gap for gap in verdict.unobserved if self._concerns(gap.object)),
            inapplicable=tuple(gap for gap in verdict.inapplicable if self._concerns(gap.object)),
            unasked=tuple(gap for gap in verdict.unasked if self._concerns(gap.object)),
        )

    @cached_property
    def left_out(self) -> tuple[Gap, ...]:
        """What the selection leaves out, counted: none where everything is chosen."""
        world = self._world
        nodes = [node.name for node in world.cluster.nodes if not node.unobservable]
        pods = [pod for pod in world.cluster.pods if state_of(pod).presence is not Presence.NOTHING]
        pools = [pool.name for pool in world.cluster.pools]
        lost = (
            (len(nodes), sum(not self.node(name) for name in nodes), "nodes"),
            (len(pods), sum(not (self.node(pod.node) and self.pod(pod)) for pod in pods), "pods"),
            (len(pools), 0 if self._pools is None else sum(name not in self._pools for name in pools), "pools"),
        )
        counts = [f"{out:,} of {every:,} {things}" for every, out, things in lost if out]
        if not counts:
            return ()
        told = f"{counts[0]}, {' and '.join(counts[1:])}" if len(counts) > 2 else " and ".join(counts)
        return (Gap("selection", f"{told} are left out by {' '.join(self._asked) or 'the selection'}"),)

    def _of_namespace(self, name: str) -> bool:
        return self._namespaces is None or name in self._namespaces

    def _of_pool(self, prefix: str) -> bool:
        """Whether a prefix or an address lies in a chosen pool; what lies in none belongs to no other pool either."""
        pool = self._world.pool_of(prefix)
        return self._pools is None or pool is None or pool.name in self._pools

    def _concerns(self, *names: str) -> bool:
        """Whether anything of what is named is chosen, or is neither a pod nor in a pool."""
        pods = [self._of_namespace(name.partition("/")[0]) for name in names if name in self._pod_keys]
        prefixes = [self._of_pool(prefix) for name in names for prefix in _prefixes(name)]
        return (not pods or any(pods)) and (not prefixes or any(prefixes))

    @cached_property
    def _pod_keys(self) -> frozenset[str]:
        return frozenset(pod.key for pod in (*self._world.cluster.pods, *self._world.flux.pods_seen))


def _subjects(difference: Difference) -> list[str]:
    """What a difference is about: its object, and the pods, blocks and addresses that it names."""
    tokens = (token.partition(":")[::2] for token in difference.about)
    return [difference.object, *(value for kind, value in tokens if kind == "pod" or kind in PREFIXES)]


def _prefixes(name: str) -> Iterator[str]:
    """The name itself where it is an address or a prefix."""
    try:
        ip.network(name)
    except ValueError:
        return
    yield name
