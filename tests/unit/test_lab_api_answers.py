"""What the lab's API server answers, compared with what a real one answered to the same requests."""

from __future__ import annotations

import base64
import json
import tarfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from lab.api.access import ADMIN, RESTRICTED, Rule
from lab.api.answers import Reply, Request, World, answer
from lab.api.status import already_exists
from lab.api.store import ExistsError, MissingError, Store
from lab.objects import Json, build, key, kind_of, with_pod, without_pod
from lab.topology import LabPod, load

RECORDED = Path(__file__).parents[1] / "recordings" / "api-responses.tar.xz"
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
YAOBANK, BATCH = "/api/v1/namespaces/yaobank/pods", "/api/v1/namespaces/batch/pods"
WEAK = "system:serviceaccount:apir:weak"  # the user who was refused when the answers were recorded


@cache
def recorded(name: str) -> Json:
    with tarfile.open(RECORDED) as archive:
        member = archive.extractfile(f"api-responses/{name}.json")
        assert member is not None
        found: Json = json.load(member)
        return found


def world(*rules: Rule) -> World:
    made = World(Store(build(load(), NOW)), {"all": ADMIN, "less": RESTRICTED}, "127.0.0.1:6443")
    made.rules.update(rules)
    return made


def ask(there: World, url: str, *, token: str | None = "all", method: str = "GET", body: object = None) -> Reply:
    parts = urlsplit(url)
    authorization = None if token is None else f"Bearer {token}"
    query = dict(parse_qsl(parts.query))
    return answer(there, Request(method, parts.path, query, authorization, json.dumps(body).encode()))


def listed(there: World, url: str, **query: object) -> Json:
    reply = ask(there, f"{url}?{urlencode(query)}")
    assert reply.code == 200, reply.body
    found: Json = json.loads(reply.body)
    return found


def names(page: Json) -> list[str]:
    return [item["metadata"]["name"] for item in page["items"]]


def pages(there: World, url: str, limit: int) -> list[Json]:
    found = [listed(there, url, limit=limit)]
    while token := found[-1]["metadata"].get("continue"):
        found.append(listed(there, url, limit=limit, **{"continue": token}))
    return found


def encoded(token: bytes) -> str:
    return "continue=" + base64.urlsafe_b64encode(token).decode().rstrip("=")


SAME = {  # recorded answer → who asks, and what is denied
    "version": ("all", ()),
    "no-such-group": ("all", ()),
    "no-such-object": ("all", ()),
    "page-bad-token": ("all", ()),
    "page-expired": ("all", ()),
    "bad-token": ("nobody's", ()),
    "anonymous": (None, ()),
    "forbidden-nodes": ("less", (Rule("", "nodes"),)),
    "forbidden-ippools": ("less", (Rule("crd.projectcalico.org", "*"),)),
    "forbidden-daemonset": ("less", (Rule("apps", "daemonsets", "create", "apir"),)),
    "exec-forbidden": ("less", (Rule("", "pods/exec"),)),
    "review-denied": ("less", (Rule("", "pods/exec", "create"),)),
    "review-allowed": ("all", ()),
}


@pytest.mark.parametrize("name", SAME)
def test_answers_are_those_of_a_real_server(name: str) -> None:
    token, rules = SAME[name]
    theirs = recorded(name)
    request = theirs["request"]
    reply = ask(world(*rules), request["path"], token=token, method=request["method"], body=request["body"])
    body = reply.body.decode().replace(RESTRICTED, WEAK)
    mine: Any = body if reply.content_type == "text/plain" else json.loads(body)
    wanted = theirs["body"]
    if name.startswith("review"):
        for review in (mine, wanted):
            review["metadata"]["managedFields"][0] |= {"manager": "", "time": ""}
    assert (reply.code, mine) == (theirs["status"], wanted)
    assert theirs["headers"]["Content-Type"].startswith(reply.content_type)


def test_a_taken_name_is_told_as_recorded() -> None:
    assert already_exists(kind_of("namespaces"), "apir") == recorded("conflict")["body"]


def test_discovery_tells_what_a_real_server_tells() -> None:
    mine = json.loads(ask(world(), "/apis/crd.projectcalico.org/v1").body)
    theirs = recorded("crd-group")["body"]
    assert {entry["name"]: entry for entry in mine.pop("resources")} == {
        entry["name"]: entry for entry in theirs["resources"]
    }
    assert mine == {name: value for name, value in theirs.items() if name != "resources"}
    groups = json.loads(ask(world(), "/apis").body)["groups"]
    assert [group["name"] for group in groups] == [
        "apps", "authorization.k8s.io", "batch", "rbac.authorization.k8s.io", "crd.projectcalico.org"
    ]  # fmt: skip
    assert all(group in recorded("apis")["body"]["groups"] for group in groups)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api", "APIVersions"),
        ("/api/v1", "APIResourceList"),
        ("/apis/apps", "APIGroup"),
        ("/apis/apps/v1", "APIResourceList"),
    ],
)
def test_discovery_of_every_level(path: str, kind: str) -> None:
    assert json.loads(ask(world(), path).body)["kind"] == kind


@pytest.mark.parametrize(("name", "number"), [("page-1", 0), ("page-2", 1)])
def test_pages_have_the_shape_of_recorded_ones(name: str, number: int) -> None:
    mine, theirs = pages(world(), "/api/v1/pods", 2)[number], recorded(name)["body"]
    assert {name: type(value) for name, value in mine["metadata"].items()} == {
        name: type(value) for name, value in theirs["metadata"].items()
    }
    assert [set(item) for item in mine["items"]] == [set(item) for item in theirs["items"]]
    token = theirs["metadata"]["continue"]
    decoded = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    token = mine["metadata"]["continue"]
    again = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert (set(again), again["v"], again["start"][0], again["start"][-1]) == (set(decoded), decoded["v"], "/", "\0")


def test_lists_of_custom_resources_name_kind_and_version_in_each_item() -> None:
    pools = listed(world(), "/apis/crd.projectcalico.org/v1/ippools")
    assert (pools["kind"], pools["metadata"]["continue"]) == ("IPPoolList", "")
    assert pools["items"][0]["kind"] == "IPPool"
    assert "kind" not in listed(world(), "/api/v1/nodes")["items"][0]
    assert json.loads(ask(world(), "/api/v1/nodes/worker1").body)["kind"] == "Node"


@pytest.mark.parametrize("limit", [1, 2, 5, 13, 14, 15, 0])
def test_pages_together_are_the_whole_list(limit: int) -> None:
    there = world()
    whole = names(listed(there, "/api/v1/pods"))
    found = pages(there, "/api/v1/pods", limit)
    assert [name for page in found for name in names(page)] == whole
    assert len(found) == (1 if limit == 0 else -(-len(whole) // limit))
    left = len(whole)
    for page in found[:-1]:
        left -= len(page["items"])
        assert page["metadata"]["remainingItemCount"] == left
    assert "remainingItemCount" not in found[-1]["metadata"]


def test_a_list_in_pages_shows_one_moment() -> None:
    there = world()
    before = names(listed(there, "/api/v1/pods"))
    first = listed(there, "/api/v1/pods", limit=3)
    objects = without_pod(there.store.objects, "yaobank", "customer-5df6b999fb-cf7jl")
    there.store.apply(with_pod(objects, LabPod("zz", "new", "worker1", ("10.48.0.80",)), NOW))
    rest = listed(there, "/api/v1/pods", **{"continue": first["metadata"]["continue"]})
    assert names(first) + names(rest) == before
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    after = listed(there, "/api/v1/pods")
    assert set(before) ^ set(names(after)) == {"customer-5df6b999fb-cf7jl", "new"}
    assert int(after["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])


def test_an_expired_token_comes_with_one_for_the_present() -> None:
    there = world()
    first = listed(there, "/api/v1/pods", limit=3)
    there.store.apply(with_pod(there.store.objects, LabPod("zz", "new", "worker1", ("10.48.0.80",)), NOW))
    there.store.compact()
    refused = ask(there, f"/api/v1/pods?limit=3&continue={first['metadata']['continue']}")
    assert refused.code == 410
    fresh = json.loads(refused.body)["metadata"]["continue"]
    rest = listed(there, "/api/v1/pods", **{"continue": fresh})
    assert names(first) + names(rest) == names(listed(there, "/api/v1/pods"))
    assert rest["metadata"]["resourceVersion"] == str(there.store.revision)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=many", 'strconv.ParseInt: parsing "many": invalid syntax'),
        ("continue=!", "illegal base64 data"),
        ("continue=e30", "does not recognize this encoded version"),
        (encoded(b'{"v":"meta.k8s.io/v1","rv":0,"start":"a"}'), "resourceVersion"),
        (encoded(b'{"v":"meta.k8s.io/v1","rv":7}'), "start key"),
        ("continue=eyJ2", "unexpected end of JSON input"),
        ("continue=e30&resourceVersion=5", "not allowed when using continue"),
        ("labelSelector=a%20like%20b", "unable to parse requirement"),
        ("fieldSelector=spec.hostNetwork%3Dtrue", "field label not supported: spec.hostNetwork"),
        ("fieldSelector=metadata.name", "invalid selector"),
    ],
)  # fmt: skip
def test_bad_queries_are_400(query: str, told: str) -> None:
    reply = ask(world(), f"/api/v1/pods?{query}")
    status = json.loads(reply.body)
    assert (reply.code, status["reason"]) == (400, "BadRequest")
    assert told in status["message"]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/api/v1/pods", {"labelSelector": "k8s-app=kube-proxy"}, {"kube-proxy-4h7zs"}),
        ("/api/v1/pods", {"labelSelector": "k8s-app in (kube-proxy,x),pod-template-generation"}, {"kube-proxy-4h7zs"}),
        (YAOBANK, {"labelSelector": "app!=summary,app!=database"}, {"customer-5df6b999fb-cf7jl"}),
        (BATCH, {"labelSelector": "!app", "fieldSelector": "spec.nodeName=worker2"}, {"lingering"}),
        (YAOBANK, {"labelSelector": "app notin (summary, database)"}, {"customer-5df6b999fb-cf7jl"}),
        ("/api/v1/pods", {"fieldSelector": "status.phase=Pending"}, {"waiting"}),
        ("/api/v1/pods", {"fieldSelector": "spec.nodeName==,metadata.name=waiting"}, {"waiting"}),
        ("/api/v1/nodes", {"fieldSelector": "metadata.name!=worker1"}, {"host1", "worker2"}),
        ("/api/v1/nodes", {"labelSelector": "node-role.kubernetes.io/control-plane"}, {"host1"}),
    ],
)  # fmt: skip
def test_selectors(path: str, query: dict[str, str], expected: set[str]) -> None:
    assert set(names(listed(world(), path, **query))) == expected


def test_a_page_of_selected_objects_is_full_and_not_counted() -> None:
    there = world()
    page = listed(there, "/api/v1/pods", limit=2, fieldSelector="spec.nodeName=worker1")
    assert len(page["items"]) == 2
    assert "remainingItemCount" not in page["metadata"]
    rest = listed(
        there, "/api/v1/pods", fieldSelector="spec.nodeName=worker1", **{"continue": page["metadata"]["continue"]}
    )
    assert len(rest["items"]) == 5


def test_a_namespace_is_no_prefix_of_another() -> None:
    there = world()
    there.store.apply(with_pod(there.store.objects, LabPod("yaobank-2", "other", "worker1", ("10.48.0.80",)), NOW))
    assert "other" not in names(listed(there, "/api/v1/namespaces/yaobank/pods"))
    assert names(listed(there, "/api/v1/namespaces/yaobank-2/pods")) == ["other"]
    everything = listed(there, "/api/v1/pods")["items"]
    order = [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in everything]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [
        ("/api/v1/namespaces/yaobank", "GET", 200),
        ("/api/v1/namespaces/yaobank/pods/customer-5df6b999fb-cf7jl", "GET", 200),
        ("/api/v1/namespaces/yaobank/pods/customer-5df6b999fb-cf7jl/status", "GET", 200),
        ("/apis/apps/v1/daemonsets", "GET", 200),
        ("/healthz", "GET", 200),
        ("/api/v1/namespaces/yaobank/pods/nope", "GET", 404),
        ("/api/v1/pods/customer-5df6b999fb-cf7jl", "GET", 404),
        ("/api/v1/namespaces/yaobank/nodes", "GET", 404),
        ("/api/v1/secrets", "GET", 404),
        ("/api/v2/pods", "GET", 404),
        ("/nothing", "GET", 404),
        ("/api/v1/pods?watch=true", "GET", 405),
        ("/api/v1/namespaces/yaobank/pods", "POST", 400),
        ("/api/v1/pods", "POST", 405),
        ("/api/v1/namespaces/yaobank/pods/lodger", "PATCH", 405),
        ("/api/v1/namespaces/yaobank/pods", "DELETE", 405),
        ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "GET", 405),
        ("/version", "POST", 405),
    ],
)
def test_codes(path: str, method: str, code: int) -> None:
    assert ask(world(), path, method=method).code == code


def test_rules_hold_for_the_restricted_user_alone() -> None:
    there = world(Rule("", "pods", "list", "kube-system"))
    assert ask(there, "/api/v1/namespaces/kube-system/pods", token="less").code == 403
    assert ask(there, "/api/v1/namespaces/yaobank/pods", token="less").code == 200
    assert ask(there, "/api/v1/namespaces/kube-system/pods", token="all").code == 200
    assert ask(there, "/version", token=None).code == 200
    refused = json.loads(ask(there, "/apis", token=None).body)
    assert refused["message"] == 'forbidden: User "system:anonymous" cannot get path "/apis"'
    assert [(one.user, one.code) for one in there.served] == [
        (RESTRICTED, 403), (RESTRICTED, 200), (ADMIN, 200), ("system:anonymous", 200), ("system:anonymous", 403)
    ]  # fmt: skip


def test_a_review_that_is_none_is_400() -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    bodies: tuple[object, ...] = (None, {"spec": {}}, {"spec": {"resourceAttributes": {"verb": 1}}})
    for body in bodies:
        assert ask(world(), path, method="POST", body=body).code == 400


def test_the_store_numbers_every_change() -> None:
    there = world()
    store, at = there.store, key("ippools", "default-ipv4-ippool")
    pool = store.objects[at]
    with pytest.raises(ExistsError):
        store.create(at, pool)
    changed = store.replace(at, pool | {"spec": pool["spec"] | {"disabled": True}})
    assert int(changed["metadata"]["resourceVersion"]) == store.revision > int(pool["metadata"]["resourceVersion"])
    store.delete(at)
    for again in (lambda: store.delete(at), lambda: store.replace(at, pool)):
        with pytest.raises(MissingError):
            again()
    assert listed(there, "/apis/crd.projectcalico.org/v1/ippools")["items"] == []
    store.compact()
    assert store.create(at, pool)["metadata"]["resourceVersion"] == str(store.revision)
    assert names(listed(there, "/apis/crd.projectcalico.org/v1/ippools")) == ["default-ipv4-ippool"]


def test_old_revisions_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.api.store._KEPT", 10)
    there = world()
    token = listed(there, "/api/v1/pods", limit=1)["metadata"]["continue"]
    pod: dict[str, Any] = there.store.objects[key("pods", "lodger", "borrow")]
    for _ in range(21):
        there.store.replace(key("pods", "lodger", "borrow"), pod)
    assert there.store.compacted == there.store.revision - 10
    assert ask(there, f"/api/v1/pods?continue={token}").code == 410
