"""Faults of the server itself, on request: what a client must survive."""

from __future__ import annotations

import fnmatch
from typing import Literal

import msgspec

TroubleKind = Literal[
    "delay", "hang", "status", "cut", "garbage", "drop",
    "exec-drop", "exec-truncate", "exec-hang", "exec-exit", "exec-delay", "exec-trickle", "exec-garbage",
    "exec-endless",
]  # fmt: skip


class Trouble(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault for requests whose path (without the query) and method match the globs `path` and `method`.

    `delay`: the answer comes after `seconds`. `hang`: it never comes. `status`: a Status with `code`, `text` as its
    message, and Retry-After if `retry_after` is given. `cut`: the connection ends in the middle of the body. `garbage`:
    200, and no JSON. `drop`: the connection ends before any answer. Of an exec all of these come before its upgrade.

    Those that begin with `exec-` hit an exec behind its upgrade, once `after` bytes of standard output (or all of it)
    are sent, if its pod is on a node that matches the glob `node`. `exec-drop`: the connection ends without a close
    frame. `exec-truncate`: it is closed with 1000, and there was no status on channel 3. `exec-hang`: nothing more
    comes. `exec-garbage`: `text` comes in between. `exec-endless`: from there on `text` without end. `exec-delay`: the
    rest comes after `seconds`. `exec-trickle`: standard output comes in pieces of `after` bytes, `seconds` apart.
    `exec-exit`: the command is not run; `text` comes on standard error, `code` is its exit code.

    The first `skip` matching requests are spared, the next `times` (0: all until it is cleared) are hit.
    """

    kind: TroubleKind
    path: str = "*"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    code: int = 500
    retry_after: int | None = None
    method: str = "*"
    node: str = "*"
    after: int = 0
    text: str = ""

    def strikes(self, path: str, method: str, node: str) -> bool:
        """Whether a request is one of those. `node` is that of an exec's pod."""
        if self.kind.startswith("exec-") and not path.endswith("/exec"):
            return False
        pairs = ((path, self.path), (method, self.method), (node, self.node))
        return all(fnmatch.fnmatchcase(is_, wanted) for is_, wanted in pairs)


class KubeletTrouble(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ails a node's kubelet: `dead` (its pods stay as they are, exec finds nobody), or slow to start pods.

    `noticed`: the cluster knows, the Node is NotReady. `on_channel`: exec's failure comes behind the upgrade, as from
    an API server of 1.30 and later, and not as an HTTP answer.
    """

    node: str
    dead: bool = True
    noticed: bool = False
    on_channel: bool = False
    start_seconds: float = 0.0


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

    def take(self, path: str, method: str = "GET", node: str = "") -> Trouble | None:
        """What hits a request now; counts it."""
        for number, trouble in enumerate(self._set):
            if not trouble.strikes(path, method, node):
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
