"""Which nodes a pod fits: selectors, affinity, taints (component-helpers/scheduling/corev1 of Kubernetes 1.34)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.objects import Json

_KEEPING_AWAY = ("NoSchedule", "NoExecute")


def fits(spec: Json, node: Json) -> bool:
    """Whether a pod of that spec may start on the node."""
    return selects(spec, node) and not untolerated(spec.get("tolerations") or [], node)


def selects(spec: Json, node: Json) -> bool:
    """Whether the pod's node selector and required affinity let it on the node."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, labels, node["metadata"]["name"]) for term in required.get("nodeSelectorTerms") or [])


def untolerated(tolerations: Iterable[Json], node: Json) -> list[Json]:
    """The node's taints that keep the pod away; a cordoned node has one more."""
    taints = list(node["spec"].get("taints") or [])
    if node["spec"].get("unschedulable") and all(taint["key"] != UNSCHEDULABLE for taint in taints):
        taints.append({"key": UNSCHEDULABLE, "effect": "NoSchedule"})
    known = list(tolerations)
    away = [taint for taint in taints if taint["effect"] in _KEEPING_AWAY]
    return [taint for taint in away if not any(_tolerates(each, taint) for each in known)]


UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _term(term: Json, labels: Json, name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    return all(_expression(each, labels) for each in expressions) and all(
        _expression(each, {"metadata.name": name}) for each in fields
    )


def _expression(expression: Json, values: Json) -> bool:
    key, operator, wanted = expression["key"], expression["operator"], expression.get("values") or []
    value = values.get(key)
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator == "In":
        return value in wanted
    if operator == "NotIn":
        return value not in wanted
    try:
        number, bound = int(value or ""), int(wanted[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound
