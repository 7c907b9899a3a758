"""X1: a policy rule sends a pod's packets of one TOS by another table to another node. BIRD reads only main."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip

from .common import home, on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "X1", "pod", "yaobank/customer-5df6b999fb-cf7jl"
TABLE = 1125
PRIORITY = 1002
TOS = "0x10"


def _lines(lab: Lab, on: str, verb: str) -> tuple[str, str, str]:
    pod = lab.pod(on)
    address = ip.host_prefix(pod.addresses[0])
    via = other_node(lab, home(pod)).address
    rule = f"rule {verb} to {address} tos {TOS} lookup {TABLE} priority {PRIORITY}"
    return home(pod), f"route {verb} {address} via {via} dev {lab.state().topology.uplink} table {TABLE}", rule


def inject(lab: Lab, on: str) -> None:
    node, route, rule = _lines(lab, on, "add")
    on_node(lab, node, route, rule)


def undo(lab: Lab, on: str) -> None:
    node, route, rule = _lines(lab, on, "del")
    on_node(lab, node, rule, route)
