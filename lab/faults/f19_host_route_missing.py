"""F19: a pod's node has no route to it, so that its packets fall into the blackhole. No Felix runs to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import home, host_route, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F19", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def inject(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"route del {host_route(lab, pod)}")


def undo(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"route add {host_route(lab, pod)}")
