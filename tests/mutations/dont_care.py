"""The reviewed list of what no check needs to notice: its form, and how mutations are matched with it.

Each entry is a class of mutations with one sentence that says why none of them is a fault, or which subject no check
reads yet. A survivor without an entry and an entry without a survivor are both errors.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

import msgspec

from expect.pods import host_interface
from model import ip

if TYPE_CHECKING:
    from model.snapshot import Snapshot
    from tests.mutations.mutation import Mutation


_T = TypeVar("_T")


def of(kind: type[_T], facts: tuple[object, ...]) -> list[_T]:
    """The facts of one type."""
    return [fact for fact in facts if isinstance(fact, kind)]


class Scene:
    """What a predicate may ask of the recording; its own words, not the checks', for it judges them."""

    def __init__(self, snapshot: Snapshot) -> None:
        known = snapshot.looks[-1].before
        self.snapshot = snapshot
        self.cluster = known
        self.prefixes = tuple({*(pool.cidr for pool in known.pools), *(block.cidr for block in known.blocks)})
        self.leaving = {host_interface(pod) for pod in known.pods if pod.deleting}
        self.leaving_addresses = {address for pod in known.pods if pod.deleting for address in pod.ips}

    def is_leaving(self, place: str) -> bool:
        """Whether a namespace, as `node/name`, is that of a pod that is being deleted."""
        node, _, name = place.partition("/")
        facts = self.snapshot.node_facts.get(node)
        return any(
            address.address in self.leaving_addresses
            for namespace in (facts.pods if facts else ())
            if namespace.name == name
            for address in namespace.addresses
        )

    def in_pool(self, prefix: str) -> bool:
        """Whether a prefix or an address touches a pool or a block."""
        return any(ip.contains(outer, prefix) for outer in self.prefixes)

    def has_ipv6(self) -> bool:
        """Whether a pool of the recording is IPv6."""
        return any(ip.family(prefix) == 6 for prefix in self.prefixes)


Predicate = Callable[["Mutation", Scene], bool]


def always(_mutation: Mutation, _scene: Scene) -> bool:
    """Every mutation of the class."""
    return True


class DontCare(msgspec.Struct, frozen=True):
    """One class of mutations: patterns (fnmatch) of kind, field and operation, and which of these are meant."""

    kind: str
    field: str
    operation: str
    reason: str
    when: Predicate = always

    def covers(self, mutation: Mutation, scene: Scene) -> bool:
        """Whether a mutation is of this class."""
        named = ((mutation.kind, self.kind), (mutation.field, self.field), (mutation.operation, self.operation))
        return all(fnmatchcase(name, pattern) for name, pattern in named) and self.when(mutation, scene)


def entry_for(mutation: Mutation, entries: tuple[DontCare, ...], scene: Scene) -> DontCare | None:
    """The first entry that covers a mutation; None for one that must be found."""
    return next((entry for entry in entries if entry.covers(mutation, scene)), None)
