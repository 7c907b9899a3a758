"""A cluster's life from its first pool to the moment it is looked at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from model import ip
from model.cluster import AllocationAttribute, Look
from model.net import (
    HOP_ONLINK,
    MAIN,
    PROTO_BOOT,
    PROTO_DHCP,
    SCOPE_GLOBAL,
    SCOPE_LINK,
    UNICAST,
    Hop,
    Link,
    Neighbour,
    Route,
)
from model.node import Absent, NodeFacts
from model.snapshot import FORMAT, Header, Snapshot, snapshot
from tests.simulate import cni, felix, objects, routing
from tests.simulate.felix_cluster import TUNNEL_TYPES
from tests.simulate.ipam import Ipam
from tests.simulate.kernel import STALE, NetNS, random_mac
from tests.simulate.spec import PodState
from tests.simulate.world import NodeRun, World

if TYPE_CHECKING:
    from tests.simulate.spec import ClusterSpec, NodeSpec, PodSpec, PoolSpec

TUNNEL_HANDLES = {
    "ipip": "ipip-tunnel-addr",
    "vxlan": "vxlan-tunnel-addr",
    "vxlan6": "vxlan-v6-tunnel-addr",
    "wireguard": "wireguard-tunnel-addr",
    "wireguard6": "wireguard-v6-tunnel-addr",
}
NO_SANDBOX = {PodState.PENDING, PodState.UNSCHEDULED, PodState.HOST_NETWORK}
DAY = 86400


def simulate(spec: ClusterSpec) -> Snapshot:
    """The snapshot of the cluster that the spec describes: healthy, settled, a day old. ValueError for an impossible
    one (an unknown name, no address left)."""
    world = World(spec, _ipam(spec))
    _pools(world, later=False)
    for node in spec.nodes:
        if not node.late and not node.virtual:
            _join(world, node)
    _services(world)
    _pods(world, [pod for pod in spec.pods if pod.old])
    world.tick(600)
    if _pools(world, later=True):
        _restart(world, [pod for pod in spec.pods if pod.early])
    world.tick(600)
    late = {node.name for node in spec.nodes if node.late}
    _pods(world, [pod for pod in spec.pods if not pod.old and not pod.early and pod.node not in late])
    for node in spec.nodes:
        if node.late:
            _join(world, node)
    _pods(world, [pod for pod in spec.pods if not pod.old and pod.node in late])
    _afterwards(world)
    for run in _linux(world):
        felix.settle(world, run)
    routing.run(world)
    world.tick(DAY)
    return _look(world)


def _ipam(spec: ClusterSpec) -> Ipam:
    windows = frozenset(node.name for node in spec.nodes if node.os == "windows")
    return Ipam(spec.strict_affinity, spec.max_blocks, windows)


def _pools(world: World, later: bool) -> bool:
    """The pools of that time come; whether there were any."""
    found = [pool for pool in world.spec.pools if pool.later is later]
    for pool in found:
        world.pools[pool.name] = pool
        world.created[pool.name] = world.tick()
    return bool(found)


def _join(world: World, node: NodeSpec) -> None:
    """A node comes: its own network, its tunnels' addresses, its agents."""
    run = NodeRun(node, _host(world, node))
    world.nodes[node.name] = run
    world.tick()
    _tunnels(world, run)
    felix.start(world, run)


def _restart(world: World, early: list[PodSpec]) -> None:
    """Felix restarts when the encapsulations change, after calico-node has found addresses for the new tunnels."""
    for run in world.nodes.values():
        _tunnels(world, run)
    _pods(world, early)
    for run in world.nodes.values():
        felix.start(world, run)


def _host(world: World, node: NodeSpec) -> NetNS:
    host = NetNS("host")
    spoofs = any("cni.projectcalico.org/allowedSourcePrefixes" in pod.annotations for pod in world.spec.pods)
    for scope in ("default",) if spoofs else ("all", "default"):  # the larger of all's and the interface's own counts
        host.set_conf(4, scope, rp_filter=str(world.spec.rp_filter))
    if world.spec.ipv6_forwarding:
        host.enable_forwarding(6)
    mac = random_mac(world.spec.name, node.name, "uplink")
    host.add_link(Link(host.next_index(), node.uplink, "", up=True, carrier=True, mac=mac, mtu=node.mtu))
    for text, protocol, metric in ((node.v4, PROTO_DHCP, 100), (node.v6, PROTO_BOOT, 1024)):
        if text:
            host.add_address(node.uplink, text)
            _default(host, node.uplink, text, protocol, metric)
    return host


def _default(host: NetNS, dev: str, text: str, protocol: int, metric: int) -> None:
    """The way out: the router of the subnet; with a /32 (as clouds hand out) first a route to the router itself."""
    six = ip.family(text) == 6
    router = gateway(text)
    alone = ip.is_host_prefix(text)
    if alone:
        first = Route(ip.host_prefix(router), UNICAST, MAIN, protocol, SCOPE_LINK, metric, (Hop(None, dev),))
        host.add_route(first)
    own = None if six else ip.bare(text)
    hop = Hop(router, dev, HOP_ONLINK if alone else 0)
    host.add_route(Route("::/0" if six else "0.0.0.0/0", UNICAST, MAIN, protocol, SCOPE_GLOBAL, metric, (hop,), own))


def gateway(text: str) -> str:
    """The router of a node's subnet: the last address but one of an IPv4 subnet (of its /24 at most), `…fe` of an
    IPv6 one."""
    family = ip.family(text)
    length = int(text.partition("/")[2])
    subnet = ip.span(f"{ip.bare(text)}/{max(length, 24) if family == 4 and length < 32 else 24 if family == 4 else 64}")
    return ip.from_number(family, subnet[2] - 1 if family == 4 else subnet[1] + 0xFE)


def _tunnels(world: World, run: NodeRun) -> None:
    """calico-node's allocation of tunnel addresses: from the pools with that encapsulation."""
    for kind in world.encapsulations(run.spec):
        family = 6 if kind.endswith("6") else 4
        if kind in run.tunnels or run.address(family) is None or (run.spec.os == "windows" and kind != "vxlan"):
            continue
        if world.spec.host_local:
            run.tunnels[kind] = ip.nth(world.spec.pod_cidrs[run.spec.name][0], 1)
            continue
        pools = [pool for pool in world.pools.values() if _suits(world, pool, kind, family)]
        attribute = AllocationAttribute(
            f"{TUNNEL_HANDLES[kind]}-{run.spec.name}", {"node": run.spec.name, "type": TUNNEL_TYPES[kind]}
        )
        address = world.ipam.assign(run.spec.name, pools, attribute, world.now)
        if address is None:
            raise ValueError(f"{world.spec.name}: no address is left for the {kind} tunnel of {run.spec.name}")
        run.tunnels[kind] = address


def _suits(world: World, pool: PoolSpec, kind: str, family: int) -> bool:
    if ip.family(pool.cidr) != family or "Tunnel" not in pool.uses or pool.name in world.disabled:
        return False
    if kind.startswith("wireguard"):
        return True
    return (pool.ipip if kind == "ipip" else pool.vxlan) != "Never"


def _services(world: World) -> None:
    """Addresses that kube-controllers' LoadBalancer controller gives to services."""
    for service in world.spec.services:
        for address in service.load_balancer_ips if service.ipam_pool else ():
            handle = f"lb-{world.identity('service', service.name, length=32)}"
            secondary = {"service": service.name, "namespace": "default", "type": "loadBalancer"}
            pool = world.pools[service.ipam_pool or ""]
            world.ipam.assign_virtual(pool, address, AllocationAttribute(handle, secondary), world.now)


def _pods(world: World, pods: list[PodSpec]) -> None:
    """Pods come one after the other; some go again."""
    for pod in pods:
        world.tick()
        ips: tuple[str, ...] = ()
        if pod.state == PodState.HOST_NETWORK:
            ips = objects.host_ips(world.spec.node(pod.node))
        elif pod.state not in NO_SANDBOX:
            run = cni.add(world, world.nodes[pod.node], pod)
            ips = run.ips
            if pod.state in objects.GONE:
                cni.delete(world, world.nodes[pod.node], pod)
        world.pods.append(objects.pod(world, pod, ips))


def _afterwards(world: World) -> None:
    """What the administrator did to pools and affinities while the pods ran."""
    for node, released in world.spec.released:
        world.ipam.release_affinity(node, world.spec.pool(released))
    for pool in world.spec.pools:
        if pool.disabled_later:
            world.disabled.add(pool.name)
        if pool.deleted:
            del world.pools[pool.name]


def _linux(world: World) -> list[NodeRun]:
    return [run for run in world.nodes.values() if run.spec.os == "linux"]


def _look(world: World) -> Snapshot:
    spec = world.spec
    before = objects.cluster(world)
    look = Look(before, before.pods, before.blocks, before.affinities, before.nodes)
    absent = [
        Absent(node.name, f"{node.name} runs no Linux agents", "Leave it out, or look at it by its own means.")
        for node in spec.nodes
        if node.virtual or node.os != "linux"
    ]
    header = Header(FORMAT, "calico-conformance", world.now, "cluster", spec.name, "lab")
    return snapshot(header, look, [_facts(world, run) for run in _linux(world)], absent)


def _facts(world: World, run: NodeRun) -> NodeFacts:
    _neighbours(world, run)
    pods = sorted(run.pods.values(), key=lambda pod: pod.space.name)
    taken = world.clock.timestamp()
    return NodeFacts(
        name=run.spec.name,
        host=run.host.freeze(),
        pods=tuple(pod.space.freeze(pod.nsid, 0, (pod.uid,)) for pod in pods),
        birds=run.birds,
        cni_config=json.dumps(_cni_config(world, run)),
        started=taken,
        finished=taken + 0.2,
        kernel="6.18.0",
        boot_time=taken - 2 * DAY,
        mtu_file=str(run.mtu_file),
        mtu_file_time=run.mtu_written.timestamp(),
    )


def _neighbours(world: World, run: NodeRun) -> None:
    """The nodes of the same subnet have talked with each other."""
    for family in (4, 6):
        network = run.network(family)
        for peer in world.nodes.values():
            address = peer.address(family)
            if peer is not run and network and address and ip.contains(network, address):
                mac = random_mac(world.spec.name, peer.spec.name, "uplink")
                run.host.neighbours.append(Neighbour(family, run.spec.uplink, address, mac, STALE))


def _cni_config(world: World, run: NodeRun) -> dict[str, object]:
    plugin: dict[str, object] = {
        "type": "calico",
        "datastore_type": "kubernetes",
        "nodename": run.spec.name,
        "mtu": 0,
        "ipam": {"type": "host-local", "subnet": "usePodCidr"} if world.spec.host_local else {"type": "calico-ipam"},
    }
    if world.spec.netkit:
        plugin["device_type"] = "netkit"
    if world.spec.ip_forwarding_in_pods:
        plugin["container_settings"] = {"allow_ip_forwarding": True}
    return {"name": "k8s-pod-network", "cniVersion": "1.0.0", "plugins": [plugin, {"type": "portmap"}]}
