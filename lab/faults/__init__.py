"""The faults that the lab can have: one file each, found by looking through this package.

A fault's module says NAME (its row in the catalogue of faults, or a word), KIND (what it strikes: a node, a pod or a
block) and DEFAULT (which one, when none is named), and has `inject(lab, on)` and `undo(lab, on)`; its docstring says
what breaks, and what it takes for the fault to last.
"""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from lab.state import locked, write_whole
from lab.tools import LabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.state import Lab

    Act = Callable[[Lab, str], None]


class Fault(msgspec.Struct, frozen=True):
    """One fault. `kind` is what `--on` names: node, pod or block; `default` the seed's object of that kind."""

    name: str
    summary: str
    kind: str
    default: str
    inject: Act
    undo: Act


def _scan() -> dict[str, Fault]:
    found = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        if hasattr(loaded, "NAME"):
            summary = (loaded.__doc__ or "").partition("\n")[0].removeprefix(f"{loaded.NAME}: ")
            found[loaded.NAME] = Fault(loaded.NAME, summary, loaded.KIND, loaded.DEFAULT, loaded.inject, loaded.undo)
    return found


FAULTS = _scan()


def fault(name: str) -> Fault:
    """The fault of that name, in any case. UsageError if there is none."""
    for known in FAULTS.values():
        if known.name.lower() == name.lower():
            return known
    raise UsageError(f"there is no fault {name!r}; `python -m lab faults` lists them")


def injected(lab: Lab) -> list[tuple[str, str]]:
    """The faults that the lab has at the moment: name and object, in the order they were injected."""
    try:
        return msgspec.json.decode((lab.directory / "faults.json").read_bytes(), type=list[tuple[str, str]])
    except FileNotFoundError:
        return []


def inject(lab: Lab, name: str, on: str | None = None) -> str:
    """Inject a fault, wait until it shows, return its object. UsageError: no such fault or object, or it is there."""
    chosen = fault(name)
    with locked(lab):
        where = _object(lab, chosen, on)
        present = injected(lab)
        if (chosen.name, where) in present:
            raise UsageError(f"{chosen.name} is injected on {where} already")
        chosen.inject(lab, where)
        _record(lab, [*present, (chosen.name, where)])
    return where


def undo(lab: Lab, name: str, on: str | None = None) -> str:
    """Mend a fault, wait until all is as before, return its object. UsageError: no such fault, or it is not there."""
    chosen = fault(name)
    with locked(lab):
        lab.state()
        present = injected(lab)
        struck = [where for known, where in present if known == chosen.name and on in (None, where)]
        if not struck:
            raise UsageError(f"{chosen.name} is not injected{f' on {on}' if on else ''}")
        chosen.undo(lab, struck[-1])
        _record(lab, [each for each in present if each != (chosen.name, struck[-1])])
    return struck[-1]


@contextmanager
def broken(lab: Lab, name: str, on: str | None = None) -> Iterator[str]:
    """The body runs while the lab has the fault; yields the object."""
    where = inject(lab, name, on)
    try:
        yield where
    finally:
        undo(lab, name, where)


def _record(lab: Lab, present: list[tuple[str, str]]) -> None:
    write_whole(lab.directory / "faults.json", msgspec.json.encode(present))


def _object(lab: Lab, chosen: Fault, on: str | None) -> str:
    """What the fault strikes: what was named, or the seed's object, where this lab has it."""
    topology = lab.state().topology
    known = {
        "node": [node.name for node in topology.nodes],
        "pod": [pod.key for pod in topology.pods if pod.wired],
        "block": [block.cidr for block in topology.blocks],
    }[chosen.kind]
    if on is None and chosen.default not in known:
        raise LabError(f"{chosen.name} needs --on: this lab has no {chosen.kind} {chosen.default}")
    where = on or chosen.default
    if where not in known:
        raise UsageError(f"{chosen.name} strikes a {chosen.kind}; there is no {where!r}, only {', '.join(known)}")
    return where
