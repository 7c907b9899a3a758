"""F15: proxy_arp is 0 on a pod's host interface, so nobody answers for 169.254.1.1. No Felix runs to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import write_sysctls

from .common import home

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F15", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def _write(lab: Lab, on: str, value: str) -> None:
    pod = lab.pod(on)
    write_sysctls(lab.node(home(pod)).netns, {f"net.ipv4.conf.{pod.host_interface}.proxy_arp": value})


def inject(lab: Lab, on: str) -> None:
    _write(lab, on, "0")


def undo(lab: Lab, on: str) -> None:
    _write(lab, on, "1")
