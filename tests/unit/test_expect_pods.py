"""Which pods have Calico networking: every row of calico-state §1.1."""

from __future__ import annotations

from typing import Any

import pytest

from expect.pods import POD_IP, Presence, host_interface, state_of
from tests.unit.builders import CUSTOMER, pod

FULL, LEAVING, NOTHING = Presence.FULL, Presence.LEAVING, Presence.NOTHING
IPS = ("10.48.0.67",)
ROWS: list[tuple[str, dict[str, Any], Presence, bool, str]] = [
    ("running", {}, FULL, False, "is scheduled, has an address"),
    ("pending with an address", {"phase": "Pending"}, FULL, False, "is scheduled"),
    ("phase unknown", {"phase": "Unknown"}, FULL, False, "is scheduled"),
    ("not ready", {"ready": False}, FULL, False, "is scheduled"),
    ("addresses announced by the plugin", {"annotations": {POD_IP: "10.48.0.67/32"}}, FULL, False, "is scheduled"),
    ("host network", {"host_network": True}, NOTHING, False, "the host's network"),
    ("host network, deleting", {"host_network": True, "deleting": True}, NOTHING, False, "the host's network"),
    ("no node", {"node": ""}, NOTHING, False, "not scheduled"),
    ("no node, with an address", {"node": "", "phase": "Pending"}, NOTHING, False, "not scheduled"),
    ("succeeded", {"phase": "Succeeded"}, NOTHING, True, "status.phase Succeeded"),
    ("failed", {"phase": "Failed"}, NOTHING, True, "status.phase Failed"),
    ("completed", {"phase": "Completed"}, NOTHING, True, "status.phase Completed"),
    ("finished and deleting", {"phase": "Failed", "deleting": True}, NOTHING, True, "has finished"),
    ("no address yet", {"ips": (), "phase": "Pending"}, NOTHING, True, "no address yet"),
    ("running, and no address", {"ips": ()}, NOTHING, True, "no address yet"),
    ("deleting", {"deleting": True}, LEAVING, True, "being deleted"),
    ("deleting, annotated", {"deleting": True, "annotations": {POD_IP: "10.48.0.67/32"}}, LEAVING, True, "being"),
    ("taken down", {"deleting": True, "annotations": {POD_IP: ""}}, NOTHING, True, "taken down"),
    ("deleting, never had one", {"deleting": True, "ips": ()}, NOTHING, True, "no address yet"),
    ("an empty annotation alone", {"annotations": {POD_IP: ""}}, FULL, False, "is scheduled"),
]


@pytest.mark.parametrize(
    ("fields", "presence", "stays", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_pods_state_says_how_much_of_its_network_there_is(
    fields: dict[str, Any], presence: Presence, stays: bool, reason: str
) -> None:
    given = {"node": "worker1", "ips": IPS, **fields}
    state = state_of(pod("shop/web-0", **given))
    assert state.presence is presence
    assert state.link_may_stay is stays
    assert reason in state.reason


NAMES = [
    (CUSTOMER, "cali", "calie965c96dc90"),
    ("corpus/w1-0", "cali", "calia6c8bdbd82b"),
    ("corpus/w1-0", "eni", "enia6c8bdbd82b"),
]


@pytest.mark.parametrize(("key", "prefix", "name"), NAMES)
def test_the_host_interface_follows_from_namespace_and_name(key: str, prefix: str, name: str) -> None:
    assert host_interface(pod(key, "worker1", IPS), prefix) == name


def test_names_of_any_text_give_a_name_that_the_kernel_takes() -> None:
    names = {host_interface(pod(key, "worker1", IPS)) for key in ("a/b", "a/b.c", "a.b/c", "ä/$(x)", "a/\ud800", "/")}
    assert {len(name) for name in names} == {15}
    assert len(names) == 5  # namespace and name are joined by a dot: a/b.c and a.b/c are one name in Calico too
