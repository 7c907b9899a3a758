"""The life of a run's objects under the real controllers: everything comes, and everything goes, also without us.

The user may do what deploy/rbac.yaml allows, and nothing else, wherever another one is not named.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.cleanup import main
from fixtures.deploy import manifests
from fixtures.deploy.manifests import RUN
from fixtures.deploy.places import DAEMON_SETS, JOBS, NAMESPACES, OURS
from fixtures.deploy.remove import remove_run
from fixtures.deploy.settings import NAMESPACE, SCC, ProbeSettings
from fixtures.deploy.shapes import Bare, Job, list_of
from fixtures.errors import UnreachableError
from fixtures.permissions import MAKES_NAMESPACE, asked
from fixtures.preflight import missing
from fixtures.probe_program import payload
from lab.tools import wait_until
from tests.apiserver.kubelet import Kubelets, kubelets
from tests.apiserver.kubelet_exec import exec_server
from tests.apiserver.load import end_namespace
from tests.apiserver.reaching import kinds, reaching
from tests.apiserver.rules import applied, binding, is_there, role
from tests.apiserver.server import RUNNER
from tests.lab.kube_lab import left, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api
    from tests.apiserver.server import RealApi

REQUEST = {"do": "observe", "pod_uids": [], "facts": ["addresses"]}
NODES = {"host1", "worker1", "worker2"}
WHOLE = ["DaemonSet", "Job", "Pod", "Pod", "Pod", "ServiceAccount"]


@pytest.fixture(scope="module")
def running(controlled: RealApi, file: None) -> Iterator[Kubelets]:
    with kubelets(controlled) as made:
        yield made


@pytest.fixture
def cluster(controlled: RealApi, running: Kubelets, admin: Api) -> Iterator[RealApi]:
    """With nothing of the tool in it afterwards: every test proves that for itself."""
    yield controlled
    assert left(admin) == set()


def test_everything_comes_and_goes(cluster: RealApi, admin: Api) -> None:
    with reaching(cluster) as (reach, api, said):
        reach.open(nodes(api), said.append)
        assert set(reach._standing.running) == NODES
        assert kinds(admin) == WHOLE
        reach.close()
        assert left(admin) == set()
        assert said[-1] == f"removed the probe from namespace {NAMESPACE}"


def test_exec_comes_as_far_as_a_node_without_a_kubelet(cluster: RealApi) -> None:
    with reaching(cluster) as (reach, api, said):
        reach.open(nodes(api), said.append)
        with exec_server(cluster, lambda _node: ()) as server:
            server.close()  # from now on nobody listens where the nodes say that their kubelets are
            with pytest.raises(UnreachableError, match="node worker1") as told:
                list(reach.run("worker1", payload(REQUEST | {"node": "worker1"}), 20.0))
    assert "connection refused" in told.value.reason + told.value.remedy


def test_namespace_of_an_earlier_run_is_waited_for_and_made_anew(cluster: RealApi, admin: Api) -> None:
    space = "of-its-own"
    admin.post(NAMESPACES, manifests.namespace(ProbeSettings(namespace=space), "earlier"))
    admin.delete(f"{NAMESPACES}/{space}")
    going = threading.Timer(1.5, end_namespace, (admin, space))  # its controller would take 5 s
    going.start()
    everywhere = role("calico-conformance-kube") | {"kind": "ClusterRole", "metadata": {"name": "kube-everywhere"}}
    makes = binding(role("calico-conformance-namespace"), RUNNER)
    with (
        applied(admin, [everywhere, binding(everywhere, RUNNER), makes]),
        reaching(cluster, namespace=space) as (reach, api, said),
    ):
        wait_until("the rules are in force", lambda: not missing(api, asked("kube", MAKES_NAMESPACE), space), 5.0)
        reach.open(nodes(api), said.append)
        going.join()
        assert kinds(admin) == sorted([*WHOLE, "Namespace"])
        reach.close()
        assert not is_there(admin, f"{NAMESPACES}/{space}")
    assert said[-1] == f"removed the probe from namespace {space}"


def test_lease_that_nobody_renews_takes_everything_with_it(cluster: RealApi, admin: Api) -> None:
    rights = [role("calico-conformance-openshift", kind) for kind in ("Role", "ClusterRole")]
    constraint = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": SCC}}
    bindings = [binding(rights[0], RUNNER, NAMESPACE), binding(rights[1], RUNNER)]
    with (
        applied(admin, [constraint | {"rules": []}, *bindings]),
        reaching(cluster, idle_seconds=3, openshift=True) as (reach, api, said),
    ):
        reach.open(nodes(api), said.append)
        deployment: Any = reach._deployment
        first = _deadline(admin)
        wait_until("the lease is renewed", lambda: _deadline(admin) > first, 5.0)
        assert kinds(admin) == sorted([*WHOLE, "RoleBinding"])
        deployment._guardian.end(dismissed=True)  # as when the whole machine is lost
        deployment._lease.close()
        wait_until("the cluster has cleaned up", lambda: left(admin) == set(), 30.0)


def _deadline(api: Api) -> int:
    (job,) = list_of(api, JOBS.path(NAMESPACE), Job, OURS)
    return job.spec.active_deadline_seconds or 0


def test_killed_runner_leaves_nothing(cluster: RealApi, admin: Api) -> None:
    with reaching(cluster) as (reach, api, said):
        reach.open(nodes(api), said.append)
        deployment: Any = reach._deployment
        process = deployment._guardian._process
        deployment._guardian.end(dismissed=False)  # its pipe is closed, as by the runner's SIGKILL
        wait_until("the guardian has cleaned up", lambda: left(admin) == set(), 30.0)
        process.kill()  # it would look again, for what was still on its way
        process.wait()


def test_two_runs_side_by_side_keep_to_their_own(cluster: RealApi, admin: Api) -> None:
    with reaching(cluster) as (one, api, said):
        one.open(nodes(api), said.append)
        with reaching(cluster) as (two, other, _):
            two.open(nodes(other), said.append)
            runs = {found.metadata.label(RUN) for found in list_of(admin, DAEMON_SETS.path(NAMESPACE), Bare, OURS)}
            assert runs == {one._deployment.run, two._deployment.run}
        assert kinds(admin) == WHOLE
        assert {pod.rpartition("-")[0] for pod in one._standing.running.values()} == {
            f"calico-conformance-probe-{one._deployment.run}"
        }


def test_kept_probe_is_used_again_until_it_is_cleaned_up(cluster: RealApi, admin: Api) -> None:
    with reaching(cluster, keep=True, idle_seconds=60) as (reach, api, said):
        reach.open(nodes(api), said.append)
        first = reach._deployment.run
    with reaching(cluster, keep=True, idle_seconds=60) as (reach, api, said):
        reach.open(nodes(api), said.append)
        assert reach._deployment.run == first
    assert kinds(admin) == WHOLE
    place = ["--kubeconfig", str(cluster.kubeconfig), "--context", RUNNER]
    assert main([*place, "--dry-run"]) == 1
    assert main(place) == 1  # its lease goes on
    assert main([*place, "--all"]) == 0
    assert left(admin) == set()


def test_node_whose_pod_does_not_start_is_told(cluster: RealApi, running: Kubelets) -> None:
    running.waiting["worker2"] = {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"}
    try:
        with reaching(cluster, ready_seconds=1.0) as (reach, api, said):
            reach.open(nodes(api), said.append)
            assert set(reach._standing.running) == NODES - {"worker2"}
            assert "the probe's image cannot be pulled" in reach._standing.refused["worker2"].reason
    finally:
        running.waiting.clear()


def test_pod_that_is_deleted_is_replaced_and_found_again(cluster: RealApi, admin: Api) -> None:
    with reaching(cluster) as (reach, api, said):
        reach.open(nodes(api), said.append)
        before = dict(reach._standing.running)
        admin.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/{before['worker1']}")
        wait_until("there is another pod", lambda: _pod(reach) not in ("", before["worker1"]), 10.0, 0.6)


def _pod(reach: Any) -> str:
    name: str = reach._look_at_pods(afresh=True).running.get("worker1", "")
    return name


def test_pod_that_its_node_does_not_end_is_left_and_told(cluster: RealApi, running: Kubelets, admin: Api) -> None:
    with reaching(cluster) as (reach, api, said):
        reach.open(nodes(api), said.append)
        pod = reach._standing.running["worker2"]
        running.dead.add("worker2")
        try:
            left_over = remove_run(api, NAMESPACE, reach._deployment.run, bindings=False, seconds=3.0)
        finally:
            running.dead.clear()
        command = f"kubectl -n {NAMESPACE} delete pods {pod} --force --grace-period=0"
        assert [(one.what, one.command) for one in left_over] == [(f"Pod {NAMESPACE}/{pod}", command)]
    assert said[-1] == f"removed the probe from namespace {NAMESPACE}"


def test_node_that_is_not_heard_of_gets_no_pod_that_nobody_would_end(
    cluster: RealApi, running: Kubelets, admin: Api
) -> None:
    path = "/api/v1/nodes/worker2/status"
    before = {"status": {"conditions": _conditions(admin, "worker2")}}
    ready = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    running.dead.add("worker2")
    admin.merge(path, {"status": {"conditions": [ready]}})
    try:
        with reaching(cluster) as (reach, api, said):
            reach.open(nodes(api), said.append)
            assert set(reach._standing.running) == NODES - {"worker2"}
            assert kinds(admin).count("Pod") == 2
            with pytest.raises(UnreachableError, match="node worker2 has not been heard of for a while"):
                list(reach.run("worker2", payload(REQUEST | {"node": "worker2"}), 20.0))
            reach.close()
            assert left(admin) == set()
    finally:
        running.dead.clear()
        admin.merge(path, before)


def _conditions(api: Api, node: str) -> Any:
    return msgspec.json.decode(api.get(f"/api/v1/nodes/{node}").body)["status"]["conditions"]
