"""Faults of the server itself, on request: what a client must survive."""

from __future__ import annotations

import fnmatch
from typing import Literal

import msgspec

TroubleKind = Literal["delay", "hang", "status", "cut", "garbage"]


class Trouble(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault for requests whose path (without the query) matches the glob `path`.

    `delay`: the answer comes after `seconds`. `hang`: it never comes. `status`: a Status with `code`, and Retry-After
    if `retry_after` is given. `cut`: the connection ends in the middle of the body. `garbage`: 200, and no JSON.
    The first `skip` matching requests are spared, the next `times` (0: all until it is cleared) are hit.
    """

    kind: TroubleKind
    path: str = "*"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    code: int = 500
    retry_after: int | None = None


class Troubles:
    """The faults that are set. The oldest one that matches hits."""

    def __init__(self) -> None:
        self._set: list[Trouble] = []

    def add(self, trouble: Trouble) -> None:
        """Set one."""
        self._set.append(trouble)

    def clear(self) -> None:
        """Take all away."""
        self._set.clear()

    def take(self, path: str) -> Trouble | None:
        """What hits a request for the path now; counts it."""
        for number, trouble in enumerate(self._set):
            if not fnmatch.fnmatchcase(path, trouble.path):
                continue
            if trouble.skip:
                self._set[number] = msgspec.structs.replace(trouble, skip=trouble.skip - 1)
                continue
            if trouble.times == 1:
                del self._set[number]
            elif trouble.times > 1:
                self._set[number] = msgspec.structs.replace(trouble, times=trouble.times - 1)
            return trouble
        return None
