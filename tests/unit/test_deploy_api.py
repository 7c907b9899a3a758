"""Making, waiting, renewing and removing against a scripted server: what is asked again, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.api.session import RefusedError
from fixtures.deploy.create import create, create_first, ensure_namespace
from fixtures.deploy.lease import age_of, find_lease
from fixtures.deploy.manifests import MANAGED_BY, RUN, TOOL, labels
from fixtures.deploy.places import DAEMON_SETS, JOBS
from fixtures.deploy.plan import plan
from fixtures.deploy.remove import remove_namespace, remove_run, told
from fixtures.deploy.settings import ProbeSettings
from fixtures.deploy.shapes import Job
from fixtures.deploy.wait import wait
from fixtures.errors import UnobservableError
from fixtures.permissions import KUBE, LABELS, OPENSHIFT, Lacking, NotAllowedError, Permission, asked
from fixtures.preflight import REVIEWS, missing
from fixtures.typed import decode
from model.cluster import Node
from tests.unit.fake_api import DROPPED, fake, listed, named

SPACE = {"kind": "Namespace", "metadata": {"name": "ns", "labels": labels("r1")}}
JOB = {"kind": "Job", "metadata": {"name": "lease", "namespace": "ns", "labels": labels("r1")}}
AT = {"namespace": "GET /api/v1/namespaces/ns", "make": "POST /api/v1/namespaces"}
JOBS_AT = "/apis/batch/v1/namespaces/ns/jobs"
ENDING = named("ns", deletionTimestamp="2026-11-23T10:00:00Z")


def test_namespace_is_made_only_where_there_is_none() -> None:
    api, server = fake({AT["namespace"]: [(200, named("ns"))]})
    assert ensure_namespace(api, SPACE) is False
    api, server = fake({AT["make"]: [(201, SPACE)]})
    assert ensure_namespace(api, SPACE) is True
    assert server.sent[-1] == SPACE
    api, _ = fake({AT["namespace"]: [(403, {"message": "no"})]})
    assert ensure_namespace(api, SPACE) is False  # whoever may work in it need not see it


def test_namespace_that_is_on_its_way_out_is_waited_for() -> None:
    gone = (404, {"message": "gone"})
    api, server = fake({AT["namespace"]: [(200, ENDING), (200, ENDING), gone], AT["make"]: [(201, SPACE)]})
    assert ensure_namespace(api, SPACE) is True
    assert server.asked.count(AT["namespace"]) == 3


@pytest.mark.parametrize(("mine", "made"), [("r1", True), ("r2", False)])
def test_namespace_of_an_answer_that_was_lost_is_known_by_its_run(mine: str, made: bool) -> None:
    there = (200, named("ns", labels={RUN: mine}))
    api, _ = fake({AT["namespace"]: [(404, {}), there], AT["make"]: [DROPPED, (409, {"message": "exists"})]})
    assert ensure_namespace(api, SPACE) is made


def test_object_of_an_answer_that_was_lost_is_found_again() -> None:
    here = JOB | {"metadata": JOB["metadata"] | {"uid": "u"}}  # type: ignore[operator]
    api, server = fake({f"POST {JOBS_AT}": [DROPPED, (409, {"message": "exists"})], f"GET {JOBS_AT}": [listed(here)]})
    assert create(api, JOBS, JOB)["metadata"]["uid"] == "u"
    assert server.asked == [f"POST {JOBS_AT}", f"POST {JOBS_AT}", f"GET {JOBS_AT}"]


def test_object_of_somebody_else_under_the_name_is_told() -> None:
    api, _ = fake({f"POST {JOBS_AT}": [(409, {"message": "exists"})], f"GET {JOBS_AT}": [listed()]})
    with pytest.raises(UnobservableError, match="exists already, and is not of this run"):
        create(api, JOBS, JOB)


def test_namespace_that_another_run_removes_meanwhile_is_made_again() -> None:
    ending = (403, {"message": "unable to create new content in namespace ns because it is being terminated"})
    api, server = fake(
        {
            AT["namespace"]: [(200, named("ns")), (200, ENDING), (404, {})],
            AT["make"]: [(201, SPACE)],
            f"POST {JOBS_AT}": [ending, (201, JOB)],
        }
    )
    assert create_first(api, JOBS, JOB, SPACE) == (JOB, True)
    assert server.asked.count(f"POST {JOBS_AT}") == 2


def test_right_that_is_lost_on_the_way_is_told_with_its_rule() -> None:
    said = 'daemonsets.apps is forbidden: User "u" cannot create resource "daemonsets" in API group "apps"'
    api, _ = fake({"POST /apis/apps/v1/namespaces/ns/daemonsets": [(403, {"message": said})]})
    with pytest.raises(UnobservableError, match="may not be made") as caught:
        create(api, DAEMON_SETS, {**JOB, "kind": "DaemonSet"})
    assert 'resources: ["daemonsets"]' in caught.value.remedy


def _pod(node: str, ready: bool = True, **waiting: str) -> dict[str, Any]:
    status: dict[str, Any] = {"name": "probe", "ready": ready, "state": {"waiting": waiting} if waiting else {}}
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    spec = {"nodeName": node} if ready else {"affinity": {"nodeAffinity": required}}
    return named(f"p-{node}") | {"spec": spec, "status": {"containerStatuses": [status]}}


PODS, EVENTS = "GET /api/v1/namespaces/calico-conformance/pods", "GET /api/v1/namespaces/calico-conformance/events"


def _wait(script: dict[str, list[Any]], seconds: float = 5.0) -> Any:
    api, server = fake({EVENTS: [listed()], **script})
    return wait(api, ProbeSettings(ready_seconds=seconds), "r1", ["w1", "w2"], lambda _line: None), server


def test_waiting_ends_when_all_that_are_awaited_run() -> None:
    now, server = _wait({PODS: [listed(), listed(_pod("w1")), listed(_pod("w1"), _pod("w2"), _pod("w3"))]})
    assert dict(now.running) == {"w1": "p-w1", "w2": "p-w2", "w3": "p-w3"}
    assert server.asked.count(PODS) == 3


def test_one_cause_for_all_ends_the_waiting_at_once() -> None:
    bad = {"reason": "ErrImagePull", "message": "not found"}
    with pytest.raises(UnobservableError, match=r"image cannot be pulled: not found\n"):
        _wait({PODS: [listed(_pod("w1", False, **bad), _pod("w2", False, **bad))]})


@pytest.mark.parametrize(
    "words", ["429 Too Many Requests", "dial tcp 1.2.3.4:443: i/o timeout", "503 Service Unavailable"]
)
def test_a_registry_that_is_busy_is_given_its_time(words: str) -> None:
    bad = {"reason": "ErrImagePull", "message": words}
    late = listed(_pod("w1", False, **bad), _pod("w2", False, **bad))
    now, _ = _wait({PODS: [late, late, listed(_pod("w1"), _pod("w2"))]})
    assert set(now.running) == {"w1", "w2"}
    with pytest.raises(UnobservableError, match="image cannot be pulled: "):
        _wait({PODS: [late]}, 0.05)


def test_the_nodes_that_are_late_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.deploy.wait.TELLING", -1.0)
    said: list[str] = []
    api, _ = fake({EVENTS: [listed()], PODS: [listed(_pod("n0")), listed(*(_pod(f"n{i}") for i in range(8)))]})
    wait(api, ProbeSettings(), "r1", [f"n{i}" for i in range(8)], said.append)
    assert said == ["waiting for the probe's pods: 1 of 8 run; not yet on n1, n2, n3, n4, n5 and 2 more"]


def test_pods_that_the_controller_cannot_make_are_refused() -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "DaemonSet", "name": "calico-conformance-probe-r1"},
        "reason": "FailedCreate",
        "message": 'Error creating: pods "x" is forbidden: exceeded quota: q',
        "type": "Warning",
    }
    other = event | {"involvedObject": {"kind": "DaemonSet", "name": "calico-conformance-probe-r2"}}
    with pytest.raises(UnobservableError, match="a quota leaves no room"):
        _wait({PODS: [listed()], EVENTS: [listed(event)]})
    with pytest.raises(UnobservableError, match=r"no pod of the probe runs after 0\.05 s \(waited for w1, w2\)"):
        _wait({PODS: [listed()], EVENTS: [listed(other)]}, 0.05)


def test_where_one_runs_the_others_are_their_nodes_trouble() -> None:
    bad = {"reason": "ImagePullBackOff", "message": "back-off"}
    now, _ = _wait({PODS: [listed(_pod("w1"), _pod("w2", False, **bad))]}, 0.05)
    assert set(now.running) == {"w1"}
    assert now.refused["w2"].reason.endswith("back-off")


def test_different_causes_are_both_told() -> None:
    pods = listed(_pod("w1", False, reason="ErrImagePull", message="one"), _pod("w2", False, reason="X", message="two"))
    with pytest.raises(UnobservableError, match=r"one \(on w1; elsewhere: .*two\)"):
        _wait({PODS: [pods]}, 0.05)


def test_removal_waits_until_the_pods_are_gone_and_tells_what_stays() -> None:
    path = "/apis/apps/v1/namespaces/ns/daemonsets"
    lists = {f"GET {kind}": [listed()] for kind in (JOBS_AT, "/api/v1/namespaces/ns/serviceaccounts")}
    lists[f"GET {path}"] = [listed(named("d")), listed()]
    pods = {"GET /api/v1/namespaces/ns/pods": [listed(named("p")), listed(named("p")), listed()]}
    api, server = fake({**lists, **pods, f"DELETE {path}/d": [DROPPED, (404, {})]})
    assert remove_run(api, "ns", "r1", bindings=False) == []
    assert server.asked.count(f"DELETE {path}/d") == 2
    stubborn = {"GET /api/v1/namespaces/ns/pods": [listed(named("p"))]}
    api, _ = fake({**lists, f"GET {path}": [listed()], **stubborn})
    left = told(remove_run(api, "ns", "r1", bindings=False, seconds=0.01))
    assert left == (
        "not removed: Pod ns/p: it is not gone after 0.01 s; its node's kubelet is to end it; "
        "remove it: kubectl -n ns delete pods p --force --grace-period=0"
    )


def test_removal_that_is_refused_is_told_with_the_command() -> None:
    path = "/apis/apps/v1/namespaces/ns/daemonsets"
    lists = {f"GET {kind}": [listed()] for kind in (JOBS_AT, "/api/v1/namespaces/ns/serviceaccounts")}
    refused = (403, {"message": "no"})
    api, _ = fake({**lists, f"GET {path}": [listed(named("d"))], f"DELETE {path}/d": [refused]})
    (left,) = remove_run(api, "ns", "r1", bindings=False)
    assert left.command == "kubectl -n ns delete daemonsets.apps d"
    assert left.why == "403: no"


def test_server_that_is_away_is_not_asked_for_every_kind() -> None:
    api, server = fake({"GET /apis/apps/v1/namespaces/ns/daemonsets": [DROPPED]})
    (left,) = remove_run(api, "ns", "r1")
    assert "gave no answer" in left.why
    assert "kubectl -n ns delete daemonsets.apps -l app.kubernetes.io/managed-by" in left.command
    assert len(set(server.asked)) == 1


OURS = named("ns", labels={MANAGED_BY: TOOL})
EMPTY = {
    f"GET {path}": [listed()]
    for path in (JOBS_AT, "/apis/apps/v1/namespaces/ns/daemonsets", "/api/v1/namespaces/ns/pods")
}


def test_namespace_is_removed_if_it_is_ours_and_empty() -> None:
    delete: dict[str, list[Any]] = {"DELETE /api/v1/namespaces/ns": [(200, {})]}
    api, server = fake({AT["namespace"]: [(200, OURS), (404, {})], **EMPTY, **delete})
    assert remove_namespace(api, "ns") == []
    assert "DELETE /api/v1/namespaces/ns" in server.asked
    for here, lists in ((named("ns"), EMPTY), (OURS, {**EMPTY, f"GET {JOBS_AT}": [listed(named("another"))]})):
        api, server = fake({AT["namespace"]: [(200, here)], **lists, **delete})
        assert remove_namespace(api, "ns") == []
        assert not any(question.startswith("DELETE") for question in server.asked)


@pytest.mark.parametrize(("mine", "left"), [(True, 1), (False, 0)])
def test_namespace_of_another_run_need_not_be_removable(mine: bool, left: int) -> None:
    api, _ = fake({AT["namespace"]: [(200, OURS)], **EMPTY, "DELETE /api/v1/namespaces/ns": [(403, {"message": "no"})]})
    assert len(remove_namespace(api, "ns", mine=mine)) == left


def _job(**more: Any) -> dict[str, Any]:
    job = named("lease", creationTimestamp="2026-11-23T10:00:00Z") | {"spec": {"activeDeadlineSeconds": 300}}
    return job | more


def test_lease_is_found_with_its_age_by_the_servers_clock() -> None:
    api, _ = fake({f"GET {JOBS_AT}": [listed(_job(status={"startTime": "2026-11-23T10:01:00Z"}))]})
    found = find_lease(api, "ns", "r1")
    assert found is not None
    assert found[1] == 540.0
    failed = {"conditions": [{"type": "Failed", "status": "True"}]}
    api, _ = fake({f"GET {JOBS_AT}": [listed(_job(status=failed))]})
    assert find_lease(api, "ns", "r1") is None
    assert age_of(decode(b'{"metadata":{"name":"x"}}', Job), "") == 0.0


def test_rights_are_asked_for_one_by_one_and_the_lacking_verbs_named() -> None:
    def review(_path: str, body: Any) -> tuple[int, Any]:
        attributes = body["spec"]["resourceAttributes"]
        return 201, {"status": {"allowed": attributes["verb"] != "delete"}}

    api, server = fake({f"POST {REVIEWS}": [review]})
    wanted = (Permission("", "pods/exec", ("get", "create"), "namespace", "x"), *asked("kube"))
    lacking = missing(api, wanted, "ns")
    assert {entry.resource: entry.verbs for entry in lacking} == {
        "jobs": ("delete",),
        "serviceaccounts": ("delete",),
        "daemonsets": ("delete",),
    }
    first = next(body["spec"]["resourceAttributes"] for body in server.sent if "subresource" in str(body))
    assert first == {"verb": first["verb"], "group": "", "resource": "pods", "subresource": "exec", "namespace": "ns"}
    told = NotAllowedError("here", Lacking(lacking, "ns"), Lacking((LABELS,)))
    assert told.reason == (
        "context here: not allowed to delete jobs, serviceaccounts, daemonsets, list namespaces; nothing was made"
    )
    rules = told.remedy.splitlines()
    assert rules[:3] == [
        "Add to a ClusterRole of this user:",
        LABELS.rule(),
        "Add to a Role of this user in namespace ns:",
    ]
    assert rules[3:6] == [entry.rule() for entry in lacking]


def test_server_that_does_not_review_is_told() -> None:
    api, _ = fake({f"POST {REVIEWS}": [(403, {"message": "no"})]})
    with pytest.raises(UnobservableError, match="does not say what this user may do"):
        missing(api, KUBE, "ns")


def test_openshift_asks_for_the_binding() -> None:
    more = set(asked("kube", OPENSHIFT)) - set(asked("kube"))
    assert {entry.resource for entry in more} == {"rolebindings", "clusterroles"}


def _carrier(node: str, **paths: str) -> dict[str, Any]:
    volumes = [{"name": name.replace("_", "-"), "hostPath": {"path": path}} for name, path in paths.items()]
    return named(f"calico-node-{node}") | {"spec": {"nodeName": node, "volumes": [*volumes, {"name": "other"}]}}


def _nodes(*names: str) -> list[Node]:
    return [Node(name=name, uid=name, resource_version="1", ready=True) for name in names]


def _plan(*carriers: dict[str, Any], nodes: list[Node], selected: bool = False, minor: str = "33+") -> Any:
    script = {"GET /version": [(200, {"minor": minor})], "GET /api/v1/pods": [listed(*carriers)]}
    return plan(fake(script)[0], nodes, selected=selected)


def test_plan_follows_calico_nodes_pods() -> None:
    found = _plan(_carrier("w1", cni_net_dir="/k0s/cni"), _carrier("w2"), nodes=_nodes("w1", "w2"))
    assert found.platform.minor == 33
    assert found.platform.folders["/etc/cni/net.d"] == "/k0s/cni"
    assert found.platform.folders["/var/run/calico"] == "/var/run/calico"
    assert [(aim.suffix, aim.only, aim.without) for aim in found.aims] == [("", None, ())]


def test_node_without_calico_node_gets_a_pod_without_its_folders() -> None:
    found = _plan(_carrier("w1"), nodes=_nodes("w1", "w2"))
    assert [(aim.only, aim.without, aim.mounted) for aim in found.aims] == [(None, ("w2",), True), (("w2",), (), False)]
    chosen = _plan(_carrier("w1"), nodes=_nodes("w1", "w2"), selected=True)
    assert [(aim.only, aim.mounted) for aim in chosen.aims] == [(("w1",), True), (("w2",), False)]


def test_node_that_is_not_heard_of_gets_no_pod() -> None:
    lost = [Node(name="w2", uid="w2", resource_version="1", ready=None)]
    unready = [Node(name="w3", uid="w3", resource_version="1", ready=False)]  # its kubelet runs the probe's pods
    carriers = [_carrier("w1"), _carrier("w2"), _carrier("w3")]
    found = _plan(*carriers, nodes=[*_nodes("w1"), *lost, *unready])
    assert [(aim.only, aim.without) for aim in found.aims] == [(None, ("w2",))]
    chosen = _plan(*carriers, nodes=[*_nodes("w1"), *lost, *unready], selected=True)
    assert [aim.only for aim in chosen.aims] == [("w1", "w3")]
    assert _plan(*carriers, nodes=lost).aims == ()


def test_calico_nodes_that_nobody_finds_are_taken_to_be_everywhere() -> None:
    assert [aim.without for aim in _plan(nodes=_nodes("w1")).aims] == [()]


def test_plan_needs_calico_nodes_pods() -> None:
    api, _ = fake({"GET /version": [(200, {"minor": "x"})], "GET /api/v1/pods": [(403, {"message": "no"})]})
    with pytest.raises(UnobservableError, match="does not show calico-node's pods"):
        plan(api, _nodes("w1"), selected=False)


def test_patch_and_delete_are_persistent() -> None:
    api, server = fake({"PATCH /x": [(503, {}), (200, {})], "DELETE /x": [(500, {}), (404, {})]})
    assert api.merge("/x", {"a": 1}).status == 200
    api.delete("/x")
    assert server.asked == ["PATCH /x"] * 2 + ["DELETE /x"] * 2
    assert server.sent[-1]["propagationPolicy"] == "Background"
    api, _ = fake({"DELETE /x": [(403, {"message": "no"})]})
    with pytest.raises(RefusedError):
        api.delete("/x")
