"""F23: a route with a lower metric to another node shadows a pod's host route; only where routes have metrics (v3.32).

BIRD learns the competitor and, taking its low metric for a live migration's, would announce it: a statement in its
export filter keeps it on the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.bird_config import Twist
from lab.network import route_metric
from lab.tools import LabError
from model import ip

from .common import home, on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab
    from lab.topology import LabPod

NAME, KIND, DEFAULT = "F23", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def _competitor(lab: Lab, pod: LabPod) -> str:
    uplink = lab.state().topology.uplink
    via = other_node(lab, home(pod)).address
    return f"{ip.host_prefix(pod.addresses[0])} via {via} dev {uplink} proto static"


def inject(lab: Lab, on: str) -> None:
    topology = lab.state().topology
    if not route_metric(topology):
        raise LabError(
            f"F23 needs a release whose routes have metrics (from v3.32), not {topology.release}: try F23-rule"
        )
    pod = lab.pod(on)
    kept = f"if net = {ip.host_prefix(pod.addresses[0])} then {{ reject; }}"
    bird.twist(lab, home(pod), NAME, Twist(export=(kept,)))
    on_node(lab, home(pod), f"route add {_competitor(lab, pod)}")


def undo(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"route del {_competitor(lab, pod)}")
    bird.twist(lab, home(pod), NAME, None)
