"""Pods that come and go while the lab is up: on the network and in the API, in the order of a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from . import bird, felix, network, pods
from .api.control import Control, ControlError
from .state import locked
from .tools import LabError, UsageError

if TYPE_CHECKING:
    from .state import Lab
    from .topology import LabPod


def add_pod(lab: Lab, pod: LabPod) -> None:
    """Schedule a pod, connect it, and let its status say so; returns when other nodes know a borrowed address, too.

    UsageError: there is a pod of that name, or no such node. LabError: an address that is taken or in no block.
    """
    pod = msgspec.structs.replace(pod, lab=lab.name)
    with locked(lab):
        state = lab.state()
        if any(known.key == pod.key for known in state.topology.pods):
            raise UsageError(f"there is a pod {pod.key} already")
        if pod.node is not None and pod.node not in state.nodes:
            raise UsageError(f"there is no node {pod.node!r} in this lab")
        control = Control(lab.directory)
        try:
            if pod.wired:
                _check_free(control, pod, list(state.nodes))
                control.add_pod(msgspec.structs.replace(pod, state="pending"))  # IPAM allocates first
            connect(lab, pod)
            control.add_pod(pod)
            felix.sync(lab)
        except ControlError as error:
            raise LabError(f"pod {pod.key} is refused: {error}") from None
    _await_borrowed(lab, pod)


def remove_pod(lab: Lab, key: str) -> None:
    """Delete a pod: it terminates, its network goes, then its object and its addresses. UsageError if there is none."""
    with locked(lab):
        pod = lab.pod(key)
        control = Control(lab.directory)
        try:
            if pod.wired:
                control.add_pod(msgspec.structs.replace(pod, state="terminating"))
            disconnect(lab, pod)
            control.remove_pod(pod.namespace, pod.name)
            felix.sync(lab)
        except ControlError as error:
            raise LabError(f"pod {key} cannot be deleted: {error}") from None
    _await_borrowed(lab, pod)


def connect(lab: Lab, pod: LabPod) -> None:
    """The network's part of a new pod, and the lab's own record of it. The lab's lock is held."""
    _own(lab, pod)
    state = lab.state()
    topology = msgspec.structs.replace(state.topology, pods=(*state.topology.pods, pod))
    ran = pods.attach(lab, state, pod)
    lab.write(msgspec.structs.replace(state, topology=topology, pods=state.pods | ran))


def disconnect(lab: Lab, pod: LabPod) -> None:
    """The reverse of `connect`."""
    state = lab.state()
    rest = dict(state.pods)
    ran = rest.pop(pod.key, None)
    if ran:
        pods.detach(pod, ran, state.nodes[ran.node])
    topology = msgspec.structs.replace(
        state.topology, pods=tuple(known for known in state.topology.pods if known.key != pod.key)
    )
    lab.write(msgspec.structs.replace(state, topology=topology, pods=rest))


def _check_free(control: Control, pod: LabPod, nodes: list[str]) -> None:
    """Before anything is wired: a route to an address that another pod has would take it from that pod."""
    free = {address for node in nodes for address in control.free_addresses(node)}
    for address in pod.addresses:
        if address not in free:
            raise LabError(f"pod {pod.key} is refused: {address} is taken, or in no block")


def _own(lab: Lab, pod: LabPod) -> None:
    """Note the namespace before it is made: a crash right afterwards must not leave it behind."""
    if pod.wired:
        with (lab.directory / "namespaces").open("a") as names:
            names.write(f"\n{network.pod_netns(lab.name, pod.key)}")


def _await_borrowed(lab: Lab, pod: LabPod) -> None:
    topology = lab.state().topology
    if pod.wired and pod.node and any(topology.borrowed(address, pod.node) for address in pod.addresses):
        bird.wait_converged(lab)
