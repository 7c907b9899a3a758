"""What `ip -N -d -j` prints, as the model's values: one of the two references that the probe is compared with."""

from __future__ import annotations

from typing import Any

from model.ip import canonical
from model.net import Hop, Link, Route, Rule, Vxlan


def family_of(entry: dict[str, Any]) -> int:
    return 6 if ":" in entry["dst"] else 4


def ip_link(entry: dict[str, Any], index: dict[str, int]) -> Link:
    info = entry.get("linkinfo", {})
    data = info.get("info_data", {})
    tunnel = None
    if info.get("info_kind") == "vxlan":
        tunnel = Vxlan(
            int(data["id"]) if "id" in data else 0,
            data.get("port"),
            data.get("local") or data.get("local6"),
            data.get("link"),
            bool(data.get("external")),
            data.get("ttl") or None,
        )
    return Link(
        entry["ifindex"],
        entry["ifname"],
        info.get("info_kind", ""),
        "UP" in entry["flags"],
        "LOWER_UP" in entry["flags"],
        entry["address"],
        entry["mtu"],
        entry.get("link_index", index.get(entry.get("link", ""))),
        entry.get("link_netnsid"),
        entry.get("master"),
        tunnel,
        "NOARP" in entry["flags"],
    )


def full_prefix(text: str, family: int) -> str:
    return {4: "0.0.0.0/0", 6: "::/0"}[family] if text == "default" else canonical(text)


def ip_route(entry: dict[str, Any], family: int) -> Route:
    kind = int(entry.get("type", "1"))
    hops = entry.get("nexthops", [entry])
    return Route(
        full_prefix(entry["dst"], family),
        kind,
        int(entry.get("table", 254)),
        int(entry["protocol"]),
        int(entry.get("scope", 0)),
        entry.get("metric", 0),
        () if kind in {6, 7, 8, 9} else tuple(ip_hop(hop) for hop in hops),
        entry.get("prefsrc"),
        int(entry.get("tos", "0"), 0),
        full_prefix(entry["from"], family) if "from" in entry else None,
        next((int(metric["mtu"]) for metric in entry.get("metrics", []) if "mtu" in metric), None),
        next((int(metric["hoplimit"]) for metric in entry.get("metrics", []) if "hoplimit" in metric), None),
    )


def ip_hop(hop: dict[str, Any]) -> Hop:
    gateway = hop["via"]["host"] if "via" in hop else hop.get("gateway")
    flags = {"dead": 1, "pervasive": 2, "onlink": 4, "linkdown": 16, "unresolved": 32}
    encap = {None: None, "ip": 2, "seg6": 5}[hop.get("encap")]
    return Hop(gateway, hop["dev"], sum(flags[flag] for flag in hop.get("flags", [])), hop.get("weight", 1), encap)


def ip_rule(entry: dict[str, Any], family: int) -> Rule:
    mark = int(entry.get("fwmark", "0"), 0)
    selectors = {
        "uid_start": "uidrange",
        "ipproto": "ipproto",
        "sport": "sport",
        "dport_start": "dport",
        "tun_id": "tun_id",
        "sup_group": "suppress_ifgroup",
        "suppress_ifgroup": "suppress_ifgroup",
    }
    action = 1
    if "goto" in entry:
        action = 2
    elif "nop" in entry:
        action = 3
    elif "action" in entry:
        action = {"blackhole": 6, "unreachable": 7, "prohibit": 8, "6": 6, "7": 7, "8": 8}[entry["action"]]

    def prefix(key: str) -> str | None:
        if entry.get(key, "all") == "all":
            return None
        return f"{entry[key]}/{entry.get(key + 'len', 32 if family == 4 else 128)}"

    return Rule(
        family,
        entry["priority"],
        action,
        int(entry.get("table", 0)),
        prefix("src"),
        prefix("dst"),
        entry.get("iif"),
        entry.get("oif"),
        mark,
        int(entry.get("fwmask", "0xffffffff" if mark else "0"), 0),
        int(entry.get("tos", "0"), 0),
        "not" in entry,
        entry.get("suppress_prefixlen"),
        int(entry["goto"]) if "goto" in entry else None,
        tuple(sorted(selectors[key] for key in entry if key in selectors)),
        (int(entry["uid_start"]), int(entry["uid_end"])) if "uid_start" in entry else None,
    )
