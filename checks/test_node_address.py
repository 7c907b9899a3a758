"""The address that Calico knows a node by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import delivered
from expect.cluster_routes import bgp_address
from expect.ownership import Owner
from expect.ways import crosses
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import NodeCase

_ANNOTATIONS = {4: "projectcalico.org/IPv4Address", 6: "projectcalico.org/IPv6Address"}


@check(faults=("F38", "F47"))
def test_node_has_its_bgp_address(node: NodeCase) -> Verdict:
    """The node's BGP address is on one of its interfaces and takes packets there, and a node whose blocks BIRD
    announces has one.

    The other nodes route its blocks to that address; Felix finds the parent interface by it (route_mgr.go:317-351). It
    is the annotation projectcalico.org/IPv4Address, which calico-node detects or is given when it starts.
    """
    unread = node.unread("addresses", "routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"addresses, routes or rules could not be read: {unread}"),))
    announced = {
        ip.family(block.cidr)
        for block in node.world.blocks_by_node.get(node.name, ())
        if Owner.BIRD in node.world.owner(block.pool, node.name).owners
    }
    known = {family: bgp_address(node.node, family) for family in (4, 6)}
    differences = [
        _difference(node, family, text)
        for family, text in known.items()
        if (text is None and family in announced) or (text is not None and ip.bare(text) not in node.addresses)
    ]
    differences += [_undelivered(node, family, text) for family, text in known.items() if text and _lost(node, text)]
    examined = sum(text is not None or family in announced for family, text in known.items())
    if not examined:
        return Verdict(inapplicable=(Gap(node.name, "it has no BGP address, and BIRD announces no block of it"),))
    return Verdict(examined=examined, differences=tuple(differences))


def _lost(node: NodeCase, text: str) -> bool:
    dev = node.addresses.get(ip.bare(text))
    return dev is not None and not delivered(node, ip.bare(text), dev)


def _undelivered(node: NodeCase, family: int, text: str) -> Difference:
    address = ip.bare(text)
    dev = node.addresses[address]
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"ipv{family}/delivery",
        expected=f"packets to {address} that come in by {dev} delivered on the node",
        because=f"node {node.name} has annotation {_ANNOTATIONS[family]}: {text}, and BGP and tunnels end there",
        found="its rules and the local table lead elsewhere",
        look=node.on(f"ip -{family} rule; ip -{family} route show table local"),
        likely="the rule to the local table, or the local route of the address, was taken away by hand",
        about=about(family=str(family)),
    )


def _difference(node: NodeCase, family: int, text: str | None) -> Difference:
    return Difference(
        kind=Kind.MISSING,
        object=f"ipv{family}",
        expected=f"{ip.bare(text)} on an interface of the node" if text else f"an IPv{family} BGP address",
        because=f"node {node.name} has annotation {_ANNOTATIONS[family]}: {text}"
        if text
        else f"node {node.name} owns IPAM blocks, which BIRD announces with its address as next hop",
        found=f"no interface has it{_instead(node, family)}" if text else f"no annotation {_ANNOTATIONS[family]}",
        look=node.on("ip addr"),
        likely="the node's address changed after calico-node had detected it: restart calico-node there"
        if text
        else "calico-node never started there, or its address detection failed",
        about=about(family=str(family), address=ip.bare(text) if text else None),
    )


def _instead(node: NodeCase, family: int) -> str:
    """The addresses of the family that the Node object shows and an interface has."""
    shown = [address for address in node.node.internal_ips if ip.family(address) == family]
    held = [f"{node.addresses[address]} has {address}" for address in shown if address in node.addresses]
    return f"; {', '.join(held)}" if held else ""


@check(faults=("F55",), severity=Severity.WRONG)
def test_node_knows_the_length_of_its_subnet(node: NodeCase) -> Verdict:
    """Where a pool is CrossSubnet, the length of the node's BGP address is that of the same address on its interface.

    Both Felix and BIRD take it for the node's subnet (l3_route_resolver.go:885, bgp_processor.go:1216-1217): too wide,
    they send to nodes behind a router without encapsulation; too narrow, they encapsulate needlessly.
    """
    unread = node.unread("addresses")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"addresses could not be read: {unread}"),))
    families = {ip.family(pool.cidr) for pool in node.world.cluster.pools if crosses(pool)}
    told = [text for family in sorted(families) if (text := bgp_address(node.node, family))]
    pairs = [
        (text, item.text)
        for text in told
        for item in node.facts.host.addresses
        if item.address == ip.bare(text) and item.scope == net.SCOPE_GLOBAL and _is_length(item)
    ]
    if not pairs:
        return Verdict(inapplicable=(Gap(node.name, "no pool is CrossSubnet, or no interface has its BGP address"),))
    differences = tuple(_length(node, told, real) for told, real in pairs if ip.canonical(told) != ip.canonical(real))
    return Verdict(examined=len(pairs), differences=differences)


def _is_length(item: net.Address) -> bool:
    return item.prefixlen <= (128 if ":" in item.address else 32)


def _length(node: NodeCase, told: str, real: str) -> Difference:
    wide, narrow = ip.canonical(told), ip.canonical(real)
    misled = sorted(
        name
        for address, name in node.world.node_addresses.items()
        if ip.contains(wide, address) and not ip.contains(narrow, address)
    )
    found = f"{real} on the interface"
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"ipv{ip.family(told)}/length",
        expected=f"the length of {told}, which Node {node.name} shows",
        because=f"annotation {_ANNOTATIONS[ip.family(told)]}: {told} decides whom a CrossSubnet pool reaches directly",
        found=f"{found}; {', '.join(misled[:5])} would be sent to without encapsulation" if misled else found,
        look=node.on("ip addr"),
        severity=Severity.BROKEN if misled else Severity.WRONG if ip.contains(wide, narrow) else Severity.HOUSEKEEPING,
        likely="the address was given to calico-node by hand with another length, or the interface's was changed since",
        about=about(family=str(ip.family(told))),
    )
