"""Rows F: what the datastore holds of addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.cluster import AllocationAttribute, BlockAffinity, IPAMBlock, IPAMConfig
from tests.faults.changes import (
    every,
    host,
    no_session,
    replace,
    unlooked,
    without_namespace,
)
from tests.faults.changes_api import api, block, of, with_new, without, without_address
from tests.faults.changes_net import (
    add,
    drop,
    dropped,
    no_link,
    to,
    via,
)
from tests.faults.places import (
    A0,
    BLOCK1,
    BLOCK3,
    IP,
    LINK,
    NODE2,
    NODE3,
)
from tests.faults.row import (
    AFFINITY_NODE,
    ALLOCATION,
    BLOCK_OWNER,
    BLOCK_WHOLE,
    BORROWED,
    HANDLES,
    ONE_POD,
    POOL,
    STRICT,
    Case,
    Row,
    found,
)

if TYPE_CHECKING:
    from model.cluster import Cluster
    from model.snapshot import Snapshot

INNER = "10.48.202.112/28"  # the end of node1's block
SMALL2, SMALL1 = "10.49.0.0/29", "10.49.0.8/29"


def _empty(cidr: str, node: str, size: int) -> IPAMBlock:
    name = cidr.replace(".", "-").replace("/", "-")
    return IPAMBlock(name, cidr, "1", f"host:{node}", (None,) * size, (), tuple(range(size)))


def _node3_gone(cluster: Cluster) -> Cluster:
    return replace(
        cluster,
        nodes=tuple(item for item in cluster.nodes if item.name != "node3"),
        pods=tuple(item for item in cluster.pods if item.node != "node3"),
    )


def _one_attribute_more(snapshot: Snapshot) -> Snapshot:
    old = block(snapshot, BLOCK1)
    return of("blocks", BLOCK1, attributes=(*old.attributes, AllocationAttribute("nobody")))(snapshot)


def _one_free_less(snapshot: Snapshot) -> Snapshot:
    return of("blocks", BLOCK1, unallocated=block(snapshot, BLOCK1).unallocated[1:])(snapshot)


def _miscounted(snapshot: Snapshot) -> Snapshot:
    """C0's handle, here by a shorter name, counts an address too many."""

    def edit(cluster: Cluster) -> Cluster:
        (old,) = (item for item in block(snapshot, BLOCK3).attributes if item.secondary.get("pod") == "c0")
        attributes = tuple(
            replace(item, handle="c0") if item is old else item for item in block(snapshot, BLOCK3).attributes
        )
        blocks = tuple(replace(item, attributes=attributes) if item.cidr == BLOCK3 else item for item in cluster.blocks)
        handles = tuple(
            replace(item, handle="c0", blocks={BLOCK3: 2}) if item.handle == old.handle else item
            for item in cluster.handles
        )
        return replace(cluster, blocks=blocks, handles=handles)

    return api(edit)(snapshot)


def _cooling_down(snapshot: Snapshot) -> Snapshot:
    """A0's address was released while it lived (ipCooldownSeconds): without a handle, and not yet to be given again."""
    first = block(snapshot, BLOCK1)
    handle = first.attributes[0].handle
    change = every(
        of("blocks", BLOCK1, attributes=(AllocationAttribute(None, {}, "2026-11-23T08:00:00Z"), *first.attributes[1:])),
        api(lambda cluster: replace(cluster, handles=tuple(h for h in cluster.handles if h.handle != handle))),
    )
    return change(snapshot)


_NODE3_LEFT = every(
    api(_node3_gone),
    unlooked("node3"),
    *(no_session(name, NODE3) for name in ("node1", "node2")),
    *(host(name, drop(to(BLOCK3))) for name in ("node1", "node2")),
)

ROWS = (
    Row(
        "F59",
        "two blocks overlap, for the pool's block size was changed",
        (BLOCK_WHOLE,),
        (
            Case(
                "noencap",
                every(
                    with_new("blocks", _empty(INNER, "node2", 16)),
                    with_new("affinities", BlockAffinity("node2-inner", "node2", INNER, "confirmed")),
                    host("node2", add(dropped(INNER))),
                    *(host(name, add(via(INNER, NODE2, "ens160"))) for name in ("node1", "node3")),
                ),
                found((BLOCK_WHOLE, "", f"{INNER}/structure")),
            ),
        ),
    ),
    Row(
        "F60",
        "addresses of a node that is gone, or of pods that are, are still allocated",
        (ALLOCATION, AFFINITY_NODE),
        (
            Case(
                "noencap",
                _NODE3_LEFT,
                found(
                    (AFFINITY_NODE, "", "node/node3"),
                    (ALLOCATION, "", f"{BLOCK3}/held by node node3, which does not exist"),
                ),
                "of a node",
            ),
            Case(
                "noencap",
                every(
                    without_namespace(A0),
                    host("node1", no_link(LINK)),
                    without("pods", A0),
                ),
                found((ALLOCATION, "", f"{BLOCK1}/held by a pod that is not there")),
                "of a pod",
            ),
        ),
        recorded=("duplicate-host-route",),
    ),
    Row(
        "F61",
        "the address of a live pod is free in its block: it will be given again",
        (ONE_POD,),
        (
            Case("noencap", without_address(IP), found((ONE_POD, "", f"{IP}/allocation"))),
            Case(
                "noencap",
                _cooling_down,
                found((ONE_POD, "", f"{IP}/allocation")),
                "cooling down",
            ),
        ),
    ),
    Row(
        "F62",
        "a pool was deleted under its pods: its blocks lie in no pool",
        (POOL,),
        (
            Case(
                "noencap",
                without("pools", "10.48.0.0/16"),
                found(*((POOL, "", f"{cidr}/pool") for cidr in ("10.48.106.192/26", "10.48.165.64/26", BLOCK1))),
            ),
            Case(
                "borrowed",
                every(
                    without("pools", "10.49.0.0/28"),
                    *(host(name, drop(to("10.49.0.2/32", "10.49.0.3/32"))) for name in ("node1", "node2")),
                ),
                found(
                    *((POOL, "", f"{cidr}/pool") for cidr in (SMALL1, SMALL2)),
                    *((BORROWED, name, f"10.49.0.{k}/32") for name in ("node1", "node2") for k in (2, 3)),
                ),
                "with borrowed addresses",
            ),
        ),
        recorded=("pool-deleted", "duplicate-host-route"),
    ),
    Row(
        "F63",
        "a block's lists contradict each other, or a handle's counts its blocks",
        (BLOCK_WHOLE, HANDLES),
        (
            Case("noencap", _one_attribute_more, found((BLOCK_WHOLE, "", f"{BLOCK1}/structure")), "attribute"),
            Case("noencap", _one_free_less, found((BLOCK_WHOLE, "", f"{BLOCK1}/structure")), "unallocated"),
            Case("noencap", _miscounted, found((HANDLES, "", "handle/c0")), "handle"),
        ),
    ),
    Row(
        "F64",
        "addresses are borrowed although strict affinity is set",
        (STRICT,),
        (
            Case(
                "borrowed",
                api(lambda cluster: replace(cluster, ipam_config=IPAMConfig(strict_affinity=True))),
                found(*((STRICT, "", f"10.49.0.{k}/borrowed") for k in (2, 3))),
            ),
        ),
    ),
    Row(
        "F65",
        "an affinity of a node that is gone",
        (AFFINITY_NODE,),
        (
            Case(
                "noencap",
                with_new("affinities", BlockAffinity("gone-10", "gone", "10.48.77.0/26", "confirmed")),
                found((AFFINITY_NODE, "", "node/gone"), (BLOCK_OWNER, "", "10.48.77.0/26")),
            ),
        ),
        recorded=("duplicate-host-route",),
    ),
)
