"""F26: two pods of a node have the same address; the route leads to the later one, IPAM knows the first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lab.api.control import Control
from lab.change import connect, disconnect
from lab.objects import pod_object
from lab.topology import LabPod

from .common import home, host_route, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F26", "pod", "yaobank/customer-5df6b999fb-cf7jl"


def twin(pod: LabPod) -> LabPod:
    """The second pod: in the first one's namespace, of no controller."""
    return LabPod(namespace=pod.namespace, name="twin", node=pod.node, addresses=pod.addresses[:1])


def inject(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    second = twin(pod)
    topology = lab.state().topology
    connect(lab, second)
    now = datetime.now(UTC)
    made = pod_object(second, topology.node(home(pod)).address, topology.release, now - timedelta(days=1), now)
    Control(lab.directory).create(made)


def undo(lab: Lab, on: str) -> None:
    pod = lab.pod(on)
    second = twin(pod)
    Control(lab.directory).delete("pods", second.name, second.namespace)
    disconnect(lab, second)
    on_node(lab, home(pod), f"route replace {host_route(lab, pod)}")
