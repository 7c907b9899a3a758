"""One mutation of a snapshot, as a value: what is changed where, and which nodes must be judged again."""

from __future__ import annotations

import re

import msgspec

from tests.mutations.tree import Edit

_POD_INTERFACE = re.compile(r"\bcali[0-9a-f]{11}\b")
_ADDRESS = re.compile(r"[0-9a-f]*[.:][0-9a-f.:]+(?:/\d+)?")


class Mutation(msgspec.Struct, frozen=True):
    """`kind` of fact, `field` of it ("" for the whole) and `operation` make the class of a mutation; `where` tells one
    of a class from the others. `old` and `new` are the field's value before and after; `lost` the facts that are
    not there any more as they were, `gained` those that are there instead or besides.

    `nodes` are the nodes whose facts are changed; empty for facts of the API and the trials, which any check may read.
    """

    kind: str
    field: str
    operation: str
    where: str
    edits: tuple[Edit, ...]
    old: object = None
    new: object = None
    lost: tuple[object, ...] = ()
    gained: tuple[object, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def touched(self) -> tuple[object, ...]:
        """What is lost and what is gained."""
        return self.lost + self.gained

    @property
    def name(self) -> str:
        """Stable over runs: kind, field, operation and place."""
        field = f".{self.field}" if self.field else ""
        return f"{self.kind}{field} {self.operation} @ {self.where}"


def general(key: str) -> str:
    """A key with what differs from object to object taken out: `net.ipv4.conf.cali*.forwarding`, `*` for an
    address."""
    return "*" if _ADDRESS.fullmatch(key) else _POD_INTERFACE.sub("cali*", key)
