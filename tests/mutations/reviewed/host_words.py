"""What predicates about a node's own namespace have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip

if TYPE_CHECKING:
    from model import net
    from tests.mutations.scene import Scene


def pods(dev: str) -> bool:
    """Whether an interface is a pod's."""
    return dev.startswith("cali")


def means_nobody(rule: net.Rule, scene: Scene) -> bool:
    """Of a family that no pool has, or for packets from or to addresses outside every pool and every node alone."""
    if rule.family not in scene.families:
        return True
    named = [prefix for prefix in (rule.src, rule.dst) if prefix]
    return not rule.invert and any(
        not any(ip.contains(prefix, own) or ip.contains(own, prefix) for own in scene.known) for prefix in named
    )
