"""What --nodes, --namespaces and --pools take: names with wildcards, or a label selector as kubectl writes it.

A value with an operator (`=`, `!=`, ` in (`, ` notin (`, a leading `!`), or one that starts with `label:`, is one label
selector, and its commas mean *and*; in any other value commas separate names, of which one must match.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from fixtures.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LABEL = "label:"
_KEY = r"(?P<key>(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)"
_VALUE = r"[A-Za-z0-9_.-]{0,63}"
_FORMS = (
    (re.compile(rf"!\s*{_KEY}"), "absent"),
    (re.compile(_KEY), "present"),
    (re.compile(rf"{_KEY}\s*!=\s*(?P<values>{_VALUE})"), "notin"),
    (re.compile(rf"{_KEY}\s*==?\s*(?P<values>{_VALUE})"), "in"),
    (re.compile(rf"{_KEY}\s+(?P<word>in|notin)\s*\(\s*(?P<values>{_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)"), ""),
)
_OPERATOR = re.compile(r"=|\s(?:in|notin)\s*\(|(?:^|,)\s*!")
_COMMA = re.compile(r",(?![^(]*\))")  # outside parentheses
HELP = "names (* and ? match), or a label selector: key=value, key!=value, key in (a,b), !key, label:key"


class Requirement(msgspec.Struct, frozen=True):
    """One term of a selector. As in Kubernetes, a label that is not there is no value, so `notin` holds for it."""

    key: str
    operator: str  # present, absent, in, notin
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it."""
        there = self.key in labels
        if self.operator in {"present", "absent"}:
            return there == (self.operator == "present")
        return (there and labels[self.key] in self.values) == (self.operator == "in")


class Pattern(msgspec.Struct, frozen=True):
    """A name with wildcards, or the terms of one selector; `text` as the user gave it."""

    text: str
    requirements: tuple[Requirement, ...] = ()

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether the object of that name and those labels is meant."""
        if self.requirements:
            return all(term.holds(labels) for term in self.requirements)
        return fnmatchcase(name, self.text)


def patterns(values: Iterable[str], option: str) -> tuple[Pattern, ...]:
    """The patterns of all values of an option. UsageError: one is empty, or no selector that kubectl would read."""
    found: list[Pattern] = []
    for value in values:
        if value.startswith(LABEL) or _OPERATOR.search(value):
            found.append(Pattern(value, tuple(_terms(value.removeprefix(LABEL), option))))
            continue
        names = [name.strip() for name in value.split(",")]
        if not all(names) or any(name.split() != [name] for name in names):
            raise UsageError(f"{option} cannot read {value!r} as names", f"It takes {HELP}.")
        found += map(Pattern, names)
    return tuple(found)


def _terms(selector: str, option: str) -> Iterable[Requirement]:
    for term in _COMMA.split(selector):
        yield _requirement(term.strip(), option)


def _requirement(term: str, option: str) -> Requirement:
    for form, operator in _FORMS:
        found = form.fullmatch(term)
        if found:
            named = found.groupdict()
            values = named.get("values")
            parts = frozenset() if values is None else frozenset(part.strip() for part in values.split(","))
            return Requirement(found["key"], operator or named["word"], parts)
    raise UsageError(f"{option} cannot read {term!r} as a term of a label selector", f"It takes {HELP}.")


def matching(
    wanted: Sequence[Pattern], known: Mapping[str, Mapping[str, str]], option: str, things: str
) -> tuple[str, ...]:
    """The names of those objects that a pattern matches, in order. UsageError: one pattern matches none, and what
    there is."""
    for pattern in wanted:
        if not any(pattern.matches(name, labels) for name, labels in known.items()):
            raise UsageError(f"{option} {pattern.text} matches none of the {len(known):,} {things}", _there_are(known))
    return tuple(sorted(name for name, labels in known.items() if any(one.matches(name, labels) for one in wanted)))


def _there_are(names: Iterable[str], limit: int = 20) -> str:
    every = sorted(names)
    more = f" and {len(every) - limit:,} more" if len(every) > limit else ""
    return f"There are: {', '.join(every[:limit])}{more}." if every else "There are none."
