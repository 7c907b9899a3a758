"""What the lab's API server refuses although it validates: Pod Security, quota, policy engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.api import pod_security
from lab.api.admission import Refusal
from tests.unit.lab_api_asking import PROBE, daemon_set, pod, post, told, world

if TYPE_CHECKING:
    from lab.objects import Json

DENIED = 'admission webhook "validation.gatekeeper.sh" denied the request: '
GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize(
    ("level", "spec", "context", "violates"),
    [
        ("privileged", {"hostPID": True}, {"privileged": True}, ""),
        ("baseline", {}, {}, ""),
        ("restricted", {}, GOOD, ""),
        ("baseline", {"hostPID": True}, {}, "host namespaces (hostPID=true)"),
        (
            "baseline",
            {},
            {"privileged": True},
            'privileged (container "c" must not set securityContext.privileged=true)',
        ),
        (
            "baseline",
            {"volumes": [{"name": "run", "hostPath": {"path": "/run"}}]},
            {},
            'hostPath volumes (volume "run")',
        ),
        (
            "baseline",
            {},
            {"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN", "CHOWN"]}},
            (
                'non-default capabilities (container "c" must not include "SYS_ADMIN", "SYS_PTRACE" in '
                "securityContext.capabilities.add)"
            ),
        ),
        (
            "baseline",
            {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
            {},
            'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
        ),
        (
            "baseline",
            {},
            {"seLinuxOptions": {"type": "spc_t"}},
            'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t")',
        ),
        (
            "baseline",
            {},
            {"seccompProfile": {"type": "Unconfined"}},
            'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
        ),
        (
            "restricted",
            {"volumes": [{"name": "a", "hostPath": {}}, {"name": "b", "emptyDir": {}}]},
            GOOD,
            'restricted volume types (volume "a" uses restricted volume type "hostPath")',
        ),
        (
            "restricted",
            {},
            GOOD | {"runAsNonRoot": False},
            'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
        ),
    ],
)
def test_pod_security(level: str, spec: Json, context: Json, violates: str) -> None:
    whole = {"containers": [{"name": "c", "securityContext": context}]} | spec
    assert pod_security.violations(level, whole) == violates


def test_the_clusters_default_level_counts_where_no_label_does() -> None:
    there = world("privileged")
    there.gate.pod_security = "baseline"
    assert post(there, "/api/v1/namespaces/apir/pods", pod(hostPID=True)).code == 201
    refused = told(post(there, "/api/v1/namespaces/apir2/pods", pod(hostPID=True)))
    assert refused == (
        403,
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    )
    there.gate.open()
    assert post(there, "/api/v1/namespaces/apir2/pods", pod(hostPID=True)).code == 201


@pytest.mark.parametrize(
    ("refusal", "code", "message"),
    [
        (Refusal("quota"), 403, 'pods "p" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, '),
        (Refusal("quota-limits"), 403, "failed quota: compute: must specify limits.cpu for: c; limits.memory for: c"),
        (Refusal("gatekeeper"), 403, f"{DENIED}[psp-host-namespace] Sharing"  ),
        (Refusal("gatekeeper", message="[x] no"), 403, f"{DENIED}[x] no"),
        (Refusal("kyverno"), 400, 'admission webhook "validate.kyverno.svc-fail" denied the request: '),
        (Refusal("webhook-down"), 500, 'Internal error occurred: failed calling webhook "validation.gatekeeper.sh": '),
    ],
)  # fmt: skip
def test_who_else_refuses(refusal: Refusal, code: int, message: str) -> None:
    there = world()
    there.gate.refusals.append(refusal)
    reply = post(there, "/api/v1/namespaces/apir/pods", pod())
    assert reply.code == code
    assert message in told(reply)[1]
    assert post(there, PROBE, daemon_set()).code == 201  # another resource


def test_refusals_are_counted_and_scoped() -> None:
    there = world()
    there.gate.refusals.append(Refusal("quota", "daemonsets", "ap*", times=2))
    assert told(post(there, PROBE, daemon_set("a")))[1].startswith('daemonsets.apps "a" is forbidden: exceeded quota')
    assert [post(there, PROBE, daemon_set(name)).code for name in "bc"] == [403, 201]
    there.gate.refusals.append(Refusal("quota", "daemonsets", "other"))
    assert post(there, PROBE, daemon_set("d")).code == 201
