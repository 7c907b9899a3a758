"""Tables of cases for the checks: a variation of the healthy cluster, and what one check then says that it did not say
before. A message of a check's module that no row produces is found by reading the module."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from checks.run import apply, catalogue
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from model.verdict import Result

CHECKS = Path(__file__).parents[2] / "checks"
Said = frozenset[tuple[str, str, str]]  # node, object, and severity or kind of gap
BROKEN, WRONG, HOUSEKEEPING = "broken", "wrong but working", "housekeeping"
UNOBSERVED, INAPPLICABLE, UNASKED = "unobserved", "inapplicable", "unasked"


class Row(NamedTuple):
    """One case: `says` are the new sayings of the check, all of them; `words` must stand in their texts."""

    name: str
    vary: Callable[[Scene], None]
    says: set[tuple[str, str, str]]
    words: tuple[str, ...] = ()


def run(cluster: Scene, check: str) -> list[Result]:
    """One check over all its subjects."""
    (declared,) = (item for item in catalogue() if item.id == check)
    bench = cluster.bench()
    if declared.scope == "cluster":
        return [apply(declared, bench.cluster)]
    if declared.scope == "node":
        return [apply(declared, bench.node(name)) for name in bench.nodes()]
    return [apply(declared, bench.pod(name, key)) for name in bench.nodes() for key in bench.pods(name)]


def said(results: Iterable[Result]) -> Said:
    """Everything that results say, without its words."""
    found = set()
    for result in results:
        verdict = result.verdict
        found |= {(result.node, item.object, str(item.severity)) for item in verdict.differences}
        for kind in (UNOBSERVED, INAPPLICABLE, UNASKED):
            found |= {(result.node, gap.object, kind) for gap in getattr(verdict, kind)}
    return frozenset(found)


def texts(results: Iterable[Result]) -> Iterator[str]:
    """Every text that results show."""
    for result in results:
        for item in result.verdict.differences:
            yield from (item.object, item.expected, item.because, item.found, item.look, item.likely)
        for kind in (UNOBSERVED, INAPPLICABLE, UNASKED):
            for gap in getattr(result.verdict, kind):
                yield from (gap.object, gap.reason, gap.remedy)


@cache
def healthy(check: str) -> tuple[Result, ...]:
    """What a check says of the healthy cluster: no difference, nothing unobserved."""
    results = tuple(run(scene(), check))
    assert {word for _, _, word in said(results)} <= {INAPPLICABLE}
    return results


_seen: dict[tuple[int, str], tuple[Row, tuple[Result, ...]]] = {}  # with the row, whose identity is the key


def varied(row: Row, check: str) -> tuple[Result, ...]:
    """What a check says of the row's cluster; run once."""
    known = _seen.get((id(row), check))
    if known is None:
        cluster = scene()
        row.vary(cluster)
        known = _seen[id(row), check] = (row, tuple(run(cluster, check)))
    return known[1]


def heard(row: Row, check: str) -> tuple[Said, list[str]]:
    """What the check newly says of the row's cluster, and the row's words that stand in none of its new texts; to be
    compared with `told(row)`."""
    results = varied(row, check)
    old = set(texts(healthy(check)))
    new = [text for text in texts(results) if text not in old]
    return said(results) - said(healthy(check)), [word for word in row.words if not any(word in text for text in new)]


def told(row: Row) -> tuple[Said, list[str]]:
    """All that the row tells, and no word missing."""
    return frozenset(row.says), []


def untold(module: str, check_rows: dict[str, list[Row]], more: Iterable[str] = ()) -> list[str]:
    """The messages of a module of checks/ that no row of these checks produces: `line: message`."""
    known = set(more)
    for check, rows in check_rows.items():
        known.update(texts(healthy(check)))
        for row in rows:
            known.update(texts(varied(row, check)))
    return [
        f"{line}: {pattern.pattern}"
        for line, pattern in sorted(_messages(CHECKS / f"{module}.py"), key=lambda found: found[0])
        if not any(pattern.search(text) for text in known)
    ]


def _messages(path: Path) -> Iterator[tuple[int, re.Pattern[str]]]:
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.FunctionDef):
            for inner in statement.body:
                yield from _texts_of(inner)


def _texts_of(node: ast.AST) -> Iterator[tuple[int, re.Pattern[str]]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"startswith", "get"}:
        return  # compared or looked up, not said
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        if _is_message("".join(str(part) for part in parts if part is not None)):
            pattern = "".join(".*" if part is None else re.escape(str(part)) for part in parts)
            yield node.lineno, re.compile(pattern, re.DOTALL)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _texts_of(part.value)
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and _is_message(node.value):
            yield node.lineno, re.compile(re.escape(node.value), re.DOTALL)
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts_of(child)


def _is_message(text: str) -> bool:
    return " " in text.strip() and re.search(r"[a-z]{2}", text) is not None
