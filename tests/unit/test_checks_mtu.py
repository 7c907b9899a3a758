"""The check of MTUs: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.builders import (
    CALI,
    CUSTOMER,
    DATABASE,
    DUAL,
    LEAVING,
    SIX,
    cali,
)
from tests.unit.tables import HOUSEKEEPING, INAPPLICABLE, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import (
    POOLS,
    no_link,
    on,
    vxlan,
)
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


MTU = "pods_mtu_fits_its_way_out"


def mtu(number: int, key: str = CUSTOMER, node: str = W1) -> Callable[[Scene], None]:
    return both(lambda c: c.node(node).link(cali(key), mtu=number), lambda c: c.inside(key).link("eth0", mtu=number))


def made(at: str, pool: str = "2026-01-01T00:00:00Z", key: str = CUSTOMER) -> Callable[[Scene], None]:
    return both(lambda c: c.api("pods", key, created=at), lambda c: c.api("pools", POOLS[0], created=pool))


def uplink(number: int) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).link("ens160", mtu=number)


def file_of(seconds: float) -> Callable[[Scene], None]:
    return lambda c: c.seen(W1, mtu_file_time=seconds)


def fitting(cluster: Scene) -> None:
    """VXLAN, and every pod made for it."""
    vxlan(cluster)
    for key, node in (
        (CUSTOMER, W1),
        (DUAL, W1),
        (LEAVING, W1),
        (DATABASE, W2),
        ("yaobank/summary-85c56b76d7-x5jxn", W2),
    ):
        mtu(1450, key, node)(cluster)


HERE = (CUSTOMER, DUAL, LEAVING)
SIZE = f"{CUSTOMER}/mtu-size"
MTU_ROWS = [
    Row("no host interface", no_link(CALI), {(W1, CUSTOMER, INAPPLICABLE)}, ("it has no host interface",)),
    Row(
        "two ends",
        lambda c: c.inside(CUSTOMER).link("eth0", mtu=1400),
        {(W1, f"{CUSTOMER}/mtu-pair", WRONG)},
        (f"eth0 has mtu 1400, {CALI} 1500", "the same mtu on both ends"),
    ),
    Row(
        "larger than the uplink",
        mtu(9000),
        {(W1, SIZE, WRONG)},
        ("mtu 1500 or less, as the way out of IPPool default-ipv4-ippool",),
    ),
    Row("an uplink smaller than the pods", uplink(1000), {(W1, f"{key}/mtu-size", WRONG) for key in HERE}),
    Row("smaller", mtu(1300), set()),
    Row("VXLAN", fitting, set()),
    Row(
        "VXLAN, of unknown age",
        on(fitting, mtu(1500)),
        {(W1, SIZE, HOUSEKEEPING)},
        ("mtu 1450 or less", "the pod is older than what it sends by"),
    ),
    Row(
        "VXLAN, made later",
        on(fitting, mtu(1500), made("2026-01-01T00:02:00Z")),
        {(W1, SIZE, WRONG)},
        ("/var/lib/calico/mtu, does not fit the way out",),
    ),
    Row("VXLAN, made just after it", on(fitting, mtu(1500), made("2026-01-01T00:01:59Z")), {(W1, SIZE, HOUSEKEEPING)}),
    Row("VXLAN, made before it", on(fitting, mtu(1500), made("2025-01-01T00:00:00Z")), {(W1, SIZE, HOUSEKEEPING)}),
    Row(
        "VXLAN, made after the file",
        on(fitting, mtu(1500), made("2025-01-01T00:00:00Z"), file_of(1735689599)),
        {(W1, SIZE, WRONG)},
    ),
    Row(
        "VXLAN, made before the file",
        on(fitting, mtu(1500), made("2026-06-01T00:00:00Z"), file_of(1935689599)),
        {(W1, SIZE, HOUSEKEEPING)},
    ),
    Row("VXLAN, no device", on(fitting, mtu(1500), no_link()), set()),
    Row("outside every pool", both(mtu(9000), lambda c: c.api("pods", CUSTOMER, ips=("10.99.0.1",))), set()),
    Row("IPv6", mtu(9000, SIX, W2), {(W2, f"{SIX}/mtu-size", WRONG)}),
    Row("no eth0", lambda c: c.inside(CUSTOMER).set(links=()), set()),
]

TABLES = {MTU: MTU_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_mtu", TABLES) == []
