"""F10: a running pod has no interface: its veth pair is gone from both ends, as after a reboot. Lasts by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import network, pods
from lab.tools import ip_batch

from .common import home, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F10", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def inject(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    on_node(lab, home(pod), f"link del {pod.host_interface}")


def undo(lab: Lab, on: str) -> None:
    """A new pair: same names, another MAC address inside, other interface indices."""
    pod = lab.pod(on)
    ip_batch([network.pod_link(lab.name, pod, network.mtu(lab.state().topology))])
    pods.wire(lab, lab.state().topology, [pod])
