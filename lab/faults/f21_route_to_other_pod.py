"""F21: the route to a pod's address leads to another pod's interface. No Felix runs to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import LabError

from .common import home, host_route, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F21", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def inject(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    others = [each for each in lab.state().topology.pods if each.wired and each.node == pod.node and each != pod]
    if not others:
        raise LabError(f"F21 needs a second pod on {pod.node}")
    wrong = host_route(lab, pod).replace(pod.host_interface, others[0].host_interface)
    on_node(lab, home(pod), f"route replace {wrong}")


def undo(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"route replace {host_route(lab, pod)}")
