"""Ways to vary a scene that several tables of checks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.node import Absent
from tests.unit.builders import NODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

GONE = "worker2"


def both(*varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """One after the other."""
    return lambda cluster: cluster.vary(*varies)


def on_all(kind: str, *names: str) -> set[tuple[str, str, str]]:
    """What a row expects of each of these nodes, or of every one."""
    return {(name, name, kind) for name in names or tuple(NODES)}


def node_unread(node: str, fact: str) -> Callable[[Scene], None]:
    """A fact of a node that could not be read."""
    return lambda c: c.unread(node, fact)


def absent(cluster: Scene) -> None:
    """A node that did not answer."""
    del cluster.facts[GONE]
    cluster.absent.append(Absent(GONE, "nobody answers", "look at its kubelet"))


def all_by_vxlan(cluster: Scene) -> None:
    """Every pool is Felix's."""
    for name in ("default-ipv4-ippool", "default-ipv6-ippool"):
        cluster.api("pools", name, vxlan_mode="Always")
