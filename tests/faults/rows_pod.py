"""Rows A: the pod's side."""

from __future__ import annotations

from model import net
from tests.faults.changes import (
    every,
    host,
    inside,
    replace,
)
from tests.faults.changes_api import of
from tests.faults.changes_net import (
    add,
    address,
    drop,
    link,
    neighbours,
    new_link,
    no_address,
    sysctl,
    sysctls,
    to,
    turn,
    via,
)
from tests.faults.places import (
    A0,
    BLOCK1,
    HOST_LL,
    IP,
    IP6,
    LINK,
    V4,
    V6,
)
from tests.faults.row import (
    ALLOCATION,
    ANSWERS,
    ARP,
    DEFAULT,
    DIVERTED,
    ETH0_ADDRESS,
    HOST_ROUTE,
    HOST_SETTINGS,
    LEFTOVER,
    MTU,
    ONE_POD,
    POD_FORWARDS,
    Case,
    Row,
    found,
    on,
)


def _unanswered(item: net.Neighbour) -> net.Neighbour:
    return replace(item, mac=None, state=0x20) if item.address == "169.254.1.1" else item


ROWS = (
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
        (ETH0_ADDRESS,),
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
        (ETH0_ADDRESS,),
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
        (ARP, ANSWERS),
        (
            Case(
                "talking",
                every(
                    host("node1", sysctls({f"net.ipv4.conf.{LINK}.proxy_arp": "0"})),
                    inside(A0, neighbours(_unanswered)),
                ),
                found(
                    (ARP, "node1", f"{A0}/net.ipv4.conf.{LINK}.proxy_arp"),
                    (ANSWERS, "node1", f"{A0}/answer-169.254.1.1"),
                ),
            ),
            Case(
                "talking",
                inside(A0, neighbours(_unanswered)),
                found((ANSWERS, "node1", f"{A0}/answer-169.254.1.1")),
                "with every setting right: something filters ARP",
            ),
        ),
        lab=("F15",),
        recorded=("labelled/fault-10-proxyarp-off",),
        note="an idle pod has no entry, and then proxy_arp on the host interface alone tells",
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
    Row(
        "F9",
        "the pod does not forward although the CNI configuration lets it",
        (POD_FORWARDS,),
        (
            Case(
                "router-pods",
                inside(A0, sysctl(net__ipv4__ip_forward="0")),
                found((POD_FORWARDS, "node1", f"{A0}/net.ipv4.ip_forward")),
            ),
        ),
    ),
)
