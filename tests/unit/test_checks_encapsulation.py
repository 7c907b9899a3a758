"""The checks of programmers, tunnels, MTU, WireGuard and the host interface's settings: every message, and its absence
on a healthy cluster with VXLAN as on one without."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from model import net
from model.cluster import ClusterInformation
from model.net import Address, Link, Neighbour, Vxlan
from tests.unit.builders import (
    BLOCK2,
    CALI,
    CUSTOMER,
    DATABASE,
    DUAL,
    LEAVING,
    NODES,
    SIX,
    cali,
    route,
    rule,
    via,
)
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.net import Rule
    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"
DEVICE, DEVICE6, TUNNEL = "vxlan.calico", "vxlan-v6.calico", "tunl0"
POOLS = ("default-ipv4-ippool", "default-ipv6-ippool")


def both(*varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        for one in varies:
            one(cluster)

    return vary


def mac(node: str, suffix: str = "") -> str:
    digest = hashlib.sha1((node + suffix).encode()).hexdigest()
    return ":".join(["66", *(digest[at : at + 2] for at in range(0, 10, 2))])


def vxlan(cluster: Scene) -> None:
    """IPv4 is tunnelled by VXLAN: devices, addresses, and what they know of each other."""
    cluster.api("pools", POOLS[0], vxlan_mode="Always")
    for name, number in NODES.items():
        cluster.api("nodes", name, vxlan_tunnel=f"10.48.9.{number}")
        wire = Vxlan(4096, 4789, f"10.0.0.{number}", "ens160")
        cluster.node(name).add("links", Link(50, DEVICE, "vxlan", True, True, mac(name), 1450, vxlan=wire))
        cluster.node(name).add("addresses", Address(DEVICE, f"10.48.9.{number}", 32, 0))
        for other, last in NODES.items():
            if other != name:
                cluster.node(name).add(
                    "neighbours",
                    Neighbour(net.FAMILY_BRIDGE, DEVICE, None, mac(other), 0x80, f"10.0.0.{last}"),
                    Neighbour(4, DEVICE, f"10.48.9.{last}", mac(other), 0x80),
                )


def vxlan6(cluster: Scene) -> None:
    """IPv6 is tunnelled by VXLAN."""
    cluster.api("pools", POOLS[1], vxlan_mode="Always")
    for name, number in NODES.items():
        cluster.api("nodes", name, vxlan_tunnel_v6=f"fd00:10:48::9:{number:x}")
        wire = Vxlan(4096, 4789, f"fd00:10::{number:x}", "ens160")
        cluster.node(name).add("links", Link(51, DEVICE6, "vxlan", True, True, mac(name, "-v6"), 1430, vxlan=wire))
        cluster.node(name).add("addresses", Address(DEVICE6, f"fd00:10:48::9:{number:x}", 128, 0))
        cluster.node(name).add("addresses", Address(DEVICE6, f"fe80::{number:x}", 64, net.SCOPE_LINK))


def ipip(cluster: Scene) -> None:
    """IPv4 is tunnelled by IPIP."""
    cluster.api("pools", POOLS[0], ipip_mode="Always")
    for name, number in NODES.items():
        cluster.api("nodes", name, ipip_tunnel=f"10.48.9.{number}")
        cluster.node(name).add("links", Link(52, TUNNEL, "ipip", True, True, "", 1480))
        cluster.node(name).add("addresses", Address(TUNNEL, f"10.48.9.{number}", 32, 0))


def on(base: Callable[[Scene], None], *varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    return both(base, *varies)


def device(name: str = DEVICE, /, **fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).link(name, **fields)


def wire(**fields: Any) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        (link,) = (item for item in cluster.node(W1).now.links if item.name == DEVICE)
        cluster.node(W1).link(DEVICE, vxlan=structs.replace(link.vxlan or Vxlan(), **fields))

    return vary


def flow_based(cluster: Scene) -> None:
    for name in NODES:
        cluster.node(name).link(DEVICE, vxlan=Vxlan(external=True), mtu=1500)


def no_link(name: str = DEVICE) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).drop("links", lambda item: item.name == name)


def unread(fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(W1, fact)


def felix(**spec: Any) -> Callable[[Scene], None]:
    return lambda c: c.settings("felix", **spec)


def tunnel_address(**fields: Any) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).change("addresses", lambda item: item.dev == DEVICE, **fields)


DEVICES = "node_has_its_tunnel_devices"
ALL_OF = {(name, name, INAPPLICABLE) for name in NODES}


def says(what: str, severity: str = BROKEN, name: str = DEVICE) -> set[tuple[str, str, str]]:
    return {(W1, f"{name}/{what}" if what else name, severity)}


# of a cluster without tunnels this check says that it does not apply; with them it says nothing
DEVICES_ROWS = [
    Row("unread", unread("links"), {(W1, W1, UNOBSERVED)}, ("links or addresses could not be read",)),
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
    Row("unread", unread("neighbours"), {(W1, W1, UNOBSERVED)}, ("neighbours could not be read",)),
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
    Row("no neighbour", on(vxlan, no_entry(neighbour)), NEIGHBOUR, ("neighbour 10.48.9.12 lladdr",)),
    Row("a neighbour that ages", on(vxlan, entry(neighbour, state=0x04)), NEIGHBOUR),
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

PROGRAMMERS = "each_pools_routes_have_one_programmer"


def release(image: str) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        for name in NODES:
            cluster.api("pods", f"kube-system/calico-node-{name}", images=(f"calico/node:{image}",))

    return vary


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

MTU = "pods_mtu_fits_its_way_out"


def mtu(number: int, key: str = CUSTOMER, node: str = W1) -> Callable[[Scene], None]:
    return both(lambda c: c.node(node).link(cali(key), mtu=number), lambda c: c.inside(key).link("eth0", mtu=number))


def made(at: str, pool: str = "2026-01-01T00:00:00Z", key: str = CUSTOMER) -> Callable[[Scene], None]:
    return both(lambda c: c.api("pods", key, created=at), lambda c: c.api("pools", POOLS[0], created=pool))


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
        {(W1, SIZE, HOUSEKEEPING)},
        ("mtu 1500 or less, as the way out of IPPool default-ipv4-ippool",),
    ),
    Row("smaller", mtu(1300), set()),
    Row("VXLAN", fitting, set()),
    Row(
        "VXLAN, of unknown age",
        on(fitting, mtu(1500)),
        {(W1, SIZE, HOUSEKEEPING)},
        ("mtu 1450 or less", "the pod is older than the tunnel"),
    ),
    Row(
        "VXLAN, made later",
        on(fitting, mtu(1500), made("2026-01-01T00:02:00Z")),
        {(W1, SIZE, WRONG)},
        ("/var/lib/calico/mtu, does not fit the tunnel",),
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
    Row("IPv6", mtu(9000, SIX, W2), {(W2, f"{SIX}/mtu-size", HOUSEKEEPING)}),
    Row("no eth0", lambda c: c.inside(CUSTOMER).set(links=()), set()),
]

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
        "no rule",
        on(wireguard, lambda c: c.node(W1).drop("rules", marked)),
        LOST,
        ("no policy rule leads to a table", "packets take 10.48.0.128/26 via 10.0.0.12 dev ens160 proto bird in clear"),
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
    Row("one key", on(wireguard, lambda c: c.api("nodes", W2, wireguard_key=None)), set()),
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

SETTINGS = "host_interface_has_calicos_settings"


def sysctl(name: str, value: str | None, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).sysctl(name, value)


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
    ),
    Row("no rp_filter with BPF", felix(bpfEnabled=True), set()),
]

TABLES = {
    DEVICES: DEVICES_ROWS,
    PEERS: PEERS_ROWS,
    PROGRAMMERS: PROGRAMMERS_ROWS,
    MTU: MTU_ROWS,
    ENCRYPTED: ENCRYPTED_ROWS,
    SETTINGS: SETTINGS_ROWS,
}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {
    "test_tunnels": [DEVICES, PEERS],
    "test_ownership": [PROGRAMMERS],
    "test_mtu": [MTU],
    "test_wireguard": [ENCRYPTED],
    "test_host_settings": [SETTINGS],
}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []
