"""Rules by which findings are gathered under their causes: each is a join of two sets of findings over some columns.

Nothing here reads a text made for people. A column is a kind of `Difference.about` (node, block, address, …) or one of
the finding's own: `on` (its node), `object`, `subject`, `kind`, `severity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from .values import Finding

Columns = tuple[str, ...]
Key = tuple[str, ...]


class Side(msgspec.Struct, frozen=True):
    """The findings of some checks that have all of some tokens and none of others, and what they are joined by."""

    checks: tuple[str, ...]
    keys: tuple[Columns, ...]
    having: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()


class Rule(msgspec.Struct, frozen=True):
    """Findings of `effect` follow from the foremost one of `cause` with an equal key.

    `twins`: both are signs of the same thing, so only what no rule has explained yet is joined.
    """

    cause: Side
    effect: Side
    twins: bool = False


def facts(finding: Finding) -> dict[str, tuple[str, ...]]:
    """The values of a finding's columns."""
    found: dict[str, tuple[str, ...]] = {}
    for token in finding.about:
        kind, _, value = token.partition(":")
        found[kind] = (*found.get(kind, ()), value)
    own = {
        "on": finding.node,
        "object": finding.object,
        "subject": finding.subject,
        "kind": str(finding.kind),
        "severity": str(finding.severity),
    }
    return found | {name: (value,) for name, value in own.items()}


def side(checks: str | tuple[str, ...], *keys: str, having: str = "", lacking: str = "") -> Side:
    """Keys and tokens as words: `on node` is one key of two columns."""
    names = (checks,) if isinstance(checks, str) else checks
    return Side(names, tuple(tuple(key.split()) for key in keys), frozenset(having.split()), frozenset(lacking.split()))


def twins(*keys: str, checks: str | tuple[str, ...], having: str = "") -> Rule:
    """A rule of twins: the findings of the checks with an equal key are signs of one thing."""
    return Rule(side(checks, *keys, having=having), side(checks, *keys, having=having), twins=True)
