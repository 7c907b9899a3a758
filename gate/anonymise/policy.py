"""What becomes of every field of a snapshot. A text without a rule is an error, so that no new field slips through."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec

from gate.anonymise import documents, labels, rules
from gate.anonymise.rules import Rule, Whole, name, part, shape
from gate.anonymise.words import AFFINITY, BLOCK, NAMESPACE, NODE, POD, POOL, SERVICE, STATUS, WORKLOAD
from model import cluster, net, node, snapshot, trial

RULES: dict[type[msgspec.Struct], dict[str, Rule | Whole]] = {
    snapshot.Header: {
        "tool": rules.OWN,
        "taken": rules.TIME,
        "source": shape(r"cluster|dump"),
        "cluster": lambda _, text: "cluster" if text else "",
        "reach": shape(r"[a-z-]{0,20}"),
        "note": Whole(lambda _, __: "names and addresses were replaced (--anonymise)"),
    },
    snapshot.Selection: {"nodes": name(NODE), "namespaces": name(NAMESPACE), "pools": name(POOL), "asked": rules.asked},
    snapshot.Healed: {"finding": rules.finding},
    snapshot.NodeRecord: {"name": name(NODE)},
    cluster.Pod: {
        "namespace": name(NAMESPACE),
        "name": name(POD),
        "uid": rules.UID,
        "resource_version": rules.NUMBER,
        "node": name(NODE),
        "phase": rules.WORD,
        "ips": rules.PREFIX,
        "created": rules.TIME,
        "workload": name(WORKLOAD),
        "labels": Whole(labels.labels),
        "annotations": Whole(documents.pod_annotations),
        "images": rules.image,
        "backend": shape(r"bird|vxlan|none|"),
    },
    cluster.Node: {
        "name": name(NODE),
        "uid": rules.UID,
        "resource_version": rules.NUMBER,
        "internal_ips": rules.LOOSE,
        "external_ips": rules.LOOSE,
        "pod_cidrs": rules.LOOSE,
        "labels": Whole(labels.labels),
        "taints": labels.taint,
        "os": shape(r"linux|windows"),
        "created": rules.TIME,
        "bgp_ipv4": rules.PREFIX,
        "bgp_ipv6": rules.PREFIX,
        "as_number": rules.as_number,
        "route_reflector_id": rules.LOOSE,
        "ipip_tunnel": rules.PREFIX,
        "vxlan_tunnel": rules.PREFIX,
        "vxlan_tunnel_v6": rules.PREFIX,
        "vxlan_mac": part("mac"),
        "vxlan_mac_v6": part("mac"),
        "wireguard_ipv4": rules.PREFIX,
        "wireguard_ipv6": rules.PREFIX,
        "wireguard_key": rules.OPAQUE,
        "wireguard_key_v6": rules.OPAQUE,
    },
    cluster.IPPool: {
        "name": name(POOL),
        "cidr": rules.PREFIX,
        "ipip_mode": rules.WORD,
        "vxlan_mode": rules.WORD,
        "node_selector": part("selector"),
        "allowed_uses": rules.WORD,
        "assignment_mode": rules.WORD,
        "created": rules.TIME,
        "labels": Whole(labels.labels),
    },
    cluster.AllocationAttribute: {
        "handle": part("handle"),
        "secondary": Whole(rules.secondary),
        "released_at": rules.TIME,
    },
    cluster.IPAMBlock: {
        "name": name(BLOCK),
        "cidr": rules.PREFIX,
        "resource_version": rules.NUMBER,
        "affinity": rules.affinity,
        "created": rules.TIME,
    },
    cluster.BlockAffinity: {
        "name": name(AFFINITY),
        "node": name(NODE),
        "cidr": rules.PREFIX,
        "state": shape(r"confirmed|pending|pendingDeletion|"),
        "resource_version": rules.NUMBER,
        "type": shape(r"host|virtual"),
        "created": rules.TIME,
    },
    cluster.IPAMHandle: {"handle": part("handle"), "blocks": Whole(rules.counts)},
    cluster.IPAMConfig: {},
    cluster.ClusterInformation: {
        "calico_version": rules.version,
        "cluster_type": rules.cluster_type,
    },
    cluster.Settings: {"name": documents.setting, "spec": Whole(documents.spec)},
    cluster.Service: {
        "namespace": name(NAMESPACE),
        "name": name(SERVICE),
        "type": rules.WORD,
        "cluster_ips": rules.LOOSE,
        "external_ips": rules.LOOSE,
        "load_balancer_ips": rules.LOOSE,
        "external_traffic_policy": rules.WORD,
    },
    cluster.NodeStatus: {
        "name": name(STATUS),
        "node": name(NODE),
        "last_updated": rules.TIME,
        "peers": Whole(rules.peers),
        "agent_v4": rules.WORD,
        "agent_v6": rules.WORD,
    },
    cluster.Cluster: {"api_group": shape(r"[a-z.]*projectcalico\.org/v[13]"), "unlisted": Whole(rules.reasons)},
    cluster.Look: {},
    node.BirdProtocol: {
        "name": part("protocol"),
        "proto": shape(r"[A-Z][A-Za-z0-9]*"),
        "state": shape(r"up|down|start|feed|stop|flush|wait"),
        "since": rules.TIME,
        "info": rules.TEXT,
        "neighbor": rules.PREFIX,
        "neighbor_as": Whole(lambda words, number: words.number(number)),
    },
    node.Bird: {"version": shape(r"v?[0-9.]*(?:\+birdv[0-9.]+)?")},
    node.Problem: {"fact": shape(r"[a-z_0-9]*"), "reason": rules.TEXT, "where": rules.where},
    node.NodeFacts: {"name": name(NODE), "cni_config": documents.cni, "kernel": rules.kernel, "mtu_file": rules.NUMBER},
    node.Absent: {"name": name(NODE), "reason": rules.TEXT, "remedy": rules.TEXT},
    net.Vxlan: {"local": rules.PREFIX, "dev": rules.DEVICE},
    net.Link: {"name": rules.DEVICE, "kind": shape(r"[a-z0-9_]*"), "mac": part("link_layer"), "master": rules.DEVICE},
    net.Address: {"dev": rules.DEVICE, "address": rules.PREFIX, "peer": rules.PREFIX, "broadcast": rules.PREFIX},
    net.Hop: {"gateway": rules.PREFIX, "dev": rules.DEVICE},
    net.Route: {"dst": rules.PREFIX, "prefsrc": rules.PREFIX, "src": rules.PREFIX},
    net.Rule: {
        "src": rules.PREFIX,
        "dst": rules.PREFIX,
        "iif": rules.DEVICE,
        "oif": rules.DEVICE,
        "other": shape(r"[a-z0-9_ ]*"),
    },
    net.Neighbour: {
        "dev": rules.DEVICE,
        "address": rules.PREFIX,
        "mac": part("link_layer"),
        "dst": rules.PREFIX,
        "via": rules.DEVICE,
    },
    net.Namespace: {"name": rules.netns, "sysctls": Whole(rules.sysctls), "uids": rules.UID},
    trial.Reply: {"source": rules.PREFIX},
    trial.Packet: {"target": rules.PREFIX, "egress": rules.DEVICE},
    trial.Trial: {
        "block": rules.PREFIX,
        "owner": name(NODE),
        "sender": name(NODE),
        "source": rules.PREFIX,
        "uplink": rules.DEVICE,
        "control_kind": shape(r"[a-z-]*"),
        "control_lookup": rules.ANSWER,
        "lookups": Whole(rules.lookups),
        "problem": rules.TEXT,
        "owner_addresses": rules.PREFIX,
        "carrier": shape(r"VXLAN|IPIP|"),
    },
    trial.Untried: {"block": rules.PREFIX, "owner": name(NODE), "reason": rules.TEXT},
    trial.Trials: {"reason": rules.TEXT, "run_id": rules.OPAQUE, "pcap": Whole(lambda _, __: b"")},
}


def holds_text(hint: Any) -> bool:
    """Whether a field of that type can hold a text, bytes or something of any shape by itself, not in a struct."""
    inner = get_args(hint)
    if inner:
        return any(holds_text(each) for each in inner)
    return hint in {str, bytes, object, Any}


def unruled() -> list[str]:
    """The fields of a snapshot that hold texts and have no rule."""
    return sorted(
        f"{shape.__name__}.{field}"
        for shape in _shapes(snapshot.Snapshot)
        for field, hint in get_type_hints(shape).items()
        if holds_text(hint) and field not in RULES.get(shape, {}) and shape is not snapshot.Snapshot
    )


def _shapes(root: Any, met: set[type] | None = None) -> set[type[msgspec.Struct]]:
    """Every struct that can be met below one."""
    met = set() if met is None else met
    for each in (root, *get_args(root)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in met:
            met.add(each)
            for hint in get_type_hints(each).values():
                _shapes(hint, met)
        elif each is not root:
            _shapes(each, met)
    return met
