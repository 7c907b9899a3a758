"""Felix on one node: sysctls, local workload routes, and what it brings together from its managers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip
from model.net import MAIN, PROTO_BOOT, SCOPE_LINK, UNICAST, Hop, Link, Neighbour, Route
from tests.simulate import cni, felix_cluster, felix_tunnels, felix_wireguard
from tests.simulate.kernel import STALE, random_mac

if TYPE_CHECKING:
    from tests.simulate.world import NodeRun, PodRun, World

BPF_IN, BPF_OUT = "bpfin.cali", "bpfout.cali"


def start(world: World, node: NodeRun) -> None:
    """Felix starts (again, when pools change): global sysctls, tunnel devices, and the MTU file."""
    node.host.enable_forwarding(4)
    if world.spec.ipv6_support:
        node.host.enable_forwarding(6)
    if world.felix(node.spec).get("bpfEnabled") is True and BPF_IN not in node.host.links:
        _bpf_devices(world, node)
    felix_tunnels.devices(world, node)
    mtus = [world.tunnel_mtu(node.spec, kind) for kind in world.encapsulations(node.spec)]
    node.mtu_file = min(mtus, default=node.spec.mtu)
    node.mtu_written = world.clock


def settle(world: World, node: NodeRun) -> None:
    """Bring the node's kernel to what the datastore asks of it now."""
    for run in node.pods.values():
        _endpoint(world, node, run)
    source = {family: world.device_source(node.spec, family) for family in (4, 6)}
    for route in felix_cluster.routes(world, node):
        node.host.add_route(_with_source(route, source))
    felix_tunnels.peers(world, node)
    felix_wireguard.program(world, node)


def _endpoint(world: World, node: NodeRun, run: PodRun) -> None:
    """One workload: its link's sysctls, and its routes instead of the CNI plugin's."""
    bpf = world.felix(node.spec).get("bpfEnabled") is True
    spoofs = "cni.projectcalico.org/allowedSourcePrefixes" in run.spec.annotations
    rp_filter = "0" if bpf or spoofs else str(world.spec.rp_filter)
    host, link = node.host, run.link
    host.set_conf(4, link, route_localnet="1", proxy_arp="1", forwarding="1", rp_filter=rp_filter)
    host.sysctls[f"net.ipv4.neigh.{link}.proxy_delay"] = "0"
    if world.spec.ipv6_support:
        host.set_conf(6, link, proxy_ndp="1", forwarding="1", accept_ra="0")
    if run.spec.talks:
        host.neighbours += [Neighbour(ip.family(text), link, text, run.mac, STALE) for text in run.ips]
    protocol = world.device_protocol(node.spec)
    foreign = world.felix(node.spec).get("removeExternalRoutes") is False and protocol != PROTO_BOOT
    for address in run.ips:
        family = ip.family(address)
        metric = world.priority(node.spec, family)
        first = cni.host_route(address, link)
        if not foreign:
            host.remove_route(first)
        prefsrc = world.device_source(node.spec, family)
        host.add_route(msgspec.structs.replace(first, protocol=protocol, metric=metric, prefsrc=prefsrc))


def _with_source(route: Route, source: dict[int, str | None]) -> Route:
    """deviceRouteSourceAddress goes on every route of the table."""
    return msgspec.structs.replace(route, prefsrc=source[ip.family(route.dst)])


def _bpf_devices(world: World, node: NodeRun) -> None:
    """The pair through which the eBPF dataplane sends what the host's own stack has to see."""
    first = node.host.next_index()
    second = node.host.next_index()
    for index, peer, name in ((first, second, BPF_IN), (second, first, BPF_OUT)):
        mac = random_mac(world.spec.name, node.spec.name, name)
        node.host.add_link(
            Link(index, name, "veth", up=True, carrier=True, mac=mac, mtu=node.spec.mtu, peer_index=peer)
        )
    node.host.add_route(Route("169.254.1.1/32", UNICAST, MAIN, PROTO_BOOT, SCOPE_LINK, 0, (Hop(None, BPF_IN),)))
