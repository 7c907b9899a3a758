"""Where Calico does not wire the pods itself, or wires them otherwise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from checks.applies import chooses_routes, migrates, moves_its_address, plugins, wired_by
from checks.run import catalogue
from tests.unit.builders import CUSTOMER, DATABASE
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from checks.cases import NodeCase, PodCase

W1 = "worker1"
HOST_LOCAL: dict[str, Any] = {"type": "host-local", "routes": [{"dst": "10.0.0.0/8"}]}


def node(config: object) -> NodeCase:
    cluster = scene()
    text = config if isinstance(config, str) or config is None else json.dumps(config)
    cluster.seen(W1, cni_config=text)
    return cluster.bench().node(W1)


def chain(*types: str) -> dict[str, Any]:
    return {"name": "k8s-pod-network", "plugins": [{"type": kind} for kind in types]}


WIRED: list[tuple[object, str | None]] = [
    (None, None),
    ("", None),
    ("not json", None),
    ("[1]", None),
    ('"text"', None),
    ({"plugins": 7}, None),
    ({"plugins": [7, {}]}, None),
    ({"plugins": []}, None),
    (chain("calico", "portmap", "bandwidth"), None),
    ({"type": "calico"}, None),
    ({"type": "flannel"}, "flannel"),
    (chain("aws-cni", "egress-cni"), "aws-cni"),
    (chain("istio-cni", "calico"), None),
    ({"type": "multus", "delegates": []}, None),
    (chain("multus-shim"), None),
]


@pytest.mark.parametrize(("config", "wanted"), WIRED)
def test_who_wires_the_pods_is_the_configurations_word(config: object, wanted: str | None) -> None:
    assert wired_by(node(config)) == wanted


ROUTES: list[tuple[dict[str, Any], bool]] = [
    ({"type": "calico", "ipam": HOST_LOCAL}, True),
    ({"type": "calico", "ipam": HOST_LOCAL, "include_default_routes": True}, False),
    ({"type": "calico", "ipam": HOST_LOCAL, "include_default_routes": False}, True),
    ({"type": "calico", "ipam": {"type": "host-local", "routes": []}}, False),
    ({"type": "calico", "ipam": {"type": "host-local"}}, False),
    ({"type": "calico", "ipam": {**HOST_LOCAL, "type": "calico-ipam"}}, False),
    ({"type": "calico", "ipam": "host-local"}, False),
    ({"type": "bridge", "ipam": HOST_LOCAL}, False),
    ({"type": "calico"}, False),
]


@pytest.mark.parametrize(("plugin", "wanted"), ROUTES)
def test_host_local_may_choose_the_pods_routes(plugin: dict[str, Any], wanted: bool) -> None:
    assert chooses_routes(node(plugin)) is wanted
    assert chooses_routes(node({"plugins": [{"type": "tuning"}, plugin]})) is wanted
    assert len(plugins(node(plugin))) == 1


VIRT = {"kubevirt.io": "virt-launcher"}


def pod(vary: dict[str, dict[str, Any]]) -> PodCase:
    cluster: Scene = scene()
    for key, fields in vary.items():
        cluster.api("pods", key, **fields)
    return cluster.bench().pod(W1, CUSTOMER)


MIGRATIONS: list[tuple[dict[str, dict[str, Any]], bool, bool]] = [
    ({}, False, False),
    ({CUSTOMER: {"labels": {"kubevirt.io": "virt-api"}}}, False, False),
    ({CUSTOMER: {"labels": VIRT}}, True, False),
    ({CUSTOMER: {"labels": VIRT}, DATABASE: {"labels": VIRT}}, True, False),
    ({CUSTOMER: {"labels": VIRT}, DATABASE: {"ips": ("10.48.0.67",)}}, True, False),
    ({CUSTOMER: {"labels": VIRT}, DATABASE: {"labels": VIRT, "ips": ("10.48.0.67",)}}, True, True),
    ({CUSTOMER: {"labels": VIRT}, DATABASE: {"labels": VIRT, "ips": ("10.48.0.67",), "phase": "Failed"}}, True, False),
    ({DATABASE: {"labels": VIRT, "ips": ("10.48.0.67",)}}, False, False),
]


@pytest.mark.parametrize(("vary", "moves", "moving"), MIGRATIONS)
def test_a_virtual_machine_may_have_moved_its_address_and_migrates_where_two_share_it(
    vary: dict[str, dict[str, Any]], moves: bool, moving: bool
) -> None:
    case = pod(vary)
    assert moves_its_address(case) is moves
    assert migrates(case) is moving


def test_pods_that_another_plugin_wires_are_not_judged() -> None:
    cluster = scene()
    cluster.seen(W1, cni_config=json.dumps({"type": "flannel"}))
    of_pods = {item.id for item in catalogue() if item.scope == "pod"}
    for result in cluster.judge():
        if result.node == W1 and result.check in of_pods:
            assert result.verdict.examined == 0
            (gap,) = result.verdict.inapplicable
            assert "flannel" in gap.reason
        else:
            assert not any("flannel" in gap.reason for gap in result.verdict.inapplicable)
