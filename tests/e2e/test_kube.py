"""The suite by the way in `kube`, as a user runs it: the same verdict as by any other, and nothing left, however it
ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]  # of the kubernetes client

from fixtures.decode.resources import V1
from fixtures.deploy.settings import NAMESPACE
from fixtures.permissions import BY_LABEL, KUBE, MAKES_NAMESPACE, OPENSHIFT, reading
from lab import faults, topology
from lab.api.control import Control
from lab.api.paths import asked
from lab.api.trouble import Trouble
from lab.tools import wait_until
from tests.e2e.suite import PROJECT, Run, environment, finished, judged, run, started
from tests.lab.conftest import lab_up
from tests.lab.kube_lab import clean, left_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.api.answers import Served
    from lab.state import Lab

REVIEWS = "selfsubjectaccessreviews"
RUNNER = "system:serviceaccount:calico-conformance:calico-conformance-runner"
SLOW = 4.0  # seconds: the node begins to end a pod when it has started it
RULES = PROJECT / "deploy" / "rbac.yaml"


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with lab_up("kube", topology.DEFAULT) as lab:
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """The lab, for one test; clean after each."""
    with clean(shared) as lab:
        yield lab


def _options(lab: Lab, context: str = "lab") -> tuple[str, ...]:
    return f"--kubeconfig={lab.kubeconfig}", f"--context={context}", "--settle=0"


def _verdict(done: Run) -> dict[str, Any]:
    """What the report says, and nothing of when and by which way."""
    return {name: done.document[name] for name in ("checks", "findings", "inapplicable", "unasked", "unobserved")}


def test_verdict_is_that_of_the_lab_way(lab: Lab, tmp_path: Path) -> None:
    by_kube = judged(run(tmp_path / "kube", *_options(lab)), 0, "The cluster conforms", "by way of kube")
    assert "deployed the probe" in by_kube.said
    assert "removed the probe from namespace" in by_kube.said
    by_lab = judged(run(tmp_path / "lab", *_options(lab), "--reach=lab"), 0)
    assert _verdict(by_kube) == _verdict(by_lab)
    assert by_kube.document["unasked"] == []
    assert (by_kube.out / "trials.pcap").stat().st_size > 24
    with faults.broken(lab, "F15"):
        options = (*_options(lab), "--packets=off")
        faulty = [run(tmp_path / f"faulty-{way}", *options, f"--reach={way}") for way in ("kube", "lab")]
    assert [done.code for done in faulty] == [1, 1]
    assert faulty[0].ids == faulty[1].ids != set()


def _permissions(served: list[Served]) -> set[tuple[str, str, str]]:
    """Verb, group, resource with subresource: as the API server authorises it. Discovery is for everybody."""
    found = set()
    for one in served:
        what = asked(one.method, one.path, one.query)
        if what.resource and what.resource != REVIEWS:
            resource = f"{what.resource}/{what.subresource}" if what.subresource else what.resource
            found.add((what.verb, what.group, resource))
    return found


def test_rules_of_the_file_suffice_and_none_is_too_many(lab: Lab, tmp_path: Path) -> None:
    control = Control(lab.directory)
    control.rbac(RULES, RUNNER)
    before = len(control.served())
    try:
        done = judged(run(tmp_path, *_options(lab, "lab-restricted")), 0, "The cluster conforms")
        assert done.document["unobserved"] == done.document["unasked"] == []
        served = control.served()[before:]
    finally:
        assert control.get("namespaces", NAMESPACE)["status"]["phase"] == "Active"  # it is not the run's
        control.no_rbac()
    table = {
        (verb, entry.group, entry.resource)
        for entry in (*reading(), *KUBE)
        if entry.when not in (MAKES_NAMESPACE, OPENSHIFT, BY_LABEL) and entry.group != "projectcalico.org"
        for verb in entry.verbs
    }
    renewing = {("patch", "batch", "jobs")}  # every minute, and this run is shorter
    exec_asked = {("create", "", "pods/exec")}  # what newer servers ask for a websocket, which is a GET
    assert _permissions(served) | renewing | exec_asked == table
    assert V1.startswith("crd.")


def test_nothing_is_written_but_the_runs_own_objects(lab: Lab, tmp_path: Path) -> None:
    control = Control(lab.directory)
    before = len(control.served())
    judged(run(tmp_path, *_options(lab)), 0)
    own = {
        "/api/v1/namespaces",
        f"/api/v1/namespaces/{NAMESPACE}",
        f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
        f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets",
        f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    }
    writes = [one for one in control.served()[before:] if one.method != "GET"]
    foreign = [
        f"{one.method} {one.path}"
        for one in writes
        if one.path not in own and not one.path.rpartition("/")[2].startswith("calico-conformance-")
    ]
    assert foreign == []
    assert {one.method for one in writes} == {"POST", "DELETE"}


def _waiting(lab: Lab, tmp_path: Path) -> subprocess.Popen[bytes]:
    """A run that has made everything, and waits for a pod that is slow to start."""
    Control(lab.directory).kubelet("worker1", dead=False, start_seconds=SLOW)
    process = started(tmp_path, *_options(lab))
    wait_until("pods are made", lambda: sum(name.startswith("Pod/") for name in left_in(lab)) == 3, 30.0)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_run_and_everything_it_made(lab: Lab, number: signal.Signals, tmp_path: Path) -> None:
    process = _waiting(lab, tmp_path)
    process.send_signal(number)
    done = judged(finished(process, tmp_path), 2, "removed the probe from namespace")
    assert done.document["interrupted"]
    assert left_in(lab) == set()


def test_killed_runner_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    process = _waiting(lab, tmp_path)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until("the guardian has cleaned up", lambda: left_in(lab) == set(), 30.0)


def test_server_that_is_away_at_the_end_is_told_and_the_guardian_goes_on(lab: Lab, tmp_path: Path) -> None:
    control = Control(lab.directory)
    control.trouble(Trouble("status", path="*/daemonsets", times=0, skip=1, code=503))  # it is made, and never listed
    done = judged(run(tmp_path, *_options(lab), "--packets=off"), 0, "not removed: the daemonsets of run")
    assert f"remove it: kubectl -n {NAMESPACE} delete daemonsets.apps -l app.kubernetes.io/managed-by" in done.said
    assert "the cluster removes by itself within 300 s" in done.said
    assert any(name.startswith("DaemonSet/") for name in _left_without_lists(control))
    control.no_trouble()
    wait_until("the guardian has cleaned up", lambda: left_in(lab) == set(), 40.0)


def _left_without_lists(control: Control) -> set[str]:
    """The DaemonSets that were made, by what the server remembers."""
    made = (one for one in control.served() if one.method == "POST" and one.path.endswith("/daemonsets"))
    return {f"DaemonSet/{one.path}" for one in made if one.code == 201}


def test_two_runs_side_by_side_both_conform(lab: Lab, tmp_path: Path) -> None:
    both = [started(tmp_path / name, *_options(lab)) for name in ("one", "two")]
    for name, process in zip(("one", "two"), both, strict=True):
        judged(finished(process, tmp_path / name), 0, "removed the probe from namespace")


def test_refusal_is_the_runs_one_sentence(lab: Lab, tmp_path: Path) -> None:
    done = run(tmp_path, *_options(lab), "--probe-image=quay.io/nobody/nothing:1", "--probe-ready-seconds=20")
    judged(done, 6, "the probe's image cannot be pulled", "--probe-registry", "quay.io/nobody/nothing:1: not found")
    assert done.document["findings"] == []


def test_openshift_binds_the_pods_for_as_long_as_they_run(lab: Lab, tmp_path: Path) -> None:
    control = Control(lab.directory)
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:openshift:scc:privileged"},
        "rules": [],
    }
    control.create(role)
    try:
        judged(run(tmp_path, *_options(lab), "--openshift", "--packets=off"), 0)
        made = [one.path for one in control.served() if one.method == "POST" and one.code == 201]
    finally:
        control.delete("clusterroles", "system:openshift:scc:privileged")
    assert f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings" in made


def test_dry_run_shows_what_would_be_made_and_makes_nothing(lab: Lab, tmp_path: Path) -> None:
    control = Control(lab.directory)
    before = len(control.served())
    done = finished(started(tmp_path, *_options(lab), "--dry-run", "--nodes=worker1"), tmp_path)
    assert done.code == 5, done.said
    documents = [document for document in yaml.safe_load_all(done.said) if document]
    assert [document["kind"] for document in documents] == ["Namespace", "Job", "ServiceAccount", "DaemonSet"]
    assert "# worker1: python3 -S -I -c" in done.said
    assert "# worker2" not in done.said
    assert {one.path.rpartition("/")[2] for one in control.served()[before:] if one.method != "GET"} == {REVIEWS}
    control.deny("", "pods/exec")
    told = finished(started(tmp_path, *_options(lab, "lab-restricted"), "--dry-run"), tmp_path)
    assert told.code == 6, told.said
    assert 'resources: ["pods/exec"], verbs: ["create", "get"]' in told.said


@pytest.mark.parametrize("dry", [True, False], ids=["dry run", "run"])
def test_all_rights_that_are_missing_are_told_in_one_go(lab: Lab, tmp_path: Path, *, dry: bool) -> None:
    control = Control(lab.directory)
    denied = (("", "pods"), ("", "services"), ("crd.projectcalico.org", "ipamblocks"), ("apps", "daemonsets"))
    for group, resource in (*denied, ("", "namespaces")):
        control.deny(group, resource)
    options = (*_options(lab, "lab-restricted"), "--namespaces=team=a", *(["--dry-run"] if dry else []))
    done = finished(started(tmp_path, *options), tmp_path)
    assert done.code == 6, done.said
    what = "list pods, services, ipamblocks, namespaces, create/delete/list daemonsets, get namespaces"
    assert f"not allowed to {what}; nothing was made" in done.said
    assert done.said.count('- {apiGroups: ["') == 6


def test_images_are_printed_without_any_cluster(tmp_path: Path) -> None:
    done = finished(started(tmp_path, "--print-images", "--probe-registry=mirror.example:5000/hub"), tmp_path)
    assert (done.code, done.said) == (0, "mirror.example:5000/hub/library/python:3.13-alpine\n")


def test_selected_nodes_alone_get_a_pod(lab: Lab, tmp_path: Path) -> None:
    control = Control(lab.directory)
    before = len(control.served())
    done = run(tmp_path, *_options(lab), "--nodes=worker1", "--packets=off")
    assert done.code == 0, done.said
    pods = {one.path.split("/")[6] for one in control.served()[before:] if one.path.endswith("/exec")}
    assert len(pods) == 1


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble("cut", path="*/exec", times=1), 0),
        (Trouble("status", path="*/exec", times=0, code=403), 6),
    ],
    ids=["dropped once", "forbidden"],
)
def test_trouble_on_the_way_is_survived_or_told(lab: Lab, trouble: Trouble, code: int, tmp_path: Path) -> None:
    Control(lab.directory).trouble(trouble)
    done = judged(run(tmp_path, *_options(lab), "--packets=off"), code, "removed the probe from namespace")
    assert done.ids == set()
    assert done.document["unreachable"] == ([] if code == 0 else ["host1", "worker1", "worker2"])


def test_cleanup_is_a_command(lab: Lab, tmp_path: Path) -> None:
    judged(run(tmp_path, *_options(lab), "--packets=off", "--keep-probe"), 0, "the probe is kept in namespace")
    assert any(name.startswith("DaemonSet/") for name in left_in(lab))
    command = [sys.executable, "-m", "fixtures.cleanup", f"--kubeconfig={lab.kubeconfig}", "--context=lab"]
    done = subprocess.run(
        [*command, "--all"], cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("removed run ")
    assert left_in(lab) == set()
