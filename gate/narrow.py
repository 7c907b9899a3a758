"""An observation as a run is to judge it: the same facts under a selection of the run's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fixtures.snapshot_file import open_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.snapshot_file import SnapshotFile
    from model.cluster import Look
    from model.node import NodeFacts
    from model.snapshot import Header, Healed, NodeRecord, Selection
    from model.trial import Trials


class Narrowed:
    """A snapshot file with another selection in its header. Close it, as the file itself."""

    def __init__(self, file: SnapshotFile, selection: Selection) -> None:
        self._file = file
        self._header = msgspec.structs.replace(file.header, selection=selection)

    @property
    def header(self) -> Header:
        return self._header

    @property
    def looks(self) -> tuple[Look, ...]:
        return self._file.looks

    @property
    def nodes(self) -> tuple[NodeRecord, ...]:
        return self._file.nodes

    @property
    def healed(self) -> tuple[Healed, ...]:
        return self._file.healed

    @property
    def trials(self) -> Trials:
        return self._file.trials

    def facts(self, name: str) -> NodeFacts:
        """As `model.snapshot.Observation.facts`."""
        return self._file.facts(name)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def open_narrowed(path: Path, selection: Selection) -> Narrowed:
    """Open a snapshot to be judged under that selection. UsageError as `open_snapshot`."""
    return Narrowed(open_snapshot(path), selection)
