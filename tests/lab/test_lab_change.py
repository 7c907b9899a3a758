"""Pods come and go while the lab is up, on the network and in the API alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.api.control import Control, ControlError
from lab.change import add_pod, remove_pod
from lab.tools import LabError, UsageError, run
from lab.topology import LabPod
from tests.lab.lab_view import differences, routing

if TYPE_CHECKING:
    from lab.state import Lab


def _routes(lab: Lab, node: str, address: str) -> str:
    return run(["ip", "-n", lab.node(node).netns, "route", "show", address]).strip()


def test_pod_comes_and_goes(seed_lab: Lab) -> None:
    before = routing(seed_lab)
    pod = LabPod(namespace="churn", name="one", node="worker1", addresses=("10.48.0.90",))
    control = Control(seed_lab.directory)
    add_pod(seed_lab, pod)
    try:
        assert _routes(seed_lab, "worker1", "10.48.0.90") == f"10.48.0.90 dev {pod.host_interface} scope link"
        assert control.get("pods", "one", "churn")["status"]["podIP"] == "10.48.0.90"
        with pytest.raises(UsageError, match="there is a pod churn/one already"):
            add_pod(seed_lab, pod)
    finally:
        remove_pod(seed_lab, pod.key)
    assert differences(before, routing(seed_lab)) == {}
    with pytest.raises(ControlError, match="there is no"):
        control.get("pods", "one", "churn")


def test_borrowed_address_is_known_to_the_others_on_return(seed_lab: Lab) -> None:
    before = routing(seed_lab)
    pod = LabPod(namespace="churn", name="borrower", node="worker1", addresses=("10.48.0.140",))
    add_pod(seed_lab, pod)
    try:
        for node in ("host1", "worker2"):
            assert _routes(seed_lab, node, "10.48.0.140") == "10.48.0.140 via 10.0.0.11 dev ens160 proto bird"
    finally:
        remove_pod(seed_lab, pod.key)
    assert differences(before, routing(seed_lab)) == {}


def test_taken_address_is_refused_and_nothing_stays(seed_lab: Lab) -> None:
    before = routing(seed_lab)
    with pytest.raises(LabError, match="is refused"):
        add_pod(seed_lab, LabPod(namespace="churn", name="thief", node="worker1", addresses=("10.48.0.67",)))
    assert "churn/thief" not in seed_lab.state().pods
    after = routing(seed_lab)
    assert differences(before, after) == {}


def test_pod_without_a_network(seed_lab: Lab) -> None:
    before = routing(seed_lab)
    add_pod(seed_lab, LabPod(namespace="churn", name="done", node="worker1", state="completed"))
    assert differences(before, routing(seed_lab)) == {}
    remove_pod(seed_lab, "churn/done")
    with pytest.raises(UsageError, match="there is no pod 'churn/done'"):
        remove_pod(seed_lab, "churn/done")
