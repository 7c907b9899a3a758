"""What pyroute2 reads, as the model's values: one of the two references that the probe is compared with."""

from __future__ import annotations

import socket
from typing import Any

from model.net import Address, Hop, Link, Neighbour, Route, Rule, Vxlan
from tests.lab.probe_by_ip import full_prefix


def netlink_link(entry: Any, names: dict[int, str]) -> Link:
    info = entry.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") or "") if info else ""
    tunnel = None
    if kind == "vxlan":
        data = info.get_attr("IFLA_INFO_DATA")
        tunnel = Vxlan(
            data.get_attr("IFLA_VXLAN_ID"),
            data.get_attr("IFLA_VXLAN_PORT"),
            data.get_attr("IFLA_VXLAN_LOCAL") or data.get_attr("IFLA_VXLAN_LOCAL6"),
            names.get(data.get_attr("IFLA_VXLAN_LINK")),
            bool(data.get_attr("IFLA_VXLAN_COLLECT_METADATA")),
            data.get_attr("IFLA_VXLAN_TTL") or None,
        )
    return Link(
        entry["index"],
        entry.get_attr("IFLA_IFNAME"),
        kind,
        bool(entry["flags"] & 1),
        bool(entry["flags"] & 0x10000),
        entry.get_attr("IFLA_ADDRESS"),
        entry.get_attr("IFLA_MTU"),
        entry.get_attr("IFLA_LINK"),
        entry.get_attr("IFLA_LINK_NETNSID"),
        names.get(entry.get_attr("IFLA_MASTER")),
        tunnel,
        bool(entry["flags"] & 0x80),
    )


def netlink_address(entry: Any, names: dict[int, str]) -> Address:
    local = entry.get_attr("IFA_LOCAL") or entry.get_attr("IFA_ADDRESS")
    peer = entry.get_attr("IFA_ADDRESS")
    return Address(
        names[entry["index"]],
        local,
        entry["prefixlen"],
        entry["scope"],
        peer if peer != local else None,
        entry.get_attr("IFA_BROADCAST"),
    )


def netlink_route(entry: Any, names: dict[int, str]) -> Route:
    family = 4 if entry["family"] == socket.AF_INET else 6
    metrics = entry.get_attr("RTA_METRICS")
    source = entry.get_attr("RTA_SRC")
    many = entry.get_attr("RTA_MULTIPATH")
    hops: tuple[Hop, ...] = ()
    if entry["type"] not in {6, 7, 8, 9}:
        single = (netlink_hop(entry, names[entry.get_attr("RTA_OIF")], entry["flags"], 1),) if not many else ()
        hops = single or tuple(netlink_hop(hop, names[hop["oif"]], hop["flags"], hop["hops"] + 1) for hop in many)
    return Route(
        full_prefix(
            f"{entry.get_attr('RTA_DST')}/{entry['dst_len']}" if entry.get_attr("RTA_DST") else "default", family
        ),
        entry["type"],
        entry.get_attr("RTA_TABLE"),
        entry["proto"],
        entry["scope"],
        entry.get_attr("RTA_PRIORITY") or 0,
        hops,
        entry.get_attr("RTA_PREFSRC"),
        entry["tos"],
        f"{source}/{entry['src_len']}" if source else None,
        metrics.get_attr("RTAX_MTU") if metrics else None,
        metrics.get_attr("RTAX_HOPLIMIT") if metrics else None,
    )


def netlink_hop(entry: Any, dev: str, flags: int, weight: int) -> Hop:
    via = entry.get_attr("RTA_VIA")
    gateway = via["addr"] if via else entry.get_attr("RTA_GATEWAY")
    return Hop(gateway, dev, flags & 0x37, weight, entry.get_attr("RTA_ENCAP_TYPE"))


def netlink_rule(entry: Any) -> Rule:
    family = 4 if entry["family"] == socket.AF_INET else 6
    selectors = {
        "FRA_UID_RANGE": "uidrange",
        "FRA_IP_PROTO": "ipproto",
        "FRA_SPORT_RANGE": "sport",
        "FRA_DPORT_RANGE": "dport",
        "FRA_TUN_ID": "tun_id",
        "FRA_SUPPRESS_IFGROUP": "suppress_ifgroup",
    }
    suppress = entry.get_attr("FRA_SUPPRESS_PREFIXLEN")
    users = entry.get_attr("FRA_UID_RANGE")

    def prefix(name: str) -> str | None:
        address = entry.get_attr(f"FRA_{name.upper()}")
        return f"{address}/{entry[f'{name}_len']}" if address else None

    return Rule(
        family,
        entry.get_attr("FRA_PRIORITY") or 0,
        entry["action"],
        entry.get_attr("FRA_TABLE"),
        prefix("src"),
        prefix("dst"),
        entry.get_attr("FRA_IIFNAME"),
        entry.get_attr("FRA_OIFNAME"),
        entry.get_attr("FRA_FWMARK") or 0,
        entry.get_attr("FRA_FWMASK") or 0,
        entry["tos"],
        bool(entry["flags"] & 2),
        suppress if suppress != 0xFFFFFFFF else None,
        entry.get_attr("FRA_GOTO"),
        tuple(sorted(shown for name, shown in selectors.items() if entry.get_attr(name) is not None)),
        tuple(map(int, users.split(":"))) if users else None,  # type: ignore[arg-type]
    )


def netlink_neighbour(entry: Any, names: dict[int, str]) -> Neighbour:
    dev, mac, state = names[entry["ifindex"]], entry.get_attr("NDA_LLADDR"), entry["state"]
    target = entry.get_attr("NDA_DST")
    if entry["family"] == socket.AF_BRIDGE:
        port, lower = entry.get_attr("NDA_PORT"), entry.get_attr("NDA_IFINDEX")
        return Neighbour(
            7, dev, None, mac, state, target, port, entry.get_attr("NDA_VNI"), names[lower] if lower else None
        )
    return Neighbour(4 if entry["family"] == socket.AF_INET else 6, dev, target, mac, state)
