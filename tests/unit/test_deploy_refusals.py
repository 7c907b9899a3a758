"""What a cluster says where it refuses the probe, as the user is told it. The words are those of real servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fixtures.decode.pod_life import Pod
from fixtures.deploy.refusals import of_admission, of_confinement, of_creation, of_pod, told_creation
from fixtures.deploy.shapes import Event, read
from tests.unit.recorded_answers import recorded


def _pod(status: dict[str, Any]) -> Pod:
    pod = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "w1"}, "status": status}
    return read(json.dumps(pod).encode(), Pod, "a pod")


def _container(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "probe", "state": state}]}


ADMISSION = [
    ('pods "p-x" is forbidden: violates PodSecurity "restricted:latest": host namespaces', "Pod Security", "enforce="),
    (
        'pods "p-" is forbidden: unable to validate against any security context constraint: [...]',
        "security context constraints",
        "--openshift",
    ),
    (
        'admission webhook "validation.gatekeeper.sh" denied the request: [no-host-pid] hostPID is not allowed',
        "admission policy",
        "Exempt namespace ns",
    ),
    (
        'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/ns/p was blocked',
        "admission policy",
        "Exempt namespace ns",
    ),
    (
        "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'no-host' with binding 'b' denied request: no",
        "admission policy",
        "Exempt namespace ns",
    ),
    ('pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5', "quota", "quota"),
    ('pods "p" is forbidden: failed quota: compute: must specify limits.cpu for: probe', "quota", "quota"),
    (
        'pods "p" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical]}]',
        "quota",
        "--probe-priority-class=''",
    ),
    ('pods "p" is forbidden: no PriorityClass with name top was found', "priority class", "--probe-priority-class=''"),
    ('Internal error occurred: failed calling webhook "x": connection refused', "webhook", "mend the webhook"),
    ('namespaces "ns" not found', "namespace ns is not there", "deploy/rbac.yaml"),
    ("something new", "the probe's pods cannot be made: something new", "get events"),
]


@pytest.mark.parametrize(("said", "reason", "remedy"), ADMISSION, ids=[row[0][:40] for row in ADMISSION])
def test_admission(said: str, reason: str, remedy: str) -> None:
    found = of_admission(f"Error creating: {said}", "ns")
    assert reason in found.reason
    assert remedy in found.remedy
    assert "Error creating" not in found.reason


def test_the_same_refusal_of_two_pods_is_the_same_sentence() -> None:
    one, two = (of_admission(f'pods "p-{name}" is forbidden: exceeded quota: q', "ns") for name in ("abc", "xyz"))
    assert one == two


PODS = [
    (_container(waiting={"reason": "ErrImagePull", "message": "not found"}), "cannot be pulled: not found"),
    (_container(waiting={"reason": "ImagePullBackOff", "message": "Back-off"}), "cannot be pulled: Back-off"),
    (_container(waiting={"reason": "CreateContainerConfigError", "message": "no"}), "(CreateContainerConfigError): no"),
    (
        _container(
            terminated={
                "reason": "StartError",
                "exitCode": 128,
                "message": 'exec: "python3": executable file not found in $PATH: unknown',
            }
        ),
        "the probe's image has no python3",
    ),
    (
        {
            "containerStatuses": [
                {
                    "name": "probe",
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                    "lastState": {"terminated": {"reason": "Error", "exitCode": 1, "message": "oops"}},
                }
            ]
        },
        "ended at once (Error, exit code 1): oops",
    ),
    ({"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"}, "the node refused"),
    (
        {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 fit"}]},
        "cannot be placed: 0/1 fit",
    ),
    (_container(waiting={"reason": "ContainerCreating"}), None),
    (_container(running={}), None),
    ({"phase": "Pending"}, None),
]


@pytest.mark.parametrize(("status", "reason"), PODS)
def test_pod_that_does_not_run(status: dict[str, Any], reason: str | None) -> None:
    found = of_pod(_pod(status), [], "ns")
    assert (found is None) == (reason is None)
    assert found is None or (reason is not None and reason in found.reason)


def test_recorded_pod_whose_image_is_missing_is_told() -> None:
    pod = read(json.dumps(recorded("pod-image-missing.json")["body"]).encode(), Pod, "a pod")
    assert pod.status.container_statuses is not None
    pod.status.container_statuses[0].name = "probe"
    found = of_pod(pod, [], "ns")
    assert found is not None
    assert "is not present with pull policy of Never" in found.reason
    assert "--probe-pull-policy" in found.remedy


def test_recorded_events_of_a_refused_daemon_set_are_told() -> None:
    (event, *_) = recorded("events-refused.json")["body"]["items"]
    found = of_admission(read(json.dumps(event).encode(), Event, "an event").message or "", "ns")
    assert found.reason.startswith("Pod Security does not let the probe's pods in: violates PodSecurity")


@pytest.mark.parametrize(
    ("reason", "said", "words"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /var/run/calico is not a directory',
            "the folder /var/run/calico is not on the node",
        ),
        ("FailedMount", "MountVolume.SetUp failed: timed out", "a folder of the node cannot be mounted"),
        ("FailedCreatePodSandBox", "no runtime for spc", "the node cannot make the probe's pod"),
    ],
)
def test_events_of_a_pod_tell_why_it_waits(reason: str, said: str, words: str) -> None:
    event = {"involvedObject": {"kind": "Pod", "name": "p"}, "reason": reason, "message": said, "type": "Warning"}
    other = event | {"involvedObject": {"kind": "Pod", "name": "another"}}
    pod = _pod(_container(waiting={"reason": "ContainerCreating"}))

    def of(*events: object) -> Any:
        return of_pod(pod, [read(json.dumps(each).encode(), Event, "an event") for each in events], "ns")

    assert words in of(event).reason
    assert of(other) is None


def test_account_that_is_being_made_is_no_refusal() -> None:
    assert not of_creation('pods "p" is forbidden: error looking up service account n/a: serviceaccount "a" not found')
    assert of_creation('pods "p" is forbidden: exceeded quota: q')


def test_kernel_that_refuses_points_to_apparmor_and_selinux() -> None:
    assert "AppArmor" in str(of_confinement("readlink /proc/7/ns/net: Permission denied (EACCES)"))
    assert of_confinement("No such file or directory (ENOENT)") is None


def test_recorded_refusal_of_a_creation_names_the_rule() -> None:
    from fixtures.api.session import Api, RefusedError

    answer = recorded("forbidden-daemonset.json")
    error = RefusedError(answer["status"], answer["body"]["message"])
    wanted = {"kind": "DaemonSet", "metadata": {"name": "d", "namespace": "n"}}
    told = told_creation(Api("here", None), wanted, error)  # type: ignore[arg-type]
    assert '- {apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["create", "delete", "list"]}' in told.remedy
    bad = told_creation(Api("here", None), wanted, RefusedError(401, "Unauthorized"))  # type: ignore[arg-type]
    assert "does not accept the credentials (401)" in bad.reason
