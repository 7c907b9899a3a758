"""What changed while one looked: that, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expect.flux import Flux, flux_of
from model.cluster import AllocationAttribute, Look
from tests.unit.builders import BLOCK1, BLOCK2, CUSTOMER, DATABASE, FREE, affinity, block, held_by, pod
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = "yaobank/new-0"


def flux(vary: Callable[[Scene], None]) -> Flux:
    cluster = scene()
    vary(cluster)
    return flux_of(cluster.look())


def test_two_equal_lists_leave_nothing_in_flux() -> None:
    assert flux(lambda cluster: None) == Flux()


MATTERS: list[dict[str, Any]] = [
    {"uid": "another"},
    {"node": "worker2"},
    {"host_network": True},
    {"phase": "Succeeded"},
    {"ips": ("10.48.0.99",)},
    {"deleting": True},
    {"annotations": {"cni.projectcalico.org/podIP": ""}},
]


@pytest.mark.parametrize("fields", MATTERS, ids=[next(iter(fields)) for fields in MATTERS])
def test_a_pod_that_changed_is_in_flux_with_all_its_addresses(fields: dict[str, Any]) -> None:
    found = flux(lambda cluster: cluster.api_later("pods", CUSTOMER, **fields))
    assert found.pods == {CUSTOMER}
    assert found.addresses == {"10.48.0.67", *fields.get("ips", ())}
    assert [item.key for item in found.pods_seen] == [CUSTOMER, CUSTOMER]
    assert (found.blocks, found.nodes) == (frozenset(), frozenset())


INDIFFERENT: list[dict[str, Any]] = [
    {"resource_version": "2"},
    {"ready": False},
    {"labels": {"a": "b"}},
    {"workload": "other"},
    {"images": ("x",)},
]


@pytest.mark.parametrize("fields", INDIFFERENT, ids=[next(iter(fields)) for fields in INDIFFERENT])
def test_a_pod_whose_status_alone_was_written_is_judged(fields: dict[str, Any]) -> None:
    assert flux(lambda cluster: cluster.api_later("pods", CUSTOMER, **fields)) == Flux()


def test_a_pod_that_appeared_or_vanished_is_in_flux() -> None:
    def vary(cluster: Scene) -> None:
        cluster.relist_later(pods=(*cluster.cluster.pods, pod(NEW, "worker1", (FREE,))))
        cluster.drop_later("pods", DATABASE)

    found = flux(vary)
    assert found.pods == {NEW, DATABASE}
    assert found.addresses == {FREE, "10.48.0.130"}
    assert {item.key for item in found.pods_seen} == {NEW, DATABASE}


NODE_FIELDS: list[tuple[dict[str, Any], bool]] = [
    ({"uid": "another"}, True),
    ({"bgp_ipv4": "10.0.0.99/24"}, True),
    ({"bgp_ipv6": None}, True),
    ({"vxlan_tunnel": "10.48.0.64"}, True),
    ({"ipip_tunnel": "10.48.0.64"}, True),
    ({"resource_version": "2"}, False),
    ({"ready": False}, False),
    ({"labels": {"a": "b"}}, False),
]


@pytest.mark.parametrize(("fields", "moved"), NODE_FIELDS)
def test_a_node_is_in_flux_when_its_addresses_changed(fields: dict[str, Any], moved: bool) -> None:
    found = flux(lambda cluster: cluster.api_later("nodes", "worker2", **fields))
    assert found.nodes == ({"worker2"} if moved else set())


BLOCKS: list[tuple[str, Callable[[Scene], None], set[str]]] = [
    ("another owner", lambda cluster: cluster.api_later("blocks", BLOCK1, affinity="host:x"), {BLOCK1}),
    ("deleted softly", lambda cluster: cluster.api_later("blocks", BLOCK1, deleted=True), {BLOCK1}),
    ("gone", lambda cluster: cluster.drop_later("blocks", BLOCK1), {BLOCK1}),
    (
        "new",
        lambda cluster: cluster.relist_later(blocks=(*cluster.cluster.blocks, block("10.48.9.0/26", "host1"))),
        {"10.48.9.0/26"},
    ),
    ("written alone", lambda cluster: cluster.api_later("blocks", BLOCK1, resource_version="9"), set()),
    (
        "its affinity's state",
        lambda cluster: cluster.api_later("affinities", "worker2-10-48-0-128-26", state="pendingDeletion"),
        {BLOCK2},
    ),
    ("its affinity's end", lambda cluster: cluster.drop_later("affinities", "worker2-10-48-0-128-26"), {BLOCK2}),
    (
        "a claim",
        lambda cluster: cluster.relist_later(
            affinities=(*cluster.cluster.affinities, affinity("10.48.9.0/26", "host1", "pending"))
        ),
        {"10.48.9.0/26"},
    ),
    (
        "an affinity written alone",
        lambda cluster: cluster.api_later("affinities", "worker2-10-48-0-128-26", resource_version="9"),
        set(),
    ),
]


@pytest.mark.parametrize(("vary", "wanted"), [row[1:] for row in BLOCKS], ids=[row[0] for row in BLOCKS])
def test_a_block_is_in_flux_when_its_owner_or_its_claim_changed(
    vary: Callable[[Scene], None], wanted: set[str]
) -> None:
    assert flux(vary).blocks == wanted


def _later_allocated(address: str, attribute: AllocationAttribute | None) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        other = scene()
        other.allocate(address, attribute)
        cluster.relist_later(blocks=other.cluster.blocks)

    return vary


ALLOCATIONS: list[tuple[str, Callable[[Scene], None], set[str]]] = [
    ("given", _later_allocated(FREE, held_by(NEW, "worker1")), {FREE}),
    ("given back", _later_allocated("10.48.0.67", None), {"10.48.0.67"}),
    ("changed hands", _later_allocated("10.48.0.67", held_by(NEW, "worker1")), {"10.48.0.67"}),
    (
        "cooling down",
        _later_allocated("10.48.0.67", AllocationAttribute(f"k8s-pod-network.{CUSTOMER}", {"node": "worker1"}, "now")),
        {"10.48.0.67"},
    ),
]


@pytest.mark.parametrize(("vary", "wanted"), [row[1:] for row in ALLOCATIONS], ids=[row[0] for row in ALLOCATIONS])
def test_an_address_is_in_flux_when_its_allocation_changed(vary: Callable[[Scene], None], wanted: set[str]) -> None:
    found = flux(vary)
    assert found.addresses == wanted
    assert found.blocks == frozenset()


def test_lists_that_were_not_taken_again_changed_nothing() -> None:
    """A recording may hold the pods alone."""
    cluster = scene().cluster
    assert flux_of(Look(cluster, cluster.pods)) == Flux()
    fewer = flux_of(Look(cluster, cluster.pods[1:]))
    assert fewer.pods == {CUSTOMER}
    assert fewer.blocks == frozenset()
