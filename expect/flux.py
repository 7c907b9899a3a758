"""What changed while one looked: no verdict on it is possible from this look (calico-state §7).

Only what an expectation reads counts as a change: a pod whose status alone is written again (a crash loop, a probe) is
judged like any other; otherwise it could never be accused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from expect.allocations import allocations
from model.cluster import Pod

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from model.cluster import BlockAffinity, IPAMBlock, Look, Node

_T = TypeVar("_T")


class Flux(msgspec.Struct, frozen=True):
    """Keys of what changed: pods by `namespace/name`, addresses that pods had or got, blocks by prefix, nodes by
    name."""

    pods: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    pods_seen: tuple[Pod, ...] = ()  # every version of the pods that changed


def _pod_facts(pod: Pod) -> Hashable:
    return (
        pod.uid,
        pod.node,
        pod.host_network,
        pod.phase,
        pod.ips,
        pod.deleting,
        tuple(sorted(pod.annotations.items())),
    )


def _block_facts(block: IPAMBlock) -> Hashable:
    return (block.affinity, block.deleted)


def _affinity_facts(affinity: BlockAffinity) -> Hashable:
    return (affinity.node, affinity.cidr, affinity.state, affinity.deleted, affinity.type)


def _node_facts(node: Node) -> Hashable:
    return (node.uid, node.bgp_ipv4, node.bgp_ipv6, node.vxlan_tunnel, node.ipip_tunnel)


CONFIGURATION = {"pools": "pools_after", "felix": "felix_after", "bgp": "bgp_after", "peers": "peers_after"}


def reconfigured(look: Look) -> Look | None:
    """The same look with the configuration that was listed after the nodes were read; None where that did not change.

    Only what both configurations call wrong is wrong: between the two the nodes were on their way from one to the
    other.
    """
    later = {}
    for field, again in CONFIGURATION.items():
        first, second = getattr(look.before, field), getattr(look, again)
        if second is not None and {item.name: item for item in second} != {item.name: item for item in first}:
            later[field] = second
    if not later:
        return None
    unfenced: dict[str, None] = dict.fromkeys(CONFIGURATION.values())
    return msgspec.structs.replace(look, before=msgspec.structs.replace(look.before, **later), **unfenced)


def flux_of(look: Look) -> Flux:
    """Everything that differs between the list before and the list after the nodes were read."""
    before = look.before
    changed = _changed(
        {pod.key: _pod_facts(pod) for pod in before.pods}, {pod.key: _pod_facts(pod) for pod in look.pods_after}
    )
    versions = tuple(pod for pod in (*before.pods, *look.pods_after) if pod.key in changed)
    blocks = _changed(
        {block.cidr: _block_facts(block) for block in before.blocks},
        {block.cidr: _block_facts(block) for block in _again(look.blocks_after, before.blocks)},
    )
    affinities = _changed(
        {item.name: _affinity_facts(item) for item in before.affinities},
        {item.name: _affinity_facts(item) for item in _again(look.affinities_after, before.affinities)},
    )
    affinity_cidrs = {
        item.cidr for item in (*before.affinities, *(look.affinities_after or ())) if item.name in affinities
    }
    return Flux(
        pods=frozenset(changed),
        addresses=frozenset(address for pod in versions for address in pod.ips) | _reallocated(look),
        blocks=frozenset(blocks | affinity_cidrs),
        nodes=frozenset(
            _changed(
                {node.name: _node_facts(node) for node in before.nodes},
                {node.name: _node_facts(node) for node in _again(look.nodes_after, before.nodes)},
            )
        ),
        pods_seen=versions,
    )


def _again(second: tuple[_T, ...] | None, first: tuple[_T, ...]) -> tuple[_T, ...]:
    return first if second is None else second


def _changed(before: dict[str, Hashable], after: dict[str, Hashable]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _reallocated(look: Look) -> set[str]:
    """Addresses whose allocation changed hands, was made or was given back."""
    if look.blocks_after is None:
        return set()
    return _changed(_holders(look.before.blocks), _holders(look.blocks_after))


def _holders(blocks: Iterable[IPAMBlock]) -> dict[str, Hashable]:
    return {
        allocation.address: (allocation.handle, allocation.node, allocation.released)
        for block in blocks
        for allocation in allocations(block)
    }
