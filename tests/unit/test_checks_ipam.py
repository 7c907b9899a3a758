"""The checks of IPAM and the API: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from checks.leaks import leak, young
from expect.allocations import Allocation
from expect.world import World
from model.cluster import AllocationAttribute, IPAMConfig, IPAMHandle
from tests.unit.builders import (
    BLOCK1,
    BLOCK2,
    BORROWER,
    CUSTOMER,
    DATABASE,
    DUAL,
    FREE,
    LEAVING,
    affinity,
    block,
    held_by,
    pod,
)
from tests.unit.scenes import Scene, scene
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNASKED, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

W1, W2 = "worker1", "worker2"
NAME1 = "worker1-10-48-0-64-26"


def unlisted(*names: str) -> Callable[[Scene], None]:
    return lambda c: c.relist(unlisted=dict.fromkeys(names, "403"))


def none(*lists: str) -> Callable[[Scene], None]:
    return lambda c: c.relist(**dict.fromkeys(lists, ()))


def of(cidr: str = BLOCK1, **fields: Any) -> Callable[[Scene], None]:
    """Other fields of a block."""
    return lambda c: c.api("blocks", cidr, **fields)


def more(*affinities: Any) -> Callable[[Scene], None]:
    return lambda c: c.add("affinities", *affinities)


OWNER = "each_block_has_one_owner"
OWNER_ROWS = [
    Row("blocks unlisted", unlisted("ipamblocks"), {("", "ipamblocks", UNOBSERVED)}, ("403",)),
    Row("affinities unlisted", unlisted("blockaffinities"), {("", "blockaffinities", UNOBSERVED)}, ("403",)),
    Row("pods unlisted", unlisted("pods"), {("", "pods", UNOBSERVED)}),
    Row("none", none("blocks", "affinities"), {("", "ipam", INAPPLICABLE)}, ("no settled IPAM block",)),
    Row(
        "the block's is another",
        of(affinity="host:worker2"),
        {("", BLOCK1, BROKEN)},
        ("IPAMBlock affinity host:worker2; confirmed BlockAffinity of worker1", "edited by hand"),
    ),
    Row(
        "two confirmed",
        more(affinity(BLOCK1, W2)),
        {("", BLOCK1, BROKEN)},
        ("confirmed BlockAffinity of worker1, worker2",),
    ),
    Row("two confirmed, one without a state", more(affinity(BLOCK1, W2, "")), {("", BLOCK1, BROKEN)}),
    Row(
        "no affinity",
        lambda c: c.drop("affinities", NAME1),
        {("", BLOCK1, WRONG)},
        ("confirmed BlockAffinity of no node",),
    ),
    Row("no affinity of the block", of(affinity=None), {("", BLOCK1, WRONG)}, ("IPAMBlock without affinity",)),
    Row("no block", lambda c: c.drop("blocks", BLOCK1), {("", BLOCK1, WRONG)}, ("no IPAMBlock",)),
    Row("a block that nobody owns", both(of(affinity=None), lambda c: c.drop("affinities", NAME1)), set()),
    Row("a claim without a block", more(affinity("10.48.9.0/26", W1, "pending")), set()),
    Row("a claim beside the owner's", more(affinity(BLOCK1, W2, "pending")), set()),
    Row("a release", lambda c: c.api("affinities", NAME1, state="pendingDeletion"), set()),
    Row("a deleted affinity", lambda c: c.api("affinities", NAME1, deleted=True), {("", BLOCK1, WRONG)}),
    Row("another, deleted", more(affinity(BLOCK1, W2, deleted=True)), set()),
    Row(
        "virtual",
        both(of(affinity="virtual:load-balancer"), lambda c: c.api("affinities", NAME1, type="virtual")),
        set(),
    ),
    Row(
        "in flux",
        both(of(affinity="host:worker2"), lambda c: c.api_later("blocks", BLOCK1, affinity="host:worker1")),
        set(),
    ),
]


def structure(cidr: str = BLOCK1) -> set[tuple[str, str, str]]:
    return {("", f"{cidr}/structure", WRONG)}


def _one_too_many(cluster: Scene) -> None:
    (found,) = (item for item in cluster.cluster.blocks if item.cidr == BLOCK1)
    cluster.api("blocks", BLOCK1, allocations=(*found.allocations, 0))


def _unallocated(made: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        (found,) = (item for item in cluster.cluster.blocks if item.cidr == BLOCK1)
        cluster.api("blocks", BLOCK1, unallocated=made(found.unallocated))

    return vary


WHOLE = "each_block_is_whole"
WHOLE_ROWS = [
    Row("unlisted", unlisted("ipamblocks"), {("", "ipamblocks", UNOBSERVED)}, ("403",)),
    Row("none", none("blocks"), {("", "ipam", INAPPLICABLE)}, ("the cluster has no IPAM block",)),
    Row("a slot too many", _one_too_many, structure(), ("65 slots for 64 addresses",)),
    Row(
        "a slot too few",
        of(allocations=(None,) * 63, unallocated=tuple(range(63)), attributes=()),
        structure(),
        ("63 slots for 64",),
    ),
    Row("no attribute", of(attributes=()), structure(), ("an allocation without its attribute",)),
    Row(
        "an attribute too many",
        lambda c: c.api("blocks", BLOCK1, attributes=(*c.cluster.blocks[0].attributes, held_by("a/b", W1))),
        structure(),
        ("an attribute without an allocation",),
    ),
    Row(
        "listed twice",
        _unallocated(lambda old: (*old, old[0])),
        structure(),
        ("an address twice among the unallocated",),
    ),
    Row(
        "a free one unlisted",
        _unallocated(lambda old: old[1:]),
        structure(),
        ("does not hold just the free addresses",),
    ),
    Row("a used one listed", _unallocated(lambda old: (*old, 3)), structure()),
    Row("another order", _unallocated(lambda old: old[::-1]), set()),
    Row(
        "a block inside another",
        lambda c: c.add("blocks", block("10.48.0.96/27", W1)),
        structure("10.48.0.96/27"),
        ("overlaps IPAMBlock 10-48-0-64-26",),
    ),
    Row(
        "two blocks inside another",
        lambda c: c.add("blocks", block("10.48.0.0/24", W1)),
        structure() | structure(BLOCK2),
        ("overlaps IPAMBlock 10-48-0-0-24",),
    ),
    Row("blocks side by side", lambda c: c.add("blocks", block("10.48.0.192/26", W1)), set()),
    Row("a deleted block inside another", lambda c: c.add("blocks", block("10.48.0.96/27", W1, deleted=True)), set()),
]

POOLS = "each_block_lies_in_a_pool"


def outside_for_a_while(cluster: Scene) -> None:
    cluster.add("blocks", block("10.99.0.0/26", W1))
    cluster.drop_later("blocks", "10.99.0.0/26")


POOLS_ROWS = [
    Row("unlisted", unlisted("ippools"), {("", "ippools", UNOBSERVED)}, ("403",)),
    Row("no blocks", none("blocks"), {("", "ipam", INAPPLICABLE)}, ("the cluster has no IPAM block",)),
    Row(
        "a deleted pool",
        lambda c: c.drop("pools", "default-ipv4-ippool"),
        {("", f"{BLOCK1}/pool", WRONG), ("", f"{BLOCK2}/pool", WRONG)},
        (
            "no IPPool contains it; 4 of its addresses belong to live pods",
            "the pool was deleted under its pods",
            "a block is cut out of a pool",
        ),
    ),
    Row(
        "a block outside",
        lambda c: c.add("blocks", block("10.99.0.0/26", W1)),
        {("", "10.99.0.0/26/pool", WRONG)},
        ("0 of its addresses",),
    ),
    Row(
        "a block outside, in flux",
        outside_for_a_while,
        set(),
    ),
    Row("a disabled pool", lambda c: c.api("pools", "default-ipv4-ippool", disabled=True), set()),
]

NODES_CHECK = "each_affinity_has_its_node"
NODES_ROWS = [
    Row("unlisted", unlisted("nodes"), {("", "nodes", UNOBSERVED)}, ("403",)),
    Row("none", none("blocks", "affinities"), {("", "ipam", INAPPLICABLE)}, ("no node has a block",)),
    Row(
        "a block's node is gone",
        of(affinity="host:gone"),
        {("", "node/gone", WRONG)},
        ("no Node gone exists", f"1 blocks are affine to it: {BLOCK1}", "the node was removed"),
    ),
    Row("an affinity's node is gone", more(affinity("10.48.9.0/26", "gone")), {("", "node/gone", WRONG)}),
    Row("a claim's node is gone", more(affinity("10.48.9.0/26", "gone", "pending")), {("", "node/gone", WRONG)}),
    Row(
        "many blocks of one node",
        more(*(affinity(f"10.48.9.{last}/32", "gone") for last in range(6))),
        {("", "node/gone", WRONG)},
        ("6 blocks are affine to it", " …"),
    ),
    Row(
        "a node with a strange name",
        more(affinity("10.48.9.0/26", "a; b")),
        {("", "node/a; b", WRONG)},
        ("grep -- 'a; b'",),
    ),
    Row("a node that goes", lambda c: c.drop_later("nodes", W1), set()),
    Row("a node that went", lambda c: c.drop("nodes", W1), {("", "node/worker1", WRONG)}),
    Row("virtual", more(affinity("10.48.9.0/26", "load-balancer", type="virtual")), set()),
    Row("deleted", more(affinity("10.48.9.0/26", "gone", deleted=True)), set()),
]

ONE_POD = "each_address_has_one_pod"
TAKEN = {("", "10.48.0.67/allocation", WRONG)}
TWICE = {("", "10.48.0.67", BROKEN)}
VIRT = {"kubevirt.io": "virt-launcher"}


def given(attribute: AllocationAttribute | None, address: str = "10.48.0.67") -> Callable[[Scene], None]:
    return lambda c: c.allocate(address, attribute)


def twin(**fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.add("pods", pod("a/twin", W2, ("10.48.0.67",), **fields))


ONE_POD_ROWS = [
    Row("no pods", none("pods"), {("", "pods", INAPPLICABLE)}, ("no live pod has Calico networking",)),
    Row("two pods", twin(), TWICE, (f"{CUSTOMER} on worker1, a/twin on worker2", "given again", "one live pod")),
    Row("two pods, one finished", twin(phase="Succeeded"), set()),
    Row("two pods, one in flux", both(twin(), lambda c: c.drop_later("pods", "a/twin")), set()),
    Row("a migration", both(twin(labels=VIRT), lambda c: c.api("pods", CUSTOMER, labels=VIRT)), set()),
    Row("a migration, and another pod", twin(labels=VIRT), TWICE),
    Row("another pod's", given(held_by("a/b", W1)), TAKEN, ("allocated to pod a/b", f"allocated to pod {CUSTOMER}")),
    Row(
        "free",
        given(None),
        TAKEN,
        ("free in IPAMBlock 10-48-0-64-26: it will be given again", "IPAM lost the allocation"),
    ),
    Row(
        "cooling down",
        given(AllocationAttribute(None, {}, "2026-01-01T00:00:00Z")),
        TAKEN,
        ("released and cooling down",),
    ),
    Row(
        "on another node",
        given(held_by(CUSTOMER, W2)),
        TAKEN,
        (f"allocated to {CUSTOMER} on node worker2, and the pod runs on worker1",),
    ),
    Row(
        "a tunnel's",
        given(AllocationAttribute("t", {"node": W1, "type": "vxlanTunnelAddress"})),
        TAKEN,
        ("allocated as vxlanTunnelAddress of node worker1",),
    ),
    Row("without an owner", given(AllocationAttribute("old")), set()),
    Row("free, and changing", both(given(None), lambda c: c.relist_later(blocks=scene().cluster.blocks)), set()),
    Row("an address of its own", lambda c: c.api("pods", CUSTOMER, ips=("10.48.200.1",)), set()),
    Row(
        "an address that IPAM need not know",
        both(
            given(None),
            lambda c: c.api("pods", CUSTOMER, annotations={"cni.projectcalico.org/ipAddrsNoIpam": '["10.48.0.67"]'}),
        ),
        set(),
    ),
    Row("IPv6", given(None, "fd00:10:48::44"), {("", "fd00:10:48::44/allocation", WRONG)}, (DUAL,)),
    Row("a leaving pod's", given(None, "10.48.0.72"), {("", "10.48.0.72/allocation", WRONG)}, (LEAVING,)),
]

USED = "each_allocation_is_in_use"


def leaked(reason: str, cidr: str = BLOCK1) -> set[tuple[str, str, str]]:
    return {("", f"{cidr}/{reason}", HOUSEKEEPING)}


def many_leaks(cluster: Scene) -> None:
    for last in range(100, 106):
        cluster.allocate(f"10.48.0.{last}", held_by("a/b", W1))


GONE_POD = "held by a pod that is not there"
USED_ROWS = [
    Row(
        "a pod's that is gone",
        given(held_by("a/b", W1), FREE),
        leaked(GONE_POD),
        (f"1 addresses of {BLOCK1}, {GONE_POD}: {FREE} (a/b)", "calico-kube-controllers does not run"),
    ),
    Row("a finished pod's", given(held_by("batch/done", W1), "10.48.0.90"), leaked(GONE_POD)),
    Row(
        "a node's that is gone",
        given(AllocationAttribute("h", {"node": "gone"}), FREE),
        leaked("held by node gone, which does not exist"),
        (f"{FREE} (h)",),
    ),
    Row(
        "a tunnel's that no node has",
        given(AllocationAttribute("h", {"node": W1, "type": "ipipTunnelAddress"}), FREE),
        leaked("held by a tunnel that no node has"),
        ("(ipipTunnelAddress)",),
    ),
    Row(
        "a tunnel's",
        both(
            given(AllocationAttribute("h", {"node": W1, "type": "ipipTunnelAddress"}), FREE),
            lambda c: c.api("nodes", W1, ipip_tunnel=FREE),
        ),
        set(),
    ),
    Row(
        "many",
        many_leaks,
        leaked(GONE_POD),
        ("6 addresses of", " …"),
    ),
    Row(
        "young",
        given(AllocationAttribute("h", {"node": W1, "timestamp": "2025-12-31 23:50:00.1 +0000 UTC"}), FREE),
        set(),
    ),
    Row(
        "old",
        given(AllocationAttribute("h", {"node": W1, "timestamp": "2025-12-31 22:50:00.1 +0000 UTC"}), FREE),
        leaked(GONE_POD),
    ),
    Row(
        "in flux", both(given(held_by("a/b", W1), FREE), lambda c: c.relist_later(blocks=scene().cluster.blocks)), set()
    ),
    Row(
        "a pod's that comes",
        both(
            given(held_by("a/b", W1), FREE), lambda c: c.relist_later(pods=(*c.cluster.pods, pod("a/b", W1, (FREE,))))
        ),
        set(),
    ),
    Row("nothing is allocated", none("blocks"), {("", "ipam", INAPPLICABLE)}, ("no address is allocated for longer",)),
]

HANDLES = "handles_count_their_allocations"
MINE = f"k8s-pod-network.{CUSTOMER}"


def handle(**fields: Any) -> Callable[[Scene], None]:
    """Other fields of the customer's handle."""

    def vary(cluster: Scene) -> None:
        old = cluster.cluster.handles
        cluster.relist(handles=tuple(structs.replace(one, **fields) if one.handle == MINE else one for one in old))

    return vary


def _extra_handle(cluster: Scene) -> None:
    cluster.add("handles", IPAMHandle("lost", {BLOCK1: 2}))


COUNTED = {("", f"handle/{MINE}", HOUSEKEEPING)}
HANDLES_ROWS = [
    Row("unlisted", unlisted("ipamhandles"), {("", "ipamhandles", UNASKED)}, ("403",)),
    Row("in other letters", handle(handle=MINE.upper()), set()),
    Row(
        "one too many",
        handle(blocks={BLOCK1: 2}),
        COUNTED,
        (f"1 of {BLOCK1}", f"2 of {BLOCK1}", "a release that was cut short"),
    ),
    Row("another block", handle(blocks={BLOCK2: 1}), COUNTED),
    Row("deleted", handle(deleted=True), COUNTED, ("no IPAMHandle",)),
    Row("of nothing", _extra_handle, {("", "handle/lost", HOUSEKEEPING)}, ("no handle",)),
    Row(
        "of a pod in flux",
        both(handle(blocks={BLOCK1: 2}), lambda c: c.api_later("pods", CUSTOMER, phase="Failed")),
        set(),
    ),
    Row(
        "missing while pods come and go",
        both(handle(deleted=True), lambda c: c.api_later("pods", DATABASE, phase="Failed")),
        set(),
    ),
    Row(
        "wrong while others come and go",
        both(handle(blocks={BLOCK1: 2}), lambda c: c.api_later("pods", DATABASE, phase="Failed")),
        COUNTED,
    ),
    Row(
        "nothing is allocated",
        none("blocks", "handles"),
        {("", "ipamhandles", INAPPLICABLE)},
        ("nothing is allocated under a handle",),
    ),
]

STRICT = "strict_affinity_leaves_nothing_borrowed"


def strict(cluster: Scene) -> None:
    cluster.relist(ipam_config=IPAMConfig(strict_affinity=True))


STRICT_ROWS = [
    Row(
        "set",
        strict,
        {("", "10.48.0.70/borrowed", HOUSEKEEPING)},
        (f"to pod {BORROWER} on worker2", "it was borrowed before the setting"),
    ),
    Row("unlisted", unlisted("ipamconfigs"), {("", "ipamconfigs", UNASKED)}, ("403",)),
    Row("set, in flux", both(strict, lambda c: c.api_later("pods", BORROWER, phase="Failed")), set()),
    Row("set, none borrowed", both(strict, given(None, "10.48.0.70")), set()),
]

BLOCK_TABLES = {OWNER: OWNER_ROWS, WHOLE: WHOLE_ROWS, POOLS: POOLS_ROWS, NODES_CHECK: NODES_ROWS}
ADDRESS_TABLES = {ONE_POD: ONE_POD_ROWS, USED: USED_ROWS, HANDLES: HANDLES_ROWS, STRICT: STRICT_ROWS}
CASES = [(check, row) for check, rows in {**BLOCK_TABLES, **ADDRESS_TABLES}.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_ipam_blocks", BLOCK_TABLES) == []
    assert untold("test_ipam_addresses", ADDRESS_TABLES) == []


LEAKS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"released": True}, False),
    ({"handle": "windows-reserved-ipam-handle"}, False),
    ({"handle": "lb-0123"}, False),
    ({"node": "gone"}, True),
    ({"address": "10.48.0.67"}, False),
    ({"address": "10.0.0.11"}, False),
]


@pytest.mark.parametrize(("fields", "wanted"), LEAKS)
def test_a_leak_is_what_nothing_uses(fields: dict[str, Any], wanted: bool) -> None:
    item = Allocation(FREE, BLOCK1, "h", W1, "a/b", None, released=False)
    assert (leak(World(scene().look()), structs.replace(item, **fields)) is not None) is wanted


def test_a_virtual_owners_addresses_are_services() -> None:
    cluster = scene()
    cluster.api("blocks", BLOCK1, affinity="virtual:load-balancer")
    item = Allocation(FREE, BLOCK1, "h", None, None, None, released=False)
    assert leak(World(cluster.look()), item) is None


AGES = [
    ("2025-12-31 23:50:00.123 +0000 UTC", "2026-01-01T00:00:00Z", True),
    ("2025-12-31T23:37:31Z", "2026-01-01T00:00:00Z", True),
    ("2025-12-31T23:37:29Z", "2026-01-01T00:00:00Z", False),
    (None, "2026-01-01T00:00:00Z", False),
    ("soon", "2026-01-01T00:00:00Z", False),
    ("2025-12-31T23:59:00Z", "", False),
]


@pytest.mark.parametrize(("made", "taken", "wanted"), AGES)
def test_what_is_younger_than_the_grace_is_no_leak(made: str | None, taken: str, wanted: bool) -> None:
    assert young(Allocation(FREE, BLOCK1, "h", W1, None, None, released=False, timestamp=made), taken) is wanted
