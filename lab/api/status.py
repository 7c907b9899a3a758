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


def already_exists(kind: Kind, name: str) -> Json:
    """409: the name is taken."""
    return status(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_details(kind, name))


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


_REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}


def told_to_fail(code: int) -> Json:
    """Any other failure, as the server words it."""
    messages = {
        429: "Too many requests, please try again later.",
        500: "Internal error occurred: etcdserver: request timed out",
        503: "the server is currently unable to handle the request",
        504: "Timeout: request did not complete within the allotted timeout",
    }
    reason = _REASONS.get(code, "InternalError")
    return status(code, reason, messages.get(code, f"the server answered {code}"), details={})
