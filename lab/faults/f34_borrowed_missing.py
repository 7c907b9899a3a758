"""F34: the owner of a block has no route to an address that another node borrowed from it: it drops what is sent there.

BIRD would put a deleted one back within 2 s: the owner's kernel filter rejects the route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.bird_config import Twist
from lab.tools import LabError
from model import ip

from .common import await_route, mended

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F34", "pod", "borrow/lodger"


def _owner(lab: Lab, on: str) -> str:
    pod = lab.pod(on)
    for block in lab.state().topology.blocks:
        if ip.contains(block.cidr, pod.addresses[0]) and block.node != pod.node:
            return block.node
    raise LabError(f"pod {on} has borrowed no address")


def inject(lab: Lab, on: str) -> None:
    owner, pod = _owner(lab, on), lab.pod(on)
    address = pod.addresses[0]
    bird.twist(lab, owner, f"{NAME} {on}", Twist(kernel=(f"if net = {ip.host_prefix(address)} then {{ reject; }}",)))
    await_route(lab, owner, f"{address} via {lab.state().topology.node(str(pod.node)).address}", there=False)


def undo(lab: Lab, on: str) -> None:
    mended(lab, _owner(lab, on), f"{NAME} {on}")
