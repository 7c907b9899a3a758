"""From a request to its answer, without any transport: authentication, authorization, then the resource."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from lab.api import access, discovery, paging, patches, removal, review, selectors, status, writes
from lab.api.admission import Gate
from lab.api.paths import Asked, asked
from lab.objects import KINDS, Json, Key, Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.api.rbac import Grants
    from lab.api.store import Store

_REMEMBERED = 10_000  # requests


class Request(msgspec.Struct, frozen=True):
    """What arrived. `authorization` is the header's text."""

    method: str
    path: str
    query: dict[str, str] = {}
    authorization: str | None = None
    body: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """What is sent back."""

    code: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class Served(msgspec.Struct, frozen=True):
    """One request that was answered: for tests that ask what a client really did."""

    user: str
    method: str
    path: str
    query: dict[str, str]
    code: int


class World:
    """What answers depend on: the objects, who has which token, what is denied. `address` is the server's host:port.

    `grants` is the user for whom roles and bindings decide, if one is set. `managed` holds the UIDs of what clients
    made: only of these do controllers take care, so that the lab's own pods stay as its topology has them.
    """

    def __init__(self, store: Store, tokens: Mapping[str, str], address: str = "") -> None:
        self.store = store
        self.tokens = dict(tokens)
        self.rules: set[access.Rule] = set()
        self.grants: Grants | None = None
        self.gate = Gate()
        self.managed: set[str] = set()
        self.address = address
        self.served: deque[Served] = deque(maxlen=_REMEMBERED)


def answer(world: World, request: Request) -> Reply:
    """The answer to a request, refusals included; remembered in `world.served`."""
    user = "-"
    try:
        user = access.user_of(request.authorization, world.tokens)
        what = asked(request.method, request.path, request.query)
        access.allow(world, user, what)
        reply = _resource(world, user, what, request) if what.resource else _document(world, what)
    except status.RefusedError as refused:
        reply = refusal(refused)
    world.served.append(Served(user, request.method, request.path, request.query, reply.code))
    return reply


def refusal(refused: status.RefusedError) -> Reply:
    """A Status as answer."""
    return Reply(refused.code, msgspec.json.encode(refused.status), headers=refused.headers)


_BUILT_IN = {(kind.group, kind.version) for kind in KINDS if not kind.custom}


def _not_served() -> Reply:
    return Reply(404, status.NOT_SERVED.encode(), "text/plain")


def _document(world: World, what: Asked) -> Reply:
    if what.path in ("/healthz", "/livez", "/readyz"):
        return Reply(200, b"ok", "text/plain")
    found = discovery.document(what.path, world.address)
    if found is None:
        return _not_served()
    if what.verb != "get":
        raise status.RefusedError(status.method_not_allowed())
    return Reply(200, msgspec.json.encode(found))


def _resource(world: World, user: str, what: Asked, request: Request) -> Reply:
    if (what.group, what.version, what.resource) == ("authorization.k8s.io", "v1", "selfsubjectaccessreviews"):
        if what.verb != "create":
            raise status.RefusedError(status.method_not_allowed())
        return Reply(201, msgspec.json.encode(review.reviewed(world, user, request.body)))
    try:
        kind = kind_of(what.resource, what.group)
    except KeyError:
        if (what.group, what.version) in _BUILT_IN:
            raise status.RefusedError(status.no_resource()) from None
        return _not_served()
    if what.version != kind.version or (what.subresource and not (kind.status and what.subresource == "status")):
        return _not_served()
    if what.namespace and not kind.namespaced and kind.plural != "namespaces":
        return _not_served()
    if what.verb == "get":
        return _get(world, kind, what)
    if what.verb == "list":
        return _list(world, kind, what, request.query)
    done = None if what.subresource else _written(world, user, kind, what, request)
    if done is not None:
        return Reply(done.code, msgspec.json.encode(done.body), headers=done.headers)
    raise status.RefusedError(status.method_not_allowed())


def _written(world: World, user: str, kind: Kind, what: Asked, request: Request) -> writes.Done | None:
    """What came of a write; None for a verb that is not carried out here."""
    if what.verb == "create":
        return writes.create(world, user, kind, what, request)
    if what.verb == "delete":
        return removal.delete(world, kind, what, request)
    if what.verb == "patch":
        return patches.patch(world, kind, what, request)
    return None


def _get(world: World, kind: Kind, what: Asked) -> Reply:
    if kind.namespaced and not what.namespace:
        return _not_served()
    at = Key(kind.group, kind.plural, what.namespace if kind.namespaced else "", what.name)
    obj = world.store.objects.get(at)
    if obj is None:
        raise status.RefusedError(status.not_found(kind, what.name))
    return Reply(200, msgspec.json.encode(obj))


def _list(world: World, kind: Kind, what: Asked, query: dict[str, str]) -> Reply:
    store = world.store
    start = paging.Position()
    if query.get("continue"):
        if query.get("resourceVersion", "0") not in ("", "0"):
            message = "specifying resource version is not allowed when using continue"
            raise status.RefusedError(status.bad_request(message))
        start = paging.position(query["continue"], store.compacted)
    revision = store.revision if start.revision is None else start.revision
    page = store.page(
        (kind.group, kind.plural),
        revision=revision,
        prefix=f"{what.namespace}/" if what.namespace else "",
        after=start.after,
        limit=paging.limit(query),
        wanted=selectors.wanted(kind, query),
    )
    # Lists of custom resources always carry the field `continue`, those of built-in kinds where there is more.
    meta: Json = {"resourceVersion": str(revision)} | ({"continue": ""} if kind.custom else {})
    if page.last is not None:
        meta["continue"] = paging.token(revision, page.last)
    if page.remaining is not None:
        meta["remainingItemCount"] = page.remaining
    body = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta}
    return Reply(200, msgspec.json.encode(body | {"items": [msgspec.Raw(item) for item in page.items]}))
