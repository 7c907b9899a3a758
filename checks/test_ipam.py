"""What IPAM and the API say of addresses and blocks, as far as the routes follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import ClusterCase
    from expect.world import Block
    from model.cluster import IPAMBlock

_HOST = "host:"


@check(faults=("F29", "F30", "F44"))
def test_each_block_has_one_owner(cluster: ClusterCase) -> Verdict:
    """Each IPAM block's affinity and its confirmed BlockAffinity name the same node, and no second one is confirmed.

    Felix routes by the IPAMBlock, BIRD announces by the BlockAffinity: where they differ the network follows both
    (calico-state R7, I1, I2).
    """
    world = cluster.world
    if "ipamblocks" in world.cluster.unlisted or "blockaffinities" in world.cluster.unlisted:
        reason = "; ".join(f"{name}: {why}" for name, why in world.cluster.unlisted.items() if "block" in name)
        return Verdict(unobserved=(Gap("ipam", reason),))
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
    )


@check(faults=("F26", "F61"))
def test_each_address_has_one_pod(cluster: ClusterCase) -> Verdict:
    """No two live pods have the same address, and each address in a pool that a live pod has is allocated to that pod.

    KubeVirt's migration gives source and target the same address on purpose (calico-state I6, I7).
    """
    world = cluster.world
    differences: list[Difference] = []
    examined = 0
    for address, pods in sorted(world.pods_by_address.items()):
        if any(pod.key in world.flux.pods for pod in pods) or address in world.flux.addresses:
            continue
        examined += 1
        if len(pods) > 1 and not all(pod.labels.get("kubevirt.io") == "virt-launcher" for pod in pods):
            names = ", ".join(f"{pod.key} on {pod.node}" for pod in pods)
            differences.append(_duplicate(address, names))
        block = world.block_of(address)
        allocation = world.allocations.get(address)
        holder = allocation.pod if allocation else None
        if block is not None and holder not in {None, *(pod.key for pod in pods)}:
            differences.append(_held(address, pods[0].key, f"allocated to pod {holder}"))
        elif allocation is not None and allocation.released:
            differences.append(_held(address, pods[0].key, "released and cooling down: it will be given again"))
        elif allocation is not None and allocation.node not in {None, *(pod.node for pod in pods)}:
            found = f"allocated to {holder} on node {allocation.node}, and the pod runs on {pods[0].node}"
            differences.append(_held(address, pods[0].key, found))
        elif block is not None and allocation is None:
            differences.append(
                _held(address, pods[0].key, f"free in IPAMBlock {block.object.name}: it will be given again")
            )
    if not examined:
        return Verdict(inapplicable=(Gap("pods", "no live pod has Calico networking"),))
    return Verdict(examined=examined, differences=tuple(differences))


def _duplicate(address: str, names: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=address,
        expected="one live pod",
        because="a node can route an address to one pod only",
        found=names,
        look=f"kubectl get pods -A -o wide --field-selector status.podIP={address}",
        likely="the address was released while its pod lived, and given again",
    )


def _held(address: str, pod: str, found: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{address}/allocation",
        expected=f"allocated to pod {pod}",
        because=f"pod {pod} is live and its status shows {address}, which lies in a block",
        found=found,
        look=f"calicoctl ipam show --ip={address}",
        severity=Severity.WRONG,
        likely="IPAM lost the allocation (a restored datastore, a clean-up that released a live address)",
    )


@check(faults=("F59", "F63"), severity=Severity.WRONG)
def test_each_block_is_whole(cluster: ClusterCase) -> Verdict:
    """Each IPAM block's lists agree: a slot an address, an attribute for each allocated one, each free one listed once.

    The rules of `calicoctl ipam check` (check.go:422-469), and no two blocks overlap (calico-state I2, I4).
    """
    world = cluster.world
    if "ipamblocks" in world.cluster.unlisted:
        return Verdict(unobserved=(Gap("ipamblocks", world.cluster.unlisted["ipamblocks"]),))
    differences: list[Difference] = []
    previous: Block | None = None
    for block in world.blocks.values():
        faults = list(_structure(block.object))
        if previous is not None and ip.contains(previous.cidr, ip.bare(block.cidr)):
            faults.append(f"overlaps IPAMBlock {previous.object.name}")
        if faults:
            differences.append(_damaged(block, faults))
        previous = block
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
    )
