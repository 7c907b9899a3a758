"""Rows B: the host interface."""

from __future__ import annotations

from model import net
from tests.faults.changes import (
    every,
    host,
    inside,
    without_namespace,
)
from tests.faults.changes_api import of, settings
from tests.faults.changes_net import (
    add,
    address,
    drop,
    link,
    new_link,
    no_address,
    no_link,
    sysctl,
    sysctls,
    to,
    turn,
    workload,
)
from tests.faults.places import (
    A0,
    A1,
    BLOCK3,
    HOST_LL,
    IP,
    LINK,
    LINK1,
    OTHER_MAC,
    RACK3,
)
from tests.faults.row import (
    ARP,
    ETH0,
    FORWARDS,
    HOST_ADDRESS,
    HOST_ROUTE,
    HOST_SETTINGS,
    INTERFACE,
    LEFTOVER,
    LENGTH,
    PAIR,
    PEER,
    REVERSE_PATH,
    Case,
    Row,
    found,
)

_FORWARDING = "net.ipv4.conf.{}.forwarding"

ROWS = (
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
        "a host interface whose other end is gone, or in another namespace than its pod's",
        (INTERFACE, LEFTOVER, PAIR),
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
            Case(
                "noencap",
                host("node1", link(LINK, peer_nsid=9)),
                found((PAIR, "node1", A0)),
                "with its end elsewhere",
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
                    link(LINK, mac=OTHER_MAC),
                    drop(to(f"{IP}/32")),
                ),
                found(
                    (HOST_ADDRESS, "node1", f"{A0}/169.254.7.7/16"),
                    (ARP, "node1", f"{A0}/route-169.254.1.1"),
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
                host("node1", link(LINK, mac=OTHER_MAC)),
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
        "strict reverse-path filtering where packets come in by another interface than the way back, or where the "
        "host's default is none",
        (HOST_SETTINGS, REVERSE_PATH),
        (
            Case(
                "noencap",
                host("node1", sysctls({f"net.ipv4.conf.{LINK}.rp_filter": "1"})),
                found((HOST_SETTINGS, "node1", f"{A0}/net.ipv4.conf.{LINK}.rp_filter")),
            ),
            Case(
                "noencap",
                every(
                    of("pods", A0, annotations={"cni.projectcalico.org/allowedSourcePrefixes": '["192.0.2.0/24"]'}),
                    host("node1", sysctl(net__ipv4__conf__all__rp_filter="1")),
                ),
                found((HOST_SETTINGS, "node1", f"{A0}/net.ipv4.conf.{LINK}.rp_filter")),
                "for all, and a pod may send from other addresses",
            ),
            Case(
                "ipip-cross",
                every(
                    of("nodes", "node1", bgp_ipv4="10.0.1.11/16"),
                    host("node1", turn(to(BLOCK3), hops=(net.Hop(RACK3, "ens160", net.HOP_ONLINK),), mtu=None)),
                    host("node3", sysctls({"net.ipv4.conf.ens160.rp_filter": "1"})),
                ),
                found((LENGTH, "node1", "ipv4/length"), (REVERSE_PATH, "node3", "net.ipv4.conf.ens160.rp_filter")),
                "one node thinks that they share a subnet, the other does not",
            ),
        ),
    ),
)
