"""Don't-cares among pools, blocks, handles and affinities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip
from model.cluster import BlockAffinity, IPAMBlock, IPPool
from tests.mutations.dont_care import DontCare, of
from tests.mutations.owners import programmers, setting

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def _withheld(mutation: Mutation, scene: Scene) -> bool:
    return mutation.new is True


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


def _tunnels_own(mutation: Mutation, scene: Scene) -> bool:
    """Of a tunnel's address, which some Node shows."""
    shown = {
        address
        for node in scene.cluster.nodes
        for address in (node.wireguard_ipv4, node.ipip_tunnel, node.vxlan_tunnel)
    }
    return (
        all(
            item.secondary.get("type", "").endswith("TunnelAddress")
            for old, new in zip(of(IPAMBlock, mutation.lost), of(IPAMBlock, mutation.gained), strict=False)
            for item, other in zip(old.attributes, new.attributes, strict=False)
            if item != other
        )
        and bool(shown - {None})
        and (mutation.operation == "altered" or scene.wireguard or not scene.programmed)
    )


def _transient(mutation: Mutation, scene: Scene) -> bool:
    """Pods came and went while one looked: a handle in one list alone tells nothing (I5)."""
    look = scene.snapshot.looks[-1]
    return bool(
        {pod.key: pod.resource_version for pod in look.before.pods}.items()
        ^ {pod.key: pod.resource_version for pod in look.pods_after or look.before.pods}.items()
    )


def _same_programmer_of_pool(mutation: Mutation, scene: Scene) -> bool:
    """VXLAN stays set, which goes before; or nobody programs the pool before and after."""
    known = scene.cluster
    felix, bgp = setting(known.felix, "programClusterRoutes"), setting(known.bgp, "programClusterRoutes")
    told = [programmers(pool, scene.minor, felix, bgp, bird=scene.bird_runs) for pool in of(IPPool, mutation.gained)]
    vxlan = all(pool.vxlan_mode != "Never" for pool in of(IPPool, mutation.touched))
    return (vxlan and mutation.field == "ipip_mode") or set(told) == {(False, False)}


def _in_flux(mutation: Mutation, scene: Scene) -> bool:
    """An allocation or a handle of an address of a pod that changed while one looked, or was being made."""
    words = {key.partition("/")[2] for key in scene.leaving_keys}
    told = set(scene.flux_words(mutation).split())
    return bool(told) and told <= words


def _same_numbers(mutation: Mutation, scene: Scene) -> bool:
    """The same free addresses, in another order."""
    left, right = mutation.old, mutation.new
    return isinstance(left, tuple) and isinstance(right, tuple) and sorted(left) == sorted(right)


def _virtual(mutation: Mutation, scene: Scene) -> bool:
    return all((block.affinity or "").startswith("virtual:") for block in of(IPAMBlock, mutation.lost))


def _same_claims(mutation: Mutation, scene: Scene) -> bool:
    """Both claims of the same node are there, under each other's name; or a claim that is no host's changes."""
    left = {(item.node, item.cidr, item.type) for item in of(BlockAffinity, mutation.lost)}
    right = {(item.node, item.cidr, item.type) for item in of(BlockAffinity, mutation.gained)}
    return left == right or not any(item.type == "host" for item in of(BlockAffinity, mutation.touched))


def _no_hosts_claim(mutation: Mutation, scene: Scene) -> bool:
    return not any(item.type == "host" for item in of(BlockAffinity, mutation.touched))


def _pools_of_nobody(mutation: Mutation, scene: Scene) -> bool:
    """No block lies in the pool."""
    return not any(
        ip.contains(pool.cidr, block.cidr) for pool in of(IPPool, mutation.lost) for block in scene.cluster.blocks
    )


ENTRIES: tuple[DontCare, ...] = (
    DontCare("IPPool", "cidr", "*", "All blocks and pods still lie inside.", _still_inside),
    DontCare("IPPool", "", "add foreign*", "A pool that no block and no pod uses changes nothing.", _outside),
    DontCare(
        "IPPool", "disable_bgp_export", "*", "Read by no check yet: routes that should have been withheld.", _withheld
    ),
    DontCare("IPPool", "labels*", "*", "Nothing follows from a pool's labels."),
    DontCare(
        "IPPool",
        "*_mode",
        "*",
        "VXLAN goes before IPIP where both are set; a pool without programmer has one finding, whatever its mode.",
        _same_programmer_of_pool,
    ),
    DontCare("IPPool", "", "drop", "No block lies in it.", _pools_of_nobody),
    DontCare("IPPool", "name", "*", "A pool is known by its prefix."),
    DontCare("IPPool", "block_size", "*", "It holds for blocks to come; those that are there keep theirs."),
    DontCare("IPPool", "disabled", "*", "Nothing changes in the kernel (calico-state §4.7)."),
    DontCare("IPPool", "deleting", "*", "Until the pool is gone nothing changes in the kernel."),
    DontCare("IPPool", "nat_outgoing", "*", "It has no effect on routes (calico-state §4.7)."),
    DontCare("IPPool", "node_selector", "*", "It has no effect on routes (calico-state §4.7)."),
    DontCare("IPPool", "assignment_mode", "*", "It has no effect on routes (calico-state §4.7)."),
    DontCare("IPPool", "allowed_uses", "*", "It decides on addresses to come."),
    DontCare("IPAMBlock", "name", "*", "A block is known by its prefix."),
    DontCare("IPAMBlock", "unallocated", "swap*", "The order of free addresses is no state.", _same_numbers),
    DontCare("IPAMBlock", "affinity", "*", "No node routes a block of services by its owner.", _virtual),
    DontCare("IPAMBlock", "attributes.secondary.*", "*", "Who holds a service's address is not judged.", _virtual),
    DontCare("IPAM*", "*", "*", "Its pod changed while one looked, or is being made or deleted.", _in_flux),
    DontCare("IPAMBlock", "attributes.secondary.timestamp", "*", "When an address was given away is no state."),
    DontCare("IPAMBlock", "attributes.secondary", "add one*", "An attribute that Calico does not know means nothing."),
    DontCare(
        "IPAMBlock", "attributes.secondary.*", "drop", "An allocation without this attribute names nobody (§5.2)."
    ),
    DontCare(
        "IPAMBlock", "attributes.secondary.*", "→ ''", "An allocation without this attribute names nobody (§5.2)."
    ),
    DontCare("IPAMHandle", "", "add foreign", "A handle that counts no address holds none."),
    DontCare("BlockAffinity", "cidr", "*", "Each node has the claims that it had before.", _same_claims),
    DontCare("BlockAffinity", "", "drop", "No node has a claim on a block of services.", _no_hosts_claim),
    DontCare("BlockAffinity", "deleted", "*", "No node has a claim on a block of services.", _no_hosts_claim),
    DontCare("BlockAffinity", "node", "*", "No node has a claim on a block of services.", _no_hosts_claim),
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
        "IPAMBlock",
        "attributes.secondary.node",
        "*",
        "It is in use: a Node shows it (calico-state §5.2).",
        _tunnels_own,
    ),
    DontCare(
        "IPAMHandle", "*", "*", "While pods come and go, one list alone tells nothing of a handle (I5).", _transient
    ),
    DontCare(
        "IPAMBlock",
        "attributes.[hr]*",
        "*",
        "While pods come and go, one list alone tells nothing of a handle (I5).",
        _transient,
    ),
)
