"""Encrypted traffic between nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import delivered, uplink
from expect.fib import Flow
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase
    from expect.index import Block

_OVERHEAD = {4: 60, 6: 80}  # bytes: IP, UDP and WireGuard's header (int_dataplane.go:484-489)
DEVICES = {4: "wireguard.cali", 6: "wg-v6.cali"}


@check(faults=("F56",))
def test_encrypted_peers_are_reached_by_wireguard(node: NodeCase) -> Verdict:
    """Where WireGuard is on and both nodes have published a key, the device is up, and a policy rule leads the traffic
    to the other node's blocks into it; nothing leads into it to a node without a key.

    From v3.33 BIRD leaves such routes out of the main table (bgp_processor.go:1009-1068): without the table nothing is
    left. wireguard.go:1086-1155, 1627-1632.
    """
    world = node.world
    unread = node.unread("routes", "rules", "links")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"routes, rules or links could not be read: {unread}"),))
    pairs = [
        (family, block)
        for block in world.blocks.values()
        for family in [ip.family(block.cidr)]
        if block.node in world.nodes
        and block.node != node.name
        and block.settled
        and world.wireguard_between(node.name, block.node, family)
    ]
    stale = tuple(_stale(node))
    if not pairs and not stale:
        return Verdict(inapplicable=(Gap(node.name, "WireGuard is off, or no other node has published a key"),))
    differences = [item for family in sorted({family for family, _ in pairs}) for item in _device(node, family)]
    if not differences:
        differences = [item for family, block in pairs for item in _table(node, family, block)]
    return Verdict(examined=len(pairs) + len(stale), differences=(*differences, *stale))


def _device(node: NodeCase, family: int) -> Iterator[Difference]:
    link = node.facts.host.link(DEVICES[family])
    usable = link is not None and link.up and link.carrier and link.master is None
    if link is None or not usable or link.kind not in {"wireguard", ""}:
        yield _difference(
            node, DEVICES[family], f"{DEVICES[family]} up", _state(link), "Felix enabled it for this node"
        )
        return
    address = node.node.wireguard_ipv4 if family == 4 else node.node.wireguard_ipv6
    held = [item for item in node.facts.host.addresses if item.address == address]
    right = [(item.dev, item.text, item.scope) for item in held] == [
        (link.name, ip.host_prefix(address or "::"), net.SCOPE_GLOBAL)
    ]
    if address and not (right and delivered(node, address, link.name)):
        found = ", ".join(f"{item.text} on {item.dev}" for item in held) or "on no interface"
        likely = "Felix has not given it to the device yet, or it is not delivered on the node"
        yield _difference(node, f"{link.name}/address", f"{ip.host_prefix(address)} on {link.name}", found, likely)
    parent = node.facts.host.link(uplink(node, family) or "")
    if parent is not None and link.mtu > parent.mtu - _OVERHEAD[family]:
        most = f"mtu {parent.mtu - _OVERHEAD[family]} or less on {link.name}"
        yield _difference(node, f"{link.name}/mtu", most, f"mtu {link.mtu}", "large packets are lost on the way")


def _state(link: net.Link | None) -> str:
    if link is None:
        return "no such interface"
    if not link.up:
        return "it is administratively down"
    if not link.carrier:
        return "it has no carrier"
    return f"enslaved to {link.master}" if link.master else f"it is of kind {link.kind}"


def _table(node: NodeCase, family: int, block: Block) -> Iterator[Difference]:
    """Felix marks packets that are to be encrypted; a rule for that mark leads to its table."""
    rules = [rule for rule in node.facts.host.rules if rule.family == family and rule.fwmark]
    tables = {rule.table for rule in rules}
    meant = {rule.table for rule in rules if not rule.invert}  # for marked packets; the others are looked up
    routes = [route for route in node.facts.host.routes if route.table in meant and ip.contains(route.dst, block.cidr)]
    if any(hop.dev == DEVICES[family] for route in routes for hop in route.hops):
        return
    plain = node.fib.lookup(Flow(ip.bare(block.cidr)))
    if plain is not None and plain.type == net.UNICAST and {hop.dev for hop in plain.hops} == {DEVICES[family]}:
        return
    found = (
        "no policy rule leads to a table" if not tables else f"no route to it in table {', '.join(map(str, tables))}"
    )
    likely = f"packets take {net.describe_route(plain)} in clear" if plain else "packets to it are lost"
    yield _difference(node, block.cidr, f"{block.cidr} dev {DEVICES[family]} in Felix's own table", found, likely)


def _stale(node: NodeCase) -> Iterator[Difference]:
    """Routes by the device to the blocks of nodes with which nothing is encrypted: it has no such peer, and drops."""
    world = node.world
    for route in node.facts.host.routes:
        block = world.blocks.get(route.dst)
        family = ip.family(route.dst)
        if block is None or not block.settled or not any(hop.dev == DEVICES[family] for hop in route.hops):
            continue
        if block.node not in world.nodes or block.node == node.name or block.node in world.flux.nodes:
            continue
        if world.wireguard_between(node.name, block.node, family):
            continue
        won = node.fib.lookup(Flow(ip.bare(block.cidr)))
        yield Difference(
            kind=Kind.UNEXPECTED,
            object=f"wireguard/{block.cidr}",
            expected=f"no route to {block.cidr} dev {DEVICES[family]}",
            because=f"WireGuard is off, or {block.node} or {node.name} has published no key",
            found=net.describe_route(route),
            look=node.on("ip rule; wg show; ip route show table all dev wireguard.cali"),
            severity=Severity.BROKEN if won == route else Severity.HOUSEKEEPING,
            likely="Felix has not taken it away since: it drops what is sent there",
        )


def _difference(node: NodeCase, name: str, expected: str, found: str, likely: str) -> Difference:
    return Difference(
        kind=Kind.MISSING,
        object=f"wireguard/{name}",
        expected=expected,
        because="FelixConfiguration wireguardEnabled, and both nodes have published a key",
        found=found,
        look=node.on("ip rule; wg show; ip route show table all dev wireguard.cali"),
        severity=Severity.BROKEN,
        likely=likely,
    )
