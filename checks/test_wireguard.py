"""Encrypted traffic between nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from expect.fib import Flow
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase
    from expect.world import Block

DEVICES = {4: "wireguard.cali", 6: "wg-v6.cali"}


@check(faults=("F56",))
def test_encrypted_peers_are_reached_by_wireguard(node: NodeCase) -> Verdict:
    """Where WireGuard is on and both nodes have published a key, the device is up, and a policy rule leads the traffic
    to the other node's blocks into it.

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
    if not pairs:
        return Verdict(inapplicable=(Gap(node.name, "WireGuard is off, or no other node has published a key"),))
    differences = [item for family in sorted({family for family, _ in pairs}) for item in _device(node, family)]
    if not differences:
        differences = [item for family, block in pairs for item in _table(node, family, block)]
    return Verdict(examined=len(pairs), differences=tuple(differences))


def _device(node: NodeCase, family: int) -> Iterator[Difference]:
    link = node.facts.host.link(DEVICES[family])
    if link is None or not link.up:
        found = "no such interface" if link is None else "it is administratively down"
        yield _difference(node, DEVICES[family], f"{DEVICES[family]} up", found, "Felix enabled it for this node")


def _table(node: NodeCase, family: int, block: Block) -> Iterator[Difference]:
    """Felix marks packets that are to be encrypted; a rule for that mark leads to its table."""
    tables = {rule.table for rule in node.facts.host.rules if rule.family == family and rule.fwmark}
    routes = [route for route in node.facts.host.routes if route.table in tables and ip.contains(route.dst, block.cidr)]
    if any(hop.dev == DEVICES[family] for route in routes for hop in route.hops):
        return
    plain = node.fib.lookup(Flow(ip.bare(block.cidr)))
    if plain is not None and any(hop.dev == DEVICES[family] for hop in plain.hops):
        return
    found = (
        "no policy rule leads to a table" if not tables else f"no route to it in table {', '.join(map(str, tables))}"
    )
    likely = f"packets take {net.describe_route(plain)} in clear" if plain else "packets to it are lost"
    yield _difference(node, block.cidr, f"{block.cidr} dev {DEVICES[family]} in Felix's own table", found, likely)


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
