"""Don't-cares among a node's interfaces, their addresses and neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip, net
from tests.mutations.dont_care import DontCare, of
from tests.mutations.reviewed.host_words import pods

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def _other_links(mutation: Mutation, scene: Scene) -> bool:
    return all(not pods(link.name) and link.name not in scene.devices for link in of(net.Link, mutation.touched))


def _tunnel_links(mutation: Mutation, scene: Scene) -> bool:
    return all(not pods(link.name) for link in of(net.Link, mutation.touched))


def _no_ethernet(mutation: Mutation, scene: Scene) -> bool:
    return all(not pods(link.name) and link.kind != "vxlan" for link in of(net.Link, mutation.touched))


def _wireguard_link(mutation: Mutation, scene: Scene) -> bool:
    return all(link.name == "wireguard.cali" or _other(link, scene) for link in of(net.Link, mutation.touched))


def _tunl0(mutation: Mutation, scene: Scene) -> bool:
    return all(link.name == "tunl0" or _other(link, scene) for link in of(net.Link, mutation.touched))


def _other(link: net.Link, scene: Scene) -> bool:
    return not pods(link.name) and link.name not in scene.devices


def _no_vxlan_link(mutation: Mutation, scene: Scene) -> bool:
    return all(link.kind != "vxlan" for link in of(net.Link, mutation.touched))


def _a_pods_link(mutation: Mutation, scene: Scene) -> bool:
    return all(link.name.startswith("cali") for link in of(net.Link, mutation.touched))


def _tells(item: net.Neighbour, scene: Scene) -> bool:
    """One of a VXLAN device's that is in use; or a pod's, or a node's, that stays although nobody answers."""
    if item.dev in scene.devices:
        return True
    nodes = {address for node in scene.cluster.nodes for address in node.internal_ips}
    known = scene.live if pods(item.dev) else nodes if item.dev in scene.uplinks else set()
    fixed = item.state & (net.NUD_PERMANENT | net.NUD_INCOMPLETE | net.NUD_FAILED)
    return item.family in {4, 6} and bool(fixed) and item.address in known


def _passing(mutation: Mutation, scene: Scene) -> bool:
    return not any(_tells(item, scene) for item in of(net.Neighbour, mutation.touched))


def _extra(mutation: Mutation, scene: Scene) -> bool:
    """A further entry of a tunnel; those that it needs are there."""
    return not any(_tells(item, scene) for item in of(net.Neighbour, mutation.lost)) and all(
        item.dev in scene.devices for item in of(net.Neighbour, mutation.gained)
    )


def _answered(mutation: Mutation, scene: Scene) -> bool:
    """Whether an entry that is right ages or stays, on no tunnel."""
    silent = net.NUD_INCOMPLETE | net.NUD_FAILED
    return not any(item.dev in scene.devices or item.state & silent for item in of(net.Neighbour, mutation.touched))


def _of_leaving(mutation: Mutation, scene: Scene) -> bool:
    return all(item.dev in scene.leaving for item in of(net.Neighbour, mutation.touched))


def _still_stays(mutation: Mutation, scene: Scene) -> bool:
    stays = net.NUD_PERMANENT | net.NUD_NOARP
    return all(item.state & stays for item in of(net.Neighbour, mutation.touched)) and all(
        item.family == net.FAMILY_BRIDGE or item.state & net.NUD_PERMANENT
        for item in of(net.Neighbour, mutation.touched)
    )


def _no_family(mutation: Mutation, scene: Scene) -> bool:
    return all(item.family not in {4, 6, net.FAMILY_BRIDGE} for item in of(net.Neighbour, mutation.gained))


def _no_bridge(mutation: Mutation, scene: Scene) -> bool:
    return all(item.family != net.FAMILY_BRIDGE for item in of(net.Neighbour, mutation.touched))


def _forwarding_entry(mutation: Mutation, scene: Scene) -> bool:
    return all(item.family == net.FAMILY_BRIDGE for item in of(net.Neighbour, mutation.touched))


def _no_vxlan(mutation: Mutation, scene: Scene) -> bool:
    return not scene.vxlan


def _same_name(mutation: Mutation, scene: Scene) -> bool:
    (node,) = mutation.nodes
    names = {link.name for link in scene.snapshot.node_facts[node].host.links}
    return all(link.name in names for link in of(net.Link, mutation.gained))


def _leaving_link(mutation: Mutation, scene: Scene) -> bool:
    return any(link.name in scene.leaving for link in of(net.Link, mutation.lost))


def _not_the_nodes(mutation: Mutation, scene: Scene) -> bool:
    """The node's own addresses, tunnels' included, stay where they are; pods' interfaces and tunnels get none."""
    links = {link.name for name in mutation.nodes for link in scene.snapshot.node_facts[name].host.links}
    bare = {name for name in links if pods(name) or name in scene.devices}
    gained = [address for address in of(net.Address, mutation.gained) if address.dev in bare]
    kept = {(address.address, address.dev) for address in of(net.Address, mutation.gained)}
    lost = [address for address in of(net.Address, mutation.lost) if (address.address, address.dev) not in kept]
    return not any(_used(address, scene) for address in lost) and all(
        ip.family(address.address) not in scene.families for address in gained
    )


def _used(address: net.Address, scene: Scene) -> bool:
    return address.address in scene.own_addresses or (
        pods(address.dev) and ip.family(address.address) in scene.families
    )


def _link_local(mutation: Mutation, scene: Scene) -> bool:
    """A link-local address more, or one of a tunnel or the uplink, by which nothing is sent."""
    return all(
        ip.contains("fe80::/10", address.address) or address.dev not in scene.devices
        for address in of(net.Address, mutation.gained)
    ) and all(
        ip.contains("fe80::/10", address.address) and not pods(address.dev)
        for address in of(net.Address, mutation.lost)
    )


def _address_stays(mutation: Mutation, scene: Scene) -> bool:
    kept = {(item.dev, item.address, item.prefixlen) for item in of(net.Address, mutation.gained)}
    return all((item.dev, item.address, item.prefixlen) in kept for item in of(net.Address, mutation.lost))


def _further(mutation: Mutation, scene: Scene) -> bool:
    """Of a tunnel, beside its own, which stays; pods' interfaces get none."""
    return not any(pods(item.dev) for item in of(net.Address, mutation.touched)) and not any(
        item.dev in scene.devices or item.address in scene.own_addresses for item in of(net.Address, mutation.lost)
    )


def _uplinks_scope(mutation: Mutation, scene: Scene) -> bool:
    return all(
        item.dev in scene.uplinks or (ip.contains("fe80::/10", item.address) and not pods(item.dev))
        for item in of(net.Address, mutation.touched)
    )


def _wrong_scope(mutation: Mutation, scene: Scene) -> bool:
    return all(
        item.scope == net.SCOPE_LINK and not ip.contains("fe80::/10", item.address)
        for item in of(net.Address, mutation.gained)
    ) and all(item.scope == net.SCOPE_LINK for item in of(net.Address, mutation.lost))


def _gateways(mutation: Mutation, scene: Scene) -> bool:
    return all(
        (pods(item.dev) and ip.contains("fe80::/10", item.address)) or item.dev == "lo"
        for item in of(net.Address, mutation.touched)
    )


def _on_loopback(mutation: Mutation, scene: Scene) -> bool:
    nodes = {address for node in scene.cluster.nodes for address in node.internal_ips}
    return all(item.dev == "lo" or item.address not in nodes for item in of(net.Address, mutation.gained)) and not any(
        item.dev in scene.devices for item in of(net.Address, mutation.touched)
    )


def _no_such_device(mutation: Mutation, scene: Scene) -> bool:
    links = {link.name for name in mutation.nodes for link in scene.snapshot.node_facts[name].host.links}
    return all(address.dev not in links for address in of(net.Address, mutation.gained))


def _no_bgp_address(mutation: Mutation, scene: Scene) -> bool:
    """No node has a BGP address, and no tunnel ends there."""
    return not any(node.bgp_ipv4 or node.bgp_ipv6 for node in scene.cluster.nodes)


ENTRIES: tuple[DontCare, ...] = (
    DontCare("*", "", "add copy", "The kernel and the API hold no two equal facts: one read twice says nothing new."),
    DontCare(
        "host Namespace", "addresses", "*", "No node has a BGP address, and no tunnel ends at one.", _no_bgp_address
    ),
    DontCare(
        "host Neighbour",
        "*",
        "*",
        "Only those of a VXLAN device must be there; those of pods come and go (calico-state §3.5).",
        _passing,
    ),
    DontCare(
        "host Neighbour",
        "*",
        "*",
        "A further entry is not asked for: the other nodes' are there, and one MAC address has one destination.",
        _extra,
    ),
    DontCare("host Neighbour", "state", "*", "Whether an entry that is right ages or stays is all one.", _answered),
    DontCare("host Neighbour", "state", "*", "A pod that is being deleted or made need not answer.", _of_leaving),
    DontCare("host Neighbour", "state", "*", "It stays, whatever else its state says.", _still_stays),
    DontCare("host Neighbour", "family", "*", "There is no such family.", _no_family),
    DontCare("host Neighbour", "dst", "given", "Only a forwarding entry has a destination.", _no_bridge),
    DontCare("host Neighbour", "port", "given", "Only a forwarding entry has a port of its own.", _no_bridge),
    DontCare("host Neighbour", "vni", "given", "Only a forwarding entry has an identifier of its own.", _no_bridge),
    DontCare("host Neighbour", "via", "given", "Only a forwarding entry has an interface of its own.", _no_bridge),
    DontCare("host Neighbour", "address", "*", "A forwarding entry has no address.", _forwarding_entry),
    DontCare(
        "host Address",
        "*",
        "*",
        "An address that is not the node's own shows in the routes that the kernel makes of it, which are read.",
        _not_the_nodes,
    ),
    DontCare(
        "host Address", "*", "*", "The kernel makes link-local addresses, and no route goes by these.", _link_local
    ),
    DontCare("host Address", "dev", "*", "No interface of that name is there: this cannot be.", _no_such_device),
    DontCare("host Address", "broadcast", "*", "Nothing is sent to a broadcast address."),
    DontCare("host Address", "peer", "*", "A peer shows in the route that the kernel makes to it.", _address_stays),
    DontCare("host Address", "*", "*", "A further address shows in the routes that the kernel makes of it.", _further),
    DontCare("host Address", "*", "*", "Only link-local addresses have that scope.", _wrong_scope),
    DontCare(
        "host Address",
        "scope",
        "*",
        "The kernel gives link-local addresses their scope, and the uplink's is the host's own affair.",
        _uplinks_scope,
    ),
    DontCare(
        "host Address", "prefixlen", "*", "A pod asks for its gateway from its own address, which is routed.", _gateways
    ),
    DontCare("host Address", "dev", "*", "A node's address may be that of its loopback interface.", _on_loopback),
    DontCare("host Address", "*", "*", "No node has a BGP address, and no tunnel ends at one.", _no_bgp_address),
    DontCare("host Link", "vxlan", "*", "Only a link of kind vxlan has these attributes.", _no_vxlan_link),
    DontCare("host Link", "kind", "*→ netkit", "A pod's pair may be a netkit one (calico-state §1.4).", _a_pods_link),
    DontCare(
        "host Link", "*", "*", "An interface that is no pod's: what it carries shows in the routes.", _other_links
    ),
    DontCare(
        "host Link",
        "*",
        "*",
        "The interface of a pod that is being deleted or changes may go or change.",
        _leaving_link,
    ),
    DontCare("host Link", "index", "*", "Only a pair is found by its indexes.", _tunnel_links),
    DontCare("host Link", "peer_*", "*", "Only a pair has another end.", _tunnel_links),
    DontCare("host Link", "noarp", "*", "A tunnel's neighbours are permanent, or it has none.", _tunnel_links),
    DontCare("host Link", "mtu", "→ 0", "Only what is too large loses packets (calico-state §1.4).", _wireguard_link),
    DontCare("host Link", "mac", "*", "An IPIP or WireGuard device has no MAC address.", _no_ethernet),
    DontCare("host Link", "kind", "→ ''", "A plain dump does not tell tunl0's kind.", _tunl0),
    DontCare("host Link", "kind", "swap*", "A plain dump does not tell tunl0's kind.", _tunl0),
    DontCare("host Link", "kind", "→ ''", "A plain dump does not tell wireguard.cali's kind.", _wireguard_link),
    DontCare("host Link", "kind", "swap*", "A plain dump does not tell wireguard.cali's kind.", _wireguard_link),
    DontCare("host Link", "vxlan", "*", "No pool has VXLAN, and a pair has no such attributes.", _no_vxlan),
    DontCare("host Link", "*", "add copy: *", "No two interfaces have one name.", _same_name),
    DontCare("host Link", "", "add another's", "No two interfaces have one name.", _same_name),
    DontCare("host Namespace", "name", "*", "It is the node's own, whatever it is called."),
    DontCare("host Namespace", "*nsid", "*", "The number of a namespace in itself says nothing."),
    DontCare("host Namespace", "uids", "*", "The node's own namespace is no pod's."),
    DontCare("host Namespace", "neighbours", "*", "Only those of a VXLAN device must be there.", _no_vxlan),
)
