"""Tunnel devices, and what VXLAN's layer 2 needs to know of the other nodes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from model.net import FAMILY_BRIDGE, Link, Neighbour, Vxlan
from tests.simulate.kernel import PERMANENT, vxlan_link

if TYPE_CHECKING:
    from tests.simulate.spec import NodeSpec
    from tests.simulate.world import NodeRun, World

DEVICES = {"vxlan": "vxlan.calico", "vxlan6": "vxlan-v6.calico"}


def devices(world: World, node: NodeRun) -> None:
    """Make what the pools ask for and is not there yet; addresses come from the Node."""
    kinds, host = world.encapsulations(node.spec), node.host
    if "ipip" in kinds or node.spec.ipip_module:
        _tunl0(world, node, used="ipip" in kinds)
    bpf = world.felix(node.spec).get("bpfEnabled") is True
    for kind, family in (("vxlan", 4), ("vxlan6", 6)):
        if kind in kinds:
            device = DEVICES["vxlan"] if bpf else DEVICES[kind]
            if device not in host.links:
                host.add_link(_vxlan(world, node, kind, device, family, bpf))
            _address(world, node, kind, device, "/128" if family == 6 else "/32")
    for kind, device, length in (("wireguard", "wireguard.cali", "/32"), ("wireguard6", "wg-v6.cali", "/128")):
        if kind in kinds:
            if device not in host.links:
                mtu = world.tunnel_mtu(node.spec, kind)
                index = host.next_index()
                host.add_link(Link(index, device, "wireguard", up=True, carrier=True, mac="", mtu=mtu))
            _address(world, node, kind, device, length)


def peers(world: World, node: NodeRun) -> None:
    """One permanent neighbour and one forwarding entry for each remote VTEP; with eBPF the neighbour alone."""
    bpf = world.felix(node.spec).get("bpfEnabled") is True
    for kind, family in (("vxlan", 4), ("vxlan6", 6)):
        if kind not in world.encapsulations(node.spec):
            continue
        device = DEVICES["vxlan"] if bpf else DEVICES[kind]
        for peer in world.nodes.values():
            vtep, address = peer.tunnels.get(kind), peer.address(family)
            if peer is node or vtep is None or address is None:
                continue
            mac = windows_mac(world, peer.spec) or tunnel_mac(peer.spec.name, family)
            node.host.neighbours.append(Neighbour(family, device, vtep, mac, PERMANENT))
            if not bpf:
                node.host.neighbours.append(Neighbour(FAMILY_BRIDGE, device, None, mac, PERMANENT, address))


def windows_mac(world: World, spec: NodeSpec) -> str | None:
    """Windows chooses its VTEP's MAC by itself, and calico-node stores it."""
    if spec.os != "windows":
        return None
    digits = world.identity("vtep", spec.name)
    return "00:15:5d:" + ":".join(digits[i : i + 2] for i in range(0, 6, 2))


def tunnel_mac(node: str, family: int) -> str:
    """`66` and five octets of SHA-1 over the node's name, with `-v6` behind it for the IPv6 device."""
    digest = hashlib.sha1((node + ("-v6" if family == 6 else "")).encode()).hexdigest()
    return "66:" + ":".join(digest[i : i + 2] for i in range(0, 10, 2))


def _tunl0(world: World, node: NodeRun, used: bool) -> None:
    host = node.host
    if "tunl0" not in host.links or host.links["tunl0"].up != used:
        mtu = world.tunnel_mtu(node.spec, "ipip") if used else 1480
        index = host.links["tunl0"].index if "tunl0" in host.links else host.next_index()
        host.add_link(Link(index, "tunl0", "ipip", up=used, carrier=used, mac="00:00:00:00", mtu=mtu))
    if used:
        _address(world, node, "ipip", "tunl0", "/32")


def _vxlan(world: World, node: NodeRun, kind: str, device: str, family: int, bpf: bool) -> Link:
    felix = world.felix(node.spec)
    port = int(str(felix.get("vxlanPort", 4789)))
    mac = tunnel_mac(node.spec.name, 4 if bpf else family)
    if bpf:
        external = Vxlan(vni=None, port=port, local=None, dev=None, external=True)
        return vxlan_link(node.host.next_index(), device, mac, node.spec.mtu, external)
    vni = int(str(felix.get("vxlanVNI", 4096)))
    lower = Vxlan(vni, port, node.address(family), node.spec.uplink)
    return vxlan_link(node.host.next_index(), device, mac, world.tunnel_mtu(node.spec, kind), lower)


def _address(world: World, node: NodeRun, kind: str, device: str, length: str) -> None:
    address = node.tunnels.get(kind)
    overlay = world.felix(node.spec).get("bpfEnabled") is True and kind in DEVICES
    if overlay and world.felix(node.spec).get("bpfOverlayHostSourceIP") == "HostAddress":
        return
    if address and not any(entry.dev == device and entry.address == address for entry in node.host.addresses):
        node.host.add_address(device, address + length)
