"""From the options to the path of one snapshot: a live observation, or a recording."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fixtures.dumps import read_dumps
from fixtures.errors import UsageError
from fixtures.snapshot_file import is_snapshot, open_snapshot, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.options import Options

SNAPSHOT = "snapshot.zst"


def take(options: Options, say: Callable[[str], None]) -> Path:
    """The path of the snapshot to judge. UsageError, UnobservableError: it cannot be had, and why."""
    kept = options.record or options.out / SNAPSHOT
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
