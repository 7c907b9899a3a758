"""WireGuard: a table of its own, asked before the main one for what is not encrypted yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip
from model.net import RULE_TO_TABLE, SCOPE_GLOBAL, SCOPE_LINK, THROW, UNICAST, Hop, Route, Rule
from tests.simulate.felix_cluster import destinations

if TYPE_CHECKING:
    from tests.simulate.world import NodeRun, World

MARK, PRIORITY = 0x100000, 99
FAMILIES = {4: ("wireguard", "wireguard.cali", 1), 6: ("wireguard6", "wg-v6.cali", 2)}


def encrypts(world: World, node: NodeRun, family: int) -> bool:
    """Whether that node has published a key for that family."""
    return FAMILIES[family][0] in world.encapsulations(node.spec)


def program(world: World, node: NodeRun) -> None:
    """Rule and table; nothing where it is off."""
    for family, (_, device, table) in FAMILIES.items():
        if not encrypts(world, node, family):
            continue
        rule = Rule(family, PRIORITY, RULE_TO_TABLE, table, fwmark=MARK, fwmask=MARK, invert=True)
        if rule not in node.host.rules:
            node.host.rules.append(rule)
        for target in destinations(world):
            if ip.family(target.prefix) != family or world.pool_of(target.prefix) is None:
                continue
            peer = world.nodes.get(target.node)
            protocol = world.device_protocol(node.spec)
            if peer is not None and peer is not node and encrypts(world, peer, family):
                hop = Hop(None, device)
                node.host.add_route(Route(target.prefix, UNICAST, table, protocol, SCOPE_LINK, 0, (hop,)))
            elif peer is not None:  # its own, and those of nodes without a key: on to the main table
                node.host.add_route(Route(target.prefix, THROW, table, protocol, SCOPE_GLOBAL, 0, ()))
