"""IPAM blocks and their owners."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from checks.declare import check
from expect.allocations import allocations
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import ClusterCase
    from expect.index import Block
    from model.cluster import IPAMBlock

_HOST = "host:"
HOST_LOCAL = "addresses come from the nodes' podCIDRs (host-local IPAM): there are no IPAM objects"


@check(faults=("F29", "F30", "F44"))
def test_each_block_has_one_owner(cluster: ClusterCase) -> Verdict:
    """Each IPAM block's affinity and its confirmed BlockAffinity name the same node, and no second one is confirmed.

    Felix routes by the IPAMBlock, BIRD announces by the BlockAffinity: where they differ the network follows both
    (calico-state R7, I1, I2).
    """
    world = cluster.world
    if world.host_local:
        return Verdict(inapplicable=(Gap("ipam", HOST_LOCAL),))
    differences: list[Difference] = []
    examined = 0
    for cidr in sorted(world.blocks.keys() | world.affinities.keys()):
        block = world.blocks.get(cidr)
        if cidr in world.flux.blocks or (block is not None and (not block.settled or block.virtual)):
            continue
        examined += 1
        named = sorted({item.node for item in world.affinities.get(cidr, ()) if item.state in {"", "confirmed"}})
        owner = [block.node] if block is not None and block.node else []
        if named != owner:
            differences.append(_owners(cidr, owner, named, exists=block is not None))
    if not examined:
        return Verdict(inapplicable=(Gap("ipam", "the cluster has no settled IPAM block"),))
    return Verdict(examined=examined, differences=tuple(differences))


def _owners(cidr: str, owner: list[str], named: list[str], *, exists: bool) -> Difference:
    block = (
        f"IPAMBlock affinity {_HOST}{owner[0]}" if owner else "IPAMBlock without affinity" if exists else "no IPAMBlock"
    )
    return Difference(
        kind=Kind.DIFFERENT,
        object=cidr,
        expected="one owner, the same in both objects",
        because="Felix reads the IPAMBlock, BIRD the BlockAffinity",
        found=f"{block}; confirmed BlockAffinity of {', '.join(named) or 'no node'}",
        look=f"kubectl get blockaffinities,ipamblocks -o yaml | grep -B4 -A4 {cidr}",
        severity=Severity.BROKEN if len({*owner, *named}) > 1 else Severity.WRONG,
        likely="a node was renamed or restored with its old identity, or an object was edited by hand",
        about=about(block=cidr, node=(*owner, *named)),
    )


@check(faults=("F59", "F63"), severity=Severity.WRONG)
def test_each_block_is_whole(cluster: ClusterCase) -> Verdict:
    """Each IPAM block's lists agree: a slot an address, an attribute for each allocated one, each free one listed once.

    The rules of `calicoctl ipam check` (check.go:422-469), and no two blocks overlap (calico-state I2, I4).
    """
    world = cluster.world
    if world.host_local:
        return Verdict(inapplicable=(Gap("ipam", HOST_LOCAL),))
    differences: list[Difference] = []
    previous: Block | None = None
    for block in world.blocks.values():
        faults = list(_structure(block.object))
        if previous is not None and ip.contains(previous.cidr, ip.bare(block.cidr)):
            faults.append(f"overlaps IPAMBlock {previous.object.name}")
        if faults:
            differences.append(_damaged(block, faults))
        if previous is None or not ip.contains(previous.cidr, block.cidr):
            previous = block  # else a wide block's later parts would be compared with its first part only
    if not world.blocks:
        return Verdict(inapplicable=(Gap("ipam", "the cluster has no IPAM block"),))
    return Verdict(examined=len(world.blocks), differences=tuple(differences))


def _structure(block: IPAMBlock) -> Iterator[str]:
    size = ip.size(block.cidr)
    if len(block.allocations) != size:
        yield f"{len(block.allocations)} slots for {size} addresses"
    used = [index for index in block.allocations if index is not None]
    if any(not 0 <= index < len(block.attributes) for index in used):
        yield "an allocation without its attribute"
    if set(range(len(block.attributes))) - set(used):
        yield "an attribute without an allocation"
    free = {ordinal for ordinal, index in enumerate(block.allocations) if index is None}
    if len(block.unallocated) != len(set(block.unallocated)):
        yield "an address twice among the unallocated"
    if set(block.unallocated) != free:
        yield "the unallocated list does not hold just the free addresses"


def _damaged(block: Block, faults: list[str]) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{block.cidr}/structure",
        expected="lists that agree with each other",
        because=f"IPAMBlock {block.object.name} is written by Calico's IPAM alone",
        found="; ".join(faults),
        look="calicoctl ipam check",
        severity=Severity.WRONG,
        likely="edited by hand, restored in part, or a pool whose block size was changed",
        about=about(block=block.cidr),
    )


@check(faults=("F62",), severity=Severity.WRONG)
def test_each_block_lies_in_a_pool(cluster: ClusterCase) -> Verdict:
    """Each IPAM block lies inside an IP pool.

    When a pool is deleted under its pods, its blocks and its pods stay: Felix then routes nothing of them, BIRD goes on
    announcing the blocks, and borrowed addresses lose their routes (calico-state I3, §4.2).
    """
    world = cluster.world
    outside = [block for block in world.blocks.values() if block.pool is None and block.cidr not in world.flux.blocks]
    if not world.blocks:
        return Verdict(inapplicable=(Gap("ipam", "the cluster has no IPAM block"),))
    return Verdict(examined=len(world.blocks), differences=tuple(_outside(cluster, block) for block in outside))


def _outside(cluster: ClusterCase, block: Block) -> Difference:
    world = cluster.world
    live = sum(address in world.pods_by_address for address in map(ip.bare, _addresses(block)))
    return Difference(
        kind=Kind.UNEXPECTED,
        object=f"{block.cidr}/pool",
        expected="an IPPool that contains it",
        because=f"{block.because}; a block is cut out of a pool",
        found=f"no IPPool contains it; {live} of its addresses belong to live pods",
        look="kubectl get ippools -o wide",
        severity=Severity.WRONG,
        likely="the pool was deleted under its pods: make it again (disabled, if it is to run dry), then move the pods",
        about=about(block=block.cidr),
    )


def _addresses(block: Block) -> Iterator[str]:
    return (item.address for item in allocations(block.object))


@check(faults=("F60", "F65"), severity=Severity.WRONG)
def test_each_affinity_has_its_node(cluster: ClusterCase) -> Verdict:
    """Each IPAM block and each BlockAffinity belongs to a node that exists.

    What a removed node leaves behind is released by the garbage collector once its allocations are gone
    (calico-state §5.5); until then nothing routes the blocks, and nobody can claim them.
    """
    world = cluster.world
    owners = {cidr: block.node for cidr, block in world.blocks.items() if block.node}
    claims = {(item.cidr, item.node) for items in world.affinities.values() for item in items}
    claims |= set(owners.items())
    orphans: dict[str, list[str]] = {}
    for cidr, node in sorted(claims):
        if node not in world.nodes and node not in world.flux.nodes:
            orphans.setdefault(node, []).append(cidr)
    if not claims:
        return Verdict(inapplicable=(Gap("ipam", "no node has a block"),))
    return Verdict(examined=len(claims), differences=tuple(_orphan(node, cidrs) for node, cidrs in orphans.items()))


def _orphan(node: str, cidrs: list[str]) -> Difference:
    return Difference(
        kind=Kind.UNEXPECTED,
        object=f"node/{node}",
        expected="no block of a node that does not exist",
        because=f"no Node {node} exists",
        found=f"{len(cidrs)} blocks are affine to it: {', '.join(cidrs[:5])}{' …' if len(cidrs) > 5 else ''}",
        look=f"kubectl get blockaffinities | grep -- {shlex.quote(node)}",
        severity=Severity.WRONG,
        likely="the node was removed: kube-controllers releases its blocks once their addresses are given back",
        about=about(node=node),
    )
