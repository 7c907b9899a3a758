"""The fault catalogue of calico-state §8: every row F1 to F65, proved or with the reason why it cannot be seen.

Rows X stand beside it.
"""

from __future__ import annotations

from tests.faults import (
    rows_bgp,
    rows_blackhole,
    rows_interface,
    rows_ipam,
    rows_more,
    rows_pod,
    rows_tunnel,
    rows_workload,
)
from tests.faults.row import Row, Unseen

IDS = (*(f"F{number}" for number in range(1, 66)), *rows_more.MORE_IDS)

_PARTS = (rows_pod, rows_interface, rows_workload, rows_blackhole, rows_bgp, rows_tunnel, rows_ipam, rows_more)

ROWS: tuple[Row, ...] = tuple(
    sorted((row for part in _PARTS for row in part.ROWS), key=lambda row: IDS.index(row.id) if row.id in IDS else -1)
)

UNSEEN: tuple[Unseen, ...] = (
    Unseen(
        "F33",
        "blackholes and unencapsulated routes come and go in turns",
        "Only releases up to v3.20 do so, which are not judged. A look that meets the gap reports F28; as it heals "
        "before the second look, it is told as healed.",
    ),
    Unseen(
        "F54",
        "the node's IPv6 default route expired, for it ignores router advertisements while it forwards",
        "The route is not Calico's, and no fact tells that there ever was one: a node without it is healthy where the "
        "network is one subnet, or its routes are static.",
    ),
)

ENTRIES: tuple[Row | Unseen, ...] = (*ROWS, *UNSEEN)
