"""The lab's wiring as commands of ip(8): the fabric, a node, a pod the way the CNI plugin connects it.

Pure: what is returned is carried out by `ip -batch`, where named.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from model import ip

if TYPE_CHECKING:
    from .topology import LabNode, LabPod, Topology

HOST_MAC = "ee:ee:ee:ee:ee:ee"  # cni-plugin dataplane_linux.go:43
LINK_LOCAL_GATEWAY = "169.254.1.1"  # cni-plugin dataplane_linux.go:275-300
PROTO_DHCP = 16
FIRST_METRIC_MINOR = 32  # from v3.32 local routes have ipv4NormalRoutePriority, felix config_params.go:489-492
NORMAL_PRIORITY = 1024


def fabric_netns(lab: str) -> str:
    """The namespace of the router and switches between the nodes."""
    return f"{lab}-fabric"


def node_netns(lab: str, node: str) -> str:
    return f"{lab}-{node}"


def pod_netns(lab: str, key: str) -> str:
    """A name that says nothing of the pod's own, which may hold any character."""
    return f"{lab}-pod-{hashlib.sha1(key.encode()).hexdigest()[:10]}"


def route_metric(topology: Topology) -> int:
    """The metric of local pod routes and of BGP's routes (calico-state: 0 up to v3.31, 1024 from v3.32)."""
    return NORMAL_PRIORITY if topology.minor >= FIRST_METRIC_MINOR else 0


def gateways(topology: Topology) -> list[tuple[str, int]]:
    """The fabric's own addresses: one a subnet."""
    return sorted({(node.gateway, node.prefixlen) for node in topology.nodes})


def uplinks(lab: str, topology: Topology) -> list[str]:
    """Where no namespace is entered: a veth for each node, straight into the node and the fabric."""
    fabric = fabric_netns(lab)
    return [
        f"link add {topology.uplink} netns {node_netns(lab, node.name)} type veth peer name port{number} netns {fabric}"
        for number, node in enumerate(topology.nodes)
    ]


def fabric(topology: Topology) -> list[str]:
    """In the fabric: a switch for each subnet, which holds the subnet's gateway address."""
    lines = ["link set lo up"]
    switches = {}
    for number, (address, length) in enumerate(gateways(topology)):
        switches[address] = f"switch{number}"
        lines += [
            f"link add switch{number} type bridge",
            f"addr add {address}/{length} dev switch{number}",
            f"link set switch{number} up",
        ]
    for number, node in enumerate(topology.nodes):
        lines.append(f"link set port{number} master {switches[node.gateway]} up")
    return lines


def node_addresses(topology: Topology, node: LabNode) -> list[str]:
    """In the node: loopback, uplink, and docker0 where the topology has one."""
    lines = [
        "link set lo up",
        f"addr add {node.address}/{node.prefixlen} brd + dev {topology.uplink}",
        f"link set {topology.uplink} up",
        *node_routes(topology, node),
    ]
    if node.docker:
        lines += [
            "link add docker0 address 02:42:40:0f:c5:68 type bridge",
            "addr add 172.17.0.1/16 brd 172.17.255.255 dev docker0",
            "link set docker0 up",
        ]
    return lines


def node_routes(topology: Topology, node: LabNode) -> list[str]:
    """In the node: what a DHCP client sets up. The connected route is the kernel's."""
    dhcp = f"dev {topology.uplink} proto {PROTO_DHCP} src {node.address} metric 100"
    return [
        f"route add {node.gateway} scope link {dhcp}",
        f"route add default via {node.gateway} {dhcp}",
    ]


def node_sysctls() -> dict[str, str]:
    """What Felix and kube-proxy leave on (felix int_dataplane.go:2769-2785); the rest is as this machine has it."""
    return {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1", "net.ipv6.conf.default.forwarding": "1"}


def pod_link(lab: str, pod: LabPod) -> str:
    """Where no namespace is entered: the pair, straight into the node and the pod. The plugin sets no queue length."""
    return (
        f"link add {pod.host_interface} netns {node_netns(lab, str(pod.node))} address {HOST_MAC} txqueuelen 0 "
        f"type veth peer name eth0 netns {pod_netns(lab, pod.key)} txqueuelen 0"
    )


def pod_inside(pod: LabPod) -> list[str]:
    """In the pod: up, the address with a host mask, the link-local gateway (cni-plugin dataplane_linux.go:195-300)."""
    lines = ["link set lo up", "link set eth0 up"]
    lines += [f"addr add {ip.host_prefix(address)} dev eth0" for address in pod.addresses]
    if any(ip.family(address) == 4 for address in pod.addresses):
        lines += [f"route add {LINK_LOCAL_GATEWAY} dev eth0 scope link", default_route()]
    return lines


def default_route() -> str:
    return f"route add default via {LINK_LOCAL_GATEWAY} dev eth0"


def pod_inside_sysctls(pod: LabPod) -> dict[str, str]:
    """In the pod: no forwarding (dataplane_linux.go:565-596); IPv6 only with such an address, as in the seed's pod."""
    values = {"net.ipv4.ip_forward": "0"}
    if all(ip.family(address) == 4 for address in pod.addresses):
        values |= {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
    return values


def pod_host_sysctls(pod: LabPod) -> dict[str, str]:
    """In the node: what the plugin sets on the host end (dataplane_linux.go:495-562)."""
    link = pod.host_interface
    return {
        f"net.ipv4.conf.{link}.route_localnet": "1",
        f"net.ipv4.neigh.{link}.proxy_delay": "0",
        f"net.ipv4.conf.{link}.proxy_arp": "1",
        f"net.ipv4.conf.{link}.forwarding": "1",
    }


def pod_host(topology: Topology, pod: LabPod) -> list[str]:
    """In the node: the host end up, and a route to each address; of pods with the same address the last one has it."""
    routes = [host_route(topology, pod, address) for address in pod.addresses]
    return [f"link set {pod.host_interface} up", *(f"route replace {route}" for route in routes)]


def host_route(topology: Topology, pod: LabPod, address: str) -> str:
    """The route to one address of a pod on its node, without the verb (felix endpoint_mgr.go:977-1047)."""
    metric = route_metric(topology)
    suffix = f" metric {metric}" if metric else ""
    return f"{ip.host_prefix(address)} dev {pod.host_interface} scope link{suffix}"
