"""Strict reverse-path filtering against what the other nodes send."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import address_of, uplink
from checks.hops import expected_hops, hops_of
from expect.fib import Flow
from expect.ways import By, ways
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import NodeCase
    from expect.index import Block

_STRICT = "1"
_ALL = "net.ipv4.conf.all.rp_filter"


@check(faults=("F18",), severity=Severity.WRONG)
def test_strict_filtering_lets_the_other_nodes_in(node: NodeCase) -> Verdict:
    """Where reverse-path filtering is strict (rp_filter 1) on the interface by which packets of another node's pods
    come in, the way back to them leaves by the same interface.

    The kernel drops them otherwise (ip-sysctl); the larger of `all` and the interface's own value counts. By which
    interface they come in is the other node's choice: the tunnel, or the uplink where the two share a subnet. Pods of
    one pool are looked at, and routes that are as expected; IPv6 has no such filter.
    """
    unread = node.unread("routes", "rules", "sysctls", "links")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"routes, rules, links or sysctls could not be read: {unread}"),))
    if node.world.felix(node.name, "bpfEnabled") is True:
        return Verdict(inapplicable=(Gap(node.name, "the BPF dataplane takes packets past the kernel's filter"),))
    examined = 0
    dropped: dict[str, dict[str, str]] = defaultdict(dict)
    for block in node.world.blocks.values():
        way_in = _way_in(node, block) if ip.family(block.cidr) == 4 else None
        if way_in is None:
            continue
        examined += 1
        back = _way_back(node, block) if _is_strict(node, way_in) else None
        if back is not None and way_in not in {hop.dev for hop in back.hops}:
            dropped[way_in][str(block.node)] = net.describe_route(back)
    if not examined:
        reason = "nobody can say by which interface the packets of other nodes' pods come in"
        return Verdict(inapplicable=(Gap(node.name, reason),))
    return Verdict(examined, tuple(_difference(node, dev, nodes) for dev, nodes in sorted(dropped.items())))


def _is_strict(node: NodeCase, dev: str) -> bool:
    sysctls = node.facts.host.sysctls
    own = sysctls.get(f"net.ipv4.conf.{dev.replace('.', '/')}.rp_filter", "0")
    return max(own, sysctls.get(_ALL, "0")) == _STRICT


def _way_in(node: NodeCase, block: Block) -> str | None:
    """The interface by which packets come in from the pods of another node's block; None where nobody can say."""
    world = node.world
    if block.node not in world.nodes or block.node in {node.name, *world.flux.nodes} or not block.settled:
        return None
    if world.wireguard_between(node.name, block.node, 4):
        return None
    found = ways(world, block.node, node.node, block.cidr, block.pool)
    mine = address_of(node.node.bgp_ipv4, node.node.internal_ips, 4)
    if len(found) != 1 or found[0].external or mine is None:
        return None
    if found[0].by is By.TUNNEL:
        return next((name for name in found[0].devices if node.facts.host.link(name)), None)
    return uplink(node, 4) if world.same_subnet(block.node, mine) else None


def _way_back(node: NodeCase, block: Block) -> net.Route | None:
    """The node's own route to the block, where it is as expected: others report what is not."""
    other = node.world.nodes[str(block.node)]
    mine = next((own.cidr for own in node.world.blocks_by_node.get(node.name, ()) if own.pool == block.pool), None)
    route = node.fib.lookup(Flow(ip.bare(block.cidr), ip.bare(mine) if mine else None))
    found = ways(node.world, node.name, other, block.cidr, block.pool)
    right = [hops for way in found for hops in expected_hops(node, way)]
    return route if route is not None and route.type == net.UNICAST and hops_of(route) in right else None


def _difference(node: NodeCase, dev: str, nodes: dict[str, str]) -> Difference:
    name = f"net.ipv4.conf.{dev.replace('.', '/')}.rp_filter"
    sysctls = node.facts.host.sysctls
    first, back = min(nodes.items())
    return Difference(
        kind=Kind.DIFFERENT,
        object=name,
        expected=f"the way back to {first} by {dev}, or no strict filtering there",
        because=f"packets from the pods of {', '.join(sorted(nodes)[:5])} come in by {dev}",
        found=f"{name} = {sysctls.get(name, '0')} (all: {sysctls.get(_ALL, '0')}); the way back is {back}",
        look=node.on(f"sysctl {name} {_ALL}; ip route"),
        severity=Severity.WRONG,
        likely="the two nodes do not agree on whether they share a subnet: see the lengths of their BGP addresses",
        about=about(node=nodes, device=dev),
    )
