"""How a check is declared, and the catalogue of all of them.

A check is a function over one case (a pod, a node, the cluster) that returns a Verdict. Its docstring's first paragraph
is the sentence that reports show; the rest says how it is judged. The catalogue is what the engine, the plugin and
docs/checks.md read.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import TypeVar

import msgspec

from model.verdict import Severity, Verdict

F = TypeVar("F", bound="Callable[..., Verdict]")


class Scope(enum.StrEnum):
    """What one item of a check is about: the name of the check function's only parameter."""

    POD = "pod"
    NODE = "node"
    CLUSTER = "cluster"


class Check(msgspec.Struct, frozen=True):
    """One check. `faults` are the rows of the fault catalogue that it finds; `needs` what must have been observed."""

    id: str
    sentence: str
    detail: str
    severity: Severity
    scope: Scope
    faults: tuple[str, ...]
    needs: frozenset[str]
    module: str
    function: Callable[..., Verdict]


CATALOGUE: dict[str, Check] = {}

NEEDS = {
    "pods": "what is inside a pod's network namespace",
    "bird": "BIRD's own view of its sessions",
    "packets": "packets, sent and watched",
}


def check(
    *, faults: tuple[str, ...], severity: Severity = Severity.BROKEN, needs: frozenset[str] = frozenset()
) -> Callable[[F], F]:
    """Declare a check and put it in the catalogue. TypeError for one without a docstring or with a foreign
    parameter."""

    def declare(function: F) -> F:
        sentence, _, detail = (inspect.getdoc(function) or "").partition("\n\n")
        if not sentence:
            raise TypeError(f"{function.__name__} has no docstring, which would be its sentence in every report")
        (parameter,) = inspect.signature(function).parameters
        unknown = needs - NEEDS.keys()
        if unknown:
            raise TypeError(f"{function.__name__} needs {sorted(unknown)}, which no way in is asked for")
        name = function.__name__.removeprefix("test_")
        CATALOGUE[name] = Check(
            id=name,
            sentence=" ".join(sentence.split()).rstrip("."),
            detail=detail.strip(),
            severity=severity,
            scope=Scope(parameter),
            faults=faults,
            needs=needs,
            module=function.__module__.rpartition(".")[2],
            function=function,
        )
        return function

    return declare
