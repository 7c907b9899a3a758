"""Healthy trials for an observation that holds none: what the packets part would have seen on this cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip, net
from model.cluster import IPAMBlock
from model.free import free_addresses, shown_addresses
from model.trial import Packet, Reply, Trial, Trials, Untried

if TYPE_CHECKING:
    from model.cluster import Cluster
    from model.snapshot import Snapshot

TIME_EXCEEDED = {4: 11, 6: 3}  # IANA: ICMP and ICMPv6 types


def with_trials(snapshot: Snapshot) -> Snapshot:
    """The snapshot with one healthy trial, or the reason why there is none, for each block that a node owns; as it is
    if it holds trials."""
    if snapshot.trials.asked:
        return snapshot
    known = snapshot.looks[-1].before
    said = [_trial(snapshot, known, block, owner) for owner, block in _owned(known)]
    trials = tuple(item for item in said if isinstance(item, Trial))
    untried = tuple(item for item in said if isinstance(item, Untried))
    made = Trials(asked=True, run_id="healthy", trials=trials, untried=untried)
    return msgspec.structs.replace(snapshot, trials=made)


def _owned(known: Cluster) -> list[tuple[str, IPAMBlock]]:
    return [
        (block.affinity.removeprefix("host:"), block)
        for block in (*known.blocks, *(() if known.blocks else _pod_cidrs(known)))
        if block.affinity and block.affinity.startswith("host:")
    ]


def _pod_cidrs(known: Cluster) -> list[IPAMBlock]:
    """With host-local IPAM there are no blocks, and a podCIDR takes the part of one."""
    return [IPAMBlock(cidr, cidr, "", f"host:{node.name}", (), ()) for node in known.nodes for cidr in node.pod_cidrs]


def _trial(snapshot: Snapshot, known: Cluster, block: IPAMBlock, owner: str) -> Trial | Untried:
    """The trial of a block, as `fixtures.packets` makes them."""
    node = next((item for item in known.nodes if item.name == owner), None)
    sender = next((item for item in known.nodes if item is not node), None)
    free = free_addresses(block, shown_addresses(known.pods, known.nodes))
    if node is None or sender is None or owner not in snapshot.node_facts or not free:
        return Untried(block.cidr, owner, "nothing to try", applies=False)
    host = snapshot.node_facts[owner].host
    if not any(route.dst == block.cidr and route.type == net.BLACKHOLE for route in host.routes):
        return Untried(block.cidr, owner, "no blackhole is expected here", applies=False)
    family = ip.family(block.cidr)
    live = [
        address
        for pod in known.pods
        if pod.node == owner and pod.phase == "Running" and not pod.host_network and not pod.deleting
        for address in pod.ips
        if ip.family(address) == family
    ]
    inside = [address for address in live if ip.contains(block.cidr, address)]
    if not live:
        return Untried(block.cidr, owner, "no live pod to ask for", asked=False)
    (source, answering) = (next(a for a in item.internal_ips if ip.family(a) == family) for item in (sender, node))
    return Trial(
        block=block.cidr,
        owner=owner,
        sender=sender.name,
        source=source,
        uplink=next(address.dev for address in host.addresses if address.address == answering),
        packet=Packet(target=free[0], ttl=1, sent=True, arrived=True),
        control=Packet(
            target=(inside or live)[0],
            ttl=1,
            sent=True,
            arrived=True,
            replies=(Reply(source=answering, type=TIME_EXCEEDED[family], code=0),),
        ),
        control_kind="live-pod" if inside else "other-block",
        control_lookup="unicast",
        lookups=dict.fromkeys(free, "EINVAL"),
        owner_addresses=(answering,),
    )
