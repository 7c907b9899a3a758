"""The check of who programs the routes: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from model.cluster import ClusterInformation
from tests.unit.tables import BROKEN, INAPPLICABLE, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import (
    felix,
    release,
    vxlan,
)
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


PROGRAMMERS = "each_pools_routes_have_one_programmer"


def fields(of_felix: str, of_bgp: str) -> Callable[[Scene], None]:
    return both(
        release("v3.33.0"),
        felix(programClusterRoutes=of_felix),
        lambda c: c.settings("bgp", programClusterRoutes=of_bgp),
    )


def more_nodes(cluster: Scene) -> None:
    release("v3.33.0")(cluster)
    cluster.relist(information=ClusterInformation("v3.33.0"))
    cluster.add("nodes", *(structs.replace(cluster.cluster.nodes[0], name=name) for name in ("a", "b", "c")))


KIND = "no encapsulation"
PROGRAMMERS_ROWS = [
    Row("none used", lambda c: c.relist(blocks=()), {("", "pools", INAPPLICABLE)}, ("no pool has a block",)),
    Row(
        "both",
        fields("Enabled", "Enabled"),
        {("", f"{KIND}/both", WRONG)},
        (
            "Felix and BIRD both on host1, worker1, worker2",
            "set the two fields as a pair",
            "FelixConfiguration programClusterRoutes is Enabled",
        ),
    ),
    Row(
        "neither",
        fields("Disabled", "Disabled"),
        {("", f"{KIND}/neither", BROKEN)},
        ("neither Felix nor BIRD", "have the fabric route"),
    ),
    Row(
        "neither on one node",
        both(
            fields("Enabled", "Disabled"),
            lambda c: c.settings("felix", "node.worker1", programClusterRoutes="Disabled"),
        ),
        {("", f"{KIND}/neither", BROKEN)},
        ("on worker1",),
    ),
    Row("Felix", fields("Enabled", "Disabled"), set()),
    Row("BIRD", fields("Disabled", "Enabled"), set()),
    Row("unavoidable", both(release("v3.31.0"), felix(programClusterRoutes="Enabled")), set()),
    Row("VXLAN", vxlan, set()),
    Row(
        "many nodes",
        both(
            more_nodes,
            felix(programClusterRoutes="Enabled"),
            lambda c: c.settings("bgp", programClusterRoutes="Enabled"),
        ),
        {("", f"{KIND}/both", WRONG)},
        (" …",),
    ),
    Row(
        "a Windows node",
        both(
            fields("Enabled", "Disabled"),
            lambda c: c.api("nodes", H1, os="windows"),
            lambda c: c.settings("felix", "node.host1", programClusterRoutes="Disabled"),
        ),
        set(),
    ),
]

TABLES = {PROGRAMMERS: PROGRAMMERS_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_ownership", TABLES) == []
