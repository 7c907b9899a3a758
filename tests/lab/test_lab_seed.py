"""The lab is the seed's: what a reader of that text types shows what the text shows.

Aside: interface indices and what follows from them, random MAC addresses, white space, the lines that the additional
pods add, and the names of the interfaces at 10.48.0.64 to .66, whose pods the text does not name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.lab.lab_view import command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.state import Lab

CUSTOMER = "yaobank/customer-5df6b999fb-cf7jl"

NODE_ROUTES = """\
default via 10.0.0.254 dev ens160 proto dhcp src 10.0.0.11 metric 100
10.0.0.0/24 dev ens160 proto kernel scope link src 10.0.0.11
10.0.0.254 dev ens160 proto dhcp scope link src 10.0.0.11 metric 100
10.48.0.64 dev cali282de2964bf scope link
blackhole 10.48.0.64/26 proto bird
10.48.0.65 dev cali4b8cf63cac1 scope link
10.48.0.66 dev cali2b0ff6bbf7d scope link
10.48.0.67 dev calie965c96dc90 scope link
10.48.0.128/26 via 10.0.0.12 dev ens160 proto bird
172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown
"""
UNNAMED = ("10.48.0.64 ", "10.48.0.65 ", "10.48.0.66 ")
BORROWED = "10.48.0.100 via 10.0.0.12 dev ens160 proto bird"  # the additional pod that the text does not have

POD_ADDRESSES = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
3: eth0@if9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
    link/ether 1a:ce:f0:6c:20:00 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 10.48.0.67/32 scope global eth0
       valid_lft forever preferred_lft forever
"""
POD_LINKS = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
3: eth0@if9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default
    link/ether 1a:ce:f0:6c:20:00 brd ff:ff:ff:ff:ff:ff link-netnsid 0
"""
POD_ROUTES = """\
default via 169.254.1.1 dev eth0
169.254.1.1 dev eth0 scope link
"""
HOST_LINK = """\
9: calie965c96dc90@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default
    link/ether ee:ee:ee:ee:ee:ee brd ff:ff:ff:ff:ff:ff link-netnsid 3
"""


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def _unnumbered(text: str) -> list[str]:
    """Lines of `ip addr` or `ip link` without indices, namespace numbers and the MAC address of an eth0."""
    plain = re.sub(r"^\d+: ", "", "\n".join(_lines(text)), flags=re.MULTILINE)
    plain = re.sub(r"@if\d+", "@if", re.sub(r"link-netnsid \d+", "link-netnsid", plain))
    return re.sub(r"link/ether (?!ee:ee)\S+", "link/ether MAC", plain).splitlines()


def _without_unnamed(lines: Iterable[str]) -> list[str]:
    return [re.sub(r"cali\S+", "cali", line) if line.startswith(UNNAMED) else line for line in lines]


def _shown(lab: Lab, *words: str) -> str:
    done = command(*words[:1], "--name", lab.name, *words[1:])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_routes_of_worker1(seed_lab: Lab) -> None:
    found = _lines(_shown(seed_lab, "exec", "worker1", "--", "ip", "route"))
    assert BORROWED in found
    found.remove(BORROWED)
    assert _without_unnamed(found) == _without_unnamed(_lines(NODE_ROUTES))


def test_addresses_of_the_customer_pod(seed_lab: Lab) -> None:
    assert _unnumbered(_shown(seed_lab, "exec-pod", CUSTOMER, "--", "ip", "addr")) == _unnumbered(POD_ADDRESSES)


def test_links_of_the_customer_pod(seed_lab: Lab) -> None:
    assert _unnumbered(_shown(seed_lab, "exec-pod", CUSTOMER, "--", "ip", "link")) == _unnumbered(POD_LINKS)


def test_routes_of_the_customer_pod(seed_lab: Lab) -> None:
    assert _lines(_shown(seed_lab, "exec-pod", CUSTOMER, "--", "ip", "route")) == _lines(POD_ROUTES)


def test_host_end_of_the_customer_pod(seed_lab: Lab) -> None:
    shown = _shown(seed_lab, "exec", "worker1", "--", "ip", "link", "show", "calie965c96dc90")
    assert _unnumbered(shown) == _unnumbered(HOST_LINK)


def test_the_two_ends_point_at_each_other(seed_lab: Lab) -> None:
    inside = _shown(seed_lab, "exec-pod", CUSTOMER, "--", "ip", "-o", "link", "show", "eth0")
    outside = _shown(seed_lab, "exec", "worker1", "--", "ip", "-o", "link", "show", "calie965c96dc90")
    inner, outer = re.match(r"(\d+): eth0@if(\d+)", inside), re.match(r"(\d+): \w+@if(\d+)", outside)
    assert inner
    assert outer
    assert inner.groups() == outer.groups()[::-1]


def test_metrics_of_a_later_release(metrics_lab: Lab) -> None:
    """v3.32: pods' and BGP's routes have 1024; the blackhole has none."""
    found = _lines(_shown(metrics_lab, "exec", "worker1", "--", "ip", "route"))
    assert "10.48.0.67 dev calie965c96dc90 scope link metric 1024" in found
    assert "10.48.0.128/26 via 10.0.0.12 dev ens160 proto bird metric 1024" in found
    assert "blackhole 10.48.0.64/26 proto bird" in found
