"""F17: ip_forward is 0 on a node; the kernel clears forwarding of every interface, too. No Felix runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import write_sysctls

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F17", "node", "worker1"


def inject(lab: Lab, on: str) -> None:
    write_sysctls(lab.node(on).netns, {"net.ipv4.ip_forward": "0"})


def undo(lab: Lab, on: str) -> None:
    """The kernel sets forwarding of every interface again, as it was before."""
    write_sysctls(lab.node(on).netns, {"net.ipv4.ip_forward": "1"})
