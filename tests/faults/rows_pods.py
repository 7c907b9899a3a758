"""Rows A (the pod's side) and B (the host interface). A0 is a pod of node1, LINK its host interface."""

from __future__ import annotations

from model import net
from tests.faults.changes import (
    add,
    address,
    drop,
    every,
    host,
    inside,
    link,
    neighbours,
    new_link,
    no_address,
    no_link,
    of,
    replace,
    settings,
    sysctl,
    sysctls,
    to,
    turn,
    via,
    without_namespace,
    workload,
)
from tests.faults.row import (
    ALLOCATION,
    ARP,
    DEFAULT,
    DIVERTED,
    ETH0,
    ETH0_ADDRESS,
    FORWARDS,
    HOST_ADDRESS,
    HOST_ROUTE,
    HOST_SETTINGS,
    INTERFACE,
    LEFTOVER,
    MTU,
    ONE_POD,
    PEER,
    Case,
    Row,
    found,
    on,
)

A0, A1, LINK, LINK1 = "default/a0", "default/a1", "cali8161413a3fb", "cali5cce677186e"
IP, IP6 = "10.48.202.64", "fd00:48::d7:ca40"  # A0's in noencap; with a tunnel the first address is the tunnel's
BLOCK1 = "10.48.202.64/26"
V4, V6 = "0.0.0.0/0", "::/0"
HOST_LL = "fe80::ecee:eeff:feee:eeee"
_FORWARDING = "net.ipv4.conf.{}.forwarding"


def _unanswered(item: net.Neighbour) -> net.Neighbour:
    return replace(item, mac=None, state=0x20) if item.address == "169.254.1.1" else item


_POD_SIDE = (
    Row(
        "F1",
        "the pod's default route is lost (eth0 went down and up inside it)",
        (DEFAULT,),
        (
            Case(
                "noencap",
                inside(A0, drop(to(V4, "169.254.1.1/32"))),
                found(*on(DEFAULT, "node1", f"{A0}/default-ipv4", f"{A0}/169.254.1.1")),
            ),
            Case(
                "noencap-dual",
                inside(A0, drop(to(V6))),
                found((DEFAULT, "node1", f"{A0}/default-ipv6")),
                "IPv6",
            ),
        ),
        lab=("F1",),
    ),
    Row(
        "F2",
        "the pod's default route goes by a wrong gateway or interface",
        (DEFAULT, DIVERTED),
        (
            Case(
                "noencap",
                inside(A0, turn(to(V4), hops=(net.Hop("10.48.202.66", "eth0", net.HOP_ONLINK),))),
                found((DEFAULT, "node1", f"{A0}/default-ipv4")),
                "gateway",
            ),
            Case(
                "noencap",
                inside(
                    A0,
                    new_link(net.Link(3, "tun0", "tun", True, True, "", 1500)),
                    address("tun0", "10.200.0.2/24"),
                    turn(to(V4), hops=(net.Hop("10.200.0.1", "tun0"),)),
                ),
                found((DEFAULT, "node1", f"{A0}/default-ipv4")),
                "interface",
            ),
            Case(
                "noencap",
                inside(A0, add(via("10.48.0.0/16", "10.48.202.66", "eth0", net.PROTO_BOOT, 0))),
                found((DIVERTED, "node1", f"{A0}/10.48.0.0/16")),
                "beside it",
            ),
        ),
    ),
    Row(
        "F3",
        "the pod's address has the length of the block: its neighbours look on-link",
        (ETH0_ADDRESS, DIVERTED),
        (
            Case(
                "noencap",
                inside(A0, no_address("eth0", IP), address("eth0", f"{IP}/26")),
                found(
                    (ETH0_ADDRESS, "node1", f"{A0}/{IP}/32"),
                    (DIVERTED, "node1", f"{A0}/{BLOCK1}"),
                ),
            ),
        ),
        lab=("F3",),
    ),
    Row(
        "F4",
        "the sandbox was made anew with another address, and the pod's status still shows the old one",
        (ETH0_ADDRESS, HOST_ROUTE, LEFTOVER, ONE_POD),
        (
            Case(
                "noencap",
                every(
                    of("pods", A0, ips=("10.48.202.70",)),
                ),
                found(
                    *on(ETH0_ADDRESS, "node1", f"{A0}/10.48.202.70/32", f"{A0}/{IP}/32"),
                    (HOST_ROUTE, "node1", f"{A0}/10.48.202.70/32"),
                    (LEFTOVER, "node1", f"{IP}/32"),
                    (ONE_POD, "", "10.48.202.70/allocation"),
                    (ALLOCATION, "", f"{BLOCK1}/held by a pod that is not there"),
                ),
            ),
        ),
    ),
    Row(
        "F5",
        "the pod's IPv6 default route names a link-local address that its host interface had before its MAC changed",
        (DEFAULT,),
        (
            Case(
                "noencap-dual",
                host(
                    "node1",
                    link(LINK, mac="02:00:00:00:00:07"),
                    no_address(LINK, HOST_LL),
                    address(LINK, "fe80::ff:fe00:7/64", scope=net.SCOPE_LINK),
                ),
                found(
                    (DEFAULT, "node1", f"{A0}/default-ipv6"),
                    (HOST_SETTINGS, "node1", f"{A0}/mac"),
                ),
            ),
        ),
    ),
    Row(
        "F6",
        "IPv6 is off on the host interface: no link-local address, so no IPv6 route on either side",
        (DEFAULT, HOST_SETTINGS),
        (
            Case(
                "noencap-dual",
                every(
                    host(
                        "node1",
                        no_address(LINK, HOST_LL),
                        drop(to(f"{IP6}/128")),
                        sysctls({f"net.ipv6.conf.{LINK}.disable_ipv6": "1"}),
                    ),
                    inside(A0, drop(to(V6))),
                ),
                found(
                    (DEFAULT, "node1", f"{A0}/default-ipv6"),
                    (HOST_ROUTE, "node1", f"{A0}/{IP6}/128"),
                    (HOST_SETTINGS, "node1", f"{A0}/net.ipv6.conf.{LINK}.disable_ipv6"),
                ),
            ),
        ),
    ),
    Row(
        "F7",
        "nobody answers the pod's ARP for its gateway: 169.254.1.1 is FAILED in its neighbour table",
        (ARP,),
        (
            Case(
                "talking",
                every(
                    host("node1", sysctls({f"net.ipv4.conf.{LINK}.proxy_arp": "0"})),
                    inside(A0, neighbours(_unanswered)),
                ),
                found((ARP, "node1", f"{A0}/net.ipv4.conf.{LINK}.proxy_arp")),
            ),
        ),
        lab=("F15",),
        recorded=("labelled/fault-10-proxyarp-off",),
        note="the entry itself is no evidence: an idle pod has none; proxy_arp on the host interface is the cause",
    ),
    Row(
        "F8",
        "the pod's MTU is larger than the tunnel's by which its pool leaves",
        (MTU,),
        (
            Case(
                "vxlan",
                every(host("node1", link(LINK, mtu=1500)), inside(A0, link("eth0", mtu=1500))),
                found((MTU, "node1", f"{A0}/mtu-size")),
            ),
        ),
        recorded=("no-owner", "pool-deleted", "duplicate-host-route"),
    ),
)

_HOST_SIDE = (
    Row(
        "F10",
        "the pod's pair of interfaces is gone (the node rebooted, the sandbox was not made anew)",
        (ETH0, PEER),
        (
            Case(
                "noencap",
                every(host("node1", no_link(LINK)), inside(A0, no_link("eth0"))),
                found(
                    (ETH0, "node1", A0),
                    (PEER, "node1", A0),
                    (HOST_ROUTE, "node1", f"{A0}/{IP}/32"),
                ),
            ),
            Case(
                "noencap",
                every(host("node1", no_link(LINK)), without_namespace(A0)),
                found(
                    (ETH0, "node1", A0),
                    (PEER, "node1", A0),
                    (HOST_ROUTE, "node1", f"{A0}/{IP}/32"),
                ),
                "with its namespace",
            ),
        ),
        lab=("F10",),
    ),
    Row(
        "F11",
        "a host interface is left of a pod that is gone",
        (INTERFACE, LEFTOVER),
        (
            Case(
                "noencap",
                host(
                    "node1",
                    new_link(net.Link(90, "cali00000000001", "veth", True, False, "ee:ee:ee:ee:ee:ee", 1500, 2, 9)),
                ),
                found((INTERFACE, "node1", "cali00000000001")),
            ),
            Case(
                "noencap",
                host(
                    "node1",
                    new_link(net.Link(90, "cali00000000001", "veth", True, True, "ee:ee:ee:ee:ee:ee", 1500, 2, 9)),
                    add(workload("10.48.202.90/32", "cali00000000001")),
                ),
                found((INTERFACE, "node1", "cali00000000001"), (LEFTOVER, "node1", "10.48.202.90/32")),
                "with its route",
            ),
        ),
        recorded=("labelled/fault-24b-duplicate-ip-spread",),
    ),
    Row(
        "F12",
        "the host interface was taken down: the kernel drops the pod's route",
        (PEER, HOST_ROUTE, ETH0),
        (
            Case(
                "noencap",
                every(
                    host("node1", link(LINK, up=False, carrier=False), drop(to(f"{IP}/32")), no_address(LINK, HOST_LL)),
                    inside(A0, link("eth0", carrier=False)),
                ),
                found(
                    (PEER, "node1", A0),
                    (ETH0, "node1", A0),
                    (HOST_ROUTE, "node1", f"{A0}/{IP}/32"),
                ),
            ),
        ),
        lab=("F12",),
    ),
    Row(
        "F13",
        "a network manager has taken over the host interface: an address of its own, another MAC, the route flushed",
        (HOST_ADDRESS,),
        (
            Case(
                "noencap",
                host(
                    "node1",
                    address(LINK, "169.254.7.7/16", scope=net.SCOPE_LINK),
                    link(LINK, mac="02:00:00:00:00:07"),
                    drop(to(f"{IP}/32")),
                ),
                found(
                    (HOST_ADDRESS, "node1", f"{A0}/169.254.7.7/16"),
                    (HOST_ROUTE, "node1", f"{A0}/{IP}/32"),
                    (HOST_SETTINGS, "node1", f"{A0}/mac"),
                    (LEFTOVER, "node1", "169.254.0.0/16"),
                    (LEFTOVER, "node1", "169.254.7.7/32"),
                ),
            ),
        ),
    ),
    Row(
        "F14",
        "the host interface has another MAC than Calico's (udev's MACAddressPolicy)",
        (HOST_SETTINGS,),
        (
            Case(
                "noencap",
                host("node1", link(LINK, mac="02:00:00:00:00:07")),
                found((HOST_SETTINGS, "node1", f"{A0}/mac")),
            ),
        ),
    ),
    Row(
        "F15",
        "proxy_arp or forwarding is off on the host interface: the pod reaches nothing",
        (ARP,),
        (
            Case(
                "noencap",
                host("node1", sysctls({_FORWARDING.format(LINK): "0"})),
                found((ARP, "node1", f"{A0}/{_FORWARDING.format(LINK)}")),
                "forwarding",
            ),
            Case(
                "noencap-dual",
                host("node1", sysctls({f"net.ipv6.conf.{LINK}.forwarding": "0"})),
                found((ARP, "node1", f"{A0}/net.ipv6.conf.{LINK}.forwarding")),
                "IPv6 forwarding",
            ),
            Case(
                "noencap",
                host("node1", sysctls({f"net.ipv4.conf.{LINK}.proxy_arp": "0"})),
                found((ARP, "node1", f"{A0}/net.ipv4.conf.{LINK}.proxy_arp")),
                "proxy_arp",
            ),
        ),
        lab=("F15", "F15-forwarding"),
        recorded=("labelled/fault-10-proxyarp-off",),
    ),
    Row(
        "F16",
        "accept_ra is on, or proxy_ndp off, on the host interface of an IPv6 pod",
        (HOST_SETTINGS,),
        (
            Case(
                "noencap-dual",
                host("node1", sysctls({f"net.ipv6.conf.{LINK}.accept_ra": "1"})),
                found((HOST_SETTINGS, "node1", f"{A0}/net.ipv6.conf.{LINK}.accept_ra")),
                "accept_ra",
            ),
            Case(
                "noencap-dual",
                host("node1", sysctls({f"net.ipv6.conf.{LINK}.proxy_ndp": "0"})),
                found((HOST_SETTINGS, "node1", f"{A0}/net.ipv6.conf.{LINK}.proxy_ndp")),
                "proxy_ndp",
            ),
        ),
    ),
    Row(
        "F17",
        "the node does not forward (a hardening script): the kernel clears every interface's forwarding with it",
        (FORWARDS,),
        (
            Case(
                "noencap",
                host(
                    "node1",
                    sysctl(net__ipv4__ip_forward="0", net__ipv4__conf__all__forwarding="0"),
                    sysctls({_FORWARDING.format(name): "0" for name in (LINK, LINK1, "ens160")}),
                ),
                found(
                    (FORWARDS, "node1", "net.ipv4.ip_forward"),
                    (ARP, "node1", f"{A0}/{_FORWARDING.format(LINK)}"),
                    (ARP, "node1", f"{A1}/{_FORWARDING.format(LINK1)}"),
                ),
            ),
            Case(
                "noencap",
                every(
                    settings("felix", ipForwarding="Disabled"),
                    host(
                        "node1",
                        sysctl(net__ipv4__ip_forward="0", net__ipv4__conf__all__forwarding="0"),
                        sysctls({_FORWARDING.format(name): "0" for name in (LINK, LINK1, "ens160")}),
                    ),
                ),
                found(
                    (FORWARDS, "node1", "net.ipv4.ip_forward"),
                    (ARP, "node1", f"{A0}/{_FORWARDING.format(LINK)}"),
                    (ARP, "node1", f"{A1}/{_FORWARDING.format(LINK1)}"),
                ),
                "ipForwarding Disabled",
            ),
        ),
        lab=("F17",),
    ),
    Row(
        "F18",
        "strict reverse-path filtering on the host interface where the host's default is none",
        (HOST_SETTINGS,),
        (
            Case(
                "noencap",
                host("node1", sysctls({f"net.ipv4.conf.{LINK}.rp_filter": "1"})),
                found((HOST_SETTINGS, "node1", f"{A0}/net.ipv4.conf.{LINK}.rp_filter")),
            ),
        ),
    ),
)

ROWS = (*_POD_SIDE, *_HOST_SIDE)
