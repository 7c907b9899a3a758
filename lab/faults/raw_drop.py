"""raw-drop: a node's firewall drops the trial's packets (UDP to port 9) before they are routed. Lasts by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import iptables

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "raw-drop", "node", "worker1"
DISCARD = "9"


def _rule(lab: Lab) -> list[str]:
    return ["PREROUTING", "-i", lab.state().topology.uplink, "-p", "udp", "--dport", DISCARD, "-j", "DROP"]


def inject(lab: Lab, on: str) -> None:
    iptables(lab, on, "-t", "raw", "-A", *_rule(lab))


def undo(lab: Lab, on: str) -> None:
    iptables(lab, on, "-t", "raw", "-D", *_rule(lab))
