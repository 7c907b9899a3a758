"""What several faults need: commands in a node or pod, an object's neighbours in the topology, waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab import bird, network
from lab.bird_config import Twist
from lab.tools import LabError, ip_batch, run, wait_until
from model import ip

if TYPE_CHECKING:
    from lab.state import Lab
    from lab.topology import LabBlock, LabNode, LabPod

EFFECT_SECONDS = 15.0


def on_node(lab: Lab, node: str, *lines: str) -> None:
    """Carry out ip(8) commands on a node."""
    ip_batch(lines, lab.node(node).netns)


def in_pod(lab: Lab, pod: LabPod, *lines: str) -> None:
    """Carry out ip(8) commands in a pod."""
    ip_batch(lines, lab.pod_run(pod.key).netns)


def home(pod: LabPod) -> str:
    """The node that a wired pod is on."""
    return str(pod.node)


def host_route(lab: Lab, pod: LabPod) -> str:
    """The route to the pod's first address on its node, without the verb."""
    return network.host_route(lab.state().topology, pod, pod.addresses[0])


def block(lab: Lab, cidr: str) -> LabBlock:
    """The block of that CIDR."""
    return next(each for each in lab.state().topology.blocks if each.cidr == cidr)


def other_node(lab: Lab, *but: str) -> LabNode:
    """A node that is none of `but`: a worker where there is one. LabError in a lab that is too small."""
    nodes = [node for node in lab.state().topology.nodes if node.name not in but]
    if not nodes:
        raise LabError(f"this fault needs one more node than {', '.join(but)}")
    return min(nodes, key=lambda node: node.control_plane)


def free_address(lab: Lab, cidr: str) -> str:
    """The last address of a block that no pod has. LabError if there is none."""
    taken = {address for pod in lab.state().topology.pods for address in pod.addresses}
    free = [str(each) for each in ip.network(cidr) if str(each) not in taken]
    if not free:
        raise LabError(f"every address of {cidr} is taken")
    return free[-1]


def bird_routes(lab: Lab, node: str) -> set[str]:
    """The routes with `proto bird` that the node's kernel holds, as `type destination via gateway`."""
    return bird.kernel_routes(lab.state(), node)


def await_route(lab: Lab, node: str, route: str, *, there: bool = True) -> None:
    """Wait until the node's kernel holds the route of BIRD's (or no longer holds it)."""
    what = f"{node} to {'have' if there else 'lose'} the route {route}"
    wait_until(what, lambda: (route in bird_routes(lab, node)) is there, EFFECT_SECONDS)


def only_here(cidr: str) -> str:
    """A statement for the export filter: what static1 says of this prefix is told to no peer."""
    return f"if ( net = {cidr} ) && ( source = RTS_STATIC ) then {{ reject; }}"


def static_route(lab: Lab, node: str, name: str, cidr: str, route: str) -> None:
    """Have the node's BIRD put a route (`blackhole`, `via …`) of its own in the place of any other to that prefix.

    The filters come first and go last: within one reconfiguration BIRD lets the route pass the old ones for a moment.
    The metric is that of the route whose place it takes, because in the kernel another metric makes it another route.
    """
    metric = network.route_metric(lab.state().topology)
    kernel = (f"if ( net = {cidr} ) && ( source = RTS_STATIC ) then {{ krt_metric = {metric}; }}",) if metric else ()
    filters = Twist(kernel=kernel, export=(only_here(cidr),))
    bird.twist(lab, node, name, filters)
    bird.twist(lab, node, name, msgspec.structs.replace(filters, static=(f"{cidr} {route}",)))
    await_route(lab, node, f"{cidr} {route}" if route.startswith("via") else f"{route} {cidr}")


def mended(lab: Lab, node: str, name: str) -> None:
    """Take the change out of BIRD's configuration, its filters last, and wait until all is as before."""
    change = bird.twists(lab, node)[name]
    if change.static and change.export:
        bird.twist(lab, node, name, msgspec.structs.replace(change, static=()))
    bird.twist(lab, node, name, None)
    bird.wait_converged(lab)


def iptables(lab: Lab, node: str, *words: str) -> None:
    """Carry out an iptables(8) command on a node."""
    run(["nsenter", f"--net=/run/netns/{lab.node(node).netns}", "iptables", "-w", *words])
