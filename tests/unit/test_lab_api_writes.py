"""What clients make and delete on the lab's API server, compared with what a real one answered."""

from __future__ import annotations

import json
import re

import pytest

from lab.api.answers import Request, answer
from lab.objects import key
from tests.unit.lab_api_asking import PROBE, daemon_set, plain, pod, post, send, told, world
from tests.unit.recorded_answers import recorded


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("conflict", "privileged"),
        ("invalid", "privileged"),
        ("daemonset-warned", "restricted"),
        ("pod-refused-by-pod-security", "restricted"),
        ("pod-created", "privileged"),
    ],
)
def test_what_is_made_and_refused_is_as_recorded(name: str, level: str) -> None:
    theirs = recorded(f"{name}.json")
    reply = send(world(level), theirs["request"]["method"], theirs["request"]["path"], theirs["request"]["body"])
    assert (reply.code, plain(json.loads(reply.body))) == (theirs["status"], plain(theirs["body"]))
    assert reply.headers.get("Warning") == theirs["headers"].get("Warning")


def test_a_model_of_the_client_is_taken_with_all_its_nulls() -> None:
    there = world()
    made = daemon_set() | {"status": None}
    made["spec"]["template"]["spec"] |= {"tolerations": None, "volumes": None, "affinity": None}
    reply = post(there, PROBE, made)
    assert reply.code == 201
    assert "affinity" not in json.loads(reply.body)["spec"]["template"]["spec"]


def test_amounts_are_taken_in_every_unit() -> None:
    for amount in ("1", "0.5", "250m", "64Mi", "1e3", 2):
        container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": amount}}}
        reply = post(world(), "/api/v1/namespaces/apir/pods", pod(containers=[container]))
        assert reply.code == 201, amount
        assert json.loads(reply.body)["status"]["qosClass"] == "Burstable"


def test_names_are_generated() -> None:
    there = world()
    found = {
        json.loads(post(there, "/api/v1/namespaces", {"metadata": {"generateName": "run-"}}).body)["metadata"]["name"]
        for _ in range(5)
    }
    assert len(found) == 5
    assert all(re.fullmatch(r"run-[bcdfghjklmnpqrstvwxz2456789]{5}", name) for name in found)


def test_dry_run_admits_and_keeps_nothing() -> None:
    there = world("restricted")
    before = there.store.revision
    assert post(there, PROBE, daemon_set(), dryRun="All").code == 201
    assert "would violate" in post(there, PROBE, daemon_set(), dryRun="All").headers["Warning"]
    assert post(there, "/api/v1/namespaces/apir/pods", pod(hostPID=True), dryRun="All").code == 403
    assert there.store.revision == before


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        ("/api/v1/namespaces", {"metadata": {}}, 422, 'Namespace "" is invalid: metadata.name: Required value'),
        ("/api/v1/namespaces", {"metadata": {"name": "a.b"}}, 422, "a lowercase RFC 1123 label must consist"),
        (
            "/api/v1/namespaces",
            {"metadata": {"name": "a", "labels": {"run": "x" * 64}}},
            422,
            "must be no more than 63 characters",
        ),
        ("/api/v1/namespaces", {"metadata": {"name": "a", "labels": {"a b": "c"}}}, 422, "name part must consist"),
        ("/api/v1/namespaces/nowhere/pods", pod(), 404, 'namespaces "nowhere" not found'),
        ("/api/v1/namespaces/apir/pods", pod(containers=[]), 422, "spec.containers: Required value"),
        ("/api/v1/namespaces/apir/pods", pod(serviceAccountName="no"), 403, 'error looking up service account apir/no'),
        ("/api/v1/namespaces/apir/pods", pod(priorityClassName="mine"), 403, "no PriorityClass with name mine"),
        (
            "/api/v1/namespaces/apir/pods",
            pod(tolerations=[{"operator": "Exists", "value": "x"}]),
            422,
            "value must be empty when `operator` is 'Exists'",
        ),
        (
            "/api/v1/namespaces/apir/pods",
            pod(containers=[{"name": "c", "image": "x", "resources": {"limits": {"memory": "64 MB"}}}]),
            400,
            "quantities must match the regular expression",
        ),
        (PROBE, daemon_set(selector={"matchLabels": {"a": "c"}}), 422, "`selector` does not match template `labels`"),
        (PROBE, {"metadata": {"name": "x"}, "kind": "Pod"}, 400, 'Pod in version "apps/v1" cannot be handled as a'),
        (PROBE, "nothing", 400, "the object provided is unrecognized (must be of type DaemonSet)"),
        (
            PROBE,
            daemon_set() | {"metadata": {"name": "x", "namespace": "other"}},
            400,
            "the namespace of the provided object does not match",
        ),
    ],
)  # fmt: skip
def test_what_no_server_takes(path: str, body: object, code: int, message: str) -> None:
    reply = post(world(), path, body)
    assert reply.code == code
    assert message in told(reply)[1]


def test_several_causes_are_one_message() -> None:
    refused = json.loads(post(world(), "/api/v1/namespaces/apir/pods", pod(containers=[{"name": "A"}])).body)
    assert refused["message"].startswith('Pod "p" is invalid: [spec.containers[0].name: Invalid value: "A": ')
    assert [cause["field"] for cause in refused["details"]["causes"]] == [
        "spec.containers[0].name", "spec.containers[0].image"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({"privileged": True}, 422),
        ({"capabilities": {"add": ["CAP_SYS_ADMIN"]}}, 422),
        ({"capabilities": {"add": ["SYS_ADMIN"]}}, 201),
    ],
)
def test_escalation_is_not_promised_away_with_privileges(context: dict[str, object], code: int) -> None:
    container = {"name": "c", "image": "x", "securityContext": context | {"allowPrivilegeEscalation": False}}
    assert post(world(), "/api/v1/namespaces/apir/pods", pod(containers=[container])).code == code


def test_deleting_answers_as_the_resource_does() -> None:
    there = world()
    post(there, PROBE, daemon_set())
    uid = there.store.objects[key("daemonsets", "probe", "apir")]["metadata"]["uid"]
    stale = {"preconditions": {"uid": "of another"}}
    refused = told(send(there, "DELETE", f"{PROBE}/probe", stale))
    assert refused == (
        409,
        (
            'Operation cannot be fulfilled on DaemonSet.apps "probe": the UID in the precondition (of another) does '
            f"not match the UID in record ({uid}). The object might have been deleted and then recreated"
        ),
    )
    done = send(there, "DELETE", f"{PROBE}/probe", {"preconditions": {"uid": uid}})
    assert json.loads(done.body) == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "probe", "group": "apps", "kind": "daemonsets", "uid": uid},
    }  # fmt: skip
    assert told(send(there, "DELETE", f"{PROBE}/probe"))[0] == 404
    gone = json.loads(send(there, "DELETE", "/api/v1/namespaces/apir").body)
    assert (gone["kind"], gone["status"]["phase"]) == ("Namespace", "Terminating")
    assert gone["metadata"]["deletionTimestamp"]
    for path, body in ((PROBE, daemon_set()), ("/api/v1/namespaces/apir/pods", pod())):
        refusal = json.loads(post(there, path, body).body)
        assert "because it is being terminated" in refusal["message"]
        assert refusal["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert told(send(there, "DELETE", "/api/v1/namespaces/kube-system"))[0] == 403


def test_foreground_waits_and_orphans_stay() -> None:
    there = world()
    post(there, PROBE, daemon_set())
    left = json.loads(send(there, "DELETE", f"{PROBE}/probe", {"propagationPolicy": "Foreground"}).body)
    assert left["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert key("daemonsets", "probe", "apir") in there.store.objects
    job = {"metadata": {"name": "j"}, "spec": {"template": {"spec": pod()["spec"] | {"restartPolicy": "Never"}}}}
    made = json.loads(post(there, "/apis/batch/v1/namespaces/apir/jobs", job).body)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": made["metadata"]["uid"]}
    child = {"metadata": {"name": "child", "ownerReferences": [owner]}}
    post(there, "/api/v1/namespaces/apir/configmaps", child)
    done = send(there, "DELETE", "/apis/batch/v1/namespaces/apir/jobs/j")
    assert "child pods are preserved by default" in done.headers["Warning"]
    assert "ownerReferences" not in there.store.objects[key("configmaps", "child", "apir")]["metadata"]


@pytest.mark.parametrize("body", [b"{", b'{"gracePeriodSeconds": "soon"}', b'{"propagationPolicy": "Sideways"}'])
def test_options_that_are_none(body: bytes) -> None:
    there = world()
    post(there, PROBE, daemon_set())
    reply = answer(there, Request("DELETE", f"{PROBE}/probe", {}, "Bearer all", body))
    assert reply.code == 400


def test_pods_end_gracefully_unless_told_otherwise() -> None:
    there = world()
    path = "/api/v1/namespaces/apir/pods"
    for name in ("a", "b", "c"):
        post(there, path, pod(nodeName="worker1") | {"metadata": {"name": name}})
    left = json.loads(send(there, "DELETE", f"{path}/a").body)
    assert (left["metadata"]["deletionGracePeriodSeconds"], left["metadata"]["generation"]) == (30, 2)
    left = json.loads(send(there, "DELETE", f"{path}/b", gracePeriodSeconds="5").body)
    assert left["metadata"]["deletionGracePeriodSeconds"] == 5
    send(there, "DELETE", f"{path}/c", {"gracePeriodSeconds": 0})
    assert key("pods", "c", "apir") not in there.store.objects
    send(there, "DELETE", "/api/v1/namespaces/borrow/pods/lodger")  # one of the topology's, with its addresses
    assert key("pods", "lodger", "borrow") not in there.store.objects
