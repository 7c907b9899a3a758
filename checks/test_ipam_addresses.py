"""Pods and their allocations, both ways."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from checks.declare import check
from checks.leaks import leak, young
from expect.allocations import TUNNEL_TYPES
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import ClusterCase
    from expect.allocations import Allocation
    from expect.world import World
    from model.cluster import Pod

_NO_IPAM = "cni.projectcalico.org/ipAddrsNoIpam"  # addresses that IPAM does not know of, on purpose


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
            differences.append(_duplicate(address, names, [pod.key for pod in pods]))
        found = _misheld(world, address, pods)
        if found:
            differences.append(_held(world, address, pods[0].key, found))
    if not examined:
        return Verdict(inapplicable=(Gap("pods", "no live pod has Calico networking"),))
    return Verdict(examined=examined, differences=tuple(differences))


def _misheld(world: World, address: str, pods: tuple[Pod, ...]) -> str | None:
    """What is wrong with the allocation of an address that live pods have; None outside every block."""
    block, allocation = world.block_of(address), world.allocations.get(address)
    if block is None or world.host_local or any(_NO_IPAM in pod.annotations for pod in pods):
        return None
    if allocation is None:
        return f"free in IPAMBlock {block.object.name}: it will be given again"
    if allocation.pod not in {None, *(pod.key for pod in pods)}:
        return f"allocated to pod {allocation.pod}"
    if allocation.released:
        return "released and cooling down: it will be given again"
    if allocation.type in TUNNEL_TYPES:
        return f"allocated as {allocation.type} of node {allocation.node}"
    if allocation.node not in {None, *(pod.node for pod in pods)}:
        return f"allocated to {allocation.pod} on node {allocation.node}, and the pod runs on {pods[0].node}"
    return None


def _duplicate(address: str, names: str, pods: list[str]) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=address,
        expected="one live pod",
        because="a node can route an address to one pod only",
        found=names,
        look=f"kubectl get pods -A -o wide --field-selector status.podIP={address}",
        likely="the address was released while its pod lived, and given again",
        about=about(address=address, pod=pods, state="duplicate"),
    )


def _held(world: World, address: str, pod: str, found: str) -> Difference:
    block, allocation = world.block_of(address), world.allocations.get(address)
    tunnel = allocation is not None and allocation.type in TUNNEL_TYPES
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{address}/allocation",
        expected=f"allocated to pod {pod}",
        because=f"pod {pod} is live and its status shows {address}, which lies in a block",
        found=found,
        look=f"calicoctl ipam show --ip={address}",
        severity=Severity.WRONG,
        likely="IPAM lost the allocation (a restored datastore, a clean-up that released a live address)",
        about=about(
            address=address, pod=pod, block=block.cidr if block else None, state="duplicate" if tunnel else None
        ),
    )


@check(faults=("F60",), severity=Severity.HOUSEKEEPING)
def test_each_allocation_is_in_use(cluster: ClusterCase) -> Verdict:
    """Each allocated address is in use: by a live pod, a tunnel of its node, a service; or cools down, or is reserved.

    A leak costs addresses only. It is mentioned when the allocation is older than the garbage collector's grace
    (leakGracePeriod 15 minutes, half as much again for its period: calico-state §5.2, §7).
    """
    world = cluster.world
    leaks: dict[tuple[str, str], list[Allocation]] = defaultdict(list)
    examined = 0
    for allocation in world.allocations.values():
        pod_in_flux = allocation.pod in world.flux.pods or allocation.address in world.flux.addresses
        if pod_in_flux or young(allocation, cluster.header.taken):
            continue
        examined += 1
        reason = leak(world, allocation)
        if reason:
            leaks[allocation.block, reason].append(allocation)
    if not examined:
        return Verdict(inapplicable=(Gap("ipam", "no address is allocated for longer than the grace time"),))
    differences = tuple(_leaked(world, block, reason, items) for (block, reason), items in sorted(leaks.items()))
    return Verdict(examined=examined, differences=differences)


def _leaked(world: World, block: str, reason: str, items: list[Allocation]) -> Difference:
    tunnels = {item.node for item in items if item.node and item.type in TUNNEL_TYPES}
    gone = {item.node for item in items if item.node and item.node not in world.nodes}
    pods = {item.pod for item in items}
    names = ", ".join(f"{item.address} ({item.pod or item.type or item.handle})" for item in items[:5])
    return Difference(
        kind=Kind.UNEXPECTED,
        object=f"{block}/{reason}",
        expected="every allocated address in use",
        because="kube-controllers gives back what nothing uses after 15 minutes",
        found=f"{len(items)} addresses of {block}, {reason}: {names}{' …' if len(items) > 5 else ''}",
        look=f"calicoctl ipam show --ip={items[0].address}",
        severity=Severity.HOUSEKEEPING,
        likely="calico-kube-controllers does not run, or a CNI DEL was lost",
        about=about(block=block, node=gone | tunnels, pod=pods.pop() if len(pods) == 1 else None),
    )


@check(faults=("F63",), severity=Severity.HOUSEKEEPING)
def test_handles_count_their_allocations(cluster: ClusterCase) -> Verdict:
    """Each IPAM handle counts, block by block, the addresses that are allocated under it (calico-state I5).

    While pods come and go the two are read at different moments: then only handles that both show are compared.
    """
    world = cluster.world
    if "ipamhandles" in world.cluster.unlisted:
        return Verdict(unasked=(Gap("ipamhandles", world.cluster.unlisted["ipamhandles"]),))
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    moving: set[str] = set()
    for item in world.allocations.values():
        if item.handle and not item.released:
            counted[item.handle.lower()][item.block] += 1
            if item.pod in world.flux.pods or item.address in world.flux.addresses:
                moving.add(item.handle.lower())
    stored = {item.handle.lower(): item.blocks for item in world.cluster.handles if not item.deleted}
    moving |= {name for name, blocks in stored.items() if world.flux.blocks.intersection(blocks)}
    names = counted.keys() & stored.keys() if world.flux.pods else counted.keys() | stored.keys()
    differences = tuple(
        _handle(name, dict(counted.get(name, {})), stored.get(name, {}))
        for name in sorted(names - moving)
        if dict(counted.get(name, {})) != stored.get(name, {})
    )
    if not names:
        return Verdict(inapplicable=(Gap("ipamhandles", "nothing is allocated under a handle"),))
    return Verdict(examined=len(names), differences=differences)


def _handle(name: str, counted: dict[str, int], stored: dict[str, int]) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"handle/{name}",
        expected=", ".join(_counts(counted)) or "no handle",
        because="the blocks hold these allocations under it",
        found=", ".join(_counts(stored)) or "no IPAMHandle",
        look="calicoctl ipam check --show-problem-ips",
        severity=Severity.HOUSEKEEPING,
        likely="a release that was cut short",
        about=about(block={*counted, *stored}),
    )


def _counts(blocks: dict[str, int]) -> Iterator[str]:
    return (f"{count} of {block}" for block, count in sorted(blocks.items()))


@check(faults=("F64",), severity=Severity.HOUSEKEEPING)
def test_strict_affinity_leaves_nothing_borrowed(cluster: ClusterCase) -> Verdict:
    """With strict affinity no node has an address of another node's block, but those that are older than the setting.

    IPAMConfig strictAffinity. Its age is not stored, so what is borrowed is mentioned and never fails the run.
    """
    world = cluster.world
    if "ipamconfigs" in world.cluster.unlisted:
        return Verdict(unasked=(Gap("ipamconfigs", world.cluster.unlisted["ipamconfigs"]),))
    if not world.cluster.ipam_config.strict_affinity:
        return Verdict(inapplicable=(Gap("ipam", "IPAMConfig strictAffinity is not set"),))
    differences = tuple(
        Difference(
            kind=Kind.UNEXPECTED,
            object=f"{item.address}/borrowed",
            expected="no borrowed address",
            because="IPAMConfig strictAffinity is true",
            found=item.because,
            look=f"calicoctl ipam show --ip={item.address}",
            severity=Severity.HOUSEKEEPING,
            likely="it was borrowed before the setting was made: the pod's next start mends it",
        )
        for item in world.borrowed.values()
        if item.address not in world.flux.addresses
    )
    return Verdict(examined=len(world.allocations), differences=differences)
