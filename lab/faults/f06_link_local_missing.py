"""F6: IPv6 is disabled on a pod's host interface: no link-local address there, no route to the pod, no way out of it.

The kernel takes address and host route away with it; the pod made afterwards got no default route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import network
from lab.tools import write_sysctls
from model import ip

from .common import home, in_pod, on_node

if TYPE_CHECKING:
    from lab.state import Lab
    from lab.topology import LabPod

NAME, KIND, DEFAULT = "F6", "pod", "dual/one"


def _disable(lab: Lab, pod: LabPod, value: str) -> None:
    link = pod.host_interface
    write_sysctls(lab.node(home(pod)).netns, {f"net.ipv6.conf.{link}.disable_ipv6": value})


def inject(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    _disable(lab, pod, "1")
    in_pod(lab, pod, "route del ::/0 dev eth0")


def undo(lab: Lab, on: str) -> None:
    pod, topology = lab.pod(on), lab.state().topology
    _disable(lab, pod, "0")
    routes = [network.host_route(topology, pod, address) for address in pod.addresses if ip.family(address) == 6]
    on_node(lab, home(pod), *(f"route replace {route}" for route in routes))
    in_pod(lab, pod, network.default_route(6))
