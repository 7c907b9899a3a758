"""Don't-cares among the configuration, and what the snapshot says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip, net
from model.cluster import ClusterInformation, Settings
from tests.mutations.dont_care import DontCare, of
from tests.mutations.owners import minor_of, programmers, setting
from tests.mutations.reviewed.store_words import unadvertised

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


_NO_DEFAULTS = ("bpf", "floatingIPs", "log", "reportingInterval", "nftables", "wireguardEnabled")
_WORDS = {"programClusterRoutes": str, "deviceRouteSourceAddress": str, "deviceRouteSourceAddressIPv6": str}


def _nothing_borrowed(mutation: Mutation, scene: Scene) -> bool:
    return not scene.borrows


def _defaults(mutation: Mutation, scene: Scene) -> bool:
    """The object sets nothing that is judged to another value than its default."""
    known = {"asNumber": "64512", "nodeToNodeMeshEnabled": "True", "wireguardEnabled": "False"}
    return all(
        key.startswith((*_NO_DEFAULTS[:-1], "service")) or key == "programClusterRoutes" or known.get(key) == str(value)
        for item in of(Settings, mutation.touched)
        for key, value in item.spec.items()
    ) and _same_programmers(mutation, scene)


def _mesh_stays(mutation: Mutation, scene: Scene) -> bool:
    return all(
        item.spec.get("nodeToNodeMeshEnabled") is not False
        for item in (*of(Settings, mutation.lost), *of(Settings, mutation.gained))
    )


def _no_key(mutation: Mutation, scene: Scene) -> bool:
    return not any(node.wireguard_key or node.wireguard_key_v6 for node in scene.cluster.nodes)


def _nobody(mutation: Mutation, scene: Scene) -> bool:
    return not scene.programmed


def _no_block_in_a_pool(mutation: Mutation, scene: Scene) -> bool:
    known = scene.cluster
    return not any(ip.contains(pool.cidr, block.cidr) for pool in known.pools for block in known.blocks)


def _no_such_field(mutation: Mutation, scene: Scene) -> bool:
    return scene.minor < 32


def _as_usual(mutation: Mutation, scene: Scene) -> bool:
    return mutation.new == net.PROTO_FELIX and not scene.vxlan


def _same_programmers(mutation: Mutation, scene: Scene) -> bool:
    """Each pool's routes are programmed by whom they were programmed before."""
    known = scene.cluster
    felix, bgp = setting(known.felix, "programClusterRoutes"), setting(known.bgp, "programClusterRoutes")
    bird = scene.bird_runs
    by_felix = "felix" in mutation.kind
    named = [item for item in of(Settings, mutation.gained) if item.name == "default"]
    after = [item.spec.get("programClusterRoutes") for item in named] or [None]
    return all(
        programmers(pool, scene.minor, felix, bgp, bird=bird)
        == programmers(pool, scene.minor, new if by_felix else felix, bgp if by_felix else new, bird=bird)
        for pool in known.pools
        for new in after
    )


def _no_value(mutation: Mutation, scene: Scene) -> bool:
    """A value that the field cannot have, which falls back to its default (calico-state §4.1)."""
    wanted = _WORDS.get(mutation.field.rpartition(".")[2], int)
    return not isinstance(mutation.new, wanted) or isinstance(mutation.new, bool)


def _not_false(mutation: Mutation, scene: Scene) -> bool:
    return mutation.new is not False


def _not_true(mutation: Mutation, scene: Scene) -> bool:
    return mutation.new is not True


def _no_vxlan(mutation: Mutation, scene: Scene) -> bool:
    return not scene.vxlan


def _no_bird(mutation: Mutation, scene: Scene) -> bool:
    return not scene.bird_runs


def _by_bird_alone(mutation: Mutation, scene: Scene) -> bool:
    """No route between nodes is Felix's."""
    return not any(
        route.hops and route.protocol in {net.PROTO_FELIX, net.PROTO_BOOT} and scene.in_pool(route.dst)
        for facts in scene.snapshot.node_facts.values()
        for route in facts.host.routes
        if route.table == net.MAIN and not any(hop.dev.startswith("cali") for hop in route.hops)
    )


def _still_bird(mutation: Mutation, scene: Scene) -> bool:
    """calico-node's own pods tell the backend; or bgp is still named, or nothing at all is."""
    told = any(pod.backend for pod in scene.cluster.pods)
    types = [item.cluster_type for item in of(ClusterInformation, mutation.gained)]
    return told or all(not kind or "bgp" in kind.split(",") for kind in types)


def _release_all_one(mutation: Mutation, scene: Scene) -> bool:
    """calico-node's images go before; or every pool's programmers are the same in the other release."""
    if any("node:" in image for pod in scene.cluster.pods for image in pod.images):
        return True
    known = scene.cluster
    felix, bgp = setting(known.felix, "programClusterRoutes"), setting(known.bgp, "programClusterRoutes")
    minors = [minor_of([item.calico_version]) for item in of(ClusterInformation, mutation.gained)]
    return all(
        programmers(pool, minor, felix, bgp, bird=scene.bird_runs)
        == programmers(pool, scene.minor, felix, bgp, bird=scene.bird_runs)
        for pool in known.pools
        for minor in minors
    )


def _other_name(mutation: Mutation, scene: Scene) -> bool:
    nodes = {f"node.{node.name}" for node in scene.cluster.nodes}
    return not mutation.lost and all(item.name not in {"default", *nodes} for item in of(Settings, mutation.gained))


def _peer_of_all(mutation: Mutation, scene: Scene) -> bool:
    return all(item.spec.get("nodeSelector") in {None, "", "all()"} for item in of(Settings, mutation.touched))


def _selected(mutation: Mutation, scene: Scene) -> bool:
    return all(item.spec.get("nodeSelector") for item in of(Settings, mutation.lost))


ENTRIES: tuple[DontCare, ...] = (
    DontCare("IPAMConfig", "strict_affinity", "*", "Nothing is borrowed here.", _nothing_borrowed),
    DontCare("IPAMConfig", "[!s]*", "*", "It holds for addresses and blocks to come."),
    DontCare(
        "ClusterInformation",
        "calico_version",
        "*",
        "In that release the same programs the routes of each pool, or calico-node's image tells another one.",
        _release_all_one,
    ),
    DontCare(
        "ClusterInformation",
        "cluster_type",
        "*",
        "calico-node's pods tell the backend, or it still names bgp, or nothing, which means BIRD.",
        _still_bird,
    ),
    DontCare(
        "Settings (*)",
        "",
        "drop",
        "Without the object every field has its default, as all that are read have here.",
        _defaults,
    ),
    DontCare(
        "Settings (*)",
        "name",
        "*",
        "Without the object every field has its default, as all that are read have here.",
        _defaults,
    ),
    DontCare(
        "Settings (*)",
        "",
        "add foreign",
        "Only the objects default and node.<name> hold for a node; an empty peer names no session.",
    ),
    DontCare("Settings (peers)", "name", "*", "A peer's name is no state, and two equal peers are one session."),
    DontCare("Settings (peers)", "spec", "swap", "Both peers are there, under each other's name."),
    DontCare("Settings (*)", "name", "*", "Only the objects default and node.<name> hold for a node.", _other_name),
    DontCare("Settings (*)", "spec", "add one*", "A field that Calico does not know means nothing."),
    DontCare("Settings (*)", "spec.log*", "*", "What is logged is no state of the network."),
    DontCare(
        "Settings (felix)", "spec.bpf*", "*", "The BPF dataplane allows more, and asks for no other routes (§4.7)."
    ),
    DontCare("Settings (*)", "spec.programClusterRoutes", "*", "No block lies in a pool.", _no_block_in_a_pool),
    DontCare(
        "Settings (felix)",
        "spec.ipv?*RoutePriority",
        "*",
        "The field is v3.32's: before there is none.",
        _no_such_field,
    ),
    DontCare(
        "Settings (felix)", "spec.deviceRouteProtocol", "*", "By 80 Felix's routes between nodes go anyway.", _as_usual
    ),
    DontCare(
        "Settings (felix)", "spec.ipipEnabled", "*", "Nobody programs the pool's routes, before and after.", _nobody
    ),
    DontCare("Settings (felix)", "spec.routeSource", "*", "An unknown value is the default, CalicoIPAM."),
    DontCare("Settings (felix)", "spec.ipipEnabled", "*", "Only false turns it off.", _not_false),
    DontCare("Settings (felix)", "spec.vxlanEnabled", "*", "Only false turns it off.", _not_false),
    DontCare("Settings (felix)", "spec.vxlan*", "*", "No pool has VXLAN.", _no_vxlan),
    DontCare("Settings (felix)", "spec.*MTU*", "*", "A value of another type falls back to the default.", _no_value),
    DontCare("Settings (felix)", "spec.vxlan*", "*", "A value of another type falls back to the default.", _no_value),
    DontCare("Settings (felix)", "spec.wireguardEnabledV6", "*", "No node has published a key for IPv6."),
    DontCare("Settings (felix)", "spec.wireguardEnabled", "set to*", "Only true turns it on.", _not_true),
    DontCare("Settings (bgp)", "spec.listenPort", "*", "By which port a session came up is no state."),
    DontCare("Settings (bgp)", "spec.nodeToNodeMeshEnabled", "*", "No node runs BIRD.", _no_bird),
    DontCare("Settings (peers)", "spec.asNumber", "*", "Read by no check yet: AS numbers of sessions."),
    DontCare("Settings (peers)", "spec.filters", "*", "It names no BGPFilter that is there."),
    DontCare("Settings (peers)", "spec.node", "*", "The API refuses it beside a nodeSelector.", _selected),
    DontCare("Settings (peers)", "spec.nodeSelector", "*", "A peer without selector is every node's.", _peer_of_all),
    DontCare("Settings (peers)", "spec.*Selector", "set to False", "False is no selector."),
    DontCare("Settings (peers)", "spec.reachableBy", "*", "It allows a route to the peer, and asks for none."),
    DontCare(
        "Settings (felix)", "spec.nftables*", "*", "nftables or iptables: no difference in routes (calico-state §4.7)."
    ),
    DontCare("Settings (felix)", "spec.reportingInterval", "*", "How often Felix reports is no state of the network."),
    DontCare("Settings (felix)", "spec.floatingIPs", "*", "Read by no check yet: floating addresses."),
    DontCare("Settings (bgp)", "spec.service*", "*", "No service is advertised here.", unadvertised),
    DontCare(
        "Settings (*)",
        "spec.programClusterRoutes",
        "*",
        "Each pool's routes are still programmed by the same; an unknown value is the default.",
        _same_programmers,
    ),
    DontCare("Settings (felix)", "spec.wireguardEnabled", "*", "No node has published a key.", _no_key),
    DontCare(
        "Settings (felix)",
        "spec.deviceRoute*",
        "*",
        "The CNI plugin's own route, proto boot without source, may stay (calico-state §3.1).",
        _by_bird_alone,
    ),
    DontCare(
        "Settings (felix)",
        "spec.deviceRoute*",
        "*",
        "A value of another type falls back to the default.",
        _no_value,
    ),
    DontCare(
        "Settings (*)",
        "spec.ipv?*RoutePriority",
        "*",
        "A value of another type falls back to the default.",
        _no_value,
    ),
    DontCare("Settings (felix)", "spec.ipv?ElevatedRoutePriority", "*", "No live migration is under way."),
    DontCare("Settings (bgp)", "spec.nodeToNodeMeshEnabled", "*", "The mesh stays on.", _mesh_stays),
    DontCare("Settings (bgp)", "spec.asNumber", "*", "Read by no check yet: AS numbers of sessions."),
    DontCare(
        "Settings (bgp)", "spec.localWorkloadPeering*", "*", "A pod is a BGP peer only by a label that none has here."
    ),
    DontCare(
        "Settings (bgp)",
        "spec.service*",
        "*",
        "Read by no check yet: which services are announced. None is in a pod's pool.",
    ),
    DontCare("Cluster", "api_group", "*", "Both groups are decoded alike."),
    DontCare("Cluster", "unlisted", "add one: foreign", "A list that no expectation reads may be missing."),
    DontCare("Header", "*", "*", "It says who observed and how; what was not asked is counted as such."),
    DontCare("Healed", "", "add foreign*", "What healed is reported as healed, and no finding."),
    DontCare("NodeFacts", "name", "*", "A node's facts are found by the index."),
    DontCare(
        "NodeFacts",
        "cni_config",
        "*",
        "It tells of another plugin, or of pods that forward; of neither before or after (calico-state §1.4).",
    ),
    DontCare("NodeFacts", "mtu_file*", "*", "It holds for pods to come: the MTU of those that are there is read."),
    DontCare("NodeFacts", "boot_time", "*", "It matters to pods that have lost their interface, and here is none."),
    DontCare("NodeFacts", "started", "*", "When a node was read is no state of it."),
    DontCare("NodeFacts", "finished", "*", "When a node was read is no state of it."),
    DontCare("NodeFacts", "kernel", "*", "Any kernel will do."),
    DontCare("Problem", "", "add foreign", "A fact that nobody knows is read by nobody."),
    DontCare("Problem", "", "add foreign: fact bird", "BIRD's answer is there all the same."),
)
