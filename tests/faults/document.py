"""The fault catalogue as a page, a line for each row.

`python -m tests.faults.document > docs/faults.md`; a test says when the page is stale.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from tests.faults.catalogue import ENTRIES, IDS
from tests.faults.row import Unseen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.row import Place, Row

HEAD = """# The fault catalogue

Made from `tests/faults`. Each row F is a fault that was reported for Calico, or follows from its code; rows X are
faults of which nobody told, and which changing every recorded fact showed. Each is made on a healthy simulated cluster,
with what the kernel and Calico make of it, and the suite must find just what stands here: check, node, object. The
checks that find the fault itself are in bold, the others find its consequences. *Proved* says where: on the simulated
cluster, and by its name in the lab (`lab/faults`) or on a recording (`tests/recordings`) too.

Objects: `default/a0` and `default/a1` are pods of node1, `10.48.202.64/26` its block; node2 and node3 alike.

| Row | What is broken | What finds it, and where | Proved |
|---|---|---|---|
"""


def page() -> str:
    """The whole page: a line for each row, in their order."""
    entries = {entry.id: entry for entry in ENTRIES}
    return HEAD + "".join(f"{_line(entries[name])}\n" for name in IDS if name in entries)


def _line(entry: Row | Unseen) -> str:
    if isinstance(entry, Unseen):
        return _cells(entry.id, entry.broken, f"*cannot be seen from outside*: {entry.reason}", "—")
    finds = [
        f"{f'*{case.name}*: ' if case.name else ''}{_places(entry, case.found) or 'nothing, and rightly so'}"
        for case in entry.cases
    ]
    if entry.note:
        finds.append(f"({entry.note})")
    proved = ["simulated"] if entry.cases else []
    proved += [f"lab: {', '.join(entry.lab)}"] if entry.lab else []
    proved += [f"recorded: {', '.join(entry.recorded)}"] if entry.recorded else []
    return _cells(entry.id, entry.broken, "; ".join(finds), "; ".join(proved))


def _places(row: Row, places: Iterable[Place]) -> str:
    ordered = sorted(places, key=lambda place: (place[0] not in row.checks, place))
    return ", ".join(
        f"{'**' if check in row.checks else ''}`{check}`{'**' if check in row.checks else ''} "
        f"{node or 'cluster'} {' '.join(f'`{name}`' for _, _, name in group)}"
        for (check, node), group in groupby(ordered, key=lambda place: place[:2])
    )


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
