"""Pseudonyms: numbered in the order of the names that they stand for, because some judgements go in that order."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_HEX = frozenset("0123456789abcdefABCDEF")
_TAGS = ("", "x", "y", "z", "xx", "yy", "zz")


def numbered(stem: str, names: Iterable[str], taken: frozenset[str], key: Callable[[str], str] = str) -> dict[str, str]:
    """`stem-01`, `stem-02`, … for the names in their order (by `key`); none of them is a name that is `taken`."""
    ordered = sorted({name for name in names if name}, key=key)
    width = len(str(len(ordered)))
    for tag in _TAGS:
        found = {name: f"{stem}{tag}-{number:0{width}d}" for number, name in enumerate(ordered, 1)}
        if taken.isdisjoint(found.values()):
            return found
    digest = hashlib.sha256("\0".join(sorted(taken)).encode(errors="surrogatepass")).hexdigest()[:8]
    return {name: f"{stem}{digest}-{number:0{width}d}" for number, name in enumerate(ordered, 1)}


class Scrambler:
    """Replacements for what has no order: identifiers, hashes, keys. The same text always gets the same one."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digits(self, kind: str, text: str, count: int) -> str:
        """So many hexadecimal digits in place of a text."""
        message = f"{kind}\0{text}".encode(errors="surrogatepass")
        found = ""
        while len(found) < count:
            found += hmac.digest(self._key, message + len(found).to_bytes(4, "big"), "sha256").hex()
        return found[:count]

    def shaped(self, text: str) -> str:
        """A UUID or another identifier of digits and separators, in its own shape."""
        digits = iter(self.digits("shaped", text, len(text)))
        return "".join(next(digits) if char in _HEX else char for char in text)

    def opaque(self, text: str, stem: str = "x") -> str:
        """A word in place of a text of any shape."""
        return f"{stem}{self.digits('opaque', text, 12)}" if text else ""


def is_identifier(text: str) -> bool:
    """Whether a text is a UUID or a hash: eight hexadecimal digits or more, of both kinds."""
    return re.fullmatch(r"[0-9a-f]{8}(?:[0-9a-f-]*[0-9a-f])?", text) is not None and not (
        text.isdigit() or text.replace("-", "").isalpha()
    )


def first_known(text: str, dictionaries: Iterable[Mapping[str, str]]) -> str | None:
    """The pseudonym of a text in the first dictionary that has it."""
    return next((found for each in dictionaries if (found := each.get(text)) is not None), None)
