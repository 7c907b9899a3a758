"""labelSelector and fieldSelector of a list, as far as clients of the lab use them.

Labels: `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`. Fields: `=`, `==` and `!=` on metadata.name,
metadata.namespace, and those that pods, events, namespaces and jobs have beyond.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.api.status import RefusedError, bad_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.objects import Json, Kind

_SET = re.compile(r"\s*(?P<key>[^\s!=,()]+)\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)\s*")
_EQUAL = re.compile(r"\s*(?P<key>[^\s!=,()]+)\s*(?P<how>==?|!=)\s*(?P<value>[^\s!=,()]*)\s*")
_EXISTS = re.compile(r"\s*(?P<not>!?)\s*(?P<key>[^\s!=,()]+)\s*")
_INVOLVED = ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")
_FIELDS = {  # pkg/apis/*/v1/conversion.go
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"),
    "namespaces": ("status.phase",),
    "events": (*(f"involvedObject.{name}" for name in _INVOLVED), "reason", "reportingComponent", "type"),
    "jobs": ("status.successful",),
}


def wanted(kind: Kind, query: Mapping[str, str]) -> Callable[[Json], bool] | None:
    """Which objects a list's selectors let through; None without any. RefusedError (400) for one that is malformed."""
    tests = [_label_test(part) for part in _parts(query.get("labelSelector", ""))]
    tests += [_field_test(kind, part) for part in _parts(query.get("fieldSelector", ""))]
    if not tests:
        return None
    return lambda obj: all(test(obj) for test in tests)


def _parts(selector: str) -> list[str]:
    return [part for part in re.split(r",(?![^()]*\))", selector) if part.strip()]


def _labels(obj: Json) -> dict[str, str]:
    labels: dict[str, str] = obj["metadata"].get("labels") or {}
    return labels


def _label_test(part: str) -> Callable[[Json], bool]:
    if found := _SET.fullmatch(part):
        values = {value.strip() for value in found["values"].split(",")}
        key, negated = found["key"], found["how"] == "notin"
    elif found := _EQUAL.fullmatch(part):
        values, key, negated = {found["value"]}, found["key"], found["how"] == "!="
    elif found := _EXISTS.fullmatch(part):
        key, absent = found["key"], bool(found["not"])
        return lambda obj: (key in _labels(obj)) != absent
    else:
        raise RefusedError(bad_request(f"unable to parse requirement: found '{part.strip()}'"))
    return lambda obj: (_labels(obj).get(key) in values) != negated


def _field_test(kind: Kind, part: str) -> Callable[[Json], bool]:
    found = _EQUAL.fullmatch(part)
    if not found:
        raise RefusedError(bad_request(f"invalid selector: '{part.strip()}'; can't understand '{part.strip()}'"))
    field, value, negated = found["key"], found["value"], found["how"] == "!="
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(kind.plural, ()))
    if field not in known:
        raise RefusedError(bad_request(f"field label not supported: {field}"))
    section, _, name = field.partition(".")
    if not name:
        return lambda obj: (obj.get(section, "") == value) != negated
    return lambda obj: (obj.get(section, {}).get(name, "") == value) != negated
