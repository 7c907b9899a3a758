"""What is refused although it validates: the namespace's life, service accounts, Pod Security, quota, webhooks.

Each refusal is worded as its admission plugin words it (plugin/pkg/admission of Kubernetes 1.34). `Gate` holds what
tests set: the cluster's default level of Pod Security, and refusals of a quota or of a policy engine.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Literal

import msgspec

from lab.api import pod_security, status
from lab.api.rbac import Asks, shown
from lab.api.status import RefusedError
from lab.objects import key, kind_of

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.objects import Json, Kind

RefusalKind = Literal["quota", "quota-limits", "gatekeeper", "kyverno", "webhook-down"]
_WEBHOOK = "validation.gatekeeper.sh"
_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOKEN_SOURCES = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {
        "downwardAPI": {
            "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
        }
    },
]
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who refuses what: creations of `resource` (a plural) in namespaces that match the glob, `times` of them (0: all).

    `message` replaces the policy engine's own words.
    """

    kind: RefusalKind
    resource: str = "pods"
    namespace: str = "*"
    times: int = 0
    message: str = ""


class Gate:
    """What admission is set to, beyond what the objects say."""

    def __init__(self) -> None:
        self.pod_security = "privileged"  # the cluster's default level, of enforce and of warn
        self.refusals: list[Refusal] = []

    def open(self) -> None:
        """As at the start: nothing but the namespaces' labels counts."""
        self.pod_security = "privileged"
        self.refusals.clear()

    def take(self, resource: str, namespace: str) -> Refusal | None:
        """Who refuses this creation; counts it."""
        for number, refusal in enumerate(self.refusals):
            if refusal.resource == resource and fnmatch.fnmatchcase(namespace, refusal.namespace):
                if refusal.times == 1:
                    del self.refusals[number]
                elif refusal.times > 1:
                    self.refusals[number] = msgspec.structs.replace(refusal, times=refusal.times - 1)
                return refusal
        return None


def namespace_lives(world: World, kind: Kind, namespace: str, name: str) -> None:
    """RefusedError: 404 without the namespace, 403 while it is being deleted."""
    found = world.store.objects.get(key("namespaces", namespace))
    if found is None:
        raise RefusedError(status.not_found(kind_of("namespaces"), namespace))
    if found["status"]["phase"] == "Terminating":
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise RefusedError(status.forbidden(kind, name, why, [cause]))


def mutated(world: World, kind: Kind, obj: Json, suffix: str) -> Json:
    """The object with what mutating admission adds. `suffix` ends the name of a pod's token volume.

    RefusedError (403): a pod whose service account or priority class is not there.
    """
    return obj | {"spec": _pod_spec(world, kind, obj, suffix)} if kind.plural == "pods" else obj


def _pod_spec(world: World, kind: Kind, pod: Json, suffix: str) -> Json:
    name, namespace, spec = pod["metadata"]["name"], pod["metadata"]["namespace"], dict(pod["spec"])
    account = spec.get("serviceAccountName") or "default"
    found = world.store.objects.get(key("serviceaccounts", account, namespace))
    if found is None:
        why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        raise RefusedError(status.forbidden(kind, name, why))
    spec |= {"serviceAccountName": account, "serviceAccount": account}
    if not spec.get("imagePullSecrets") and found.get("imagePullSecrets"):
        spec["imagePullSecrets"] = found["imagePullSecrets"]
    mounted = spec.get("automountServiceAccountToken", found.get("automountServiceAccountToken", True))
    if mounted:
        volume = f"kube-api-access-{suffix}"
        projected = {"sources": _TOKEN_SOURCES, "defaultMode": 420}
        spec["volumes"] = [*(spec.get("volumes") or []), {"name": volume, "projected": projected}]
        mount = {"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH}
        spec["containers"] = [
            each | {"volumeMounts": [*(each.get("volumeMounts") or []), mount]} for each in spec["containers"]
        ]
    spec["tolerations"] = _tolerations(spec.get("tolerations") or [])
    chosen = spec.get("priorityClassName", "")
    if chosen and chosen not in _PRIORITIES:
        raise RefusedError(status.forbidden(kind, name, f"no PriorityClass with name {chosen} was found"))
    return spec | {"priority": _PRIORITIES.get(chosen, 0), "preemptionPolicy": "PreemptLowerPriority"}


def _tolerations(given: list[Json]) -> list[Json]:
    """DefaultTolerationSeconds: five minutes on a node that is gone, unless the pod says otherwise."""
    added = []
    for taint in _TOLERATED:
        spoken = any(
            each.get("key", taint) == taint and each.get("effect", "NoExecute") == "NoExecute" for each in given
        )
        if not spoken:
            added.append({"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    return [*given, *added]


def validated(world: World, user: str, kind: Kind, obj: Json) -> list[str]:
    """The warnings that go with the object. RefusedError (403, 400, 500) where a validating plugin refuses it."""
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
    if kind.plural in ("rolebindings", "clusterrolebindings"):
        _no_escalation(world, user, kind, obj)
    warnings = _pod_security(world, kind, obj) if namespace else []
    refusal = world.gate.take(kind.plural, namespace)
    if refusal is not None:
        raise RefusedError(_refused(refusal, kind, name, obj))
    return warnings


def _pod_security(world: World, kind: Kind, obj: Json) -> list[str]:
    spec = obj["spec"] if kind.plural == "pods" else (obj.get("spec") or {}).get("template", {}).get("spec")
    if kind.plural not in ("pods", "daemonsets", "jobs") or spec is None:
        return []
    namespace = world.store.objects[key("namespaces", obj["metadata"]["namespace"])]
    labels = namespace["metadata"].get("labels") or {}
    level = {mode: labels.get(f"{pod_security.LABEL}{mode}", world.gate.pod_security) for mode in ("enforce", "warn")}
    told = pod_security.forbidden(level["enforce"], spec) if kind.plural == "pods" else ""
    if told:
        raise RefusedError(status.forbidden(kind, obj["metadata"]["name"], told))
    warned = pod_security.forbidden(level["warn"], spec)
    return [f"would {warned.replace('violates', 'violate', 1)}"] if warned else []


def _refused(refusal: Refusal, kind: Kind, name: str, obj: Json) -> Json:
    if refusal.kind == "quota":
        used = f"{'count/' if kind.plural != 'pods' else ''}{kind.qualified}"
        told = f"exceeded quota: compute, requested: {used}=1, used: {used}=10, limited: {used}=10"
        return status.forbidden(kind, name, refusal.message or told)
    if refusal.kind == "quota-limits":
        containers = (obj.get("spec") or {}).get("containers") or [{"name": "c"}]
        each = "; ".join(f"{what} for: {containers[0]['name']}" for what in ("limits.cpu", "limits.memory"))
        return status.forbidden(kind, name, refusal.message or f"failed quota: compute: must specify {each}")
    if refusal.kind == "webhook-down":
        service = "https://gatekeeper-webhook-service.gatekeeper-system.svc:443/v1/admit?timeout=3s"
        told = f'failed calling webhook "{_WEBHOOK}": failed to call webhook: Post "{service}": '
        return status.internal(refusal.message or f"{told}dial tcp 10.96.34.12:443: connect: connection refused")
    if refusal.kind == "kyverno":
        told = (
            f"\n\nresource {kind.kind}/{obj['metadata'].get('namespace', '')}/{name} was blocked due to the following "
            "policies \n\ndisallow-host-namespaces:\n  host-namespaces: 'validation error: Sharing the host namespaces "
            "is disallowed. rule host-namespaces failed at path /spec/hostPID/'\n"
        )
        text = f'admission webhook "validate.kyverno.svc-fail" denied the request: {refusal.message or told}'
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": text, "code": 400}
    told = refusal.message or f"[psp-host-namespace] Sharing the host namespace is not allowed: {name}"
    return status.status(403, "Forbidden", f'admission webhook "{_WEBHOOK}" denied the request: {told}')


def _no_escalation(world: World, user: str, kind: Kind, obj: Json) -> None:
    """Nobody binds a role that gives more than he has, unless he may `bind` it."""
    grants, ref = world.grants, obj["roleRef"]
    if grants is None or user != grants.user:
        return
    namespace = obj["metadata"].get("namespace", "")
    plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
    if grants.reason(Asks("bind", "rbac.authorization.k8s.io", plural, namespace, ref["name"])) is not None:
        return
    at = key(plural, ref["name"], "" if plural == "clusterroles" else namespace)
    if at not in world.store.objects:
        raise RefusedError(status.not_found(kind_of(plural), ref["name"]))
    if missing := grants.missing(ref, namespace):
        groups = ", ".join(f'"{group}"' for group in grants.groups)
        rules = "\n".join(shown(rule) for rule in missing)
        why = f'user "{user}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{rules}'
        raise RefusedError(status.forbidden(kind, obj["metadata"]["name"], why))
