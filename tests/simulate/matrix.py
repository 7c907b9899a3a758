"""Healthy clusters row by row of the decision table, for every release, family and block size that the row knows.

Names are `row/variant/release/families[/size]`; they are unique and stay the same.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulate.parts import DUAL, V4, V6, Families, cluster, flat, racks, workload_pools
from tests.simulate.releases import RELEASES, minor
from tests.simulate.rows_fabric import fabric
from tests.simulate.rows_life import life
from tests.simulate.rows_settings import settings
from tests.simulate.spec import V3, ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_FAMILY: tuple[Families, ...] = (V4, V6, DUAL)
SOME = ("v3.26", "v3.31", "v3.32", "v3.33")
FELIX_OWNS = {"v3.32": "Enabled", "v3.33": "Enabled", "v3.34": "EnabledNoEncapOnly"}


def matrix() -> Iterator[ClusterSpec]:
    """All of them, the decision table's rows first."""
    for release in RELEASES:
        for families in EVERY_FAMILY:
            yield from _table(release, families)
    yield from _sizes()
    yield from life()
    yield from fabric()
    yield from settings()
    for spec in _table("v3.33", DUAL):
        yield msgspec.structs.replace(spec, name=f"v3-group/{spec.name}", api_group=V3)


def _table(release: str, families: Families) -> Iterator[ClusterSpec]:
    """The rows that a pool's mode, the owner, the backend and the subnets make."""
    suffix = f"{release}/{'+'.join(map(str, families))}"
    for (layout, nodes), mode in itertools.product((("flat", flat), ("racks", racks)), ("Always", "CrossSubnet")):
        for backend in ("bird", "vxlan", *(("none",) if mode == "Always" else ())):
            name = f"vxlan-{mode}/{layout}-{backend}/{suffix}"
            yield _cluster(name, release, nodes(families), families, {"vxlan": mode}, backend=backend)
    for layout, nodes in (("flat", flat), ("racks", racks)):
        yield _cluster(f"noencap-bird/{layout}/{suffix}", release, nodes(families), families, {})
        yield _cluster(f"noencap-external/{layout}/{suffix}", release, nodes(families), families, {}, backend="none")
        if release in FELIX_OWNS:
            owner = _owners(FELIX_OWNS[release], "EnabledIPIPOnly" if minor(release) == 34 else "Disabled")
            for backend in ("bird", "none"):
                name = f"noencap-felix/{layout}-{backend}/{suffix}"
                yield _cluster(name, release, nodes(families), families, {}, backend=backend, **owner)
    if 4 in families:
        yield from _ipip(release, families, suffix)


def _ipip(release: str, families: Families, suffix: str) -> Iterator[ClusterSpec]:
    """IPIP is IPv4's alone; a second family is unencapsulated beside it, and so always BIRD's here."""
    for (layout, nodes), mode in itertools.product((("flat", flat), ("racks", racks)), ("Always", "CrossSubnet")):
        name = f"ipip-{mode}/{layout}-default/{suffix}"
        yield _cluster(name, release, nodes(families), families, {"ipip": mode})
        if minor(release) >= 33:
            name = f"ipip-{mode}/{layout}-bird-owns/{suffix}"
            yield _cluster(name, release, nodes(families), families, {"ipip": mode}, **_owners("Disabled", "Enabled"))
            if families == V4:
                name = f"ipip-{mode}/{layout}-no-bird/{suffix}"
                yield _cluster(name, release, nodes(families), families, {"ipip": mode}, backend="vxlan")
        if minor(release) >= 32:
            name = f"ipip-{mode}/{layout}-felix-owns-all/{suffix}"
            owners = _owners("Enabled", "Disabled")
            yield _cluster(name, release, nodes(families), families, {"ipip": mode}, **owners)


def _sizes() -> Iterator[ClusterSpec]:
    """Every block size, by owner."""
    modes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("noencap", {}),
        ("vxlan", {"vxlan": "Always"}),
        ("ipip", {"ipip": "Always"}),
    )
    for release, (name, mode), size in itertools.product(SOME, modes, range(20, 33)):
        sizes = {4: size, 6: 112 + (size - 20) * 16 // 12}
        for families in (V4,) if "ipip" in mode else (V4, V6):
            label = f"block-size/{name}/{release}/{families[0]}/{sizes[families[0]]}"
            pools = workload_pools(families, sizes, **mode)
            yield cluster(label, racks(families), pools, release=release)


def _owners(felix: str, bgp: str) -> dict[str, Any]:
    return {"felix": {"programClusterRoutes": felix}, "bgp": {"programClusterRoutes": bgp}}


def _cluster(
    name: str, release: str, nodes: Any, families: Families, pool: dict[str, Any], **fields: Any
) -> ClusterSpec:
    return cluster(name, nodes, workload_pools(families, **pool), release=release, **fields)
