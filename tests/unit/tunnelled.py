"""The healthy cluster with an encapsulation, and ways to vary it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from model import net
from model.net import Address, Link, Neighbour, Vxlan
from tests.unit.builders import NODES, route, via
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

W1 = "worker1"
DEVICE, DEVICE6, TUNNEL = "vxlan.calico", "vxlan-v6.calico", "tunl0"
POOLS = ("default-ipv4-ippool", "default-ipv6-ippool")


def mac(node: str, suffix: str = "") -> str:
    digest = hashlib.sha1((node + suffix).encode()).hexdigest()
    return ":".join(["66", *(digest[at : at + 2] for at in range(0, 10, 2))])


def own(cluster: Scene, name: str, prefix: str, dev: str) -> None:
    """The kernel's route to an address of the node itself."""
    kernel: dict[str, Any] = {"table": net.LOCAL, "type": net.LOCAL_TYPE, "protocol": net.PROTO_KERNEL, "scope": 254}
    cluster.node(name).add("routes", route(prefix, via(None, dev), **kernel))


def vxlan(cluster: Scene) -> None:
    """IPv4 is tunnelled by VXLAN: devices, addresses, and what they know of each other."""
    cluster.api("pools", POOLS[0], vxlan_mode="Always")
    for name, number in NODES.items():
        cluster.api("nodes", name, vxlan_tunnel=f"10.48.9.{number}")
        wire = Vxlan(4096, 4789, f"10.0.0.{number}", "ens160")
        cluster.node(name).add("links", Link(50, DEVICE, "vxlan", True, True, mac(name), 1450, vxlan=wire))
        cluster.node(name).add("addresses", Address(DEVICE, f"10.48.9.{number}", 32, 0))
        own(cluster, name, f"10.48.9.{number}/32", DEVICE)
        for other, last in NODES.items():
            if other != name:
                cluster.node(name).add(
                    "neighbours",
                    Neighbour(net.FAMILY_BRIDGE, DEVICE, None, mac(other), 0x80, f"10.0.0.{last}"),
                    Neighbour(4, DEVICE, f"10.48.9.{last}", mac(other), 0x80),
                )


def vxlan6(cluster: Scene) -> None:
    """IPv6 is tunnelled by VXLAN."""
    cluster.api("pools", POOLS[1], vxlan_mode="Always")
    for name, number in NODES.items():
        cluster.api("nodes", name, vxlan_tunnel_v6=f"fd00:10:48::9:{number:x}")
        wire = Vxlan(4096, 4789, f"fd00:10::{number:x}", "ens160")
        cluster.node(name).add("links", Link(51, DEVICE6, "vxlan", True, True, mac(name, "-v6"), 1430, vxlan=wire))
        cluster.node(name).add("addresses", Address(DEVICE6, f"fd00:10:48::9:{number:x}", 128, 0))
        own(cluster, name, f"fd00:10:48::9:{number:x}/128", DEVICE6)
        cluster.node(name).add("addresses", Address(DEVICE6, f"fe80::{number:x}", 64, net.SCOPE_LINK))


def ipip(cluster: Scene) -> None:
    """IPv4 is tunnelled by IPIP."""
    cluster.api("pools", POOLS[0], ipip_mode="Always")
    for name, number in NODES.items():
        cluster.api("nodes", name, ipip_tunnel=f"10.48.9.{number}")
        cluster.node(name).add("links", Link(52, TUNNEL, "ipip", True, True, "", 1480))
        cluster.node(name).add("addresses", Address(TUNNEL, f"10.48.9.{number}", 32, 0))
        own(cluster, name, f"10.48.9.{number}/32", TUNNEL)


def on(base: Callable[[Scene], None], *varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    return both(base, *varies)


def device(name: str = DEVICE, /, **fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).link(name, **fields)


def no_link(name: str = DEVICE) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).drop("links", lambda item: item.name == name)


def unread(fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(W1, fact)


def felix(**spec: Any) -> Callable[[Scene], None]:
    return lambda c: c.settings("felix", **spec)


def release(image: str) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        for name in NODES:
            cluster.api("pods", f"kube-system/calico-node-{name}", images=(f"calico/node:{image}",))

    return vary
