"""Don't-cares among pods, nodes, services and what all objects of the API share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from model import ip
from model.cluster import Node, Pod
from tests.mutations.dont_care import DontCare, of
from tests.mutations.facts import label
from tests.mutations.owners import minor_of
from tests.mutations.reviewed.store_words import unadvertised

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def _same_object(mutation: Mutation, scene: Scene) -> bool:
    """A copy under the name of an object that is there."""
    return not mutation.lost and all((type(item), label(item)) in scene.objects for item in mutation.gained)


def _no_network(mutation: Mutation, scene: Scene) -> bool:
    """Only pods that have no Calico networking, before and after."""
    return all(
        pod.host_network or not pod.node or not pod.ips or pod.phase in {"Succeeded", "Failed"}
        for pod in of(Pod, mutation.touched)
    )


def _unfinished(mutation: Mutation, scene: Scene) -> bool:
    return all(pod.phase not in {"Succeeded", "Failed"} or _bare(pod) for pod in of(Pod, mutation.touched))


def _bare(pod: Pod) -> bool:
    return pod.host_network or not pod.ips


def _no_uids(mutation: Mutation, scene: Scene) -> bool:
    return not scene.has_uids


def _has_bgp_address(mutation: Mutation, scene: Scene) -> bool:
    """Of each family of the pools."""
    return all(
        (node.bgp_ipv4 or 4 not in scene.families) and (node.bgp_ipv6 or 6 not in scene.families)
        for node in of(Node, mutation.touched)
    )


def _idle_tunnel(mutation: Mutation, scene: Scene) -> bool:
    """The field belongs to an encapsulation that no pool uses."""
    if mutation.field.endswith(("_v6", "ipv6")):  # IPv6 by WireGuard is nowhere here
        return mutation.field.startswith("wireguard") or "vxlan-v6.calico" not in scene.devices
    kinds = {"ipip": "tunl0", "vxlan": "vxlan.calico", "wireguard": "wireguard.cali"}
    return not any(device in scene.devices for kind, device in kinds.items() if mutation.field.startswith(kind))


def _has_blocks(mutation: Mutation, scene: Scene) -> bool:
    return bool(scene.cluster.blocks)


def _no_agent(mutation: Mutation, scene: Scene) -> bool:
    return not any(pod.images and "calico" in " ".join(pod.images) for pod in of(Pod, mutation.lost))


def _bird_answers(mutation: Mutation, scene: Scene) -> bool:
    return all(facts.birds for facts in scene.snapshot.node_facts.values())


def _same_subnet(mutation: Mutation, scene: Scene) -> bool:
    """A mask that still covers the other nodes."""
    others = [ip.bare(node.bgp_ipv4) for node in scene.cluster.nodes if node.bgp_ipv4]
    masks = [node.bgp_ipv4 for node in of(Node, mutation.gained) if node.bgp_ipv4]
    return all(ip.contains(ip.canonical(mask), other) for mask in masks for other in others)


def _not_linux(mutation: Mutation, scene: Scene) -> bool:
    return all(node.os != "linux" for node in of(Node, mutation.gained))


def _has_key(mutation: Mutation, scene: Scene) -> bool:
    return all(node.wireguard_key for node in of(Node, mutation.touched))


def _same_release(mutation: Mutation, scene: Scene) -> bool:
    """ClusterInformation names the release that the image names."""
    information = scene.cluster.information
    return information is not None and minor_of([information.calico_version]) == scene.minor


def _unselected(mutation: Mutation, scene: Scene) -> bool:
    """No selector of a peer names the labels that change."""
    selectors = " ".join(
        str(item.spec.get(field)) for item in scene.cluster.peers for field in ("nodeSelector", "peerSelector")
    )
    changed = {
        key
        for lost in of(Node, mutation.lost)
        for gained in of(Node, mutation.gained)
        for key in lost.labels.keys() | gained.labels.keys()
        if lost.labels.get(key) != gained.labels.get(key)
    }
    return not any(re.search(rf"\b{re.escape(key)}\b", selectors) for key in changed)


def _no_cross(mutation: Mutation, scene: Scene) -> bool:
    """No pool asks whether a node is in the same subnet, and the node's routes lead where they led."""
    return not any("CrossSubnet" in {pool.ipip_mode, pool.vxlan_mode} for pool in scene.cluster.pools) and all(
        ip.bare(old.bgp_ipv4 or "") == ip.bare(new.bgp_ipv4 or "")
        and ip.bare(old.bgp_ipv6 or "") == ip.bare(new.bgp_ipv6 or "")
        for old in of(Node, mutation.lost)
        for new in of(Node, mutation.gained)
    )


def _nobodys_routes(mutation: Mutation, scene: Scene) -> bool:
    """No node has a BGP address, and Calico programs no routes between nodes."""
    return not scene.programmed and not any(node.bgp_ipv4 or node.bgp_ipv6 for node in scene.cluster.nodes)


def _told_otherwise(mutation: Mutation, scene: Scene) -> bool:
    """The pair's indexes and the address tell whose a namespace is, as every one of them has both."""
    return all(
        any(link.name == "eth0" and link.peer_index for link in namespace.links)
        for namespace in scene.namespaces.values()
    )


def _deleting(mutation: Mutation, scene: Scene) -> bool:
    return all(pod.deleting for pod in of(Pod, mutation.touched))


def _reflectors_by_peers(mutation: Mutation, scene: Scene) -> bool:
    """The mesh is off, or is no BIRD's: reflecting changes no session."""
    off = any(item.spec.get("nodeToNodeMeshEnabled") is False for item in scene.cluster.bgp)
    return off or not scene.bird_runs or not scene.bird_families


ENTRIES: tuple[DontCare, ...] = (
    DontCare(
        "[PNIBS]*",
        "*",
        "add copy: *",
        "The API holds one object of a kind, namespace and name: this cannot be.",
        _same_object,
    ),
    DontCare("*", "resource_version", "*", "It only tells whether an object changed while one looked."),
    DontCare("*", "created", "*", "Everything is judged, whatever its age (calico-state §7)."),
    DontCare(
        "Pod",
        "*",
        "*",
        "A pod without Calico networking has nothing that could be wrong (calico-state §1.1).",
        _no_network,
    ),
    DontCare(
        "Pod", "phase", "*", "Pending, Running and Unknown pods with an address have the same network.", _unfinished
    ),
    DontCare("Pod", "deleting", "*", "A pod that is being deleted may keep all it has (calico-state §1.1)."),
    DontCare("Pod", "ips", "add one*", "A pod that is being deleted may lack all of it.", _deleting),
    DontCare("Pod", "annotations*", "*", "status.podIPs goes before the annotations (calico-state §1.1)."),
    DontCare("Pod", "labels*", "*", "Nothing follows from these labels."),
    DontCare("Pod", "workload", "*", "It names a pod's findings, and decides none."),
    DontCare("Pod", "ready", "*", "Whether the application answers is not the network's concern."),
    DontCare("Pod", "images", "*", "Only calico-node's image tells a release.", _no_agent),
    DontCare("Pod", "images", "*", "ClusterInformation names the same release.", _same_release),
    DontCare("Pod", "uid", "*", "No namespace of this recording names a pod's UID.", _no_uids),
    DontCare("Pod", "uid", "*", "The indexes of the pair and the address still tell the namespace.", _told_otherwise),
    DontCare("Node", "uid", "*", "It tells a node from a later one of the same name, in flux only."),
    DontCare(
        "Node", "labels*", "*", "Only BGPPeers select nodes by their labels, and none names this one.", _unselected
    ),
    DontCare("Node", "taints", "*", "Where pods are placed is not the network's concern."),
    DontCare("Node", "unschedulable", "*", "Where pods are placed is not the network's concern."),
    DontCare("Node", "ready", "*", "A node that could be observed is judged, ready or not."),
    DontCare(
        "Node", "os", "*", "What could be observed is judged; what runs no Linux need not be observed.", _not_linux
    ),
    DontCare("Node", "", "add foreign: os windows", "What runs no Linux need not be observed."),
    DontCare(
        "Node", "*_ips", "*", "The BGP address goes before these (l3_route_resolver.go:352-398).", _has_bgp_address
    ),
    DontCare("Node", "bgp_ipv4", "*", "The other nodes are in the same subnet under this mask, too.", _same_subnet),
    DontCare("Node", "bgp_ipv?", "*", "The mask matters to CrossSubnet pools alone, and here is none.", _no_cross),
    DontCare(
        "Node",
        "*_ips",
        "*",
        "No node has a BGP address, and Calico programs no routes to nodes: nobody asks for their addresses.",
        _nobodys_routes,
    ),
    DontCare(
        "Node",
        "name",
        "swap",
        "No node has a BGP address, and Calico programs no routes to nodes: they differ in nothing that is asked for.",
        _nobodys_routes,
    ),
    DontCare(
        "Node",
        "route_reflector_id",
        "*",
        "It decides what is reflected; what is not is a missing route, which is found.",
        _reflectors_by_peers,
    ),
    DontCare("Node", "pod_cidrs", "*", "Only host-local IPAM uses them, and there are IPAM blocks.", _has_blocks),
    DontCare("Node", "as_number", "*", "Read by no check yet: AS numbers of sessions."),
    DontCare(
        "Node",
        "*tunnel*",
        "*",
        "No pool has this encapsulation: no tunnel is needed, and its old address harms nobody.",
        _idle_tunnel,
    ),
    DontCare("Node", "vxlan_mac*", "*", "No pool has this encapsulation: no tunnel is needed.", _idle_tunnel),
    DontCare(
        "Node", "wireguard*", "*", "WireGuard is not enabled (FelixConfiguration wireguardEnabled).", _idle_tunnel
    ),
    DontCare("Node", "wireguard_key", "*", "The kernel's own key is not read: that there is one counts.", _has_key),
    DontCare("Node", "pod_cidrs", "double one", "Named twice it is the same."),
    DontCare("Pod", "backend", "*", "Only calico-node's pods tell the backend, and none is listed here."),
    DontCare("Service", "*", "*", "No service is advertised here.", unadvertised),
    DontCare("Service", "*", "*", "Read by no check yet: which services are announced. None is in a pod's pool."),
    DontCare("NodeStatus", "*", "*", "BIRD itself answers, which goes before.", _bird_answers),
)
