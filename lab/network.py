"""The lab's wiring as commands of ip(8): the fabric, a node, a pod the way the CNI plugin connects it.

Pure: what is returned is carried out by `ip -batch`, where named.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from model import ip

if TYPE_CHECKING:
    from .topology import LabNode, LabPod, Topology, Uplink

HOST_MAC = "ee:ee:ee:ee:ee:ee"  # cni-plugin dataplane_linux.go:43
HOST_LINK_LOCAL = "fe80::ecee:eeff:feee:eeee"  # what the kernel makes of that
LINK_LOCAL_GATEWAY = "169.254.1.1"  # cni-plugin dataplane_linux.go:275-300
PROTO_DHCP = 16
FIRST_METRIC_MINOR = 32  # from v3.32 local routes have ipv4NormalRoutePriority, felix config_params.go:489-492
NORMAL_PRIORITY = 1024
EXTERNAL_PRIORITY = 2147483647 - 100
HOST_MTU = 1500
VXLAN_OVERHEAD = {4: 50, 6: 70}  # felix int_dataplane.go:484-489


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


def bgp_metric(topology: Topology) -> int:
    """The metric of BGP's IPv4 routes: what comes from another AS has LOCAL_PREF 100 (calico-state: bgp_local_pref)."""
    external = topology.tor_as is not None or len({node.as_number for node in topology.nodes}) > 1
    return EXTERNAL_PRIORITY if external and topology.minor >= FIRST_METRIC_MINOR else route_metric(topology)


def subnets(topology: Topology) -> list[tuple[str, ...]]:
    """The fabric's own addresses with their lengths, those of one subnet together."""
    return sorted({tuple(f"{each.gateway}/{each.prefixlen}" for each in node.uplinks) for node in topology.nodes})


def next_hop(topology: Topology, node: str, other: str, family: int) -> str:
    """What a packet of one node to another's address is sent to: that address in one subnet, else the router."""
    mine, theirs = topology.node(node).uplink(family), topology.node(other).uplink(family)
    if mine is None or theirs is None:
        raise ValueError(f"{node} or {other} has no IPv{family} address")
    shared = ip.contains(str(ip.network(f"{mine.address}/{mine.prefixlen}")), theirs.address)
    return theirs.address if shared else mine.gateway


def mtu(topology: Topology) -> int:
    """What Felix writes to /var/lib/calico/mtu: the host's, less the widest overhead of an encapsulation in use
    (int_dataplane.go:1796-1825)."""
    overheads = [VXLAN_OVERHEAD[ip.family(pool.cidr)] for pool in topology.pools if pool.vxlan_mode != "Never"]
    return HOST_MTU - max(overheads, default=0)


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
    for number, gateways in enumerate(subnets(topology)):
        switches[gateways] = f"switch{number}"
        lines.append(f"link add switch{number} type bridge")
        lines += [f"addr add {gateway} dev switch{number}{nodad(gateway)}" for gateway in gateways]
        lines.append(f"link set switch{number} up")
    for number, node in enumerate(topology.nodes):
        switch = switches[tuple(f"{each.gateway}/{each.prefixlen}" for each in node.uplinks)]
        lines.append(f"link set port{number} master {switch} up")
    return lines


def nodad(address: str) -> str:
    """How an address is added: an IPv6 one without duplicate address detection, which takes a second."""
    return " nodad" if ":" in address else ""


def node_addresses(topology: Topology, node: LabNode) -> list[str]:
    """In the node: loopback, uplink, and docker0 where the topology has one."""
    lines = [
        "link set lo up",
        *(_uplink_address(topology, each) for each in node.uplinks),
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


def _uplink_address(topology: Topology, uplink: Uplink) -> str:
    kind = " nodad" if ":" in uplink.address else " brd +"
    return f"addr add {uplink.address}/{uplink.prefixlen}{kind} dev {topology.uplink}"


def node_routes(topology: Topology, node: LabNode) -> list[str]:
    """In the node: what a DHCP client sets up, and the static IPv6 default. The connected routes are the kernel's."""
    lines = []
    for family in (4, 6):
        uplink = node.uplink(family)
        if uplink and family == 4:
            dhcp = f"dev {topology.uplink} proto {PROTO_DHCP} src {uplink.address} metric 100"
            lines.append(f"route add {uplink.gateway} scope link {dhcp}")
            lines.append(f"route add default via {uplink.gateway} {dhcp}")
        elif uplink:
            lines.append(f"route add ::/0 via {uplink.gateway} dev {topology.uplink} proto static metric 1024")
    return lines


def node_sysctls(topology: Topology) -> dict[str, str]:
    """What Felix and kube-proxy leave on (felix int_dataplane.go:2769-2785); the rest is as this machine has it, but
    for the uplink's duplicate address detection, which would hold IPv6 back for a second."""
    on = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding")
    return dict.fromkeys(on, "1") | {f"net.ipv6.conf.{topology.uplink}.accept_dad": "0"}


def pod_link(lab: str, pod: LabPod, size: int) -> str:
    """Where no namespace is entered: the pair, straight into the node and the pod, with an MTU of `size`. The plugin
    sets no queue length."""
    return (
        f"link add {pod.host_interface} netns {node_netns(lab, str(pod.node))} address {HOST_MAC} mtu {size} "
        f"txqueuelen 0 type veth peer name eth0 netns {pod_netns(lab, pod.key)} mtu {size} txqueuelen 0"
    )


def pod_inside(pod: LabPod) -> list[str]:
    """In the pod: up, the address with a host mask, the link-local gateway (cni-plugin dataplane_linux.go:195-300)."""
    lines = ["link set lo up", "link set eth0 up"]
    lines += [f"addr add {ip.host_prefix(address)} dev eth0{nodad(address)}" for address in pod.addresses]
    if _has(pod, 4):
        lines += [f"route add {LINK_LOCAL_GATEWAY} dev eth0 scope link", default_route()]
    if _has(pod, 6):
        lines.append(default_route(6))
    return lines


def _has(pod: LabPod, family: int) -> bool:
    return any(ip.family(address) == family for address in pod.addresses)


def default_route(family: int = 4) -> str:
    """In the pod: the default route, without what the kernel adds to it."""
    if family == 6:
        return f"route add ::/0 via {HOST_LINK_LOCAL} dev eth0"
    return f"route add default via {LINK_LOCAL_GATEWAY} dev eth0"


def pod_inside_sysctls(pod: LabPod) -> dict[str, str]:
    """In the pod: no forwarding (dataplane_linux.go:565-596); IPv6 only with such an address, as in the seed's pod."""
    values = {"net.ipv4.ip_forward": "0"}
    if not _has(pod, 6):
        return values | {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
    return values | {"net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.eth0.accept_dad": "0"}


def pod_host_sysctls(pod: LabPod) -> dict[str, str]:
    """In the node: what the plugin sets on the host end (dataplane_linux.go:495-562)."""
    link = pod.host_interface
    values = {
        f"net.ipv4.conf.{link}.route_localnet": "1",
        f"net.ipv4.neigh.{link}.proxy_delay": "0",
        f"net.ipv4.conf.{link}.proxy_arp": "1",
        f"net.ipv4.conf.{link}.forwarding": "1",
    }
    if _has(pod, 6):
        wanted = {"accept_dad": "0", "disable_ipv6": "0", "proxy_ndp": "1", "forwarding": "1", "accept_ra": "0"}
        values |= {f"net.ipv6.conf.{link}.{name}": value for name, value in wanted.items()}
    return values


def pod_host(topology: Topology, pod: LabPod) -> list[str]:
    """In the node: the host end up, and a route to each address; of pods with the same address the last one has it."""
    routes = [host_route(topology, pod, address) for address in pod.addresses]
    return [f"link set {pod.host_interface} up", *(f"route replace {route}" for route in routes)]


def host_route(topology: Topology, pod: LabPod, address: str) -> str:
    """The route to one address of a pod on its node, without the verb (felix endpoint_mgr.go:977-1047)."""
    if ip.family(address) == 6:  # the kernel knows no scope there, and puts 1024 in the place of no metric
        return f"{ip.host_prefix(address)} dev {pod.host_interface} metric {NORMAL_PRIORITY}"
    metric = route_metric(topology)
    suffix = f" metric {metric}" if metric else ""
    return f"{ip.host_prefix(address)} dev {pod.host_interface} scope link{suffix}"
