"""What the tests of anonymised snapshots share: verdicts side by side, and every text of a snapshot."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from checks.run import judge
from gate.anonymise import Anonymised
from gate.anonymise.observation import held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from model.snapshot import Observation, Snapshot
    from model.verdict import Difference, Gap, Result


def both(snapshot: Observation, key: bytes | None = None) -> tuple[Snapshot, Counter[Any], Counter[Any]]:
    """The anonymised snapshot; then what is said of the original, with its names replaced, and what of the other."""
    found = Anonymised(snapshot, key)
    other = held(found)
    return other, said(judge(snapshot), found.atlas.text), said(judge(other), str)


def said(results: Iterable[Result], rename: Callable[[str], str]) -> Counter[Any]:
    """Everything that is said of every subject but the wording."""

    def difference(item: Difference) -> tuple[Any, ...]:
        kinds = (about.partition(":") for about in item.about)
        about = tuple(sorted(f"{kind}:{rename(value)}" for kind, _, value in kinds))
        return item.kind, rename(item.object), item.severity, about

    def gaps(found: Iterable[Gap]) -> tuple[str, ...]:
        return tuple(sorted(rename(gap.object) for gap in found))

    return Counter(
        (
            item.check,
            rename(item.node),
            rename(item.subject),
            item.outcome,
            item.verdict.examined,
            tuple(sorted(map(difference, item.verdict.differences))),
            gaps(item.verdict.unobserved),
            gaps(item.verdict.inapplicable),
            gaps(item.verdict.unasked),
        )
        for item in results
    )


def texts(value: Any) -> Iterator[str]:
    """Every text below a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(key)
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def every_text(snapshot: Snapshot) -> set[str]:
    """Every text of a snapshot."""
    return set(texts(msgspec.to_builtins(snapshot)))
