"""`python -m tests.mutations`: mutate healthy recordings and simulated clusters, judge, print the score; fails on what
nobody explained."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutations.bases import bases, recorded
from tests.mutations.page import page
from tests.mutations.reviewed import ENTRIES
from tests.mutations.run import Needs, Subject, run, sample
from tests.mutations.score import Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.mutations.bases import Base


def main(arguments: list[str] | None = None) -> int:
    """0: every mutation is found or listed, and every entry is needed. 1: not so. 2: no such base."""
    options = _options().parse_args(arguments)
    chosen = _chosen(options)
    if not chosen:
        sys.stderr.write(f"no base is called {', '.join(options.only)}; --list shows them all\n")
        return 2
    if options.list:
        sys.stdout.write("".join(f"{base.name}\n" for base in chosen))
        return 0
    score, needs = Score(), Needs()
    for base in chosen:
        _mutate(base, score, needs, options)
    whole = not options.only and not options.recording and all(tally.whole for tally in score.bases)
    idle = [entry for number, entry in enumerate(ENTRIES) if whole and not needs.proofs[number]]
    stale = (f"STALE: {entry.kind} {entry.field} {entry.operation}: {entry.reason}" for entry in idle)
    sys.stdout.write("\n".join((*score.lines(), *stale, score.sentence(), "")))
    if options.write:
        options.write.write_text(page(score, ENTRIES), encoding="utf-8")
    return 1 if score.unlisted or idle else 0


def _mutate(base: Base, score: Score, needs: Needs, options: argparse.Namespace) -> None:
    start = time.monotonic()
    subject = Subject(base.make())
    size = len(subject.mutations)
    wanted = options.sample if options.sample and options.sample < size else 0
    numbers = sample(subject, wanted, options.seed) if wanted else None
    results = run(subject, numbers, options.workers, needs, _teller(base.name, len(numbers or subject.mutations)))
    tally = score.add(base.name, size, results)
    sys.stderr.write(f"{tally.line()}, {time.monotonic() - start:.0f} s\n")


def _teller(name: str, size: int) -> Callable[[int], None]:
    return lambda done: print(f"{name}: {done:,} of {size:,}", file=sys.stderr)  # noqa: T201 - progress, for people


def _chosen(options: argparse.Namespace) -> list[Base]:
    if options.recording:
        return [recorded(path, path.name.partition(".")[0]) for path in options.recording]
    return [base for base in bases() if not options.only or any(part in base.name for part in options.only)]


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument(
        "--recording", type=Path, action="append", help="a folder or tar of dumps, instead of the bases"
    )
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="the bases whose names hold this")
    parser.add_argument("--list", action="store_true", help="print the bases' names, and do no more")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="judge N of each base, drawn by the seed")
    parser.add_argument("--seed", default="0", help="of the sample")
    parser.add_argument("--workers", type=int, default=None, help="processes; as many as there are cores by default")
    parser.add_argument("--write", type=Path, default=None, metavar="FILE", help="write the score as Markdown")
    return parser


if __name__ == "__main__":
    sys.exit(main())
