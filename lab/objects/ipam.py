"""What Calico's IPAM stores: pools, blocks with their allocations, affinities, handles, the configuration.

Shapes and habits as recorded from a cluster: a fresh block's free ordinals are queued from 0 upwards, a freed one goes
to the queue's end; an attribute that no ordinal uses any more is dropped and the indexes close up (libcalico
ipam_block.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.objects.identity import cidr_name, go_stamp, hostname_hash, new
from model.ip import address, network, span

if TYPE_CHECKING:
    from datetime import datetime

    from lab.objects.kinds import Json
    from lab.topology import LabBlock, LabPool

_METADATA = {"projectcalico.org/metadata": "{}"}
MAX_BLOCK = 1 << 16  # ordinals; a bigger block is no block that IPAM makes


def pool_object(pool: LabPool, created: datetime) -> Json:
    """The IPPool."""
    spec: Json = {
        "allowedUses": list(pool.allowed_uses),
        "assignmentMode": "Automatic",
        "blockSize": pool.block_size,
        "cidr": pool.cidr,
        "ipipMode": pool.ipip_mode,
        "natOutgoing": pool.nat_outgoing,
        "nodeSelector": "all()",
        "vxlanMode": pool.vxlan_mode,
    }
    if pool.disabled:
        spec["disabled"] = True
    if pool.disable_bgp_export:
        spec["disableBGPExport"] = True
    return new("ippools", pool.name, created, generation=1, annotations=default_metadata(created), spec=spec)


def default_metadata(created: datetime) -> dict[str, str]:
    """The annotation in which libcalico keeps what the custom resource's own metadata cannot."""
    return {"projectcalico.org/metadata": f'{{"creationTimestamp":"{created:%Y-%m-%dT%H:%M:%SZ}"}}'}


def affinity_object(block: LabBlock, created: datetime) -> Json:
    """The BlockAffinity, confirmed."""
    labels = {
        "projectcalico.org/affinity-type": "host",
        "projectcalico.org/hostname-hash": hostname_hash(block.node),
        "projectcalico.org/ip-version": str(network(block.cidr).version),
    }
    pairs = ",".join(f'"{name}":"{value}"' for name, value in labels.items())
    return new(
        "blockaffinities",
        f"{block.node}-{cidr_name(block.cidr)}",
        created,
        generation=2,
        labels=labels,
        annotations={"projectcalico.org/metadata": f'{{"labels":{{{pairs}}}}}'},
        spec={"cidr": block.cidr, "deleted": "false", "node": block.node, "state": "confirmed", "type": "host"},
    )


def block_object(block: LabBlock, created: datetime, *, strict: bool = False) -> Json:
    """The IPAMBlock with every ordinal free. ValueError for a prefix that is no block."""
    size = network(block.cidr).num_addresses
    if str(network(block.cidr)) != block.cidr or size > MAX_BLOCK:
        raise ValueError(f"{block.cidr} of {block.node} is no IPAM block")
    spec: Json = {
        "affinity": f"host:{block.node}",
        "affinityClaimTime": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "allocations": [None] * size,
        "attributes": [],
        "cidr": block.cidr,
        "deleted": False,
        "sequenceNumber": int(created.timestamp()) * 10**9,
        "sequenceNumberForAllocation": {},
        "strictAffinity": strict,
        "unallocated": list(range(size)),
    }
    return new("ipamblocks", cidr_name(block.cidr), created, generation=1, annotations=dict(_METADATA), spec=spec)


def handle_object(handle: str, blocks: dict[str, int], created: datetime) -> Json:
    """The IPAMHandle: how many addresses of which block."""
    spec = {"block": blocks, "deleted": False, "handleID": handle}
    return new("ipamhandles", handle.lower(), created, generation=1, annotations=dict(_METADATA), spec=spec)


def ordinal_in(cidr: str, ip: str) -> int:
    """An address's position in its block."""
    return int(address(ip)) - span(cidr)[1]


def _changed(block: Json, **fields: object) -> Json:
    spec = block["spec"] | fields | {"sequenceNumber": block["spec"]["sequenceNumber"] + 1}
    meta = block["metadata"] | {"generation": block["metadata"]["generation"] + 1}
    return block | {"metadata": meta, "spec": spec}


def allocated(block: Json, ip: str, handle: str, secondary: dict[str, str], now: datetime | None = None) -> Json:
    """The block with the address given to a handle, at a moment where it is a pod's (tunnels' carry none).

    ValueError if somebody has it already.
    """
    spec = block["spec"]
    ordinal = ordinal_in(spec["cidr"], ip)
    if spec["allocations"][ordinal] is not None:
        holder = spec["attributes"][spec["allocations"][ordinal]]["handle_id"]
        raise ValueError(f"{ip} of block {spec['cidr']} is already allocated to {holder}")
    allocations = list(spec["allocations"])
    allocations[ordinal] = len(spec["attributes"])
    attribute = {"handle_id": handle, "secondary": secondary | ({"timestamp": go_stamp(now)} if now else {})}
    return _changed(
        block,
        allocations=allocations,
        attributes=[*spec["attributes"], attribute],
        sequenceNumberForAllocation=spec["sequenceNumberForAllocation"] | {str(ordinal): spec["sequenceNumber"]},
        unallocated=[free for free in spec["unallocated"] if free != ordinal],
    )


def released(block: Json, handle: str) -> Json:
    """The block without what the handle held: freed ordinals go to the end of the queue."""
    spec = block["spec"]
    kept = [number for number, attribute in enumerate(spec["attributes"]) if attribute["handle_id"] != handle]
    if len(kept) == len(spec["attributes"]):
        return block
    renumbered = {old: fresh for fresh, old in enumerate(kept)}
    freed = [at for at, index in enumerate(spec["allocations"]) if index is not None and index not in renumbered]
    sequences = spec["sequenceNumberForAllocation"]
    return _changed(
        block,
        allocations=[None if index is None else renumbered.get(index) for index in spec["allocations"]],
        attributes=[spec["attributes"][old] for old in kept],
        sequenceNumberForAllocation={at: number for at, number in sequences.items() if int(at) not in freed},
        unallocated=[*spec["unallocated"], *freed],
    )


def was_used(block: Json, ip: str) -> Json:
    """The block after the address was held and freed: last in the queue, if it is free at all."""
    spec = block["spec"]
    ordinal = ordinal_in(spec["cidr"], ip)
    if spec["allocations"][ordinal] is not None:
        return block
    return _changed(block, unallocated=[*(free for free in spec["unallocated"] if free != ordinal), ordinal])
