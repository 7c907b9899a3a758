"""The checks of tunnel devices: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from model import net
from model.net import Address, Neighbour, Vxlan
from tests.unit.builders import (
    NODES,
)
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import (
    DEVICE,
    DEVICE6,
    TUNNEL,
    device,
    felix,
    ipip,
    mac,
    no_link,
    on,
    unread,
    vxlan,
    vxlan6,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"


def wire(**fields: Any) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        (link,) = (item for item in cluster.node(W1).now.links if item.name == DEVICE)
        cluster.node(W1).link(DEVICE, vxlan=structs.replace(link.vxlan or Vxlan(), **fields))

    return vary


def flow_based(cluster: Scene) -> None:
    for name in NODES:
        cluster.node(name).link(DEVICE, vxlan=Vxlan(external=True), mtu=1500)


def tunnel_address(**fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).change("addresses", lambda item: item.dev == DEVICE, **fields)


DEVICES = "node_has_its_tunnel_devices"
ALL_OF = {(name, name, INAPPLICABLE) for name in NODES}


def says(what: str, severity: str = BROKEN, name: str = DEVICE) -> set[tuple[str, str, str]]:
    return {(W1, f"{name}/{what}" if what else name, severity)}


# of a cluster without tunnels this check says that it does not apply; with them it says nothing
DEVICES_ROWS = [
    Row("unread", unread("links"), {(W1, W1, UNOBSERVED)}, ("links, addresses, routes or rules could not be read",)),
    Row("VXLAN", vxlan, set()),
    Row("VXLAN of IPv6", vxlan6, set()),
    Row("IPIP", ipip, set()),
    Row("IPIP of an old kernel module", on(ipip, device(TUNNEL, kind="")), set()),
    Row(
        "no device",
        on(vxlan, no_link()),
        says(""),
        ("no such interface", "IPPool default-ipv4-ippool uses vxlan; node worker1 has tunnel address 10.48.9.11"),
    ),
    Row("no tunl0", on(ipip, no_link(TUNNEL)), says("", name=TUNNEL)),
    Row("down", on(vxlan, device(up=False)), says("state"), ("it is administratively down", "vxlan.calico up")),
    Row("no carrier", on(vxlan, device(carrier=False)), says("state"), ("it has no carrier",)),
    Row(
        "enslaved",
        on(vxlan, device(master="br0")),
        says("master"),
        ("enslaved to br0", "vxlan.calico in no other interface"),
    ),
    Row(
        "an address that is no source",
        on(vxlan, tunnel_address(scope=253)),
        says("scope", WRONG),
        ("10.48.9.11/32 with scope global", "scope link"),
    ),
    Row(
        "no local route",
        on(vxlan, lambda c: c.node(W1).drop("routes", lambda r: r.dst == "10.48.9.11/32")),
        says("delivery"),
        ("packets to 10.48.9.11 delivered on the node", "its rules lead elsewhere"),
    ),
    Row(
        "no local route of anything known",
        on(vxlan, lambda c: c.node(W1).drop("routes", lambda r: r.type == net.LOCAL_TYPE)),
        set(),
    ),
    Row("another kind", on(vxlan, device(kind="dummy")), says("kind"), ("vxlan.calico of kind vxlan",)),
    Row("no kind", on(vxlan, device(kind="")), says("kind"), ("none",)),
    Row(
        "no address",
        on(vxlan, lambda c: c.node(W1).drop("addresses", lambda a: a.dev == DEVICE)),
        says("address"),
        ("10.48.9.11/32 on vxlan.calico", "no address"),
    ),
    Row(
        "a wider address",
        on(vxlan, tunnel_address(prefixlen=24)),
        says("address") | says("10.48.9.11/24", WRONG),
        ("no address but 10.48.9.11/32",),
    ),
    Row(
        "a second address",
        on(vxlan, lambda c: c.node(W1).add("addresses", Address(DEVICE, "10.48.9.99", 32, 0))),
        says("10.48.9.99/32", WRONG),
    ),
    Row(
        "no address in the Node",
        on(vxlan, lambda c: c.api("nodes", W1, vxlan_tunnel=None)),
        says("object"),
        ("a tunnel address in Node worker1", "none is stored there"),
    ),
    Row(
        "another mtu than configured",
        on(vxlan, felix(vxlanMTU=1400)),
        {(name, f"{DEVICE}/mtu", WRONG) for name in NODES},
        ("mtu 1400 (FelixConfiguration)", "mtu 1450"),
    ),
    Row("a large mtu", on(vxlan, device(mtu=1500)), says("mtu", WRONG), ("mtu 1450 or less on vxlan.calico",)),
    Row("a small mtu", on(vxlan, device(mtu=1300)), set()),
    Row(
        "a large mtu of IPIP",
        on(ipip, device(TUNNEL, mtu=1500)),
        says("mtu", WRONG, TUNNEL),
        ("mtu 1480 or less on tunl0",),
    ),
    Row("a large mtu of IPv6", on(vxlan6, device(DEVICE6, mtu=1450)), says("mtu", WRONG, DEVICE6)),
    Row("another identifier", on(vxlan, wire(vni=7)), says("identifier"), ("identifier 4096", "identifier 7")),
    Row(
        "a configured identifier",
        on(vxlan, felix(vxlanVNI=7), wire(vni=7)),
        {(name, f"{DEVICE}/identifier", BROKEN) for name in (H1, W2)},
    ),
    Row("another port", on(vxlan, wire(port=8472)), says("port"), ("port 8472",)),
    Row(
        "another local address",
        on(vxlan, wire(local="172.17.0.1")),
        says("local address"),
        ("local address 172.17.0.1",),
    ),
    Row("another parent", on(vxlan, wire(dev="docker0")), says("parent"), ("parent ens160",)),
    Row(
        "nothing known of it",
        on(vxlan, device(vxlan=None)),
        says("identifier") | says("port") | says("local address") | says("parent"),
        ("identifier none",),
    ),
    Row("a short TTL", on(vxlan, wire(ttl=1)), says("ttl", WRONG), ("no ttl of its own", "ttl 1")),
    Row(
        "a TTL of one, and a node behind a router",
        on(vxlan, wire(ttl=1), lambda c: c.api("nodes", W1, bgp_ipv4="10.0.0.11/32")),
        says("ttl"),
    ),
    Row("a long TTL", on(vxlan, wire(ttl=64)), set()),
    Row(
        "another MAC",
        on(vxlan, device(mac="02:00:00:00:00:01")),
        says("mac"),
        ("udev or a network manager changes it",),
    ),
    Row(
        "a stored MAC",
        on(vxlan, lambda c: c.api("nodes", W1, vxlan_mac="02:00:00:00:00:01"), device(mac="02:00:00:00:00:01")),
        set(),
    ),
    Row("flow-based", on(vxlan, wire(external=True)), says("external"), ("collect-metadata mode",)),
    Row(
        "BPF",
        on(
            vxlan,
            felix(bpfEnabled=True),
            flow_based,
        ),
        set(),
    ),
    Row(
        "BPF without an address",
        on(vxlan, felix(bpfEnabled=True), lambda c: c.node(W1).drop("addresses", lambda a: a.dev == DEVICE)),
        set(),
    ),
]

PEERS = "vxlan_device_knows_every_other_node"


def entry(when: Callable[[Neighbour], bool], **fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).change("neighbours", when, **fields)


def no_entry(when: Callable[[Neighbour], bool]) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).drop("neighbours", when)


def fdb(item: Neighbour) -> bool:
    return item.family == net.FAMILY_BRIDGE and item.dst == "10.0.0.12"


def neighbour(item: Neighbour) -> bool:
    return item.address == "10.48.9.12"


FDB, NEIGHBOUR = {(W1, f"{DEVICE}/{W2}/fdb", BROKEN)}, {(W1, f"{DEVICE}/{W2}/neighbour", BROKEN)}
FOREIGN = Neighbour(net.FAMILY_BRIDGE, DEVICE, None, "66:00:00:00:00:01", 0x80, "10.0.0.99")
PEERS_ROWS = [
    Row("unread", on(vxlan, unread("neighbours")), {(W1, W1, UNOBSERVED)}, ("neighbours could not be read",)),
    Row("unread, and nothing to read", unread("neighbours"), set()),
    Row("VXLAN", vxlan, set()),
    Row("no device", on(vxlan, no_link()), set()),
    Row(
        "no entry",
        on(vxlan, no_entry(fdb)),
        FDB,
        (
            "no entry",
            f"fdb {mac(W2)} dst 10.0.0.12 dev vxlan.calico",
            "Felix has not programmed it",
            "node worker2 has VXLAN tunnel address 10.48.9.12",
        ),
    ),
    Row("to another node", on(vxlan, entry(fdb, dst="10.0.0.10")), FDB, (f"{mac(W2)} dst 10.0.0.10",)),
    Row("another MAC", on(vxlan, entry(fdb, mac="66:00:00:00:00:01")), FDB),
    Row("an entry that ages", on(vxlan, entry(fdb, state=0x04)), FDB, ("an entry that ages out", "permanent dev")),
    Row("to another port", on(vxlan, entry(fdb, port=9999)), FDB, (f"{mac(W2)} dst 10.0.0.12 port 9999",)),
    Row("of another identifier", on(vxlan, entry(fdb, vni=77)), FDB, ("dst 10.0.0.12 vni 77",)),
    Row("by another interface", on(vxlan, entry(fdb, via="br9")), FDB, ("dst 10.0.0.12 via br9",)),
    Row("by the parent", on(vxlan, entry(fdb, via="ens160")), set()),
    Row("a static entry", on(vxlan, entry(fdb, state=0x40)), set()),
    Row("no neighbour", on(vxlan, no_entry(neighbour)), NEIGHBOUR, ("neighbour 10.48.9.12 lladdr",)),
    Row(
        "a neighbour that ages",
        on(vxlan, entry(neighbour, state=0x04)),
        NEIGHBOUR,
        (f"10.48.9.12 lladdr {mac(W2)} STALE",),
    ),
    Row(
        "a neighbour of another MAC",
        on(vxlan, entry(neighbour, mac="66:00:00:00:00:01")),
        NEIGHBOUR,
        ("10.48.9.12 lladdr 66:00:00:00:00:01",),
    ),
    Row("on another device", on(vxlan, entry(neighbour, dev="ens160")), NEIGHBOUR),
    Row(
        "of nobody",
        on(vxlan, lambda c: c.node(W1).add("neighbours", FOREIGN)),
        {(W1, f"{DEVICE}/66:00:00:00:00:01", HOUSEKEEPING)},
        (
            "left behind by a node that is gone",
            "no node has address 10.0.0.99",
            "fdb 66:00:00:00:00:01 dst 10.0.0.99",
            "forwarding entries of existing nodes",
        ),
    ),
    Row(
        "of nobody on another device",
        on(vxlan, lambda c: c.node(W1).add("neighbours", structs.replace(FOREIGN, dev="flannel.1"))),
        set(),
    ),
    Row("flow-based", on(vxlan, wire(external=True), no_entry(fdb)), set()),
    Row(
        "a node that changes",
        on(vxlan, no_entry(fdb), lambda c: c.api_later("nodes", W2, vxlan_tunnel="10.48.9.99")),
        set(),
    ),
]

TABLES = {DEVICES: DEVICES_ROWS, PEERS: PEERS_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_tunnels", TABLES) == []
