"""What several faults need: commands in a node or pod, an object's neighbours in the topology, waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab import bird, felix, network
from lab.api.control import Control
from lab.bird_config import Twist
from lab.bird_routes import kernel_routes
from lab.felix_plan import DEVICES
from lab.tools import LabError, ip_batch, run, wait_until
from model import ip

if TYPE_CHECKING:
    from lab.state import Lab
    from lab.topology import LabBlock, LabNode, LabPod, Topology

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


def nobody(topology: Topology, node: str, family: int = 4) -> str:
    """The last address of the node's subnet that nothing has, or in IPv6 one far from all others."""
    uplink = topology.node(node).uplink(family)
    if uplink is None:
        raise LabError(f"{node} has no IPv{family} address")
    if family == 6:
        return str(ip.network(f"{uplink.address}/{uplink.prefixlen}")[0xDEAD])
    taken = {each.address for other in topology.nodes for each in other.uplinks}
    taken |= {each.gateway for other in topology.nodes for each in other.uplinks}
    hosts = [str(each) for each in ip.network(f"{uplink.address}/{uplink.prefixlen}").hosts()]
    return next(address for address in reversed(hosts) if address not in taken)


def bird_routes(lab: Lab, node: str, family: int = 4) -> set[str]:
    """The routes with `proto bird` that the node's kernel holds, as `type destination via gateway`."""
    return kernel_routes(lab.state(), node, family)


def family_of(route: str) -> int:
    """The family of a route in these words, or of a prefix."""
    return 6 if ":" in route else 4


def await_route(lab: Lab, node: str, route: str, *, there: bool = True) -> None:
    """Wait until the node's kernel holds the route of BIRD's (or no longer holds it)."""
    what = f"{node} to {'have' if there else 'lose'} the route {route}"
    wait_until(what, lambda: (route in bird_routes(lab, node, family_of(route))) is there, EFFECT_SECONDS)


def only_here(cidr: str) -> str:
    """A statement for the export filter: what static1 says of this prefix is told to no peer."""
    return f"if ( net = {cidr} ) && ( source = RTS_STATIC ) then {{ reject; }}"


def static_route(lab: Lab, node: str, name: str, cidr: str, route: str) -> None:
    """Have the node's BIRD put a route (`blackhole`, `via …`) of its own in the place of any other to that prefix.

    The filters come first and go last: within one reconfiguration BIRD lets the route pass the old ones for a moment.
    The metric is that of the route whose place it takes, because in the kernel another metric makes it another route.
    """
    family = family_of(cidr)
    metric = network.bgp_metric(lab.state().topology) if family == 4 else 0  # in IPv6 the protocol's own is right
    kernel = (f"if ( net = {cidr} ) && ( source = RTS_STATIC ) then {{ krt_metric = {metric}; }}",) if metric else ()
    filters = Twist(kernel=kernel, export=(only_here(cidr),), family=family)
    bird.twist(lab, node, name, filters)
    bird.twist(lab, node, name, msgspec.structs.replace(filters, static=(f"{cidr} {route}",)))
    shown = ip.bare(cidr) if ip.is_host_prefix(cidr) else cidr
    await_route(lab, node, f"{shown} {route}" if route.startswith("via") else f"{route} {shown}")


def mended(lab: Lab, node: str, name: str) -> None:
    """Take the change out of BIRD's configuration, its filters last, and wait until all is as before."""
    change = bird.twists(lab, node)[name]
    if change.static and change.export:
        bird.twist(lab, node, name, msgspec.structs.replace(change, static=()))
    bird.twist(lab, node, name, None)
    bird.wait_converged(lab)


def far_end(lab: Lab, cidr: str) -> tuple[LabNode, LabNode]:
    """The owner of a block, and a node that has to route it."""
    owner = lab.state().topology.node(block(lab, cidr).node)
    return owner, other_node(lab, owner.name)


def annotate(lab: Lab, node: str, name: str, value: str | None) -> None:
    """Write one of calico-node's annotations of a Node object, or take it away, and let Felix see it."""
    control = Control(lab.directory)
    obj = control.get("nodes", node)
    notes = {key: text for key, text in obj["metadata"]["annotations"].items() if key != f"projectcalico.org/{name}"}
    if value is not None:
        notes[f"projectcalico.org/{name}"] = value
    control.replace(obj | {"metadata": obj["metadata"] | {"annotations": notes}})
    felix.sync(lab)


def tunnel_device(lab: Lab, node: str) -> str:
    """The node's VXLAN device. LabError if this lab has none."""
    links = run(["ip", "-n", lab.node(node).netns, "-o", "link", "show", "type", "vxlan"])
    for device in DEVICES.values():
        if f" {device}:" in links:
            return device
    raise LabError(f"{node} has no VXLAN device: this fault needs a topology with a VXLAN pool")


def iptables(lab: Lab, node: str, *words: str) -> None:
    """Carry out an iptables(8) command on a node."""
    run(["nsenter", f"--net=/run/netns/{lab.node(node).netns}", "iptables", "-w", *words])
