"""The checks of settings that must fit each other: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from model.cluster import ClusterInformation, Node
from tests.unit.tables import BROKEN, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import (
    POOLS,
    felix,
    release,
    vxlan,
)
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


OVERLAP = "no_nodes_address_lies_in_a_pool"


def inside(cluster: Scene) -> None:
    """worker1's address is one of the pool's."""
    cluster.api("nodes", W1, bgp_ipv4="10.48.7.7/24")


def many_inside(cluster: Scene) -> None:
    cluster.add("nodes", *(Node(f"n{at}", "u", "1", internal_ips=(f"10.48.7.{at}",)) for at in range(6)))


OVERLAP_ROWS = [
    Row("unlisted", lambda c: c.relist(unlisted={"ippools": "403"}), {("", "ippools", UNOBSERVED)}, ("403",)),
    Row("no pool", lambda c: c.relist(pools=()), {("", "pools", INAPPLICABLE)}, ("there is no pool, or no node",)),
    Row(
        "inside",
        inside,
        {("", f"{POOLS[0]}/nodes", WRONG)},
        (
            "10.48.7.7 (worker1)",
            "no node's address in 10.48.0.0/16",
            "its addresses are for pods and tunnels",
            "overlaps the nodes' network",
        ),
    ),
    Row(
        "inside an encapsulated one",
        both(inside, lambda c: c.api("pools", POOLS[0], vxlan_mode="Always")),
        {("", f"{POOLS[0]}/nodes", BROKEN)},
    ),
    Row("many inside", many_inside, {("", f"{POOLS[0]}/nodes", WRONG)}, (" …",)),
    Row("a tunnel address inside", vxlan, set()),
]

PRIORITIES = "felix_and_bird_have_the_same_priorities"
FIELD, FIELD6 = "ipv4NormalRoutePriority", "ipv6NormalRoutePriority"


def bgp(**spec: Any) -> Callable[[Scene], None]:
    return lambda c: c.settings("bgp", **spec)


def new(*varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    return both(release("v3.32.0"), *varies)


PRIORITIES_ROWS = [
    Row("any of an old release", bgp(ipv4NormalRoutePriority=900), set()),
    Row("both unset", new(), set()),
    Row(
        "felix alone",
        new(felix(ipv4NormalRoutePriority=900)),
        {("", f"{FIELD}/900-1024", WRONG)},
        (
            "FelixConfiguration 900, BGPConfiguration 1024 on host1, worker1, worker2",
            "BIRD compares the metrics",
            "in one of the two objects only",
            f"the same {FIELD} in both",
        ),
    ),
    Row("BIRD alone", new(bgp(ipv6NormalRoutePriority=900)), {("", f"{FIELD6}/1024-900", WRONG)}),
    Row("both alike", new(felix(ipv4NormalRoutePriority=900), bgp(ipv4NormalRoutePriority=900)), set()),
    Row("one said aloud", new(felix(ipv4NormalRoutePriority=1024)), set()),
    Row("before v3.32", felix(ipv4NormalRoutePriority=900), set()),
    Row(
        "one node",
        new(lambda c: c.settings("felix", "node.worker1", ipv4NormalRoutePriority=900)),
        {("", f"{FIELD}/900-1024", WRONG)},
        ("on worker1",),
    ),
    Row(
        "many nodes",
        new(
            lambda c: c.relist(information=ClusterInformation("v3.32.0")),
            many_inside,
            felix(ipv4NormalRoutePriority=900),
        ),
        {("", f"{FIELD}/900-1024", WRONG)},
        (" …",),
    ),
    Row(
        "felix unlisted",
        lambda c: c.relist(unlisted={"felixconfigurations": "403"}),
        {("", "felixconfigurations", UNOBSERVED)},
    ),
    Row(
        "BGP unlisted",
        lambda c: c.relist(unlisted={"bgpconfigurations": "403"}),
        {("", "bgpconfigurations", UNOBSERVED)},
    ),
]

TABLES = {OVERLAP: OVERLAP_ROWS, PRIORITIES: PRIORITIES_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_settings", TABLES) == []
