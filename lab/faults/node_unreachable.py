"""node-unreachable: a node cannot be entered, though everything on it works: the process that holds it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.processes import end, start_keepers

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "node-unreachable", "node", "worker2"


def inject(lab: Lab, on: str) -> None:
    """The namespaces stay: the network namespace has a name, and BIRD holds the mount namespace."""
    end([lab.node(on).pid])


def undo(lab: Lab, on: str) -> None:
    """A new mount namespace over the same directories; BIRD stays in the old one and shares them."""
    state = lab.state()
    node = state.nodes[on]
    started = start_keepers(lab.name, {on: (node.netns, lab.node_directory(on))})
    held = state.nodes | {on: msgspec.structs.replace(node, pid=started[on])}
    lab.write(msgspec.structs.replace(state, nodes=held))
