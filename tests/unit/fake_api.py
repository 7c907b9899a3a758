"""An API server that answers from a script, in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from fixtures.api.session import Api
from fixtures.api.transport import Answer, DroppedError, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reaction = Callable[[str, Any], tuple[int, Any]]


class FakeTransport:
    """Answers `METHOD path` with the next of its reactions, the last one again and again; 404 for what it knows not.

    A reaction is a status with a body, DROPPED, or a function of the path and the body sent.
    """

    host = "https://fake"

    def __init__(self, script: Mapping[str, list[Any]]) -> None:
        self.script = {path: list(reactions) for path, reactions in script.items()}
        self.asked: list[str] = []
        self.sent: list[Any] = []

    def get(self, path: str, query: object = None) -> Answer:
        return self.send("GET", path)

    def send(
        self, method: str, path: str, query: object = None, body: bytes | None = None, content: str = ""
    ) -> Answer:
        question = f"{method} {path}"
        self.asked.append(question)
        given = json.loads(body) if body else None
        self.sent.append(given)
        reactions = self.script.get(question, [(404, {"message": f"{path} not found"})])
        reaction = reactions.pop(0) if len(reactions) > 1 else reactions[0]
        if reaction == DROPPED:
            raise DroppedError("it was cut")
        status, answer = reaction(path, given) if callable(reaction) else reaction
        return Answer(status, {"date": "Mon, 23 Nov 2026 10:10:00 GMT"}, json.dumps(answer).encode())


DROPPED = "dropped"


def fake(script: Mapping[str, list[Any]]) -> tuple[Api, FakeTransport]:
    """The connection, and what it is made of."""
    transport = FakeTransport(script)
    return Api("here", cast("Transport", transport), pause=lambda _seconds: None), transport


def listed(*items: Any) -> tuple[int, Any]:
    """A list as answer."""
    return 200, {"items": list(items), "metadata": {}}


def named(name: str, **meta: Any) -> dict[str, Any]:
    """An object of that name."""
    return {"metadata": {"name": name, **meta}}
