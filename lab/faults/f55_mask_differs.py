"""F55: a node's BGP address is stored with a shorter mask than its interface has, so that Felix misjudges subnets.

It takes another subnet for its own and routes there without the tunnel, where nobody knows the pods' addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import annotate

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F55", "node", "worker1"

_SHORTER = 16


def _note(lab: Lab, on: str, length: int) -> None:
    annotate(lab, on, "IPv4Address", f"{lab.state().topology.node(on).address}/{length}")


def inject(lab: Lab, on: str) -> None:
    _note(lab, on, _SHORTER)


def undo(lab: Lab, on: str) -> None:
    _note(lab, on, lab.state().topology.node(on).prefixlen)
