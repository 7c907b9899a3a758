"""From the options to the path of one snapshot: a live observation, or a recording."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fixtures.dumps import read_dumps
from fixtures.errors import UsageError
from fixtures.snapshot_file import is_snapshot, open_snapshot, write_snapshot
from gate.anonymise import Anonymised, LeakError
from gate.choose import choose
from gate.narrow import Narrowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.choose import Labels
    from gate.options import Options
    from model.snapshot import Observation, Selection, Snapshot

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


def take(options: Options, say: Callable[[str], None]) -> tuple[Path, Selection]:
    """The path of the snapshot to judge, and what of it. UsageError, UnobservableError: it cannot be had, and why."""
    kept = options.record if options.record and not options.anonymise else _own(options.out)
    if options.record:
        _check_record(options.record)
    if options.replay is None:
        from gate.live import observe

        return _keep(kept, observe(options, say), options, say)
    if is_snapshot(options.replay):
        with contextlib.closing(open_snapshot(options.replay)) as observation:  # every damage shows here, once
            selection = _chosen(options, observation)
            _check_kept_already(options)
            _publish(options, Narrowed(observation, selection), options.replay, say)
        return options.replay, selection
    read = read_dumps(options.replay)
    return _keep(kept, _under(read, _chosen(options, read)), options, say)


def _keep(path: Path, observed: Snapshot, options: Options, say: Callable[[str], None]) -> tuple[Path, Selection]:
    write_snapshot(path, observed)
    _publish(options, observed, path, say)
    return path, observed.header.selection


def _publish(options: Options, observed: Observation, kept: Path, say: Callable[[str], None]) -> None:
    """Write the anonymised snapshot, where one is asked for. LeakError: it would still tell something."""
    if not options.record or not options.anonymise:
        return
    try:
        write_snapshot(options.record, Anonymised(observed))
    except LeakError as error:
        remedy = f"{error.remedy} What was looked at is in {settled(kept)}: judge it with --replay."
        raise LeakError(error.reason, remedy) from None
    say(f"{options.record} has other names and addresses; what follows and this run's reports have the true ones")


def _check_kept_already(options: Options) -> None:
    """UsageError: a snapshot that is replayed need not be recorded again, unless it is anonymised, and elsewhere."""
    if options.record and not options.anonymise:
        raise UsageError("--record keeps what is looked at now: a snapshot that is replayed is kept already")
    if options.record and options.replay and options.record.resolve() == options.replay.resolve():
        raise UsageError("--record would replace the snapshot that is replayed", "Name another file.")


def _chosen(options: Options, observation: Observation) -> Selection:
    return choose(options.wanted, observation.looks[-1], _no_labels, observation.header.selection)


def _no_labels() -> Labels:
    raise UsageError(
        "--namespaces asks for labels, and a recording holds none of namespaces", "Name the namespaces instead."
    )


def _under(observed: Snapshot, selection: Selection) -> Snapshot:
    header = msgspec.structs.replace(observed.header, selection=selection)
    return msgspec.structs.replace(observed, header=header)


def _check_record(path: Path) -> None:
    """UsageError where no file can be put: told before the look, not after it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(
                f"{path}: cannot be written: it is no plain file, and would be replaced", "Name a file of its own."
            )
    except (FileNotFoundError, NotADirectoryError):
        pass  # the usual case: there is none yet
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(
            f"{path}: cannot be written: {path.parent} is no folder that can be written to",
            "Name a file where you may write.",
        )
