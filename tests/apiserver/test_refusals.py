"""What a real control plane refuses, in its own words, becomes a sentence with what to do."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.api import connect, list_cluster
from fixtures.deploy import manifests
from fixtures.deploy.create import create
from fixtures.deploy.manifests import Platform
from fixtures.deploy.places import DAEMON_SETS, JOBS, NAMESPACES
from fixtures.deploy.plan import Plan, objects, plan
from fixtures.deploy.settings import ProbeSettings
from fixtures.errors import UnobservableError
from fixtures.permissions import KUBE
from tests.apiserver.kubelet import kubelets
from tests.apiserver.load import end_namespace
from tests.apiserver.reaching import reaching
from tests.apiserver.server import ADMIN, NOBODY
from tests.lab.kube_lab import left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fixtures.api import Api
    from tests.apiserver.server import RealApi

    Refused = Callable[[Api], Any]  # a context in which the cluster refuses

SPACE = "refusing"
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}
RUN = "0123456789"


@pytest.fixture(scope="module")
def cluster(controlled: RealApi) -> Iterator[RealApi]:
    with kubelets(controlled):
        yield controlled


@contextmanager
def _space(api: Api, labels: dict[str, str]) -> Iterator[None]:
    """A namespace that was there before the run."""
    api.post(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE, "labels": labels}})
    try:
        yield
    finally:
        end_namespace(api, SPACE)


@contextmanager
def _object(api: Api, path: str, obj: dict[str, Any]) -> Iterator[None]:
    api.post(path, obj)
    try:
        yield
    finally:
        api.delete(f"{path}/{obj['metadata']['name']}")


@contextmanager
def _quota(api: Api) -> Iterator[None]:
    """No pods at all; the status is what the quota's controller would have written."""
    path = f"{NAMESPACES}/{SPACE}/resourcequotas"
    hard = {"hard": {"pods": "0"}}
    with _object(api, path, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": hard}):
        api.merge(f"{path}/none/status", {"status": hard | {"used": {"pods": "0"}}})
        yield


@contextmanager
def _policy(api: Api, plural: str, group: str) -> Iterator[None]:
    """A ValidatingAdmissionPolicy against what uses the nodes' network, in this one namespace."""
    root = "/apis/admissionregistration.k8s.io/v1"
    pod = "object.spec" if plural == "pods" else "object.spec.template.spec"
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-host-network"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": f"!{pod}.hostNetwork", "message": "the nodes' network is not for pods"}],
        },
    }
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SPACE}}}
    bound = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-host-network"},
        "spec": {"policyName": "no-host-network", "validationActions": ["Deny"], "matchResources": where},
    }
    with (
        _object(api, f"{root}/validatingadmissionpolicies", policy),
        _object(api, f"{root}/validatingadmissionpolicybindings", bound),
    ):
        _until_in_force(api, plural, group)
        yield


def _until_in_force(api: Api, plural: str, group: str) -> None:
    """A policy counts a moment after it was written."""
    path = f"/apis/{group}/v1/namespaces/{SPACE}/{plural}" if group else f"{NAMESPACES}/{SPACE}/{plural}"
    settings = ProbeSettings(namespace=SPACE)
    sample = objects(settings, RUN, Plan(Platform(), (manifests.Aim(""),)), _OWNER)[-1]
    if plural == "pods":
        spec = sample["spec"]["template"]["spec"] | {"serviceAccountName": "default"}
        sample = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sample"}, "spec": spec}
    for _ in range(100):
        answer = api.transport.send("POST", path, {"dryRun": "All"}, msgspec.json.encode(sample))
        if b"ValidatingAdmissionPolicy" in answer.body:
            return
        api.pause(0.05)
    raise AssertionError(answer.body)


@contextmanager
def _webhook(api: Api, plural: str, group: str) -> Iterator[None]:
    """A webhook that nobody answers."""
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}
    hook = {
        "name": "check.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SPACE}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    wanted = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "check"},
        "webhooks": [hook],
    }
    with _object(api, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", wanted):
        api.pause(1.0)  # until it counts, of which there is no sign
        yield


_OWNER = manifests.owner_of({"metadata": {"name": "lease", "uid": RUN}})
ROWS: list[tuple[str, dict[str, str], Refused | None, dict[str, object], str, str]] = [
    ("the default", {}, None, {}, "Pod Security does not let the probe's pods in", "enforce=privileged"),
    (
        "the namespace",
        {"pod-security.kubernetes.io/enforce": "restricted"},
        None,
        {},
        'violates PodSecurity "restricted:latest"',
        f"kubectl label --overwrite namespace {SPACE}",
    ),
    (
        "baseline",
        {"pod-security.kubernetes.io/enforce": "baseline"},
        None,
        {},
        'violates PodSecurity "baseline:latest"',
        "--probe-namespace",
    ),
    ("quota", PRIVILEGED, _quota, {}, "a quota leaves no room", "Name a namespace without that quota"),
    (
        "policy against pods",
        PRIVILEGED,
        lambda api: _policy(api, "pods", ""),
        {},
        "an admission policy of the cluster does not let the probe's pods in",
        f"Exempt namespace {SPACE}",
    ),
    (
        "policy against DaemonSets",
        PRIVILEGED,
        lambda api: _policy(api, "daemonsets", "apps"),
        {},
        "the nodes' network is not for pods",
        f"Exempt namespace {SPACE}",
    ),
    (
        "webhook",
        PRIVILEGED,
        lambda api: _webhook(api, "pods", ""),
        {},
        "an admission webhook of the cluster does not answer",
        "mend the webhook",
    ),
    (
        "priority class",
        PRIVILEGED,
        None,
        {"priority_class": "top"},
        "the priority class of the probe's pods is refused",
        "--probe-priority-class=''",
    ),
]


@pytest.mark.parametrize(
    ("labels", "refuse", "settings", "reason", "remedy"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_refusal_is_told_and_nothing_is_left(
    cluster: RealApi,
    admin: Api,
    labels: dict[str, str],
    refuse: Refused | None,
    settings: dict[str, object],
    reason: str,
    remedy: str,
) -> None:
    with ExitStack() as stack:
        stack.enter_context(_space(admin, labels))
        if refuse is not None:
            stack.enter_context(refuse(admin))
        reach, api, said = stack.enter_context(reaching(cluster, ADMIN, namespace=SPACE, **settings))
        with pytest.raises(UnobservableError) as told:
            reach.open(list(list_cluster(api).nodes), said.append)
        reach.close()
        assert reason in told.value.reason
        assert remedy in told.value.remedy
        assert left(admin) == set()


def test_object_that_is_there_is_told_apart_by_its_run(admin: Api) -> None:
    with _space(admin, PRIVILEGED):
        wanted = manifests.lease(ProbeSettings(namespace=SPACE), RUN)
        made = create(admin, JOBS, wanted)
        assert create(admin, JOBS, wanted)["metadata"]["uid"] == made["metadata"]["uid"]
        foreign = wanted | {"metadata": wanted["metadata"] | {"labels": manifests.labels("another")}}
        with pytest.raises(UnobservableError, match="exists already, and is not of this run"):
            create(admin, JOBS, foreign)
        admin.delete(JOBS.path(SPACE, wanted["metadata"]["name"]))


def test_object_that_may_not_be_made_is_told_with_its_rule(real: RealApi, admin: Api) -> None:
    api = connect(real.kubeconfig, NOBODY)
    made = plan(admin, list(list_cluster(admin).nodes), selected=False)
    daemon_set = objects(ProbeSettings(), RUN, made, _OWNER)[-1]
    with pytest.raises(UnobservableError, match=r"DaemonSet .* may not be made") as told:
        create(api, DAEMON_SETS, daemon_set)
    api.close()
    assert next(entry.rule() for entry in KUBE if entry.resource == "daemonsets") in told.value.remedy


def test_object_that_is_malformed_is_told_with_the_field(admin: Api) -> None:
    made = plan(admin, list(list_cluster(admin).nodes), selected=False)
    odd = objects(ProbeSettings(namespace="default", pull_policy="Sometimes"), RUN, made, _OWNER)[-1]
    with pytest.raises(UnobservableError, match=r"is refused \(422\).*imagePullPolicy"):
        create(admin, DAEMON_SETS, odd)


def test_namespace_that_is_not_there_is_told(admin: Api) -> None:
    wanted = manifests.lease(ProbeSettings(namespace="nowhere"), RUN)
    with pytest.raises(UnobservableError, match="namespace nowhere is not there") as told:
        create(admin, JOBS, wanted)
    assert "kubectl apply -f deploy/rbac.yaml" in told.value.remedy


def test_webhook_that_does_not_let_the_objects_through_is_told(admin: Api) -> None:
    hasty = dataclasses.replace(admin, pause=lambda _seconds: None)
    with (
        _space(admin, PRIVILEGED),
        _webhook(admin, "jobs", "batch"),
        pytest.raises(UnobservableError, match=r"Job .* an admission webhook of the cluster does not answer") as told,
    ):
        create(hasty, JOBS, manifests.lease(ProbeSettings(namespace=SPACE), RUN))
    assert "mend the webhook" in told.value.remedy
