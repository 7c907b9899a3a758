"""BGPFilters: whether a route may be withheld between two nodes on purpose.

A BGPPeer names its filters; their rules are tried in order, the first that matches decides, and what none matches is
accepted. Sessions of the node-to-node mesh have no filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expect.world import World
    from model.cluster import Settings

_MODELLED = frozenset({"action", "cidr", "matchOperator", "prefixLength"})


def withheld(world: World, me: str, other: str, prefix: str) -> str:
    """Why a route between two nodes may be missing by a filter's doing; "" where none can have a part in it."""
    if _meshed(world, me, other, ip.family(prefix)):
        return ""
    for peer in world.cluster.peers:
        names = peer.get("filters")
        if not isinstance(names, list) or not names:
            continue
        if "bgpfilters" in world.cluster.unlisted:
            return f"BGPPeer {peer.name} has filters, which could not be listed: {world.cluster.unlisted['bgpfilters']}"
        found = [item for name in names for item in world.cluster.filters if item.name == name]
        if any(_may_reject(found, direction, prefix) for direction in ("export", "import")):
            return f"a BGPFilter of BGPPeer {peer.name} ({', '.join(map(str, names))}) may withhold it"
    return ""


def _meshed(world: World, me: str, other: str, family: int) -> bool:
    """Whether the node-to-node mesh gives the two a session of its own."""
    if world.bgp("nodeToNodeMeshEnabled") is False:
        return False
    nodes = (world.nodes[me], world.nodes[other])
    return all(world.speaks_from(node, family) and not node.route_reflector_id for node in nodes)


def _may_reject(filters: list[Settings], direction: str, prefix: str) -> bool:
    """Whether a rule that rejects the prefix, or may do so, is met before one that surely accepts it."""
    for rule in _rules(filters, f"{direction}V{ip.family(prefix)}"):
        if not _in_range(rule, prefix):
            continue
        if rule.get("action") == "Reject":
            return True
        if rule.keys() <= _MODELLED:
            return False
    return False


def _rules(filters: list[Settings], field: str) -> Iterator[dict[str, Any]]:
    for item in filters:
        rules = item.get(field)
        yield from (rule for rule in rules if isinstance(rule, dict)) if isinstance(rules, list) else ()


def _in_range(rule: dict[str, Any], prefix: str) -> bool:
    """Whether the rule's cidr, operator and lengths match; what cannot be read is taken to match."""
    cidr, operator = rule.get("cidr"), rule.get("matchOperator")
    if not isinstance(cidr, str):
        return True
    try:
        inside, equal = ip.contains(cidr, prefix), ip.canonical(cidr) == prefix
    except ValueError:
        return True
    inside = inside and _long_enough(rule.get("prefixLength"), prefix)
    return {"Equal": equal, "NotEqual": not equal, "In": inside, "NotIn": not inside}.get(str(operator), True)


def _long_enough(lengths: object, prefix: str) -> bool:
    if not isinstance(lengths, dict):
        return True
    length = int(prefix.partition("/")[2])
    least, most = lengths.get("min"), lengths.get("max")
    return (not isinstance(least, int) or length >= least) and (not isinstance(most, int) or length <= most)
