"""Pages of a list: `limit` and `continue`, with tokens like the API server's own (apiserver pkg/storage/continue.go).

A token is the list's revision and the first path behind the last item, as unpadded URL-safe base64 of JSON. The
revision -1, which a 410 hands out, stands for the present.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

import msgspec

from lab.api.status import RefusedError, bad_request, expired

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = "meta.k8s.io/v1"
_PRESENT = -1


class Position(msgspec.Struct, frozen=True):
    """Where a page begins: behind the path `after` ("": at the start), in the list as of `revision` (None: now)."""

    revision: int | None = None
    after: str = ""


def token(revision: int, last: str) -> str:
    """The continue token behind the path `last`."""
    text = json.dumps({"v": _VERSION, "rv": revision, "start": f"/{last}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position(text: str, compacted: int) -> Position:
    """Where a token leads. RefusedError: 400 if it is none, 410 with a fresh token if its revision is compacted."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _bad("illegal base64 data at input byte 0") from None
    try:
        fields = json.loads(decoded)
    except ValueError:
        raise _bad(_like_go(decoded)) from None
    if not isinstance(fields, dict) or fields.get("v") != _VERSION:
        version = fields.get("v", "") if isinstance(fields, dict) else ""
        raise _bad(f'server does not recognize this encoded version "{version}"')
    revision, start = fields.get("rv"), fields.get("start")
    if not isinstance(revision, int) or revision == 0:
        raise _bad(f"incorrect encoded start resourceVersion (version {_VERSION})")
    if not isinstance(start, str) or not start:
        raise _bad(f"encoded start key empty (version {_VERSION})")
    after = start.removeprefix("/")
    if revision < 0:
        return Position(None, after)
    if revision < compacted:
        raise RefusedError(expired(_renewed(start)))
    return Position(revision, after)


def limit(query: Mapping[str, str]) -> int:
    """The page's size; 0 for everything. RefusedError (400) if it is no number."""
    text = query.get("limit", "")
    if not text:
        return 0
    try:
        return max(int(text), 0)
    except ValueError:
        raise RefusedError(bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')) from None


def _renewed(start: str) -> str:
    text = json.dumps({"v": _VERSION, "rv": _PRESENT, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _bad(reason: str) -> RefusedError:
    return RefusedError(bad_request(f"invalid continue token: continue key is not valid: {reason}"))


def _like_go(decoded: bytes) -> str:
    """The words of Go's JSON decoder for the first byte that cannot begin a value."""
    text = decoded.lstrip()
    if not text or text[:1] in b'{["-0123456789tfn':
        return "unexpected end of JSON input"
    shown = json.dumps(chr(text[0]))[1:-1]
    return f"invalid character '{shown}' looking for beginning of value"
