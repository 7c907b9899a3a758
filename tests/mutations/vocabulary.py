"""The words that some fields hold: what else each of them could wrongly say.

A field that is not named here is changed by its type alone.
"""

from __future__ import annotations

from model import cluster, net, node, trial

VOCABULARY: dict[tuple[type, str], tuple[object, ...]] = {
    (net.Route, "type"): tuple(net.ROUTE_TYPES),
    (net.Route, "protocol"): (
        net.PROTO_KERNEL,
        net.PROTO_BOOT,
        net.PROTO_STATIC,
        net.PROTO_BIRD,
        net.PROTO_DHCP,
        net.PROTO_FELIX,
    ),
    (net.Route, "scope"): tuple(net.SCOPES),
    (net.Route, "table"): (*net.TABLES, 100),
    (net.Route, "metric"): (0, 1, 512, 1024, 2147483547),
    (net.Route, "tos"): (0, 8),
    (net.Route, "mtu"): (None, 1400),
    (net.Address, "scope"): tuple(net.SCOPES),
    (net.Address, "prefixlen"): (24, 26, 31, 32, 64, 127, 128),
    (net.Hop, "flags"): (0, net.HOP_DEAD, net.HOP_ONLINK, net.HOP_LINKDOWN),
    (net.Hop, "encap"): (None, 1, 5),
    (net.Rule, "action"): (
        net.RULE_TO_TABLE,
        net.RULE_GOTO,
        net.RULE_NOP,
        net.RULE_BLACKHOLE,
        net.RULE_UNREACHABLE,
        net.RULE_PROHIBIT,
    ),
    (net.Rule, "table"): (*net.TABLES, 100),
    (net.Rule, "family"): (4, 6),
    (net.Rule, "uids"): (None, (0, 0), (1000, 1999)),
    (net.Link, "kind"): ("veth", "netkit", "vxlan", "ipip", "bridge", "dummy", ""),
    (net.Neighbour, "state"): tuple(net.NEIGHBOUR_STATES),
    (node.BirdProtocol, "proto"): ("BGP", "Static", "Kernel", "Device", "Direct"),
    (node.BirdProtocol, "state"): ("up", "start", "down", "feed", "flush", "stop", "wait"),
    (node.BirdProtocol, "info"): (
        "Established",
        "Idle",
        "Connect",
        "Active Socket: Connection refused",
        "OpenSent",
        "OpenConfirm",
        "Close",
        "Passive",
        "Down",
        "",
    ),
    (cluster.Pod, "phase"): ("Running", "Pending", "Succeeded", "Failed", "Unknown"),
    (cluster.Node, "os"): ("linux", "windows"),
    (cluster.IPPool, "ipip_mode"): ("Never", "Always", "CrossSubnet"),
    (cluster.IPPool, "vxlan_mode"): ("Never", "Always", "CrossSubnet"),
    (cluster.BlockAffinity, "state"): ("", "pending", "confirmed", "pendingDeletion"),
    (cluster.BlockAffinity, "type"): ("host", "virtual"),
    (cluster.ClusterInformation, "calico_version"): ("v3.33.0", "v3.32.1", "v3.31.0", "v3.30.7", "v3.26.0", ""),
    (cluster.Pod, "backend"): (None, "bird", "vxlan", "none"),
    (node.Problem, "fact"): (
        "links",
        "addresses",
        "routes",
        "rules",
        "neighbours",
        "sysctls",
        "namespaces",
        "bird",
    ),
    (trial.Trial, "control_kind"): ("live-pod", "other-block", "outside", ""),
    (trial.Trial, "control_lookup"): (None, "EINVAL", "unicast", "EHOSTUNREACH"),
    (trial.Reply, "type"): (0, 3, 11),
    (trial.Reply, "code"): (0, 1, 13),
}

LOOKUPS = ("EINVAL", "unicast", "EHOSTUNREACH", "EACCES", "ENETUNREACH")  # what RTM_GETROUTE answers

SETTING_VALUES: tuple[object, ...] = (
    True,
    False,
    80,
    "64513",
    "192.0.2.77",
    "Enabled",
    "Disabled",
    "EnabledIPIPOnly",
    "EnabledNoEncapOnly",
)
