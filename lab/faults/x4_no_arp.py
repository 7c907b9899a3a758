"""X4: ARP is off on a pod's host interface: nobody answers for 169.254.1.1, and the pod's own MAC is not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import home, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "X4", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def _switch(lab: Lab, on: str, state: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"link set {pod.host_interface} arp {state}")


def inject(lab: Lab, on: str) -> None:
    _switch(lab, on, "off")


def undo(lab: Lab, on: str) -> None:
    _switch(lab, on, "on")
