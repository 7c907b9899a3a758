"""Which routes BIRD programs in a healthy lab, and which ones a node's kernel holds of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from model import ip

from .network import next_hop
from .owners import bird_programs
from .tools import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .state import State
    from .topology import Topology


def expected_routes(topology: Topology, node: str, family: int = 4) -> set[str]:
    """What `ip route show proto bird` lists on the node of a healthy lab, in the words of `_words`."""
    pools = [pool for pool in topology.pools if bird_programs(topology, pool)]

    def programmed(prefix: str) -> bool:
        return ip.family(prefix) == family and any(ip.contains(pool.cidr, prefix) for pool in pools)

    routes = set()
    for block in topology.blocks:
        if not programmed(block.cidr) or ip.is_host_prefix(block.cidr):
            continue
        if block.node == node:
            routes.add(f"blackhole {block.cidr}")
        else:  # the block itself is accepted by calico_aggr, before the pools' statements
            routes.add(f"{block.cidr} via {next_hop(topology, node, block.node, family)}")
    for address, other in _announced(topology):
        if other != node and programmed(address):
            routes.add(f"{address} via {next_hop(topology, node, other, family)}")
    return routes


def _announced(topology: Topology) -> Iterator[tuple[str, str]]:
    """The pods' addresses that their nodes announce one by one: borrowed ones, and those of single-address blocks,
    which have no static route and are accepted by calico_aggr."""
    single = {(ip.bare(block.cidr), block.node) for block in topology.blocks if ip.is_host_prefix(block.cidr)}
    hidden = [pool for pool in topology.pools if pool.disable_bgp_export]
    for pod in topology.pods:
        for address in pod.addresses if pod.wired else ():
            node = str(pod.node)
            kept = any(ip.contains(pool.cidr, address) for pool in hidden)
            if (address, node) in single or (topology.borrowed(address, node) and not kept):
                yield address, node


def kernel_routes(state: State, node: str, family: int = 4) -> set[str]:
    """The routes with `proto bird` that the node's kernel holds: type, destination and next hop."""
    text = run(["ip", f"-{family}", "-n", state.nodes[node].netns, "route", "show", "proto", "12"])
    return {_words(line) for line in text.splitlines()}


def _words(line: str) -> str:
    return re.sub(r" (dev|metric|onlink|linkdown|proto)\b.*", "", line.strip()).strip()
