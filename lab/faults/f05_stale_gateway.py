"""F5: a pod's IPv6 default route leads to a link-local address that its host interface no longer has.

As after the interface's MAC address changed: the CNI plugin looks the gateway up once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import HOST_LINK_LOCAL

from .common import in_pod

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F5", "pod", "dual/one"

_STALE = "fe80::42:40ff:fe0f:c568"


def inject(lab: Lab, on: str) -> None:
    in_pod(lab, lab.pod(on), f"route replace ::/0 via {_STALE} dev eth0")


def undo(lab: Lab, on: str) -> None:
    in_pod(lab, lab.pod(on), f"route replace ::/0 via {HOST_LINK_LOCAL} dev eth0")
