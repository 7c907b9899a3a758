"""F42: a route in the pool leads to an address that no node has, as one left behind by a node that is gone.

BIRD would remove such a `proto bird` route at its next scan: it is made in its configuration, and not announced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import LabError
from model import ip

from .common import mended, nobody, static_route

if TYPE_CHECKING:
    from lab.state import Lab
    from lab.topology import Topology

NAME, KIND, DEFAULT = "F42", "node", "worker1"


def _unclaimed(topology: Topology) -> str:
    """The pool's first block that no node has."""
    pool = topology.pools[0]
    claimed = [ip.network(block.cidr) for block in topology.blocks]
    for candidate in ip.network(pool.cidr).subnets(new_prefix=pool.block_size):
        if not any(candidate.version == each.version and candidate.overlaps(each) for each in claimed):
            return str(candidate)
    raise LabError(f"every block of {pool.cidr} is claimed")


def inject(lab: Lab, on: str) -> None:
    topology = lab.state().topology
    static_route(lab, on, NAME, _unclaimed(topology), f"via {nobody(topology, on)}")


def undo(lab: Lab, on: str) -> None:
    mended(lab, on, NAME)
