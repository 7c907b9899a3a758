"""Don't-cares among the objects of the API and what the snapshot says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip
from model.cluster import BlockAffinity, IPPool, Node, Pod
from tests.mutations.dont_care import DontCare, of
from tests.mutations.facts import label

if TYPE_CHECKING:
    from tests.mutations.dont_care import Scene
    from tests.mutations.mutation import Mutation


def _same_object(mutation: Mutation, scene: Scene) -> bool:
    """A copy under the name of an object that is there."""
    known = scene.cluster
    lists = (
        known.pods,
        known.nodes,
        known.pools,
        known.blocks,
        known.affinities,
        known.felix,
        known.bgp,
        known.handles,
    )
    names = {(type(item), label(item)) for items in lists for item in items}
    return not mutation.lost and all((type(item), label(item)) in names for item in mutation.gained)


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
    return not any(namespace.uids for facts in scene.snapshot.node_facts.values() for namespace in facts.pods)


def _has_bgp_address(mutation: Mutation, scene: Scene) -> bool:
    return all(node.bgp_ipv4 for node in of(Node, mutation.touched))


def _same_subnet(mutation: Mutation, scene: Scene) -> bool:
    """A mask that still covers the other nodes."""
    others = [ip.bare(node.bgp_ipv4) for node in scene.cluster.nodes if node.bgp_ipv4]
    masks = [node.bgp_ipv4 for node in of(Node, mutation.gained) if node.bgp_ipv4]
    return all(ip.contains(ip.canonical(mask), other) for mask in masks for other in others)


def _not_linux(mutation: Mutation, scene: Scene) -> bool:
    return all(node.os != "linux" for node in of(Node, mutation.gained))


def _unconfirmed(mutation: Mutation, scene: Scene) -> bool:
    return all(
        item.state not in {"", "confirmed"} or item.type != "host" for item in of(BlockAffinity, mutation.gained)
    )


def _outside(mutation: Mutation, scene: Scene) -> bool:
    return all(not scene.in_pool(pool.cidr) for pool in of(IPPool, mutation.gained))


def _still_inside(mutation: Mutation, scene: Scene) -> bool:
    """Every block of the pools that change lies in one of them as they become."""
    old = [pool.cidr for pool in of(IPPool, mutation.lost)]
    new = [pool.cidr for pool in of(IPPool, mutation.gained)]
    inside = [block.cidr for block in scene.cluster.blocks if any(ip.contains(cidr, block.cidr) for cidr in old)]
    return all(any(ip.contains(cidr, block) for cidr in new) for block in inside)


def _bird_alone(mutation: Mutation, scene: Scene) -> bool:
    """A value by which BIRD alone still programs unencapsulated pools, or an unknown one (calico-state §4.1)."""
    felix = {"Enabled", "EnabledNoEncapOnly"}
    bird = {"Disabled", "EnabledIPIPOnly"}
    return mutation.new not in (felix if "felix" in mutation.kind else bird)


def _no_value(mutation: Mutation, scene: Scene) -> bool:
    """A value that the field cannot have, which falls back to its default (calico-state §4.1)."""
    words = {"programClusterRoutes": str, "deviceRouteProtocol": int, "deviceRouteSourceAddress": str}
    wanted = words.get(mutation.field.rpartition(".")[2], int)
    return not isinstance(mutation.new, wanted) or isinstance(mutation.new, bool)


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
    DontCare("Pod", "annotations*", "*", "status.podIPs goes before the annotations (calico-state §1.1)."),
    DontCare("Pod", "labels*", "*", "Nothing follows from these labels."),
    DontCare("Pod", "workload", "*", "It names a pod's findings, and decides none."),
    DontCare("Pod", "ready", "*", "Whether the application answers is not the network's concern."),
    DontCare("Pod", "images", "*", "Only calico-node's image tells a release."),
    DontCare("Pod", "uid", "*", "No namespace of this recording names a pod's UID.", _no_uids),
    DontCare("Node", "uid", "*", "It tells a node from a later one of the same name, in flux only."),
    DontCare("Node", "labels*", "*", "Read by no check yet: the selectors of BGPPeers."),
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
    DontCare("Node", "pod_cidrs", "*", "Read by no check yet: host-local IPAM."),
    DontCare("Node", "as_number", "*", "Read by no check yet: AS numbers of sessions."),
    DontCare(
        "Node", "*tunnel*", "*", "No pool is encapsulated: no tunnel is needed, and its old address harms nobody."
    ),
    DontCare("Node", "vxlan_mac*", "*", "No pool is encapsulated: no tunnel is needed."),
    DontCare("Node", "wireguard*", "*", "WireGuard is not enabled (FelixConfiguration wireguardEnabled)."),
    DontCare("IPPool", "cidr", "*", "All blocks and pods still lie inside.", _still_inside),
    DontCare("IPPool", "", "add foreign*", "A pool that no block and no pod uses changes nothing.", _outside),
    DontCare("IPPool", "disable_bgp_export", "*", "Read by no check yet: routes that should have been withheld."),
    DontCare("IPPool", "name", "*", "A pool is known by its prefix."),
    DontCare("IPPool", "block_size", "*", "It holds for blocks to come; those that are there keep theirs."),
    DontCare("IPPool", "disabled", "*", "Nothing changes in the kernel (calico-state §4.7)."),
    DontCare("IPPool", "deleting", "*", "Until the pool is gone nothing changes in the kernel."),
    DontCare("IPPool", "nat_outgoing", "*", "It has no effect on routes (calico-state §4.7)."),
    DontCare("IPPool", "node_selector", "*", "It has no effect on routes (calico-state §4.7)."),
    DontCare("IPPool", "assignment_mode", "*", "It has no effect on routes (calico-state §4.7)."),
    DontCare("IPPool", "allowed_uses", "*", "It decides on addresses to come."),
    DontCare("IPAMBlock", "name", "*", "A block is known by its prefix."),
    DontCare("IPAMBlock", "attributes.secondary.timestamp", "*", "When an address was given away is no state."),
    DontCare("IPAMBlock", "attributes.secondary", "add one*", "An attribute that Calico does not know means nothing."),
    DontCare(
        "IPAMBlock", "attributes.secondary.*", "drop", "An allocation without this attribute names nobody (§5.2)."
    ),
    DontCare(
        "IPAMBlock", "attributes.secondary.*", "→ ''", "An allocation without this attribute names nobody (§5.2)."
    ),
    DontCare("IPAMHandle", "", "add foreign", "A handle that counts no address holds none."),
    DontCare("IPAMConfig", "strict_affinity", "*", "Nothing is borrowed here."),
    DontCare("IPAMConfig", "*", "*", "It holds for addresses and blocks to come."),
    DontCare("BlockAffinity", "name", "*", "Never parse the name: spec.node and spec.cidr tell (calico-state §5.1)."),
    DontCare("BlockAffinity", "state", "→ ''", "An empty state counts as confirmed (calico-state §5.1)."),
    DontCare(
        "BlockAffinity",
        "state",
        "*",
        "A claim or release under way: neither state of the network is wrong (I1).",
        _unconfirmed,
    ),
    DontCare(
        "BlockAffinity", "", "add foreign*", "Neither an unconfirmed nor a virtual claim has a blackhole.", _unconfirmed
    ),
    DontCare(
        "ClusterInformation",
        "calico_version",
        "*",
        "In all of these an unencapsulated pool is BIRD's, and a host route may have either metric.",
    ),
    DontCare(
        "ClusterInformation", "cluster_type", "*", "Read by no check yet: clusters whose routes are not Calico's (R9)."
    ),
    DontCare(
        "Settings (*)", "", "drop", "Without the object every field has its default, as all that are read have here."
    ),
    DontCare(
        "Settings (*)", "name", "*", "Without the object every field has its default, as all that are read have here."
    ),
    DontCare(
        "Settings (*)",
        "",
        "add foreign",
        "Only the objects default and node.<name> hold for a node; an empty peer names no session.",
    ),
    DontCare("Settings (*)", "spec", "add one*", "A field that Calico does not know means nothing."),
    DontCare("Settings (*)", "spec.log*", "*", "What is logged is no state of the network."),
    DontCare("Settings (felix)", "spec.bpf*", "*", "Read by no check yet: the BPF dataplane."),
    DontCare(
        "Settings (felix)", "spec.nftables*", "*", "nftables or iptables: no difference in routes (calico-state §4.7)."
    ),
    DontCare("Settings (felix)", "spec.reportingInterval", "*", "How often Felix reports is no state of the network."),
    DontCare("Settings (felix)", "spec.floatingIPs", "*", "Read by no check yet: floating addresses."),
    DontCare("Settings (bgp)", "spec.service*", "*", "No service is advertised here."),
    DontCare(
        "Settings (*)",
        "spec.programClusterRoutes",
        "*",
        "BIRD alone still programs unencapsulated pools; an unknown value is the default.",
        _bird_alone,
    ),
    DontCare("Settings (felix)", "spec.wireguardEnabled", "set to True", "Read by no check yet: WireGuard."),
    DontCare("Settings (felix)", "spec.wireguardEnabled", "*", "WireGuard stays off."),
    DontCare("Pod", "backend", "*", "Only calico-node's pods tell the backend, and none is listed here."),
    DontCare(
        "Settings (felix)",
        "spec.deviceRoute*",
        "*",
        "The CNI plugin's own route, proto boot without source, may stay (calico-state §3.1).",
    ),
    DontCare(
        "Settings (*)",
        "spec.ipv4*RoutePriority",
        "*",
        "A value of another type falls back to the default.",
        _no_value,
    ),
    DontCare("Settings (felix)", "spec.ipv4ElevatedRoutePriority", "*", "No live migration is under way."),
    DontCare("Settings (bgp)", "spec.nodeToNodeMeshEnabled", "*", "The mesh stays on."),
    DontCare("Settings (bgp)", "spec.asNumber", "*", "Read by no check yet: AS numbers of sessions."),
    DontCare(
        "Settings (bgp)", "spec.localWorkloadPeering*", "*", "A pod is a BGP peer only by a label that none has here."
    ),
    DontCare("Service", "*", "*", "No service is advertised here."),
    DontCare("NodeStatus", "*", "*", "Read by no check yet: CalicoNodeStatus, where BIRD itself cannot be asked."),
    DontCare("Cluster", "api_group", "*", "Both groups are decoded alike."),
    DontCare("Cluster", "unlisted", "add one: foreign", "A list that no expectation reads may be missing."),
    DontCare("Header", "*", "*", "It says who observed and how; what was not asked is counted as such."),
    DontCare("Healed", "", "add foreign*", "What healed is reported as healed, and no finding."),
    DontCare("NodeFacts", "name", "*", "A node's facts are found by the index."),
    DontCare("NodeFacts", "cni_config", "*", "Read by no check yet: the CNI configuration."),
    DontCare("NodeFacts", "mtu_file*", "*", "It matters to pods whose MTU is too large, and here is none."),
    DontCare("NodeFacts", "boot_time", "*", "It matters to pods that have lost their interface, and here is none."),
    DontCare("NodeFacts", "started", "*", "When a node was read is no state of it."),
    DontCare("NodeFacts", "finished", "*", "When a node was read is no state of it."),
    DontCare("NodeFacts", "kernel", "*", "Any kernel will do."),
    DontCare("Problem", "", "add foreign", "A fact that nobody knows is read by nobody."),
    DontCare("Problem", "", "add foreign: fact bird", "BIRD's answer is there all the same."),
)
