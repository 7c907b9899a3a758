"""The last look before anything is written: is a name or an address of the cluster left in what was made of it?

Independent of the rules by which it was made: every text in every field is taken apart and looked up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from fixtures.errors import ToldError
from gate.anonymise.atlas import is_public_as
from gate.anonymise.prose import COMMON, TELLING
from gate.anonymise.words import LABEL, NAMES, VALUE
from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate.anonymise.atlas import Atlas

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PART = re.compile(r"[A-Za-z0-9]+")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]*(?:\d+(?:[._-]\d+){3}|:[0-9A-Fa-f.:]*:)[0-9A-Fa-f:.]*")
_JOINED_SIX = re.compile(r"(?:[0-9A-Fa-f]{0,4}[_-]){2,8}[0-9A-Fa-f]{0,4}")  # as names of objects and sessions write it
_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{0,4}:){2,}[0-9A-Fa-f]{0,4}")  # MAC and IPv6 addresses: no names in them


class LeakError(ToldError):
    """Something of the original would be told; which kind and where, never what."""


class Guard:
    """What must not be left, and looking for it. Every distinct text is looked at once."""

    def __init__(self, atlas: Atlas) -> None:
        noted = atlas.noted
        self._forbidden: dict[str, str] = {}
        for kind in (VALUE, LABEL, *reversed(NAMES)):  # what is several things is told as the first of NAMES
            least = 4 if kind in {LABEL, VALUE} else 2
            names = (name for name in noted.names.get(kind, ()) if len(name) >= least)
            self._forbidden |= dict.fromkeys(names, f"the name of a {kind}")
        made = (name for name in noted.devices if len(name) > 3 and atlas.device(name) != name)
        self._forbidden |= dict.fromkeys(made, "the name of an interface")
        self._forbidden |= dict.fromkeys((text for text in noted.identifiers if len(text) > 7), "an identifier")
        moved = {mac for mac in noted.macs if atlas.mac(mac) != mac}
        self._macs = moved - {atlas.mac(mac).lower() for mac in moved}
        images = {_canonical(atlas.prefix(text)) for text in noted.addresses}
        self._addresses = {_canonical(text) for text in noted.addresses if not atlas.stands(ip.bare(text))} - images
        self._numbers = {number for number in noted.numbers if is_public_as(number)}
        self._atlas = atlas
        self._seen: dict[str, str] = {}

    def check(self, value: object, where: str) -> None:
        """LeakError: the value holds something of the original."""
        for path, item in _texts(value, where):
            found = self._seen.get(item)
            if found is None:
                found = self._seen[item] = next(self._left(item), "")
            if found:
                raise LeakError(
                    f"the anonymised snapshot would still hold {found}, in {path}",
                    "Nothing was written. Please report it: what stands here tells nothing of your cluster.",
                )

    def _left(self, text: str) -> Iterator[str]:
        kept = self._atlas.kept
        if text in kept:
            return
        for word in _candidates(_DIGITS.sub(" ", text)):
            kind = self._forbidden.get(word)
            if kind and word not in kept and word not in COMMON:
                yield kind
        lower = text.lower()
        if lower.count(":") > 4 and any(mac in lower for mac in re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", lower)):
            yield from ("a MAC address" for mac in self._macs if mac in lower)
        for found in _ADDRESS.findall(text):
            if any(each in self._addresses for each in _readings(found)):
                yield "an address"
        for found in _JOINED_SIX.findall(text):
            if any(each in self._addresses for each in _six_readings(found)):
                yield "an address"


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text below a value, keys included, with the names of the fields that lead there."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _texts(getattr(value, field), f"{type(value).__name__}.{field}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path} (a key)", str(key)
            yield from _texts(inner, path)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _texts(inner, path)


def _candidates(text: str) -> Iterator[str]:
    """The text, its words, their parts between dots and underscores, and longer runs of parts between hyphens."""
    yield text
    for word in _WORD.findall(text):
        yield word.rstrip("._-")
        for piece in re.split(r"[._]", word):
            yield piece
            spans = [match.span() for match in _PART.finditer(piece)][:12]
            for at, (start, _) in enumerate(spans):
                for _, end in spans[at:]:
                    if end - start >= TELLING:
                        yield piece[start:end]


def _readings(text: str) -> Iterator[str]:
    """The addresses that a text can mean, however its parts are joined."""
    text = re.sub(r"^:(?!:)|(?<!:):$", "", text.strip("."))  # the colon of a sentence
    for joint in ("_", "-"):
        for dot in (".", ":"):
            yield from _canonical_or_none(text.replace(joint, dot))
    for four in re.findall(r"\d+(?:[._-]\d+){3}", text):
        yield from _canonical_or_none(re.sub(r"[_-]", ".", four))


def _six_readings(text: str) -> Iterator[str]:
    """IPv6 addresses whose colons were replaced, with and without a length behind them."""
    for part in (text, text.rpartition("-")[0], text.partition("_")[2]):
        yield from _canonical_or_none(re.sub(r"[_-]", ":", part))


def _canonical_or_none(text: str) -> Iterator[str]:
    try:
        yield _canonical(text)
    except ValueError:
        return


def _canonical(text: str) -> str:
    return str(ip.address(ip.bare(text)))
