"""Whether the node forwards at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import uplink
from expect.tunnels import tunnels
from model import ip
from model.verdict import Difference, Gap, Kind, Verdict, about

if TYPE_CHECKING:
    from checks.cases import NodeCase

WIREGUARD = {4: "wireguard.cali", 6: "wg-v6.cali"}
_SYSCTLS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


@check(faults=("F17",))
def test_node_forwards_packets(node: NodeCase) -> Verdict:
    """The node forwards packets of each family that it has pods or blocks of.

    net.ipv4.ip_forward, net.ipv6.conf.all.forwarding, and for IPv4 the value of each interface by which packets come
    in, which decides for them (ip-sysctl; for IPv6 it makes the interface a router or a host in neighbour discovery,
    and no more: net/ipv6/ip6_output.c, ip6_forward). Felix sets them unless FelixConfiguration ipForwarding is Disabled
    (int_dataplane.go:2769-2785); without forwarding no pod reaches another node either way. Clearing ip_forward clears
    the `forwarding` of every interface as well.
    """
    unread = node.unread("sysctls")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"sysctls could not be read: {unread}"),))
    families = {ip.family(address) for pod in node.pods if not pod.host_network for address in pod.ips}
    families |= {ip.family(block.cidr) for block in node.world.blocks_by_node.get(node.name, ())}
    if not families:
        return Verdict(inapplicable=(Gap(node.name, "it has neither pods nor blocks"),))
    verdict = Verdict()
    for family in sorted(families):
        verdict += _forwards(node, family, _SYSCTLS[family])
        if node.facts.host.sysctls.get(_SYSCTLS[family]) == "0":
            continue  # the kernel has cleared them all
        for device in _ways_in(node, family) if family == 4 else ():
            name = f"net.ipv{family}.conf.{device.replace('.', '/')}.forwarding"
            if name in node.facts.host.sysctls:
                verdict += _forwards(node, family, name)
    return verdict


def _ways_in(node: NodeCase, family: int) -> list[str]:
    """The interfaces by which other nodes' packets come in: the parent, and the tunnels."""
    names = [name for tunnel in tunnels(node.world, node.name) if tunnel.family == family for name in tunnel.names]
    parent = uplink(node, family)
    if any(node.world.wireguard_between(node.name, peer, family) for peer in node.world.nodes if peer != node.name):
        names.append(WIREGUARD[family])
    return ([parent] if parent else []) + [name for name in names if node.facts.host.link(name)]


def _forwards(node: NodeCase, family: int, name: str) -> Verdict:
    value = node.facts.host.sysctls.get(name)
    if value is None:
        return Verdict(unobserved=(Gap(f"{node.name}/{name}", f"{name} was not among the sysctls that were read"),))
    if value == "1":
        return Verdict(examined=1)
    setting = node.world.felix(node.name, "ipForwarding")
    difference = Difference(
        kind=Kind.DIFFERENT,
        object=name,
        expected=f"{name} = 1",
        because=f"{node.name} has pods or blocks; FelixConfiguration ipForwarding is {setting or 'Enabled (unset)'}",
        found=f"{name} = {value}",
        look=node.on(f"sysctl {name}"),
        likely="FelixConfiguration ipForwarding Disabled" if setting == "Disabled" else "a hardening script cleared it",
        about=about(setting="forwarding", family=str(family)),
    )
    return Verdict(examined=1, differences=(difference,))
