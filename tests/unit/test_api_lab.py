"""The client against the lab's API server: the real `kubernetes` client's configuration, TLS and tokens on the way."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme

from fixtures.api import connect, list_again, list_cluster, pages
from fixtures.errors import UnobservableError
from lab.api.control import Control
from lab.api.launch import end, launch
from lab.api.trouble import Trouble
from lab.topology import LabPod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fixtures.api import Api
    from fixtures.api.transport import Answer


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    process = launch(folder)
    yield folder
    end(process)


@pytest.fixture
def control(state: Path) -> Iterator[Control]:
    door = Control(state)
    yield door
    door.no_trouble()
    door.allow_all()


@pytest.fixture
def api(state: Path, control: Control) -> Iterator[Api]:
    made = replace(connect(state / "kubeconfig", None), pause=lambda _: None)
    yield made
    made.close()


def test_the_lab_is_listed_whole(api: Api) -> None:
    cluster = list_cluster(api)
    assert cluster.unlisted == {}
    assert [node.name for node in cluster.nodes] == ["host1", "worker1", "worker2"]
    customer = next(pod for pod in cluster.pods if pod.name == "customer-5df6b999fb-cf7jl")
    assert (customer.key, customer.workload, customer.ips, customer.node) == (
        "yaobank/customer-5df6b999fb-cf7jl",
        "customer",
        ("10.48.0.67",),
        "worker1",
    )
    assert {(block.cidr, block.affinity) for block in cluster.blocks} >= {
        ("10.48.0.64/26", "host:worker1"),
        ("10.48.0.128/26", "host:worker2"),
    }
    assert cluster.information is not None
    assert cluster.information.calico_version.startswith("v3.30")


def test_pages_give_what_one_page_gives(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list_cluster(api)
    monkeypatch.setattr(pages, "LIMIT", 2)
    assert list_cluster(api) == whole


def test_a_list_that_expires_between_two_pages_is_begun_again(
    api: Api, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list_cluster(api)
    monkeypatch.setattr(pages, "LIMIT", 2)
    get = api.transport.get
    compacted: list[str] = []

    def compacting(path: str, query: Mapping[str, str | int] | None = None) -> Answer:
        if path.endswith("/pods") and "continue" in (query or {}) and not compacted:
            compacted.append(path)
            control.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "passing"}})
            control.delete("namespaces", "passing")
            control.compact()
        return get(path, query)

    monkeypatch.setattr(api.transport, "get", compacting)
    assert list_cluster(api).pods == whole.pods
    assert compacted == ["/api/v1/pods"]


TROUBLES = {
    "cut": Trouble("cut", "/api/v1/pods", times=2),
    "busy": Trouble("status", "/apis/crd.projectcalico.org/v1/ippools", times=3, code=429, retry_after=1),
    "failing": Trouble("status", "*", times=4, code=503),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_trouble_that_passes_changes_nothing(api: Api, control: Control, trouble: Trouble) -> None:
    whole = list_cluster(api)
    control.trouble(trouble)
    assert list_cluster(api) == whole


LASTING = {
    "cut": (
        Trouble("cut", "/api/v1/pods", times=0),
        "gave no answer to GET /api/v1/pods in 5 attempts: the answer was",
    ),
    "failing": (Trouble("status", "/api/v1/nodes", times=0, code=500), "it answered 500"),
    "garbage": (Trouble("garbage", "/api/v1/nodes", times=0), "the list of nodes cannot be read"),
}


@pytest.mark.parametrize(("trouble", "said"), LASTING.values(), ids=LASTING)
def test_trouble_that_lasts_is_an_error_and_never_a_short_list(
    api: Api, control: Control, trouble: Trouble, said: str
) -> None:
    control.trouble(trouble)
    with pytest.raises(UnobservableError, match=said):
        list_cluster(api)


def test_what_is_forbidden_is_told_as_the_rule_to_add(state: Path, control: Control) -> None:
    restricted = connect(state / "kubeconfig", "lab-restricted")
    assert list_cluster(restricted).unlisted == {}
    control.deny("crd.projectcalico.org", "ipamblocks", "list")
    control.deny("crd.projectcalico.org", "bgpfilters")
    with pytest.raises(UnobservableError, match="not allowed to list ipamblocks") as caught:
        list_cluster(restricted)
    assert 'resources: ["ipamblocks"], verbs: ["list"]' in caught.value.remedy
    control.allow("crd.projectcalico.org", "ipamblocks", "list")
    assert list_cluster(restricted).unlisted.keys() == {"bgpfilters"}
    restricted.close()


def test_a_wrong_token_is_told_with_the_context_and_without_the_token(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(re.sub(r"(token: )\S+|(\"token\": )\"[^\"]+\"", r'\1\2"wrong-token-1234"', _kubeconfig(state)))
    with pytest.raises(UnobservableError, match=r"context lab: .*\(401\)") as caught:
        list_cluster(connect(file, "lab"))
    assert "wrong-token" not in str(caught.value)


def test_a_server_with_another_certificate_is_not_trusted(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "config"
    other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    pattern = r"(certificate-authority-data\"?: \"?)[A-Za-z0-9+/=]+"
    file.write_text(re.sub(pattern, lambda match: match.group(1) + other, _kubeconfig(state)))
    with pytest.raises(UnobservableError, match="no trusted connection"):
        list_cluster(connect(file, "lab"))


def _kubeconfig(state: Path) -> str:
    return (state / "kubeconfig").read_text()


def test_the_second_look_sees_what_came_in_between(api: Api, control: Control) -> None:
    before = list_cluster(api)
    address = control.free_addresses("worker1")[0]
    control.add_pod(LabPod("yaobank", "late", "worker1", (address,)))
    try:
        look = list_again(api, before)
    finally:
        control.remove_pod("yaobank", "late")
    assert [pod.key for pod in look.pods_after if pod not in before.pods] == ["yaobank/late"]
    assert look.blocks_after != before.blocks
    assert (look.before, look.nodes_after, look.affinities_after) == (before, before.nodes, before.affinities)
