"""F12: a pod's host interface is administratively down; the kernel drops its host route, too. Lasts by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import home, host_route, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F12", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def inject(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"link set {pod.host_interface} down")


def undo(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"link set {pod.host_interface} up", f"route add {host_route(lab, pod)}")
