"""POST of an object: completed, admitted, validated, stored; refused as the API server refuses it."""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lab.api import admission, defaults, status, validation
from lab.api.status import RefusedError
from lab.api.store import ExistsError
from lab.objects import Key
from lab.objects.identity import stamp

if TYPE_CHECKING:
    from lab.api.answers import Request, World
    from lab.api.paths import Asked
    from lab.objects import Json, Kind

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # of generated names: apimachinery util/rand
_QUANTITY = r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?"
_SHOWN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_LONGEST_BASE = 58  # of a generated name, so that the whole is a label


class Done(msgspec.Struct, frozen=True):
    """A write that was carried out: what is answered."""

    code: int
    body: dict[str, Any]
    headers: dict[str, str] = {}


def create(world: World, user: str, kind: Kind, what: Asked, request: Request) -> Done:
    """Carry out a POST. RefusedError for everything that a real server would not accept."""
    if kind.namespaced and not what.namespace:
        raise RefusedError(status.method_not_allowed())
    given = _decoded(kind, request.body)
    namespace = what.namespace if kind.namespaced else ""
    if given["metadata"].get("namespace") not in (None, "", namespace):
        told = "the namespace of the provided object does not match the namespace sent on the request"
        raise RefusedError(status.bad_request(told))
    made, warnings = create_object(world, user, kind, namespace, given, dry=bool(request.query.get("dryRun")))
    headers = {"Warning": ", ".join(f"299 - {_quoted(each)}" for each in warnings)} if warnings else {}
    return Done(201, made, headers)


def create_object(
    world: World, user: str, kind: Kind, namespace: str, given: Json, *, dry: bool = False
) -> tuple[Json, list[str]]:
    """Create an object as a POST does; the object and the warnings. `dry`: everything but storing it."""
    named = given["metadata"].get("name") or _generated(given["metadata"].get("generateName", ""))
    if namespace:
        admission.namespace_lives(world, kind, namespace, named)
    _check_quantities(kind, given)
    obj = defaults.completed(kind.plural, given | {"metadata": _metadata(given["metadata"], named, namespace)})
    obj = admission.mutated(world, kind, obj, _random())
    if causes := validation.causes(kind, obj):
        raise RefusedError(status.invalid(kind, named, causes))
    warnings = admission.validated(world, user, kind, obj)
    at = Key(kind.group, kind.plural, namespace, named)
    if at in world.store.objects:
        raise RefusedError(status.already_exists(kind, named))
    typed = {"kind": kind.kind, "apiVersion": kind.api_version} | obj
    if dry:
        return typed, warnings
    world.managed.add(obj["metadata"]["uid"])
    try:
        return world.store.create(at, typed), warnings
    except ExistsError:
        raise RefusedError(status.already_exists(kind, named)) from None


def _decoded(kind: Kind, body: bytes) -> Json:
    try:
        given = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        told = (
            f"the object provided is unrecognized (must be of type {kind.kind}): couldn't get version/kind; "
            f"json parse error: {error}"
        )
        raise RefusedError(status.bad_request(told)) from None
    if not isinstance(given, dict) or not isinstance(given.get("metadata", {}), dict):
        told = f"the object provided is unrecognized (must be of type {kind.kind}): it is no object"
        raise RefusedError(status.bad_request(told))
    if given.get("apiVersion", kind.api_version) != kind.api_version or given.get("kind", kind.kind) != kind.kind:
        version, name = given.get("apiVersion", kind.api_version), given.get("kind", kind.kind)
        told = f'{name} in version "{version}" cannot be handled as a {kind.kind}'
        raise RefusedError(status.bad_request(told))
    return {"metadata": {}} | _without_null(given)


def _check_quantities(kind: Kind, obj: Json) -> None:
    """RefusedError (400) where a container asks for an amount that is none (apimachinery resource.ParseQuantity)."""
    spec = obj.get("spec") or {}
    pod = spec if kind.plural == "pods" else (spec.get("template") or {}).get("spec") or {}
    for container in pod.get("containers") or []:
        for amounts in (container.get("resources") or {}).values():
            for amount in amounts.values() if isinstance(amounts, dict) else ():
                if not re.fullmatch(_QUANTITY, str(amount)):
                    told = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: quantities '
                    raise RefusedError(status.bad_request(f"{told}must match the regular expression '{_SHOWN}'"))


def _without_null(value: Json) -> Json:
    """The client's models write null for what is not set; the server takes that for absent."""
    kept: Json = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            kept[name] = _without_null(inner)
        elif isinstance(inner, list):
            kept[name] = [_without_null(each) if isinstance(each, dict) else each for each in inner]
        elif inner is not None:
            kept[name] = inner
    return kept


def _metadata(given: Json, name: str, namespace: str) -> Json:
    fixed: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    fixed |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp(datetime.now(UTC))}
    theirs = ("labels", "annotations", "ownerReferences", "finalizers", "generateName")
    return fixed | {field: given[field] for field in theirs if given.get(field)}


def _generated(base: str) -> str:
    return f"{base[:_LONGEST_BASE]}{_random()}" if base else ""


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def _quoted(text: str) -> str:
    """A quoted-string of RFC 9110."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
