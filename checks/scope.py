"""Which pools' cluster routes are judged: those that BIRD alone programs. One home for the decision and its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expect.world import route_class
from model.verdict import Gap

if TYPE_CHECKING:
    from expect.ownership import Ownership
    from model.cluster import IPPool


def not_judged(ownership: Ownership, pool: IPPool | None, prefix: str) -> Gap | None:
    """Why the routes and blackholes of a prefix are not judged; None if they are."""
    if ownership.only_bird and str(route_class(pool)) == "no encapsulation":
        return None
    owners = " and ".join(sorted(ownership.owners)) or "nobody"
    where = f"IPPool {pool.name}" if pool else "no IPPool"
    return Gap(prefix, f"{where}: its routes are programmed by {owners}, not by BIRD alone without encapsulation")
