"""F1: a pod has lost its default route, as after eth0 went down and up inside it. Nothing restores it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import default_route

from .common import in_pod

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F1", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def inject(lab: Lab, on: str) -> None:
    in_pod(lab, lab.pod(on), "route del default")


def undo(lab: Lab, on: str) -> None:
    in_pod(lab, lab.pod(on), default_route())
