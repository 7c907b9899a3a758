"""F23-rule: a policy rule sends a pod's packets by another table to another node. BIRD reads only main."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip

from .common import home, on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F23-rule", "pod", "yaobank/customer-5df6b999fb-cf7jl"
TABLE = 1123
PRIORITY = 1000


def _lines(lab: Lab, on: str, verb: str) -> tuple[str, str, str]:
    pod = lab.pod(on)
    address = ip.host_prefix(pod.addresses[0])
    via = other_node(lab, home(pod)).address
    rule = f"rule {verb} to {address} lookup {TABLE} priority {PRIORITY}"
    return home(pod), f"route {verb} {address} via {via} dev {lab.state().topology.uplink} table {TABLE}", rule


def inject(lab: Lab, on: str) -> None:
    node, route, rule = _lines(lab, on, "add")
    on_node(lab, node, route, rule)


def undo(lab: Lab, on: str) -> None:
    node, route, rule = _lines(lab, on, "del")
    on_node(lab, node, rule, route)
