"""SelfSubjectAccessReview: a user asks what it may do, and the same rules answer that decide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lab.api.access import may
from lab.api.rbac import Asks
from lab.api.status import RefusedError, bad_request
from lab.objects.identity import stamp

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.objects import Json


class _Attributes(msgspec.Struct, frozen=True):
    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    resource_attributes: _Attributes | None = None


class _Review(msgspec.Struct, frozen=True):
    spec: _Spec


def reviewed(world: World, user: str, body: bytes) -> Json:
    """The review with its verdict. RefusedError (400) if the body is no review of a resource."""
    try:
        attributes = msgspec.json.decode(body, type=_Review).spec.resource_attributes
    except msgspec.DecodeError as error:
        raise RefusedError(bad_request(f"the object provided is unrecognized: {error}")) from error
    if attributes is None:
        raise RefusedError(bad_request("spec.resourceAttributes: exactly one of them must be given"))
    given = {name: value for name, value in msgspec.structs.asdict(attributes).items() if value}
    resource = f"{attributes.resource}/{attributes.subresource}" if attributes.subresource else attributes.resource
    asks = Asks(attributes.verb, attributes.group, resource, attributes.namespace, attributes.name)
    verdict: Json = {"allowed": may(world, user, asks)}
    if verdict["allowed"] and world.grants is not None and user == world.grants.user:
        verdict["reason"] = world.grants.reason(asks)
    manager = {
        "manager": "lab",
        "operation": "Update",
        "apiVersion": "authorization.k8s.io/v1",
        "time": stamp(datetime.now(UTC)),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:resourceAttributes": {".": {}} | {f"f:{name}": {} for name in sorted(given)}}},
    }
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {"managedFields": [manager]},
        "spec": {"resourceAttributes": given},
        "status": verdict,
    }
