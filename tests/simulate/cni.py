"""The CNI plugin: ADD makes a sandbox, DEL removes it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from model import ip
from model.cluster import AllocationAttribute
from model.net import MAIN, PROTO_BOOT, SCOPE_GLOBAL, SCOPE_LINK, UNICAST, Hop, Link, Neighbour, Route
from tests.simulate.kernel import STALE, NetNS, link_local, random_mac
from tests.simulate.world import NodeRun, PodRun, World

if TYPE_CHECKING:
    from tests.simulate.spec import PodSpec, PoolSpec

GATEWAY, HOST_MAC = "169.254.1.1", "ee:ee:ee:ee:ee:ee"


def add(world: World, node: NodeRun, pod: PodSpec) -> PodRun:
    """ADD: addresses, the pair of links, routes and sysctls on both sides, and the first host route."""
    container = container_id(world, pod)
    addresses = _addresses(world, node, pod, container)
    node.last_nsid += 1
    space = NetNS(f"cni-{world.uid('sandbox', pod.namespace, pod.name)}")
    mac = pod.hw_addr or random_mac(world.spec.name, pod.namespace, pod.name)
    run = PodRun(pod, space, link_name(pod), world.uid("pod", pod.namespace, pod.name), addresses, mac, node.last_nsid)
    _links(world, node, run)
    for address in addresses:
        space.add_address("eth0", ip.host_prefix(address))
        node.host.add_route(host_route(address, run.link))
    _pod_routes(run)
    _sysctls(world, node, run)
    node.pods[pod.namespace, pod.name] = run
    return run


def delete(world: World, node: NodeRun, pod: PodSpec) -> None:
    """DEL: the sandbox goes with its links and routes, and the addresses are free again."""
    run = node.pods.pop((pod.namespace, pod.name))
    node.host.remove_link(run.link)
    for address in run.ips:
        world.ipam.release(address)


def container_id(world: World, pod: PodSpec) -> str:
    """The sandbox's ID: 64 hexadecimal digits."""
    return world.identity("sandbox", pod.namespace, pod.name)


def link_name(pod: PodSpec) -> str:
    """`cali` and eleven digits of SHA-1 over `namespace.pod`."""
    return "cali" + hashlib.sha1(f"{pod.namespace}.{pod.name}".encode()).hexdigest()[:11]


def host_route(address: str, link: str) -> Route:
    """The plugin's own: no metric, protocol boot."""
    return Route(ip.host_prefix(address), UNICAST, MAIN, PROTO_BOOT, SCOPE_LINK, 0, (Hop(None, link),))


def candidates(world: World, pod: PodSpec, family: int) -> list[PoolSpec]:
    """The pools that IPAM may choose from for a pod."""
    usable = [
        pool
        for pool in world.pools.values()
        if ip.family(pool.cidr) == family and "Workload" in pool.uses and pool.name not in world.disabled
    ]
    named = [pool for pool in usable if pool.name in pod.pools]
    return named or [pool for pool in usable if pool.automatic]


def _addresses(world: World, node: NodeRun, pod: PodSpec, container: str) -> tuple[str, ...]:
    if world.spec.host_local:
        return tuple(_host_local(world, node, cidr) for cidr in world.spec.pod_cidrs[pod.node])
    attribute = AllocationAttribute(
        f"k8s-pod-network.{container}",
        {
            "namespace": pod.namespace,
            "node": pod.node,
            "pod": pod.name,
            "timestamp": f"{world.clock:%Y-%m-%d %H:%M:%S}.180818268 +0000 UTC",
        },
    )
    found = []
    for family in pod.families or (4, 6):
        pools = candidates(world, pod, family)
        address = world.ipam.assign(pod.node, pools, attribute, world.now) if pools else None
        if pools and address is None:
            raise ValueError(f"{world.spec.name}: no IPv{family} address is left for {pod.namespace}/{pod.name}")
        found += [address] if address else []
    return tuple(found)


def _host_local(world: World, node: NodeRun, cidr: str) -> str:
    """host-local hands out in order from the second address on; the first is the tunnel's, or nobody's."""
    used = {address for run in node.pods.values() for address in run.ips}
    return next(text for ordinal in range(2, 200) if (text := ip.nth(cidr, ordinal)) not in used)


def _links(world: World, node: NodeRun, run: PodRun) -> None:
    kind = "netkit" if world.spec.netkit else "veth"
    index, mtu = node.host.next_index(), node.mtu_file
    host_end = Link(index, run.link, kind, up=True, carrier=True, mac=HOST_MAC, mtu=mtu, peer_index=2)
    node.host.add_link(_paired(host_end, 2, run.nsid))
    pod_end = Link(run.space.next_index(), "eth0", kind, up=True, carrier=True, mac=run.mac, mtu=mtu)
    run.space.add_link(_paired(pod_end, index, 0))


def _paired(link: Link, peer: int, nsid: int) -> Link:
    return Link(link.index, link.name, link.kind, link.up, link.carrier, link.mac, link.mtu, peer, nsid)


def _pod_routes(run: PodRun) -> None:
    if any(ip.family(address) == 4 for address in run.ips):
        run.space.add_route(Route(f"{GATEWAY}/32", UNICAST, MAIN, PROTO_BOOT, SCOPE_LINK, 0, (Hop(None, "eth0"),)))
        run.space.add_route(Route("0.0.0.0/0", UNICAST, MAIN, PROTO_BOOT, SCOPE_GLOBAL, 0, (Hop(GATEWAY, "eth0"),)))
        if run.spec.talks:
            run.space.neighbours.append(Neighbour(4, "eth0", GATEWAY, HOST_MAC, STALE))
    if any(ip.family(address) == 6 for address in run.ips):
        gateway = link_local(HOST_MAC)
        run.space.add_route(Route("::/0", UNICAST, MAIN, PROTO_BOOT, SCOPE_GLOBAL, 1024, (Hop(gateway, "eth0"),)))
        if run.spec.talks:
            run.space.neighbours.append(Neighbour(6, "eth0", gateway, HOST_MAC, STALE))


def _sysctls(world: World, node: NodeRun, run: PodRun) -> None:
    host = node.host
    host.set_conf(4, run.link, route_localnet="1", proxy_arp="1", forwarding="1")
    host.sysctls[f"net.ipv4.neigh.{run.link}.proxy_delay"] = "0"
    host.set_conf(6, run.link, accept_ra="0")
    if any(ip.family(address) == 6 for address in run.ips):
        host.set_conf(6, run.link, disable_ipv6="0", proxy_ndp="1", forwarding="1")
    if world.spec.ip_forwarding_in_pods:
        run.space.enable_forwarding(4)
        if any(ip.family(address) == 6 for address in run.ips):
            run.space.enable_forwarding(6)
