"""A sample of the nodes: chosen by a seed, spread over what sets nodes apart, the same for the same seed and nodes."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from fixtures.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.cluster import Cluster, Node

ROLE = "node-role.kubernetes.io/"
ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_FORM = re.compile(r"(?P<size>[1-9][0-9]{0,5})(?::(?P<seed>[A-Za-z0-9_-]{1,64}))?")


class Sample(msgspec.Struct, frozen=True):
    """How many nodes, and the seed that draws them."""

    size: int
    seed: str

    @property
    def text(self) -> str:
        """As the option takes it, to draw the same again."""
        return f"--sample {self.size}:{self.seed}"


def read_sample(text: str) -> Sample:
    """`N` or `N:SEED`; without a seed one is drawn. UsageError."""
    found = _FORM.fullmatch(text)
    if found is None:
        reason = f"--sample takes a number of nodes, and a seed to draw the same again, not {text!r}"
        raise UsageError(reason, "As in --sample 20:7.")
    return Sample(int(found["size"]), found["seed"] or str(secrets.randbelow(10_000)))


def drawn(sample: Sample, features: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """So many of the nodes as are asked for, all where there are no more.

    One after the other that node is taken whose rarest feature so far has been taken least often; among equals the seed
    decides, by a hash of each name: a node that comes or goes changes little.
    """
    queues: defaultdict[frozenset[str], list[str]] = defaultdict(list)  # alike nodes are as good as each other
    for name in sorted(features, key=lambda name: _draw(sample.seed, name), reverse=True):
        queues[features[name]].append(name)
    taken: list[str] = []
    seen: Counter[str] = Counter()
    while queues and len(taken) < sample.size:
        kind = min(queues, key=lambda kind: (sorted(seen[one] for one in kind), _draw(sample.seed, queues[kind][-1])))
        taken.append(queues[kind].pop())
        seen.update(kind)
        if not queues[kind]:
            del queues[kind]
    return frozenset(taken)


def features(cluster: Cluster, pool_of: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """What sets each observable node apart: its roles, its zone, the pools whose blocks it has (by node)."""
    return {
        node.name: _roles(node) | _zone(node) | frozenset(f"pool {name}" for name in pool_of.get(node.name, ()))
        for node in cluster.nodes
        if not node.unobservable
    }


def _roles(node: Node) -> frozenset[str]:
    roles = {label.removeprefix(ROLE) for label in node.labels if label.startswith(ROLE)}
    return frozenset(f"role {role}" for role in roles or {"none"})


def _zone(node: Node) -> frozenset[str]:
    return frozenset(f"zone {node.labels[label]}" for label in ZONES if label in node.labels)


def _draw(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode(errors="replace")).digest()
