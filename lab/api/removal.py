"""DELETE of an object: at once, gracefully, or behind what it owns, as the options and the resource have it.

apiserver pkg/registry/rest/delete.go and pkg/registry/*/strategy.go of Kubernetes 1.34. What follows (pods that end, a
namespace that empties, dependents that go) is the controllers' work.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lab.api import status
from lab.api.status import RefusedError
from lab.api.writes import Done
from lab.objects import Key, without_pod
from lab.objects.identity import stamp

if TYPE_CHECKING:
    from lab.api.answers import Request, World
    from lab.api.paths import Asked
    from lab.objects import Json, Kind

Policy = Literal["Background", "Foreground", "Orphan"]
FOREGROUND = "foregroundDeletion"  # the finalizer
_OWNERS = ("daemonsets", "jobs")
_KEPT_NAMESPACES = ("default", "kube-public", "kube-system")
_ORPHANS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)
_SHOWN = ("namespaces", "pods", "serviceaccounts")  # answered with the object, not with a Status


class _Preconditions(msgspec.Struct, frozen=True, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class Options(msgspec.Struct, frozen=True, rename="camel"):
    """DeleteOptions, as far as they count here."""

    grace_period_seconds: int | None = None
    propagation_policy: Policy | None = None
    preconditions: _Preconditions | None = None
    dry_run: Any = None


def delete(world: World, kind: Kind, what: Asked, request: Request) -> Done:
    """Carry out a DELETE. RefusedError: 404, 409 for a precondition that does not hold, 403 for kube-system."""
    if not what.name or (kind.namespaced and not what.namespace):
        raise RefusedError(status.method_not_allowed())
    at = Key(kind.group, kind.plural, what.namespace if kind.namespaced else "", what.name)
    obj = world.store.objects.get(at)
    if obj is None:
        raise RefusedError(status.not_found(kind, what.name))
    options = _options(request)
    _check(kind, obj, options.preconditions)
    if kind.plural == "namespaces" and what.name in _KEPT_NAMESPACES:
        raise RefusedError(status.forbidden(kind, what.name, "this namespace may not be deleted"))
    headers: dict[str, str] = {}
    if kind.plural == "jobs" and options.propagation_policy is None:
        headers["Warning"] = f'299 - "{_ORPHANS}"'
    left = obj if options.dry_run else remove(world, at, options)
    if left is None and kind.plural not in _SHOWN:
        return Done(200, status.success(kind, what.name, obj["metadata"]["uid"]), headers)
    return Done(200, left or obj, headers)


def remove(world: World, at: Key, options: Options) -> Json | None:
    """Delete an object that is there; what is left of it for now, None if it is gone."""
    obj = world.store.objects[at]
    if at.plural == "namespaces":
        return _terminate_namespace(world, at, obj)
    if at.plural == "pods":
        return _end_pod(world, at, obj, options.grace_period_seconds)
    policy = options.propagation_policy or ("Orphan" if at.plural == "jobs" else "Background")
    if at.plural in _OWNERS and policy == "Foreground":
        return _marked(world, at, obj)
    if policy == "Orphan":
        _orphan(world, obj["metadata"]["uid"])
    world.store.delete(at)
    return None


def _options(request: Request) -> Options:
    asked: dict[str, object] = {}
    if request.body.strip() not in (b"", b"null"):
        try:
            given = msgspec.json.decode(request.body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise RefusedError(status.bad_request(f"couldn't get version/kind; json parse error: {error}")) from None
        asked |= {name: value for name, value in given.items() if value is not None}
    for name in ("propagationPolicy", "dryRun"):
        if request.query.get(name):
            asked[name] = request.query[name]
    try:
        if request.query.get("gracePeriodSeconds"):
            asked["gracePeriodSeconds"] = int(request.query["gracePeriodSeconds"])
        return msgspec.convert(asked, Options)
    except ValueError as error:
        raise RefusedError(status.bad_request(f"invalid DeleteOptions: {error}")) from None


def _check(kind: Kind, obj: Json, wanted: _Preconditions | None) -> None:
    meta = obj["metadata"]
    pairs = (
        []
        if wanted is None
        else [("UID", wanted.uid, meta["uid"]), ("ResourceVersion", wanted.resource_version, meta["resourceVersion"])]
    )
    for name, theirs, mine in pairs:
        if theirs is not None and theirs != mine:
            why = (
                f"the {name} in the precondition ({theirs}) does not match the {name} in record ({mine}). "
                "The object might have been deleted and then recreated"
            )
            raise RefusedError(status.conflict(kind, meta["name"], why))


def _terminate_namespace(world: World, at: Key, obj: Json) -> Json:
    if obj["status"]["phase"] == "Terminating":
        return obj
    metadata = obj["metadata"] | {"deletionTimestamp": stamp(datetime.now(UTC))}
    return world.store.replace(at, obj | {"metadata": metadata, "status": obj["status"] | {"phase": "Terminating"}})


def _end_pod(world: World, at: Key, pod: Json, grace: int | None) -> Json | None:
    """A pod of the lab's own goes at once with its addresses; a client's is for its kubelet to end and let go."""
    meta, spec = pod["metadata"], pod["spec"]
    if meta["uid"] not in world.managed:
        world.store.apply(without_pod(world.store.objects, at.namespace, at.name))
        return None
    seconds = spec["terminationGracePeriodSeconds"] if grace is None else max(grace, 0)
    if seconds == 0 or not spec.get("nodeName"):
        world.store.delete(at)
        return None
    if meta.get("deletionTimestamp") and seconds >= meta["deletionGracePeriodSeconds"]:
        return pod
    ends = stamp(datetime.now(UTC) + timedelta(seconds=seconds))
    marks = {
        "generation": meta["generation"] + 1,
        "deletionTimestamp": ends,
        "deletionGracePeriodSeconds": seconds,
    }
    return world.store.replace(at, pod | {"metadata": meta | marks})


def _marked(world: World, at: Key, obj: Json) -> Json:
    """The object with the finalizer that holds it until its dependents are gone."""
    meta = obj["metadata"]
    if meta.get("deletionTimestamp"):
        return obj
    marks = {
        "deletionTimestamp": stamp(datetime.now(UTC)),
        "deletionGracePeriodSeconds": 0,
        "finalizers": [*meta.get("finalizers", []), FOREGROUND],
        "generation": meta["generation"] + 1,
    }
    return world.store.replace(at, obj | {"metadata": meta | marks})


def _orphan(world: World, uid: str) -> None:
    """Let what the object owns stay, without the reference to it."""
    for at, obj in list(world.store.objects.items()):
        owners = obj["metadata"].get("ownerReferences") or []
        kept = [owner for owner in owners if owner["uid"] != uid]
        if len(kept) < len(owners):
            metadata = {name: value for name, value in obj["metadata"].items() if name != "ownerReferences"}
            world.store.replace(at, obj | {"metadata": metadata | ({"ownerReferences": kept} if kept else {})})
