"""The check of the host interface's settings: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.builders import (
    CALI,
    CUSTOMER,
    DUAL,
    LEAVING,
    SIX,
    cali,
)
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import (
    device,
    felix,
    no_link,
    on,
    unread,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


SETTINGS = "host_interface_has_calicos_settings"


def sysctl(name: str, value: str | None, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).sysctl(name, value)


EVERY = "net.ipv4.conf.all.rp_filter"
LOCALNET, DELAY, FILTER = (
    f"net.ipv4.conf.{CALI}.route_localnet",
    f"net.ipv4.neigh.{CALI}.proxy_delay",
    f"net.ipv4.conf.{CALI}.rp_filter",
)
SOURCES = {"cni.projectcalico.org/allowedSourcePrefixes": '["192.0.2.0/24"]'}


def setting(name: str, severity: str, key: str = CUSTOMER, node: str = W1) -> set[tuple[str, str, str]]:
    return {(node, f"{key}/{name}", severity)}


SIX_CALI = f"net.ipv6.conf.{cali(SIX)}"
SETTINGS_ROWS = [
    Row("missing", no_link(CALI), {(W1, CUSTOMER, INAPPLICABLE)}, ("it has no host interface",)),
    Row(
        "unread",
        unread("sysctls"),
        {(W1, key, UNOBSERVED) for key in (CUSTOMER, DUAL, LEAVING)},
        ("sysctls could not be read",),
    ),
    Row(
        "another MAC",
        device(CALI, mac="02:00:00:00:00:01"),
        setting("mac", HOUSEKEEPING),
        ("MAC ee:ee:ee:ee:ee:ee on", "MAC 02:00:00:00:00:01", "udev (MACAddressPolicy)"),
    ),
    Row("MAC in capitals", device(CALI, mac="EE:EE:EE:EE:EE:EE"), set()),
    Row(
        "route_localnet",
        sysctl(LOCALNET, "0"),
        setting(LOCALNET, HOUSEKEEPING),
        ("without it node ports on 127.0.0.1 stay local",),
    ),
    Row(
        "proxy_delay", sysctl(DELAY, "80"), setting(DELAY, HOUSEKEEPING), ("the first answer to the pod's ARP is late",)
    ),
    Row("not read", sysctl(LOCALNET, None), set()),
    Row("IPv6 settings of an IPv4 pod", sysctl(f"net.ipv6.conf.{CALI}.disable_ipv6", "1"), set()),
    Row(
        "disable_ipv6",
        sysctl(f"{SIX_CALI}.disable_ipv6", "1", W2),
        setting(f"{SIX_CALI}.disable_ipv6", BROKEN, SIX, W2),
        ("takes no IPv6 packet",),
    ),
    Row(
        "proxy_ndp",
        sysctl(f"{SIX_CALI}.proxy_ndp", "0", W2),
        setting(f"{SIX_CALI}.proxy_ndp", WRONG, SIX, W2),
        ("nobody answers for addresses behind the node",),
    ),
    Row(
        "accept_ra",
        sysctl(f"{SIX_CALI}.accept_ra", "1", W2),
        setting(f"{SIX_CALI}.accept_ra", WRONG, SIX, W2),
        ("announce itself as the node's router",),
    ),
    Row(
        "strict rp_filter",
        sysctl(FILTER, "1"),
        setting(FILTER, HOUSEKEEPING),
        (f"{FILTER} = 0", f"{FILTER} = 1 (all: 0)", "Felix sets it again at its next refresh (90 s)"),
    ),
    Row(
        "strict rp_filter as the host's default",
        on(
            sysctl(FILTER, "1"),
            *(sysctl(f"net.ipv4.conf.{cali(key)}.rp_filter", "1") for key in (DUAL, LEAVING)),
            sysctl("net.ipv4.conf.default.rp_filter", "1"),
        ),
        set(),
    ),
    Row(
        "strict rp_filter of a pod with other sources",
        on(sysctl(FILTER, "1"), lambda c: c.api("pods", CUSTOMER, annotations=SOURCES)),
        setting(FILTER, WRONG),
        (f"neither {FILTER} nor that of all is 1 (annotation cni.projectcalico.org/allowedSourcePrefixes)",),
    ),
    Row(
        "strict for all, a pod with other sources",
        on(sysctl(EVERY, "1"), lambda c: c.api("pods", CUSTOMER, annotations=SOURCES)),
        setting(FILTER, WRONG),
        (f"{FILTER} = 0 (all: 1)", "a hardening script set it for all interfaces"),
    ),
    Row(
        "strict, but loose for all, a pod with other sources",
        on(sysctl(FILTER, "1"), sysctl(EVERY, "2"), lambda c: c.api("pods", CUSTOMER, annotations=SOURCES)),
        set(),
    ),
    Row("strict for all", sysctl(EVERY, "1"), set()),
    Row("strict, but loose for all", on(sysctl(FILTER, "1"), sysctl(EVERY, "2")), set()),
    Row("loose", sysctl(FILTER, "2"), setting(FILTER, HOUSEKEEPING)),
    Row("no rp_filter with BPF", felix(bpfEnabled=True), set()),
    Row("strict for all with BPF", on(felix(bpfEnabled=True), sysctl(EVERY, "1")), set()),
    Row("strict with BPF", on(felix(bpfEnabled=True), sysctl(FILTER, "1")), setting(FILTER, HOUSEKEEPING)),
]

TABLES = {SETTINGS: SETTINGS_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_host_settings", TABLES) == []
