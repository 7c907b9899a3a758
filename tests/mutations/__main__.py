"""`python -m tests.mutations`: mutate healthy recordings, judge, print the score; fails on what nobody explained."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fixtures.dumps import read_dumps
from tests.mutations.reviewed import ENTRIES
from tests.mutations.run import Judged, Subject, run, sample, stale
from tests.mutations.score import Score, page

RECORDINGS = Path(__file__).parent.parent / "recordings"
HEALTHY = (RECORDINGS / "noencap.tar.xz",)


def main(arguments: list[str] | None = None) -> int:
    """0: every mutation is found or listed, and every entry is used. 1: not so. 4: a recording that is not healthy."""
    options = _options().parse_args(arguments)
    results: list[Judged] = []
    for recording in options.recording or HEALTHY:
        subject = Subject(read_dumps(recording))
        if subject.baseline.said:
            sys.stderr.write(f"{recording.name} is not healthy: {min(subject.baseline.said)}\n")
            return 4
        chosen = sample(subject, options.sample, options.seed) if options.sample else None
        results += run(subject, chosen, options.workers)
    score = Score(results)
    unused = [] if options.sample else stale(results)
    idle = (f"STALE: {entry.kind} {entry.field} {entry.operation}: {entry.reason}" for entry in unused)
    sys.stdout.write("\n".join((*score.lines(), *idle, score.sentence(), "")))
    if options.write:
        names = [recording.name.partition(".")[0] for recording in options.recording or HEALTHY]
        options.write.write_text(page(score, ENTRIES, names), encoding="utf-8")
    return 1 if score.unlisted or unused else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--recording", type=Path, action="append", help="a folder or tar of dumps; noencap by default")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="judge N mutations drawn by the seed")
    parser.add_argument("--seed", default="0", help="of the sample")
    parser.add_argument("--workers", type=int, default=None, help="processes; as many as there are cores by default")
    parser.add_argument("--write", type=Path, default=None, metavar="FILE", help="write the score as Markdown")
    return parser


if __name__ == "__main__":
    sys.exit(main())
