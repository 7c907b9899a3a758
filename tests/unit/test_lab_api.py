"""The lab's API server as a process, spoken to by the real client; its control socket, its troubles, its end."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import ssl
import stat
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import kubernetes
import pytest
import urllib3

from lab.api.control import Control, ControlError
from lab.api.launch import LaunchError, end, launch
from lab.api.trouble import Trouble
from lab.topology import LabBlock, LabPod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOLS = ("crd.projectcalico.org", "v1", "ippools")


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Longer than a Unix socket's address may be.
    directory = tmp_path_factory.mktemp("api") / ("long" * 25)
    directory.mkdir()
    process = launch(directory)
    yield directory
    end(process)
    assert process.returncode == 0
    assert [path.name for path in directory.iterdir()] == ["api.log"]
    assert (directory / "api.log").read_text() == ""


@pytest.fixture
def control(state_dir: Path) -> Iterator[Control]:
    door = Control(state_dir)
    yield door
    door.no_trouble()
    door.allow_all()


def client(state_dir: Path, context: str = "lab") -> Any:
    made = kubernetes.config.new_client_from_config(str(state_dir / "kubeconfig"), context)
    made.rest_client.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(False)
    return made


@pytest.fixture
def core(state_dir: Path) -> Iterator[Any]:
    made = client(state_dir)
    yield kubernetes.client.CoreV1Api(made)
    made.rest_client.pool_manager.clear()


def test_the_client_reads_typed_objects(core: Any) -> None:
    pods = core.list_pod_for_all_namespaces().items
    assert {pod.metadata.name for pod in pods} >= {"customer-5df6b999fb-cf7jl", "lodger", "waiting"}
    assert [node.metadata.name for node in core.list_node().items] == ["host1", "worker1", "worker2"]
    custom = kubernetes.client.CustomObjectsApi(core.api_client)
    assert custom.list_cluster_custom_object(*POOLS)["items"][0]["spec"]["cidr"] == "10.48.0.0/16"
    apps = kubernetes.client.AppsV1Api(core.api_client)
    assert {item.metadata.name for item in apps.list_daemon_set_for_all_namespaces().items} >= {"calico-node"}
    assert kubernetes.client.VersionApi(core.api_client).get_code().git_version == "v1.34.4"


def test_raw_pages(core: Any) -> None:
    whole = json.loads(core.list_pod_for_all_namespaces(_preload_content=False).data)
    items, token = [], None
    while True:
        response = core.list_pod_for_all_namespaces(limit=4, _continue=token, _preload_content=False)
        page = json.loads(response.data)
        items += page["items"]
        token = page["metadata"].get("continue")
        if not token:
            break
    assert items == whole["items"]
    assert response.headers["Content-Type"] == "application/json"


def test_refusals_reach_the_client(core: Any, control: Control, state_dir: Path, tmp_path: Path) -> None:
    control.deny("", "nodes")
    weak = kubernetes.client.CoreV1Api(client(state_dir, "lab-restricted"))
    for call, code, reason in (
        (weak.list_node, 403, "Forbidden"),
        (lambda: core.read_namespaced_pod("nope", "yaobank"), 404, "NotFound"),
        (lambda: core.list_node(_continue="garbage"), 400, "BadRequest"),
        (lambda: core.create_namespaced_pod("yaobank", {"metadata": {"name": "x"}}), 422, "Invalid"),
    ):
        with pytest.raises(kubernetes.client.ApiException) as refused:
            call()
        assert (refused.value.status, json.loads(refused.value.body)["reason"]) == (code, reason)
    assert weak.list_pod_for_all_namespaces().items
    control.allow("", "nodes")
    assert len(weak.list_node().items) == 3
    other = tmp_path / "kubeconfig"
    config = json.loads((state_dir / "kubeconfig").read_text())
    config["users"][0]["user"]["token"] = "of nobody"
    other.write_text(json.dumps(config))
    with pytest.raises(kubernetes.client.ApiException) as refused:
        kubernetes.client.CoreV1Api(client(tmp_path)).list_node()
    assert refused.value.status == 401


def test_a_list_that_expired(core: Any, control: Control) -> None:
    first = json.loads(core.list_pod_for_all_namespaces(limit=2, _preload_content=False).data)
    control.add_pod(LabPod("churn", "late", "worker1", ("10.48.0.80",)))
    control.compact()
    with pytest.raises(kubernetes.client.ApiException) as expired:
        core.list_pod_for_all_namespaces(limit=2, _continue=first["metadata"]["continue"])
    control.remove_pod("churn", "late")
    assert expired.value.status == 410
    assert json.loads(expired.value.body)["metadata"]["continue"]


def test_access_reviews(control: Control, state_dir: Path) -> None:
    control.deny("crd.projectcalico.org", "ippools", "list")
    api = kubernetes.client.AuthorizationV1Api(client(state_dir, "lab-restricted"))
    for resource, allowed in (("ippools", False), ("ipamblocks", True)):
        attributes = {"verb": "list", "group": "crd.projectcalico.org", "resource": resource}
        review = {"spec": {"resourceAttributes": attributes}}
        assert api.create_self_subject_access_review(review).status.allowed is allowed


def test_pods_and_blocks_come_and_go(core: Any, control: Control) -> None:
    before = control.state()["revision"]
    control.add_block(LabBlock("10.48.3.0/26", "host1"))
    address = control.free_addresses("host1")[0]
    control.add_pod(LabPod("churn", "one", "host1", (address,)))
    pod = core.read_namespaced_pod("one", "churn")
    assert (pod.status.pod_ip, int(pod.metadata.resource_version) > before) == ("10.48.3.0", True)
    block = control.get("ipamblocks", "10-48-3-0-26")
    assert block["spec"]["attributes"][0]["secondary"]["pod"] == "one"
    control.remove_pod("churn", "one")
    control.delete("blockaffinities", "host1-10-48-3-0-26")
    control.delete("ipamblocks", "10-48-3-0-26")
    assert control.free_addresses("host1") == []


def test_objects_are_created_replaced_and_deleted(control: Control) -> None:
    pool = {"apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool", "metadata": {"name": "two"}, "spec": {}}
    made = control.create(pool)
    assert int(control.replace(made)["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    control.delete("ippools", "two")
    for call, told in (
        (lambda: control.get("ippools", "two"), "there is no"),
        (lambda: control.replace(pool), "there is no"),
        (lambda: control.delete("ippools", "two"), "there is no"),
        (lambda: control.delete("nothings", "two"), "there is no nothings"),
        (lambda: control.remove_pod("a", "b"), "there is no"),
        (lambda: control.create(control.get("nodes", "worker1")), "there is already"),
        (lambda: control.create({"kind": "Nothing"}), "no object of a kind"),
        (lambda: control.add_pod(LabPod("a", "b", "worker1", ("10.48.0.67",))), "already allocated"),
    ):
        with pytest.raises(ControlError, match=told):
            call()


def test_what_was_asked_is_remembered(core: Any, control: Control) -> None:
    core.list_node(limit=7)
    last = control.served()[-1]
    assert (last.user, last.method, last.path, last.query, last.code) == (
        "lab-admin", "GET", "/api/v1/nodes", {"limit": "7"}, 200
    )  # fmt: skip


def test_a_status_on_request_and_then_none(core: Any, control: Control) -> None:
    control.trouble(Trouble("status", "/api/v1/nodes", code=429, retry_after=3, times=2, skip=1))
    assert len(core.list_node().items) == 3  # the first is spared
    for _ in range(2):
        with pytest.raises(kubernetes.client.ApiException) as refused:
            core.list_node()
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "3")
        assert core.list_namespace().items  # another path
    assert len(core.list_node().items) == 3


def test_a_body_that_is_cut(core: Any, control: Control) -> None:
    control.trouble(Trouble("cut", "/api/v1/pods"))
    with pytest.raises(urllib3.exceptions.ProtocolError):
        core.list_pod_for_all_namespaces(_preload_content=True)
    control.trouble(Trouble("cut", "/api/v1/pods"))
    response = core.list_pod_for_all_namespaces(_preload_content=False)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        response.read()
    assert core.list_pod_for_all_namespaces().items


def test_garbage_hanging_and_delay(core: Any, control: Control) -> None:
    control.trouble(Trouble("garbage", "/api/v1/nodes"))
    response = core.list_node(_preload_content=False)
    with pytest.raises(ValueError, match=r"utf-8|JSON|Expecting"):
        json.loads(response.data)
    control.trouble(Trouble("hang", "/api/v1/nodes", times=0))
    for _ in range(2):
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            core.list_node(_request_timeout=0.1)
    control.no_trouble()
    control.trouble(Trouble("delay", "/api/v1/nodes", seconds=0.2))
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        core.list_node(_request_timeout=0.1)
    control.trouble(Trouble("delay", "/api/v1/nodes", seconds=0.01))
    assert len(core.list_node().items) == 3


def test_the_kubeconfig_is_private_and_its_certificate_checked(core: Any, state_dir: Path) -> None:
    kubeconfig = state_dir / "kubeconfig"
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    server = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    with pytest.raises(urllib.error.URLError) as refused:
        urllib.request.urlopen(f"{server}/version", timeout=5)
    assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)


def test_it_ends_when_its_directory_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    process = launch(directory)
    try:
        shutil.rmtree(directory)
        assert process.wait(10) == 0
    finally:
        end(process)
    with pytest.raises(ControlError, match="does not answer"):
        Control(directory).state()


def test_sigint_ends_it_with_a_request_open(tmp_path: Path) -> None:
    process = launch(tmp_path)
    try:
        Control(tmp_path).trouble(Trouble("hang"))
        host, _, port = Control(tmp_path).state()["address"].partition(":")
        hanging = http.client.HTTPSConnection(host, int(port), context=ssl._create_unverified_context())
        hanging.request("GET", "/version")
        os.kill(process.pid, signal.SIGINT)
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            hanging.getresponse()
        hanging.close()
        assert process.wait(10) == 0
        assert not (tmp_path / "kubeconfig").exists()
    finally:
        end(process)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("nodes = 3")
    started = time.monotonic()
    with pytest.raises(LaunchError, match=r"cannot serve: .*wrong.toml is no topology"):
        launch(tmp_path, wrong)
    assert not (tmp_path / "kubeconfig").exists()
    with pytest.raises(LaunchError, match="silence for 0 s"):
        launch(tmp_path, seconds=0)
    assert time.monotonic() > started
