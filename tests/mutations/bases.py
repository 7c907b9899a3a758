"""What is mutated: every recording without a fault, and one small simulated cluster for each row of the decision table.

The table is that of calico-state §10.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from fixtures.dumps import read_dumps
from tests.simulate.matrix import matrix
from tests.simulate.parts import V4, cluster, racks, workload_pools
from tests.simulate.rows_life import deleted_pools
from tests.simulate.run import simulate
from tests.simulate.spec import PodSpec, PodState

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.snapshot import Snapshot
    from tests.simulate.spec import ClusterSpec

RECORDINGS = Path(__file__).parent.parent / "recordings"
RECORDED = (
    "noencap",
    "borrowed-and-many-blocks",
    "vxlan-always",
    "labelled/base",
    "labelled/base-borrow",
    "labelled/var-02-route-reflector",
    "labelled/var-05-service-advertisement",
    "labelled/var-13a-burst",
    "labelled/var-15-unrelated-things",
)
FEW = (  # two on the first node, so that pods are swapped within a node, too
    PodSpec("app-0", "node1", talks=True),
    PodSpec("app-1", "node1"),
    PodSpec("app-2", "node2"),
    PodSpec("app-3", "node3"),
    PodSpec("done", "node2", state=PodState.COMPLETED),
    PodSpec("agent", "node3", state=PodState.HOST_NETWORK),
)
# Of the simulated matrix. All have two subnets with a router between, so that one cluster shows both of a mode's rows.
ROWS = (
    "vxlan-Always/racks-bird/v3.33/4+6",
    "vxlan-CrossSubnet/racks-vxlan/v3.31/4",
    "ipip-Always/racks-default/v3.33/4",  # Felix's
    "ipip-CrossSubnet/racks-default/v3.34/4",  # Felix's
    "ipip-Always/racks-default/v3.30/4",  # BIRD's
    "ipip-CrossSubnet/racks-bird-owns/v3.33/4",
    "noencap-bird/racks/v3.33/4",
    "noencap-bird/racks/v3.32/6",
    "fabric-default/noencap/v3.33",
    "noencap-felix/racks-bird/v3.33/4",
    "noencap-external/racks/v3.33/4",
    "disabled-no-export/noencap-default/v3.33/4",
    "host-local/noencap-default/v3.33",
    "load-balancer-pool/virtual/v3.33",
    "block-size/noencap/v3.33/4/32",
    "block-size/vxlan/v3.33/4/32",
    "wireguard-v4/noencap/v3.33",
    "wireguard-v4/ipip/v3.33",
)
AS_THEY_ARE = ("borrowed/noencap-default/v3.33/4", "borrowed/vxlan/v3.33/4")  # their pods make the row
DELETED = ("deleted/noencap-default/v3.33", "deleted/vxlan/v3.33")


class Base(NamedTuple):
    """One observation that is mutated, and how it is made. What is said of it before it is mutated does not count."""

    name: str
    make: Callable[[], Snapshot]


def bases() -> tuple[Base, ...]:
    """All of them: recordings, then the decision table's rows."""
    return (*(recorded(RECORDINGS / f"{name}.tar.xz", name) for name in RECORDED), *simulated())


def recorded(path: Path, name: str) -> Base:
    """A recording: a folder or tar of dumps."""
    return Base(name, lambda: read_dumps(path))


@cache
def simulated() -> tuple[Base, ...]:
    """The rows of calico-state §10, in their order as far as one cluster does not show several."""
    known = {spec.name: spec for spec in (*matrix(), *deleted_pools())}
    small = [msgspec.structs.replace(known[name], pods=FEW) for name in ROWS]
    specs = (*small, *_faults(), *(known[name] for name in (*AS_THEY_ARE, *DELETED)))
    return tuple(Base(f"simulated/{spec.name}", _maker(spec)) for spec in specs)


def _maker(spec: ClusterSpec) -> Callable[[], Snapshot]:
    return lambda: simulate(spec)


def _faults() -> tuple[ClusterSpec, ...]:
    """The rows without one programmer: a configuration that is itself the only finding."""
    modes: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("both-own/noencap", {}, _owners("Enabled", "Enabled")),
        ("neither-owns/noencap", {}, _owners("Disabled", "Disabled")),
        ("no-programmer/ipip", {"ipip": "Always"}, {"release": "v3.31", "backend": "none"}),
    )
    nodes = racks(V4)
    return tuple(
        cluster(name, nodes, workload_pools(V4, **mode), **{"pods": FEW, "release": "v3.33", **fields})
        for name, mode, fields in modes
    )


def _owners(felix: str, bgp: str) -> dict[str, Any]:
    return {"felix": {"programClusterRoutes": felix}, "bgp": {"programClusterRoutes": bgp}}
