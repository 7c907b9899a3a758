"""Free text: messages that were recorded, names of BIRD's protocols, what a lookup answered.

Its addresses, identifiers and every known name in it are replaced as they are elsewhere. What nobody can know to be a
name is judged by its shape: host names, e-mail addresses, URLs, home folders and users' names are removed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gate.anonymise.names import is_identifier
from gate.anonymise.words import REMOVED
from model import ip

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.anonymise.words import Words

_SHAPES = (
    re.compile(r"\w+://[^\s\"']+"),
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*"),
    re.compile(r"/(?:home|root|Users)/[^\s\"':]*"),
    re.compile(r"(?<=[Uu]ser )\"[^\"]*\"|(?<=[Uu]ser )'[^']*'"),
)
_MAC = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:])")
_SIX = re.compile(
    r"(?:(?<![0-9A-Za-z:.])|(?<=[A-Za-z]{3}:))(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:/\d{1,3}(?!\d))?"
)
_FOUR = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}(?!\d))?(?![\d]|\.\d)")
_JOINED = re.compile(r"(?<!\d)\d{1,3}([-_])\d{1,3}\1\d{1,3}\1\d{1,3}(?!\d)")
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+\.[a-z]{2,}")
_OURS = re.compile(r"(?:[a-z0-9-]+\.)*(?:kubernetes\.io|k8s\.io|projectcalico\.org|kubevirt\.io|cncf\.io)")
_SESSION = re.compile(r"(Mesh|Node|Global|Local_Workload)_(.+?)((?:_port_\d+)?)")
COMMON = ("default", "host", "cluster", "calico", "kubernetes", "bird", "kernel", "node", "nodes", "pod", "pods")
"""Words that a name can be and a sentence can hold: there they are left alone, but for `default/` before a pod."""
TELLING = 5  # letters: a shorter name inside a longer word is chance
_KEY = re.compile(rf"(?<![\w.-])(?:{'|'.join(COMMON)})/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_BUILT_IN = re.compile(r"(?:kernel|static|device|direct|bfd|bgp|pipe|rpki)\d*")


class _Done(NamedTuple):
    """A part of a text that was replaced already."""

    text: str


class Prose:
    """Replaces in free texts. `known` gives the replacement of a word that is a name, None for any other."""

    def __init__(self, words: Words, known: Callable[[str], str | None], whole: Callable[[str], str | None]) -> None:
        self._words = words
        self._known = known
        self._whole = whole  # what is one thing of several words: a pod's key, an interface's setting, a handle

    def text(self, text: str) -> str:
        """The text with everything replaced that must be."""
        parts: list[str | _Done] = [text]
        for shape in _SHAPES:
            parts = _each(parts, shape, lambda _: REMOVED)
        parts = _each(parts, _MAC, self._words.mac)
        parts = _each(parts, _SIX, self._six)
        parts = _each(parts, _FOUR, self._prefix)
        parts = _each(parts, _KEY, self._whole)
        parts = _each(parts, _WORD, self._word)
        return "".join(part if isinstance(part, str) else part.text for part in parts)

    def _six(self, text: str) -> str | None:
        for end in ("", ":"):
            if text.endswith(end) and _is_address(bare := text[: len(text) - len(end)]):
                return self._prefix(bare) + end
        return None

    def _prefix(self, text: str) -> str:
        return self._words.prefix(text) if _is_address(text) else text

    def _joined(self, found: re.Match[str]) -> str:
        dotted = found[0].replace(found[1], ".")
        return self._prefix(dotted).replace(".", found[1]) if _is_address(dotted) else found[0]

    def _word(self, word: str) -> str:
        found = self._known(word) or self._whole(word)
        if found is not None:
            return found
        if is_identifier(word):
            return self._words.identifier(word)
        session = _SESSION.fullmatch(word)
        if session:
            return self.protocol(word)
        if _HOST.fullmatch(word) and not _OURS.fullmatch(word):
            return REMOVED
        word = _JOINED.sub(self._joined, word)
        return re.sub(r"[A-Za-z0-9-]+", lambda piece: self._known(piece[0]) or self._hyphened(piece[0]), word)

    def _hyphened(self, word: str) -> str:
        """Names between hyphens, the longest first; a short one is taken for chance, as the guard does."""
        parts = word.split("-")
        for size in range(len(parts) - 1, 0, -1):
            for at in range(len(parts) - size + 1):
                run = "-".join(parts[at : at + size])
                found = self._known(run) if len(run) >= TELLING else None
                if found:
                    ends = ("-".join(parts[:at]), "-".join(parts[at + size :]))
                    before, after = (self._hyphened(end) if end else "" for end in ends)
                    return "-".join(filter(None, (before, found, after)))
        return word

    def protocol(self, name: str) -> str:
        """The name of a protocol of BIRD's: confd's hold the peer's address, others an administrator's words."""
        session = _SESSION.fullmatch(name)
        if session:
            for dot in (".", ":"):
                if _is_address(peer := session[2].replace("_", dot)):
                    replaced = self._prefix(peer).replace(".", "_").replace(":", "_")
                    return f"{session[1]}_{replaced}{session[3]}"
            return f"{session[1]}_{self._words.opaque(session[2])}{session[3]}"
        return self._words.keep(name) if _BUILT_IN.fullmatch(name) else self._words.opaque(name)


def _each(parts: list[str | _Done], shape: re.Pattern[str], replace: Callable[[str], str | None]) -> list[str | _Done]:
    """Every match in what is not done yet replaced; one whose replacement is None stays as it is."""
    found: list[str | _Done] = []
    for part in parts:
        if isinstance(part, _Done):
            found.append(part)
            continue
        at = 0
        for match in shape.finditer(part):
            replacement = replace(match[0])
            if replacement is not None:
                found += [part[at : match.start()], _Done(replacement)]
                at = match.end()
        found.append(part[at:])
    return found


def _is_address(text: str) -> bool:
    try:
        ip.span(text)
    except ValueError:
        return False
    return "." in text or ":" in text
