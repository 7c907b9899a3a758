"""F3: a pod's address has the mask /24 instead of /32, so that it asks for its neighbours by ARP. Lasts by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip

from .common import in_pod

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F3", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def inject(lab: Lab, on: str) -> None:
    """The new address first: with its last address an interface loses all its routes."""
    pod = lab.pod(on)
    address = pod.addresses[0]
    in_pod(lab, pod, f"addr add {address}/24 dev eth0", f"addr del {ip.host_prefix(address)} dev eth0")


def undo(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    address = pod.addresses[0]
    in_pod(lab, pod, f"addr add {ip.host_prefix(address)} dev eth0", f"addr del {address}/24 dev eth0")
