"""The Status objects with which the API server refuses, word for word as recorded from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.objects import Json, Kind

NOT_SERVED = "404 page not found\n"  # plain text, for a path that no group serves


class RefusedError(Exception):
    """The request ends with this Status. `headers` are added to the response."""

    def __init__(self, status: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(status["message"])
        self.status = status
        self.headers = headers or {}

    @property
    def code(self) -> int:
        """The HTTP status."""
        code: int = self.status["code"]
        return code


def status(code: int, reason: str, message: str, *, details: Json | None = None, metadata: Json | None = None) -> Json:
    """A Status of kind Failure."""
    body: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": metadata or {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if details is not None:
        body["details"] = details
    return body | {"code": code}


def _details(kind: Kind, name: str) -> Json:
    named = {"name": name} if name else {}
    grouped = {"group": kind.group} if kind.group else {}
    return named | grouped | {"kind": kind.plural}


def unauthorized() -> Json:
    """401: a token that nobody has."""
    return status(401, "Unauthorized", "Unauthorized")


def not_found(kind: Kind, name: str) -> Json:
    """404: no object of that name."""
    return status(404, "NotFound", f'{kind.qualified} "{name}" not found', details=_details(kind, name))


def no_resource() -> Json:
    """404: a group of the server's own has no such resource."""
    return status(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(kind: Kind, name: str) -> Json:
    """409: the name is taken."""
    return status(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_details(kind, name))


def forbidden(kind: Kind, name: str, why: str, causes: list[Json] | None = None) -> Json:
    """403: admission does not let the object in."""
    details = _details(kind, name) | ({"causes": causes} if causes else {})
    named = f' "{name}"' if name else ""
    return status(403, "Forbidden", f"{kind.qualified}{named} is forbidden: {why}", details=details)


def invalid(kind: Kind, name: str, causes: list[Json]) -> Json:
    """422: the object does not validate. Each cause has `reason`, `message` and `field`."""
    told = [f"{cause['field']}: {cause['message']}" for cause in causes]
    shown = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = _details(kind, name) | {"kind": kind.kind, "causes": causes}
    return status(422, "Invalid", f'{qualified} "{name}" is invalid: {shown}', details=details)


def conflict(kind: Kind, name: str, why: str) -> Json:
    """409: a precondition does not hold."""
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    message = f'Operation cannot be fulfilled on {qualified} "{name}": {why}'
    return status(409, "Conflict", message, details=_details(kind, name) | {"kind": kind.kind})


def success(kind: Kind, name: str, uid: str) -> Json:
    """200: it is deleted."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": _details(kind, name) | {"uid": uid},
    }


def internal(message: str, causes: list[Json] | None = None) -> Json:
    """500. The message is put behind the words that go with it."""
    details: Json = {"causes": causes or [{"message": message}]}
    return status(500, "InternalError", f"Internal error occurred: {message}", details=details)


def bad_request(message: str) -> Json:
    """400."""
    return status(400, "BadRequest", message)


def method_not_allowed() -> Json:
    """405: the resource is there, and does not do that here."""
    message = "the server does not allow this method on the requested resource"
    return status(405, "MethodNotAllowed", message, details={})


def expired(token: str) -> Json:
    """410: the list's revision is compacted; `token` continues the list as it is now."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. "
        "You can start a new list without the continue parameter, or use the continue token in this response to "
        "retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - "
        "objects that were created, modified, or deleted between the time the first chunk was returned and now may "
        "show up in the list."
    )
    return status(410, "Expired", message, metadata={"continue": token})


_REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def told_to_fail(code: int, text: str = "") -> Json:
    """Any other failure, as the server words it, or with `text` as its message."""
    messages = {
        401: "Unauthorized",
        403: "forbidden: this proxy does not let websocket connections through",
        429: "Too many requests, please try again later.",
        500: "Internal error occurred: etcdserver: request timed out",
        503: "the server is currently unable to handle the request",
        504: "Timeout: request did not complete within the allotted timeout",
    }
    reason = _REASONS.get(code, "InternalError")
    return status(code, reason, text or messages.get(code, f"the server answered {code}"), details={})
