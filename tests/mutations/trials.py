"""Healthy trials for a recording that holds none: what the packets part would have seen on this cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip
from model.free import free_addresses, shown_addresses
from model.trial import Packet, Reply, Trial, Trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.cluster import Cluster, IPAMBlock
    from model.snapshot import Snapshot

TIME_EXCEEDED = {4: 11, 6: 3}  # IANA: ICMP and ICMPv6 types


def with_trials(snapshot: Snapshot) -> Snapshot:
    """The snapshot with one healthy trial for each block that an observed node owns; as it is if it holds trials."""
    if snapshot.trials.asked:
        return snapshot
    known = snapshot.looks[-1].before
    trials = tuple(trial for block in known.blocks for trial in _trial(snapshot, known, block))
    return msgspec.structs.replace(snapshot, trials=Trials(asked=True, run_id="healthy", trials=trials))


def _trial(snapshot: Snapshot, known: Cluster, block: IPAMBlock) -> Iterator[Trial]:
    """The trial of a block, as `fixtures.packets` makes them; none for a block without a free or a live address."""
    owner = next((node for node in known.nodes if block.affinity == f"host:{node.name}"), None)
    sender = next((node for node in known.nodes if node is not owner), None)
    free = free_addresses(block, shown_addresses(known.pods, known.nodes))
    live = [
        address
        for pod in known.pods
        if owner and pod.node == owner.name and pod.phase == "Running" and not pod.host_network and not pod.deleting
        for address in pod.ips
        if ip.contains(block.cidr, address)
    ]
    if owner is None or sender is None or owner.name not in snapshot.node_facts or not free or not live:
        return
    family = ip.family(block.cidr)
    (source, answering) = (next(a for a in node.internal_ips if ip.family(a) == family) for node in (sender, owner))
    host = snapshot.node_facts[owner.name].host
    yield Trial(
        block=block.cidr,
        owner=owner.name,
        sender=sender.name,
        source=source,
        uplink=next(address.dev for address in host.addresses if address.address == answering),
        packet=Packet(target=free[0], ttl=1, sent=True, arrived=True),
        control=Packet(
            target=live[0],
            ttl=1,
            sent=True,
            arrived=True,
            replies=(Reply(source=answering, type=TIME_EXCEEDED[family], code=0),),
        ),
        control_kind="live-pod",
        control_lookup="unicast",
        lookups=dict.fromkeys(free, "EINVAL"),
        owner_addresses=(answering,),
    )
