"""PATCH of a Job, as a JSON merge patch (RFC 7386): what clients of the lab change, and nothing else.

pkg/apis/batch/validation (ValidateJobSpecUpdate) of Kubernetes 1.34: the template and what counts pods are immutable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.api import status, validation
from lab.api.status import RefusedError
from lab.api.writes import Done
from lab.objects import Key

if TYPE_CHECKING:
    from lab.api.answers import Request, World
    from lab.api.paths import Asked
    from lab.objects import Json, Kind

_MUTABLE = {"activeDeadlineSeconds", "parallelism", "suspend", "ttlSecondsAfterFinished", "backoffLimit"}
_FIXED = ("name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation")


def patch(world: World, kind: Kind, what: Asked, request: Request) -> Done:
    """Carry out a PATCH. RefusedError: no such Job, an immutable field, a value that does not validate."""
    if kind.plural != "jobs" or not what.name or not what.namespace:
        raise RefusedError(status.method_not_allowed())
    at = Key(kind.group, kind.plural, what.namespace, what.name)
    obj = world.store.objects.get(at)
    if obj is None:
        raise RefusedError(status.not_found(kind, what.name))
    try:
        given = msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise RefusedError(status.bad_request(f"error decoding patch: {error}")) from None
    if not isinstance(given, dict):
        raise RefusedError(status.bad_request("error decoding patch: it is no object"))
    made = _merged(obj, given)
    made["status"] = obj["status"]
    made["metadata"] = made["metadata"] | {name: obj["metadata"][name] for name in _FIXED if name in obj["metadata"]}
    changed = {
        name for name in made["spec"].keys() | obj["spec"].keys() if made["spec"].get(name) != obj["spec"].get(name)
    }
    causes = [_immutable(name) for name in sorted(changed - _MUTABLE)] or validation.causes(kind, made)
    if causes:
        raise RefusedError(status.invalid(kind, what.name, causes))
    if changed:
        made["metadata"]["generation"] = obj["metadata"].get("generation", 1) + 1
    return Done(200, world.store.replace(at, made))


def _merged(old: Json, new: Json) -> Json:
    made = dict(old)
    for name, value in new.items():
        if value is None:
            made.pop(name, None)
        elif isinstance(value, dict) and isinstance(made.get(name), dict):
            made[name] = _merged(made[name], value)
        else:
            made[name] = value
    return made


def _immutable(field: str) -> Json:
    told = "Invalid value: field is immutable"
    return {"reason": "FieldValueInvalid", "message": told, "field": f"spec.{field}"}
