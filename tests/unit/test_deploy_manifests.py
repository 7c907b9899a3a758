"""The objects of a run: valid, as little privileged as they can be, and owned by the lease."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fixtures.deploy import manifests
from fixtures.deploy.manifests import Aim, Platform
from fixtures.deploy.plan import Plan, objects
from fixtures.deploy.settings import IMAGE, ProbeSettings, checked
from fixtures.errors import UsageError
from lab.api import defaults, pod_security, validation
from lab.objects import kind_of

SETTINGS, PLATFORM = ProbeSettings(), Platform()
OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "x", "uid": "u", "blockOwnerDeletion": False}
AIMS = (Aim(""), Aim("", without=("w1", "w2")), Aim("-bare", only=("w1",), mounted=False))
PLURALS = {"Namespace": "namespaces", "Job": "jobs", "ServiceAccount": "serviceaccounts", "DaemonSet": "daemonsets"} | {
    "RoleBinding": "rolebindings"
}


def _all(settings: ProbeSettings, platform: Platform = PLATFORM) -> list[dict[str, Any]]:
    made = objects(settings, "r1", Plan(platform, AIMS[1:]), OWNER)
    return [manifests.namespace(settings, "r1"), manifests.lease(settings, "r1"), *made]


def _pod(settings: ProbeSettings = SETTINGS, platform: Platform = PLATFORM, aim: Aim = AIMS[0]) -> Any:
    return manifests.daemon_set(settings, "r1", OWNER, platform, aim)["spec"]["template"]


@pytest.mark.parametrize(
    "settings", [ProbeSettings(), ProbeSettings(openshift=True, pull_secret="login", priority_class="")]
)
@pytest.mark.parametrize("minor", [28, 34])
def test_every_object_validates(settings: ProbeSettings, minor: int) -> None:
    for made in _all(settings, Platform(minor)):
        kind = kind_of(PLURALS[made["kind"]])
        complete = defaults.completed(kind.plural, made | {"metadata": made["metadata"] | {"uid": "u"}})
        assert validation.causes(kind, complete) == [], made["kind"]
        assert made["apiVersion"] == kind.api_version
        assert made["metadata"]["labels"][manifests.RUN] == "r1"
        assert made["metadata"]["labels"][manifests.MANAGED_BY] == manifests.TOOL


def test_all_but_namespace_and_lease_are_the_leases() -> None:
    for made in _all(ProbeSettings(openshift=True))[2:]:
        assert made["metadata"]["ownerReferences"] == [OWNER]


def test_lease_has_no_pod_ends_by_itself_and_would_pass_the_strictest_policy() -> None:
    spec = manifests.lease(ProbeSettings(idle_seconds=77), "r1")["spec"]
    assert (spec["parallelism"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 77, 0)
    assert pod_security.forbidden("restricted", defaults.pod_spec(spec["template"]["spec"])) == ""


def test_probe_has_the_capabilities_it_needs_and_no_other_privilege() -> None:
    pod = _pod()["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN", "SYS_PTRACE", "NET_RAW"]}
    assert (security["privileged"], security["allowPrivilegeEscalation"]) == (False, False)
    assert security["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert {volume["hostPath"]["type"] for volume in pod["volumes"]} == {"Directory"}  # any other makes the folder
    without = _pod(ProbeSettings(packets=False))["spec"]["containers"][0]["securityContext"]["capabilities"]
    assert without["add"] == ["SYS_ADMIN", "SYS_PTRACE"]


def test_apparmor_is_asked_for_as_the_release_reads_it() -> None:
    new, old = _pod(platform=Platform(30)), _pod(platform=Platform(29))
    assert new["spec"]["containers"][0]["securityContext"]["appArmorProfile"] == {"type": "Unconfined"}
    assert "annotations" not in new["metadata"]
    assert "appArmorProfile" not in old["spec"]["containers"][0]["securityContext"]
    assert old["metadata"]["annotations"] == {"container.apparmor.security.beta.kubernetes.io/probe": "unconfined"}


def test_aims_name_nodes_as_the_scheduler_takes_them() -> None:
    def terms(aim: Aim) -> Any:
        affinity = _pod(aim=aim)["spec"]["affinity"]["nodeAffinity"]
        return affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    virtual = [{"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}]
    assert terms(AIMS[0]) == [{"matchExpressions": virtual}]
    away = [{"key": "metadata.name", "operator": "NotIn", "values": [name]} for name in ("w1", "w2")]
    assert terms(AIMS[1]) == [{"matchExpressions": virtual, "matchFields": away}]
    some = Aim("", only=("w1", "w2"))
    assert [term["matchFields"][0]["values"] for term in terms(some)] == [["w1"], ["w2"]]
    assert "volumes" not in _pod(aim=AIMS[2])["spec"]


def test_folders_are_those_of_the_distribution_mounted_where_the_probe_reads() -> None:
    platform = Platform(34, {**Platform().folders, "/etc/cni/net.d": "/var/lib/rancher/cni"})
    pod = _pod(platform=platform)["spec"]
    sources = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert sources["cni-net-dir"] == "/var/lib/rancher/cni"
    assert mounts["cni-net-dir"] == "/etc/cni/net.d"


def test_digest_tells_what_a_kept_probe_must_have_in_common() -> None:
    base = ProbeSettings()
    digest = manifests.digest(base, Platform(), AIMS[0])
    assert digest == manifests.digest(ProbeSettings(idle_seconds=5, ready_seconds=1.0), Platform(), AIMS[0])
    others = [
        manifests.digest(msgspec.structs.replace(base, **change), Platform(), AIMS[0])
        for change in ({"packets": False}, {"image": "other"}, {"keep": True}, {"priority_class": ""})
    ]
    others.append(manifests.digest(base, Platform(), AIMS[1]))
    assert len({digest, *others}) == 6


@pytest.mark.parametrize(
    ("image", "registry", "name"),
    [
        (IMAGE, "", IMAGE),
        (IMAGE, "mirror:5000", "mirror:5000/library/python:3.13-alpine"),
        (IMAGE, "mirror:5000/hub/", "mirror:5000/hub/library/python:3.13-alpine"),
        ("team/python:3", "mirror:5000", "mirror:5000/team/python:3"),
        ("python:3", "mirror:5000", "mirror:5000/python:3"),
        ("localhost/python:3", "mirror", "mirror/python:3"),
    ],
)
def test_registry_takes_the_place_of_the_images(image: str, registry: str, name: str) -> None:
    assert ProbeSettings(image=image, registry=registry).image_name == name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"namespace": "Upper"}, "--probe-namespace takes no 'Upper'"),
        ({"namespace": ""}, "--probe-namespace takes no ''"),
        ({"image": "a b"}, "--probe-image takes no 'a b'"),
        ({"registry": "http s"}, "--probe-registry"),
        ({"registry": "http://x/y"}, "--probe-registry takes no 'http://x/y': an image's name has no scheme"),
        ({"pull_secret": "A"}, "--probe-pull-secret"),
        ({"priority_class": "a/b"}, "--probe-priority-class"),
        ({"pull_policy": "Sometimes"}, "It takes Always or IfNotPresent or Never"),
    ],
)
def test_what_kubernetes_could_not_take_is_a_wrong_call(change: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as told:
        checked(msgspec.structs.replace(ProbeSettings(), **change))
    assert words in str(told.value)


def test_defaults_are_taken() -> None:
    settings = ProbeSettings(registry="", pull_secret="", priority_class="")
    assert checked(settings) is settings
