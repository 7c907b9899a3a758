"""The check of encrypted peers: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from model.net import Address, Link
from tests.unit.builders import (
    BLOCK1,
    BLOCK2,
    route,
    rule,
    via,
)
from tests.unit.tables import BROKEN, HOUSEKEEPING, UNOBSERVED, Row, heard, told, untold
from tests.unit.tunnelled import (
    device,
    no_link,
    on,
    own,
    unread,
)

if TYPE_CHECKING:
    from model.net import Rule
    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


ENCRYPTED = "encrypted_peers_are_reached_by_wireguard"
MARK: dict[str, Any] = {"fwmark": 0x100000, "fwmask": 0x100000, "invert": True}


def wireguard(cluster: Scene) -> None:
    """Both workers encrypt IPv4."""
    cluster.settings("felix", wireguardEnabled=True)
    for name, other, cidr in ((W1, W2, BLOCK2), (W2, W1, "10.48.0.64/26")):
        cluster.api("nodes", name, wireguard_key=f"key-{other}")
        cluster.node(name).add("links", Link(60, "wireguard.cali", "wireguard", True, True, "", 1440))
        cluster.node(name).add("rules", rule(99, 1, **MARK))
        cluster.node(name).add("routes", route(cidr, via(None, "wireguard.cali"), table=1, protocol=80))


ENDPOINT = "10.48.9.71"


def addressed(cluster: Scene) -> None:
    """worker1's device has the address that its Node shows."""
    cluster.api("nodes", W1, wireguard_ipv4=ENDPOINT)
    cluster.node(W1).add("addresses", Address("wireguard.cali", ENDPOINT, 32, 0))
    own(cluster, W1, f"{ENDPOINT}/32", "wireguard.cali")


def marked(item: Rule) -> bool:
    return bool(item.fwmark)


LOST = {(W1, f"wireguard/{BLOCK2}", BROKEN)}
ENCRYPTED_ROWS = [
    Row("unread", unread("rules"), {(W1, W1, UNOBSERVED)}, ("routes, rules or links could not be read",)),
    Row("on", wireguard, set()),
    Row(
        "no device",
        on(wireguard, no_link("wireguard.cali")),
        {(W1, "wireguard/wireguard.cali", BROKEN)},
        ("no such interface", "wireguard.cali up", "both nodes have published a key"),
    ),
    Row(
        "down",
        on(wireguard, device("wireguard.cali", up=False)),
        {(W1, "wireguard/wireguard.cali", BROKEN)},
        ("it is administratively down", "Felix enabled it"),
    ),
    Row(
        "enslaved",
        on(wireguard, device("wireguard.cali", master="br0")),
        {(W1, "wireguard/wireguard.cali", BROKEN)},
        ("enslaved to br0",),
    ),
    Row(
        "no carrier",
        on(wireguard, device("wireguard.cali", carrier=False)),
        {(W1, "wireguard/wireguard.cali", BROKEN)},
        ("it has no carrier",),
    ),
    Row(
        "another kind",
        on(wireguard, device("wireguard.cali", kind="dummy")),
        {(W1, "wireguard/wireguard.cali", BROKEN)},
        ("it is of kind dummy",),
    ),
    Row("of a kind that was not told", on(wireguard, device("wireguard.cali", kind="")), set()),
    Row(
        "too large",
        on(wireguard, device("wireguard.cali", mtu=1500)),
        {(W1, "wireguard/wireguard.cali/mtu", BROKEN)},
        ("mtu 1440 or less on wireguard.cali", "mtu 1500", "large packets are lost on the way"),
    ),
    Row("with its address", on(wireguard, addressed), set()),
    Row(
        "without its address",
        on(wireguard, lambda c: c.api("nodes", W1, wireguard_ipv4=ENDPOINT)),
        {(W1, "wireguard/wireguard.cali/address", BROKEN)},
        ("10.48.9.71/32 on wireguard.cali", "on no interface", "Felix has not given it to the device yet"),
    ),
    Row(
        "its address elsewhere",
        on(wireguard, addressed, lambda c: c.node(W1).change("addresses", lambda a: a.address == ENDPOINT, dev="lo")),
        {(W1, "wireguard/wireguard.cali/address", BROKEN)},
        ("10.48.9.71/32 on lo",),
    ),
    Row(
        "no rule",
        on(wireguard, lambda c: c.node(W1).drop("rules", marked)),
        LOST,
        ("no policy rule leads to a table", "packets take 10.48.0.128/26 via 10.0.0.12 dev ens160 proto bird in clear"),
    ),
    Row(
        "a rule whose mask leaves nothing of the mark",
        on(wireguard, lambda c: c.node(W1).change("rules", marked, fwmask=0)),
        LOST,
        ("in clear",),
    ),
    Row(
        "a rule for those that are marked",
        on(wireguard, lambda c: c.node(W1).change("rules", marked, invert=False)),
        set(),
    ),
    Row(
        "no route",
        on(wireguard, lambda c: c.node(W1).drop("routes", lambda r: r.table == 1)),
        LOST,
        ("no route to it in table 1", "in Felix's own table"),
    ),
    Row("no route at all", on(wireguard, lambda c: c.node(W1).set(routes=())), LOST, ("packets to it are lost",)),
    Row(
        "no rule, the route in main",
        on(
            wireguard,
            lambda c: c.node(W1).drop("rules", marked),
            lambda c: c.node(W1).route(BLOCK2, hops=via(None, "wireguard.cali")),
        ),
        set(),
    ),
    Row(
        "one key",
        on(wireguard, lambda c: c.api("nodes", W2, wireguard_key=None)),
        {(W1, f"wireguard/{BLOCK2}", BROKEN), (W2, f"wireguard/{BLOCK1}", BROKEN)},
        ("no route to 10.48.0.128/26 dev wireguard.cali", "has published no key", "it drops what is sent there"),
    ),
    Row(
        "one key, and no way into the table",
        on(
            wireguard,
            lambda c: c.api("nodes", W2, wireguard_key=None),
            lambda c: c.node(W1).drop("rules", marked),
            lambda c: c.node(W2).drop("routes", lambda r: r.table == 1),
        ),
        {(W1, f"wireguard/{BLOCK2}", HOUSEKEEPING)},
    ),
    Row(
        "IPv6 alone",
        on(
            lambda c: c.settings("felix", wireguardEnabledV6=True),
            *(lambda c, n=n: c.api("nodes", n, wireguard_key_v6="k") for n in (W1, W2)),
        ),
        {(W1, "wireguard/wg-v6.cali", BROKEN), (W2, "wireguard/wg-v6.cali", BROKEN)},
    ),
    Row(
        "being claimed",
        on(
            wireguard,
            lambda c: c.node(W1).drop("rules", marked),
            lambda c: c.api("affinities", "worker2-10-48-0-128-26", state="pending"),
        ),
        set(),
    ),
]

TABLES = {ENCRYPTED: ENCRYPTED_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_wireguard", TABLES) == []
