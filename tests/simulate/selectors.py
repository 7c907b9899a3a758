"""The small part of Calico's selector language that the simulated peerings use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_EQUALS = re.compile(r"^([\w./-]+)\s*(==|!=)\s*['\"]([^'\"]*)['\"]$")
_HAS = re.compile(r"^(!?)has\(([\w./-]+)\)$")


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """`all()`, `has(x)`, `!has(x)`, `x == 'y'`, `x != 'y'`, joined by `&&`. ValueError for anything else."""
    return all(_one(part.strip(), labels) for part in selector.split("&&"))


def _one(term: str, labels: Mapping[str, str]) -> bool:
    if term == "all()":
        return True
    has = _HAS.match(term)
    if has:
        return (has.group(2) in labels) != bool(has.group(1))
    equals = _EQUALS.match(term)
    if equals is None:
        raise ValueError(f"the simulator knows no selector {term!r}")
    return (labels.get(equals.group(1)) == equals.group(3)) == (equals.group(2) == "==")
