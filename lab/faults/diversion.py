"""A policy rule that sends a pod's packets by a table of its own to another node. BIRD reads only main."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from model import ip

from .common import home, on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab


class Diversion(NamedTuple):
    """The rule's table and priority, and what else it asks of a packet, as `tos 0x10 `."""

    table: int
    priority: int
    asks: str = ""

    def inject(self, lab: Lab, on: str) -> None:
        """Make the route, then the rule."""
        node, route, rule = self._lines(lab, on, "add")
        on_node(lab, node, route, rule)

    def undo(self, lab: Lab, on: str) -> None:
        """Take the rule away, then the route."""
        node, route, rule = self._lines(lab, on, "del")
        on_node(lab, node, rule, route)

    def _lines(self, lab: Lab, on: str, verb: str) -> tuple[str, str, str]:
        pod = lab.pod(on)
        address = ip.host_prefix(pod.addresses[0])
        via = other_node(lab, home(pod)).address
        rule = f"rule {verb} to {address} {self.asks}lookup {self.table} priority {self.priority}"
        return home(pod), f"route {verb} {address} via {via} dev {lab.state().topology.uplink} table {self.table}", rule
