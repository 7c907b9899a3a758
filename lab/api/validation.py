"""What makes the API server answer 422: names, labels, and the parts of pods and their controllers that clients get
wrong (apimachinery validation, pkg/apis/{core,apps,batch}/validation of Kubernetes 1.34)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.objects import Json, Kind

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_KEY = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_NOT_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_NOT_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_NOT_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_VALUE}')"
)
_NOT_KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_FREE_NAMES = ("clusterrolebindings", "clusterroles", "rolebindings", "roles")  # path segments: nearly anything


def causes(kind: Kind, obj: Json) -> list[Json]:
    """Why the object does not validate: empty if it does. Each has `reason`, `message` and `field`."""
    found = [*_metadata(kind, obj["metadata"])]
    spec = obj.get("spec") or {}
    if kind.plural == "pods":
        found += _pod(spec, "spec")
    elif kind.plural == "daemonsets":
        found += _daemon_set(spec)
    elif kind.plural == "jobs":
        found += _job(spec)
    return found


def _cause(reason: str, field: str, message: str) -> Json:
    return {"reason": f"FieldValue{reason}", "message": message, "field": field}


def _required(field: str, why: str = "") -> Json:
    return _cause("Required", field, f"Required value{f': {why}' if why else ''}")


def _bad(field: str, value: object, why: str) -> Json:
    return _cause("Invalid", field, f"Invalid value: {json.dumps(value, sort_keys=True, separators=(',', ':'))}: {why}")


def _unsupported(field: str, value: str, supported: Iterable[str]) -> Json:
    listed = ", ".join(f'"{each}"' for each in sorted(supported))
    return _cause("NotSupported", field, f'Unsupported value: "{value}": supported values: {listed}')


def _metadata(kind: Kind, metadata: Json) -> Iterator[Json]:
    name = metadata.get("name", "")
    if not name:
        yield _required("metadata.name", "name or generateName is required")
    elif kind.plural in _FREE_NAMES:
        if "/" in name or "%" in name or name in (".", ".."):
            yield _bad("metadata.name", name, "may not contain '/'")
    elif kind.plural == "namespaces":
        yield from _matched("metadata.name", name, _LABEL, _NOT_LABEL, 63)
    else:
        yield from _matched("metadata.name", name, _SUBDOMAIN, _NOT_SUBDOMAIN, 63 if kind.plural == "jobs" else 253)
    yield from labels(metadata.get("labels"), "metadata.labels")


def _matched(field: str, value: str, pattern: str, why: str, longest: int) -> Iterator[Json]:
    if len(value) > longest:
        yield _bad(field, value, f"must be no more than {longest} characters")
    if not re.fullmatch(pattern, value):
        yield _bad(field, value, why)


def labels(given: Json | None, field: str) -> Iterator[Json]:
    """What is wrong with labels."""
    for key, value in (given or {}).items():
        prefix, slash, name = key.rpartition("/")
        if not re.fullmatch(_KEY, name) or len(name) > 63:
            yield _bad(field, key, _NOT_KEY)
        if slash and not re.fullmatch(_SUBDOMAIN, prefix):
            yield _bad(field, key, f"prefix part {_NOT_SUBDOMAIN}")
        yield from _matched(field, str(value), _VALUE, _NOT_VALUE, 63)


def _daemon_set(spec: Json) -> Iterator[Json]:
    template = spec.get("template") or {}
    selector = (spec.get("selector") or {}).get("matchLabels") or {}
    given = (template.get("metadata") or {}).get("labels") or {}
    if not spec.get("selector"):
        yield _required("spec.selector")
    elif any(given.get(key) != value for key, value in selector.items()):
        yield _bad("spec.template.metadata.labels", given, "`selector` does not match template `labels`")
    yield from labels(given, "spec.template.labels")
    policy = template["spec"]["restartPolicy"]
    if policy != "Always":
        yield _unsupported("spec.template.spec.restartPolicy", policy, ("Always",))
    yield from _pod(template["spec"], "spec.template.spec")


def _job(spec: Json) -> Iterator[Json]:
    template = spec["template"]
    for name in ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "parallelism", "completions"):
        if isinstance(value := spec.get(name), int) and value < 0:
            yield _bad(f"spec.{name}", value, "must be greater than or equal to 0")
    yield from labels(template["metadata"].get("labels"), "spec.template.labels")
    policy = template["spec"]["restartPolicy"]
    if policy == "Always":
        supported = ("OnFailure", "Never")
        yield _cause(
            "Required",
            "spec.template.spec.restartPolicy",
            f"Required value: valid values: {', '.join(f'{chr(34)}{each}{chr(34)}' for each in supported)}",
        )
    yield from _pod(template["spec"], "spec.template.spec")


def _pod(spec: Json, field: str) -> Iterator[Json]:
    containers = spec.get("containers") or []
    volumes = [volume.get("name", "") for volume in spec.get("volumes") or []]
    if not containers:
        yield _required(f"{field}.containers")
    for number, container in enumerate(containers):
        yield from _container(container, volumes, f"{field}.containers[{number}]")
    for number, toleration in enumerate(spec.get("tolerations") or []):
        yield from _toleration(toleration, f"{field}.tolerations[{number}]")
    names = [container.get("name") for container in containers]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield _cause("Duplicate", f"{field}.containers[{number}].name", f'Duplicate value: "{name}"')
    for number, name in enumerate(volumes):
        if name in volumes[:number]:
            yield _cause("Duplicate", f"{field}.volumes[{number}].name", f'Duplicate value: "{name}"')


def _container(container: Json, volumes: list[str], field: str) -> Iterator[Json]:
    if not container.get("name"):
        yield _required(f"{field}.name")
    else:
        yield from _matched(f"{field}.name", container["name"], _LABEL, _NOT_LABEL, 63)
    if not container.get("image"):
        yield _required(f"{field}.image")
    policy = container["imagePullPolicy"]
    if policy not in ("Always", "IfNotPresent", "Never"):
        yield _unsupported(f"{field}.imagePullPolicy", policy, ("Always", "IfNotPresent", "Never"))
    for number, mount in enumerate(container.get("volumeMounts") or []):
        where = f"{field}.volumeMounts[{number}]"
        if mount.get("name") not in volumes:
            yield _cause("NotFound", f"{where}.name", f'Not found: "{mount.get("name", "")}"')
        if not mount.get("mountPath"):
            yield _required(f"{where}.mountPath")
    context = container.get("securityContext") or {}
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield _bad(f"{field}.securityContext", context, why)
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or []):
            why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield _bad(f"{field}.securityContext", context, why)


def _toleration(toleration: Json, field: str) -> Iterator[Json]:
    operator, effect = toleration.get("operator", "Equal"), toleration.get("effect", "")
    if operator not in ("Equal", "Exists"):
        yield _unsupported(f"{field}.operator", operator, ("Equal", "Exists"))
    if operator == "Exists" and toleration.get("value"):
        yield _bad(f"{field}.operator", toleration, "value must be empty when `operator` is 'Exists'")
    if operator == "Equal" and not toleration.get("key"):
        yield _bad(f"{field}.operator", operator, "operator must be Exists when `key` is empty, which means match all")
    if effect and effect not in _EFFECTS:
        yield _unsupported(f"{field}.effect", effect, _EFFECTS)
