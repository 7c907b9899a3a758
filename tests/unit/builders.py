"""A small healthy cluster as values, and simple ways to vary it.

Three nodes, each family: unencapsulated pools, BIRD's routes without metrics (v3.30), blocks on both workers, a
borrowed address, and pods of every state. The kernel's side is written down from calico-state by hand; nothing here
reads what `expect` makes of the cluster.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import structs

from model import net
from model.cluster import (
    AllocationAttribute,
    BlockAffinity,
    Cluster,
    ClusterInformation,
    IPAMBlock,
    IPAMHandle,
    IPPool,
    Node,
    Pod,
)
from model.net import Address, Hop, Link, Namespace, Route, Rule
from model.node import Bird, BirdProtocol, NodeFacts
from model.trial import Packet, Reply, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


T = TypeVar("T")
Struct = TypeVar("Struct", bound=Any)

NODES = {"host1": 10, "worker1": 11, "worker2": 12}
POOL, POOL6 = "10.48.0.0/16", "fd00:10:48::/64"
BLOCK1, BLOCK2 = "10.48.0.64/26", "10.48.0.128/26"
BLOCK1_V6, BLOCK2_V6 = "fd00:10:48::40/122", "fd00:10:48::80/122"
OWNERS = {BLOCK1: "worker1", BLOCK2: "worker2", BLOCK1_V6: "worker1", BLOCK2_V6: "worker2"}
LINK_LOCAL = "fe80::ecee:eeff:feee:eeee"

CUSTOMER = "yaobank/customer-5df6b999fb-cf7jl"
DUAL = "yaobank/dual-0"
LEAVING = "yaobank/leaving-0"
DATABASE = "yaobank/database-6c5db58d95-nnwsp"
BORROWER = "yaobank/summary-85c56b76d7-x5jxn"
SIX = "yaobank/six-0"
LIVE = {  # pod, its node, its addresses
    CUSTOMER: ("worker1", ("10.48.0.67",)),
    DUAL: ("worker1", ("10.48.0.68", "fd00:10:48::44")),
    LEAVING: ("worker1", ("10.48.0.72",)),
    DATABASE: ("worker2", ("10.48.0.130",)),
    BORROWER: ("worker2", ("10.48.0.70",)),  # of worker1's block
    SIX: ("worker2", ("fd00:10:48::82",)),
}
BORROWED = "10.48.0.70/32"
FREE = "10.48.0.99"  # of BLOCK1


def cali(key: str) -> str:
    """The host interface of a pod `namespace/name`."""
    return "cali" + hashlib.sha1(key.replace("/", ".", 1).encode()).hexdigest()[:11]


CALI = cali(CUSTOMER)


def changed(items: Iterable[Struct], when: Callable[[Struct], bool], /, **fields: object) -> tuple[Struct, ...]:
    """The items, those that `when` picks with other fields; it must pick one."""
    every = tuple(items)
    assert any(map(when, every)), "nothing was picked: the variation would vary nothing"
    return tuple(structs.replace(item, **fields) if when(item) else item for item in every)


def without(items: Iterable[T], when: Callable[[T], bool]) -> tuple[T, ...]:
    """The items but those that `when` picks; it must pick one."""
    every = tuple(items)
    kept = tuple(item for item in every if not when(item))
    assert len(kept) < len(every), "nothing was picked: the variation would vary nothing"
    return kept


def via(gateway: str | None, dev: str, flags: int = 0) -> tuple[Hop, ...]:
    """A single next hop."""
    return (Hop(gateway, dev, flags),)


def route(dst: str, hops: tuple[Hop, ...] = (), **fields: Any) -> Route:
    """A route of the main table, BIRD's unless told otherwise; a blackhole by its type."""
    kind = fields.pop("type", net.UNICAST if hops else net.BLACKHOLE)
    values = {"table": net.MAIN, "protocol": net.PROTO_BIRD, "scope": net.SCOPE_GLOBAL, "metric": 0, **fields}
    return Route(dst=dst, type=kind, hops=hops, **values)


def rule(priority: int, table: int, family: int = 4, **fields: Any) -> Rule:
    """A rule that looks a table up."""
    return Rule(family, priority, fields.pop("action", net.RULE_TO_TABLE), table, **fields)


STANDARD_RULES = (
    rule(0, net.LOCAL),
    rule(32766, net.MAIN),
    rule(32767, net.DEFAULT),
    rule(0, net.LOCAL, 6),
    rule(32766, net.MAIN, 6),
)


def within(cidr: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def given(block: IPAMBlock, address: str, attribute: AllocationAttribute | None) -> dict[str, object]:
    ordinal = int(ipaddress.ip_address(address)) - int(ipaddress.ip_network(block.cidr).network_address)
    now = list(block.allocations)
    now[ordinal] = None if attribute is None else len(block.attributes)
    attributes = block.attributes if attribute is None else (*block.attributes, attribute)
    free = tuple(number for number, index in enumerate(now) if index is None)
    return {"allocations": tuple(now), "attributes": attributes, "unallocated": free}


def held_by(key: str, node: str) -> AllocationAttribute:
    """The attribute of an address that a pod holds."""
    namespace, _, name = key.partition("/")
    return AllocationAttribute(f"k8s-pod-network.{key}", {"namespace": namespace, "pod": name, "node": node})


def block(cidr: str, node: str | None, name: str | None = None, **fields: Any) -> IPAMBlock:
    """A block without allocations."""
    size = ipaddress.ip_network(cidr).num_addresses
    affinity = fields.pop("affinity", f"host:{node}" if node else None)
    values = {"allocations": (None,) * size, "attributes": (), "unallocated": tuple(range(size)), **fields}
    return IPAMBlock(name or cidr.translate(str.maketrans("./:", "---")), cidr, "7", affinity, **values)


def affinity(cidr: str, node: str, state: str = "confirmed", **fields: Any) -> BlockAffinity:
    """A node's claim of a block."""
    return BlockAffinity(f"{node}-{cidr.translate(str.maketrans('./:', '---'))}", node, cidr, state, **fields)


def pod(key: str, node: str, ips: tuple[str, ...], **fields: Any) -> Pod:
    """A running pod."""
    namespace, _, name = key.partition("/")
    values = {"host_network": False, "phase": "Running", "ready": True, **fields}
    return Pod(namespace, name, f"uid-{key}", "1", node, ips=ips, **values)


def space_name(key: str) -> str:
    """The name of a pod's network namespace: says nothing, as a runtime's."""
    return f"cni-{hashlib.md5(key.encode()).hexdigest()}"


def trial(cidr: str) -> Trial:
    """A trial that proves that the block's free addresses are dropped."""
    version = ipaddress.ip_network(cidr).version
    owner, base = OWNERS[cidr], ipaddress.ip_network(cidr).network_address
    mine = tuple(address for _, addresses in LIVE.values() for address in addresses if within(cidr, address))
    addresses = _node_addresses(NODES[owner])
    control = {BLOCK1: "10.48.0.67", BLOCK2: "10.48.0.130", BLOCK1_V6: "fd00:10:48::44", BLOCK2_V6: "fd00:10:48::82"}
    own = addresses[0] if version == 4 else addresses[1]
    exceeded = Reply(own, 11 if version == 4 else 3, 0)
    return Trial(
        block=cidr,
        owner=owner,
        sender="host1",
        source=_node_addresses(NODES["host1"])[0 if version == 4 else 1],
        uplink="ens160",
        packet=Packet(str(base + 35), 1, sent=True, arrived=True),
        control=Packet(control[cidr], 1, sent=True, arrived=True, replies=(exceeded,)),
        control_kind="live-pod",
        control_lookup="unicast dev cali",
        lookups={str(base + i): "EINVAL" for i in range(64) if str(base + i) not in mine},
        owner_addresses=addresses,
    )


def _node_addresses(number: int) -> tuple[str, str]:
    return f"10.0.0.{number}", f"fd00:10::{number:x}"


def healthy_cluster() -> Cluster:
    pods = [pod(key, node, ips) for key, (node, ips) in LIVE.items()]
    pods = list(changed(pods, lambda item: item.key == LEAVING, deleting=True))
    for name, number in NODES.items():
        agent = pod(f"kube-system/calico-node-{name}", name, (f"10.0.0.{number}",), host_network=True)
        pods.append(structs.replace(agent, images=("docker.io/calico/node:v3.30.7",)))
    pods += [
        pod("batch/done", "worker1", ("10.48.0.90",), phase="Succeeded"),
        pod("batch/failed", "worker2", ("10.48.0.67",), phase="Failed"),  # its address was given again
        pod("batch/pending", "worker1", (), phase="Pending"),
        pod("batch/unscheduled", "", (), phase="Pending"),
        pod("batch/gone", "worker1", ("10.48.0.91",), deleting=True, annotations={"cni.projectcalico.org/podIP": ""}),
    ]
    blocks = [block(cidr, node) for cidr, node in OWNERS.items()]
    for key, (node, ips) in LIVE.items():
        for address in ips:
            mine = next(item for item in blocks if within(item.cidr, address))
            full = structs.replace(mine, **given(mine, address, held_by(key, node)))
            blocks = [full if item is mine else item for item in blocks]
    return Cluster(
        pods=tuple(pods),
        nodes=tuple(_node(name, number) for name, number in NODES.items()),
        pools=(IPPool("default-ipv4-ippool", POOL, 26), IPPool("default-ipv6-ippool", POOL6, 122)),
        blocks=tuple(blocks),
        affinities=tuple(affinity(cidr, node) for cidr, node in OWNERS.items()),
        handles=tuple(_handle(key, ips) for key, (_, ips) in LIVE.items()),
        information=ClusterInformation("v3.30.7"),
    )


def _handle(key: str, ips: tuple[str, ...]) -> IPAMHandle:
    blocks = [cidr for cidr in OWNERS for address in ips if within(cidr, address)]
    return IPAMHandle(f"k8s-pod-network.{key}", {cidr: blocks.count(cidr) for cidr in blocks})


def _node(name: str, number: int) -> Node:
    four, six = _node_addresses(number)
    return Node(
        name, f"uid-{name}", "1", internal_ips=(four, six), ready=True, bgp_ipv4=f"{four}/24", bgp_ipv6=f"{six}/64"
    )


def healthy_facts(name: str) -> NodeFacts:
    mine = [key for key, (node, _) in LIVE.items() if node == name]
    spaces = [_inside(key, index) for index, key in enumerate(mine)]
    return NodeFacts(
        name,
        host=Namespace(
            name="host",
            links=_host_links(mine),
            addresses=_host_addresses(name, mine),
            routes=_host_routes(name, mine),
            rules=STANDARD_RULES,
            sysctls=_host_sysctls(mine),
        ),
        pods=tuple(spaces),
        birds=(_bird(name, 4), _bird(name, 6)),
    )


def _host_links(mine: list[str]) -> tuple[Link, ...]:
    pairs = (
        Link(10 + index, cali(key), "veth", True, True, "ee:ee:ee:ee:ee:ee", 1500, 2, 1 + index)
        for index, key in enumerate(mine)
    )
    return (
        Link(1, "lo", "", True, True, "00:00:00:00:00:00", 65536),
        Link(2, "ens160", "", True, True, "46:ed:5a:cb:e6:4e", 1500),
        *pairs,
    )


def _host_addresses(name: str, mine: list[str]) -> tuple[Address, ...]:
    four, six = _node_addresses(NODES[name])
    return (
        Address("lo", "127.0.0.1", 8, net.SCOPE_HOST),
        Address("ens160", four, 24, net.SCOPE_GLOBAL),
        Address("ens160", six, 64, net.SCOPE_GLOBAL),
        Address("ens160", "fe80::1", 64, net.SCOPE_LINK),
        *(Address(cali(key), LINK_LOCAL, 64, net.SCOPE_LINK) for key in mine),
    )


def _kernel(dst: str, dev: str, **fields: Any) -> Route:
    return route(dst, via(None, dev), protocol=net.PROTO_KERNEL, **fields)


def _own(address: str, dev: str) -> Route:
    """The kernel's entry of the local table for an address."""
    length, scope = (128, net.SCOPE_GLOBAL) if ":" in address else (32, net.SCOPE_HOST)
    return _kernel(f"{address}/{length}", dev, type=net.LOCAL_TYPE, table=net.LOCAL, scope=scope)


def _host_routes(name: str, mine: list[str]) -> tuple[Route, ...]:
    four, six = _node_addresses(NODES[name])
    routes = [
        route("0.0.0.0/0", via("10.0.0.254", "ens160"), protocol=net.PROTO_DHCP, metric=100),
        route("::/0", via("fd00:10::fe", "ens160"), protocol=net.PROTO_BOOT, metric=1024),
        _kernel("10.0.0.0/24", "ens160", scope=net.SCOPE_LINK),
        _kernel("fd00:10::/64", "ens160", metric=256),
        _own("127.0.0.1", "lo"),
        _own(four, "ens160"),
        _own(six, "ens160"),
        _kernel("ff00::/8", "ens160", table=net.LOCAL, type=net.MULTICAST, metric=256),
    ]
    for cidr, owner in OWNERS.items():
        way = _node_addresses(NODES[owner])[":" in cidr]
        metric = 1024 if ":" in cidr else 0
        routes.append(route(cidr, () if owner == name else via(way, "ens160"), metric=metric))
    if name != "worker2":
        routes.append(route(BORROWED, via("10.0.0.12", "ens160")))
    for key in mine:
        routes += [host_route(address, cali(key)) for address in LIVE[key][1]]
        routes.append(_kernel("fe80::/64", cali(key), metric=256))
        routes.append(_own(LINK_LOCAL, cali(key)))
    return tuple(routes)


def host_route(address: str, dev: str, **fields: Any) -> Route:
    """A pod's host route as Felix before v3.32 makes it."""
    if ":" in address:
        return route(f"{address}/128", via(None, dev), **{"protocol": net.PROTO_BOOT, "metric": 1024, **fields})
    shape = {"protocol": net.PROTO_BOOT, "scope": net.SCOPE_LINK, **fields}
    return route(f"{address}/32", via(None, dev), **shape)


def _host_sysctls(mine: list[str]) -> dict[str, str]:
    values = {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.ipv4.conf.all.proxy_arp": "0",
        "net.ipv4.conf.all.rp_filter": "0",
        "net.ipv4.conf.default.rp_filter": "0",
    }
    for key in mine:
        four, six = f"net.ipv4.conf.{cali(key)}", f"net.ipv6.conf.{cali(key)}"
        values |= {
            f"{four}.forwarding": "1",
            f"{four}.proxy_arp": "1",
            f"{four}.route_localnet": "1",
            f"{four}.rp_filter": "0",
            f"net.ipv4.neigh.{cali(key)}.proxy_delay": "0",
            f"{six}.forwarding": "1",
            f"{six}.proxy_ndp": "1",
            f"{six}.accept_ra": "0",
            f"{six}.disable_ipv6": "0",
        }
    return values


def _bird(name: str, family: int) -> Bird:
    sessions = (
        BirdProtocol(f"Mesh_{peer}", "BGP", "up", info="Established", neighbor=address, neighbor_as=64512)
        for peer, number in NODES.items()
        if peer != name
        for address in [_node_addresses(number)[family == 6]]
    )
    own = (("static1", "Static"), ("kernel1", "Kernel"), ("device1", "Device"), ("direct1", "Direct"))
    return Bird(family, True, "v0.3.3+birdv1.6.8", (*(BirdProtocol(one, kind, "up") for one, kind in own), *sessions))


def _inside(key: str, index: int) -> Namespace:
    _, ips = LIVE[key]
    routes = [
        _own("127.0.0.1", "lo"),
        _kernel("127.255.255.255/32", "lo", type=net.BROADCAST, table=net.LOCAL, scope=net.SCOPE_LINK),
        _kernel("fe80::/64", "eth0", metric=256),
        _own("fe80::2", "eth0"),
        _kernel("ff00::/8", "eth0", table=net.LOCAL, type=net.MULTICAST, metric=256),
    ]
    for address in ips:
        routes.append(_own(address, "eth0"))
        if ":" in address:
            routes.append(_kernel(f"{address}/128", "eth0", metric=256))
            routes.append(route("::/0", via(LINK_LOCAL, "eth0"), protocol=net.PROTO_BOOT, metric=1024))
        else:
            routes.append(route("0.0.0.0/0", via("169.254.1.1", "eth0"), protocol=net.PROTO_BOOT))
            routes.append(route("169.254.1.1/32", via(None, "eth0"), protocol=net.PROTO_BOOT, scope=net.SCOPE_LINK))
    return Namespace(
        name=space_name(key),
        links=(
            Link(1, "lo", "", True, True, "00:00:00:00:00:00", 65536),
            Link(2, "eth0", "veth", True, True, "02:5b:30:18:fd:ef", 1500, 10 + index, 0),
        ),
        addresses=(
            Address("lo", "127.0.0.1", 8, net.SCOPE_HOST),
            *(Address("eth0", ip, 128 if ":" in ip else 32, net.SCOPE_GLOBAL) for ip in ips),
            Address("eth0", "fe80::2", 64, net.SCOPE_LINK),
        ),
        routes=tuple(routes),
        rules=STANDARD_RULES,
        nsid=1 + index,
        host_nsid=0,
        uids=(f"uid-{key}",),
    )
