"""From the options to the path of one snapshot: a live observation, or a recording."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.dumps import read_dumps
from fixtures.errors import UsageError
from fixtures.snapshot_file import is_snapshot, open_snapshot, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.options import Options

SNAPSHOT = "snapshot.zst"
RUNNING = ".snapshot-"


def _own(out: Path) -> Path:
    """A place of this run's own until it ends: two runs in one checkout must not judge each other's snapshot.

    What a run that was killed left there is removed.
    """
    for left in out.glob(f"{RUNNING}*.zst"):
        pid = left.stem.removeprefix(RUNNING)
        if not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)
    return out / f"{RUNNING}{os.getpid()}.zst"


def settled(path: Path) -> Path:
    """Give a run's own snapshot its lasting name at the end of the run; any other path stays as it is."""
    if not path.name.startswith(RUNNING):
        return path
    return path.replace(path.with_name(SNAPSHOT))


def take(options: Options, say: Callable[[str], None]) -> Path:
    """The path of the snapshot to judge. UsageError, UnobservableError: it cannot be had, and why."""
    kept = options.record or _own(options.out)
    if options.replay is None:
        from gate.live import observe

        if not os.access(kept.parent, os.W_OK):
            raise UsageError(f"{kept.parent} is no folder that can be written to", "Name a file where you may write.")
        write_snapshot(kept, observe(options, say))
        return kept
    if is_snapshot(options.replay):
        open_snapshot(options.replay).close()  # every damage shows here, once, and not in each worker
        if options.record:
            raise UsageError("--record keeps what is looked at now: a snapshot that is replayed is kept already")
        return options.replay
    write_snapshot(kept, read_dumps(options.replay))
    return kept
