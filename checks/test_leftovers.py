"""What nothing claims: interfaces, routes and addresses of pods that are not there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from checks.claims import claim, of_interest, touches_pods
from checks.declare import check
from checks.matching import points_back
from expect.pods import POD_INTERFACES, Presence, state_of
from expect.world import route_class
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase

_MAKERS = {net.PROTO_BIRD: "BIRD", net.PROTO_KERNEL: "kernel"}


@check(faults=("F11",), severity=Severity.HOUSEKEEPING)
def test_every_pod_interface_belongs_to_a_pod(node: NodeCase) -> Verdict:
    """Every `cali…` interface of the node is that of a pod that runs there, or has just run there.

    A leaked interface carries nothing by itself; its routes are another check's.
    """
    unread = node.unread("links")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"links could not be read: {unread}"),))
    links = [link for link in node.facts.host.links if link.name.startswith(POD_INTERFACES)]
    leaked = [link for link in links if not _may_stay(node, link.name)]
    if not links:
        return Verdict(inapplicable=(Gap(node.name, "it has no pod's interface"),))
    differences = tuple(
        Difference(
            kind=Kind.UNEXPECTED,
            object=link.name,
            expected="no interface but those of this node's pods",
            because="its name follows from no pod of this node (libcalico workload_endpoint_default.go:77-93)",
            found=f"{link.name}, {'up' if link.up else 'down'}, {'with' if link.carrier else 'without'} carrier",
            look=node.on(f"ip -d link show {link.name}"),
            severity=Severity.HOUSEKEEPING,
            likely="its pod was deleted by force, or its namespace outlived it",
            about=about(link=link.name),
        )
        for link in leaked
    )
    return Verdict(examined=len(links), differences=differences)


def _may_stay(node: NodeCase, name: str) -> bool:
    pod = node.pods_by_interface.get(name)
    if pod is None:
        return False
    state = state_of(pod)
    return state.presence is not Presence.NOTHING or state.link_may_stay or pod.key in node.world.flux.pods


@check(faults=("F11", "F22", "F26", "F31", "F42", "F52"), severity=Severity.WRONG)
def test_every_pod_and_block_route_is_accounted_for(node: NodeCase) -> Verdict:
    """Every route inside a pool, and every route by a pod's interface, belongs to a pod, a block or a borrowed address
    that exists, or has a named healthy reason.

    A stale one takes traffic away as soon as its prefix is used again; one that covers a live address takes it away
    now.
    """
    unread = node.unread("routes")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"routes could not be read: {unread}"),))
    examined = 0
    leftovers: dict[str, list[net.Route]] = defaultdict(list)
    for route in node.facts.host.routes:
        if of_interest(node, route):
            examined += 1
            if claim(node, route) is None:
                leftovers[route.dst].append(route)
    if not examined:
        return Verdict(inapplicable=(Gap(node.name, "it has no route inside a pool and none by a pod's interface"),))
    differences = tuple(_leftover(node, prefix, routes) for prefix, routes in sorted(leftovers.items()))
    return Verdict(examined=examined, differences=differences)


def _leftover(node: NodeCase, prefix: str, routes: list[net.Route]) -> Difference:
    lost = sorted(_lost(node, prefix, routes))
    return Difference(
        kind=Kind.UNEXPECTED,
        object=prefix,
        expected="no such route on this node",
        because=_because(node, prefix, lost),
        found="; ".join(net.describe_route(route) for route in routes),
        look=node.show_routes(prefix),
        severity=Severity.BROKEN if lost else Severity.WRONG,
        likely=_origin(routes),
        about=_about(node, prefix, routes),
    )


def _because(node: NodeCase, prefix: str, lost: list[str]) -> str:
    owner = node.world.blocks.get(prefix)
    said = []
    if owner is not None and owner.node:
        said.append(owner.because + ("" if owner.node in node.world.nodes else ", and no such node exists"))
    if lost:
        said.append(f"live addresses that it takes away: {', '.join(lost[:3])}{' …' if len(lost) > 3 else ''}")
    return "; ".join(said) or "no live pod, block or borrowed address has this prefix here"


def _about(node: NodeCase, prefix: str, routes: list[net.Route]) -> tuple[str, ...]:
    world = node.world
    block = world.blocks.get(prefix) or world.block_of(ip.bare(prefix))
    owner = world.blocks.get(prefix)
    hops = [hop for route in routes for hop in route.hops]
    towards = {world.node_addresses.get(hop.gateway) for hop in hops if hop.gateway} - {None}
    return about(
        node=[name for name in (*towards, owner.node if owner else None) if name],
        block=block.cidr if block else prefix if prefix in world.affinities else None,
        address=ip.bare(prefix) if ip.is_host_prefix(prefix) else None,
        link=[hop.dev for hop in hops if hop.dev.startswith(POD_INTERFACES)],
        device=[hop.dev for hop in hops if not hop.dev.startswith(POD_INTERFACES)],
        state="nodes-address" if ip.is_host_prefix(prefix) and ip.bare(prefix) in world.node_addresses else None,
        encap=route_class(world.pool_of(prefix)),
        family=str(ip.family(prefix)),
        by=next((name for number, name in _MAKERS.items() if {route.protocol for route in routes} == {number}), None),
    )


def _lost(node: NodeCase, prefix: str, routes: list[net.Route]) -> Iterator[str]:
    """Live pods' addresses that a leftover route takes away: those it covers and does not lead to. A pod's own host
    route is more specific than a network's, but not asked for before the local table."""
    own = {pod.key for pod in node.pods}
    leads_off = not all(touches_pods(route) for route in routes)
    first = ip.is_host_prefix(prefix) or any(route.table == net.LOCAL for route in routes)
    for address, pods in node.world.pods_by_address.items():
        if ip.contains(prefix, address):
            here = any(pod.key in own for pod in pods)
            if not here or (leads_off and first):
                yield f"{address} (pod {pods[0].key} on {pods[0].node})"


def _origin(routes: list[net.Route]) -> str:
    protocols = {route.protocol for route in routes}
    if protocols == {net.PROTO_BIRD}:
        return "another node announces it, or BIRD kept it after its announcer left"
    if any(touches_pods(route) for route in routes):
        return "left behind by a deleted pod, or made by hand"
    names = ", ".join(net.protocol_name(number) for number in sorted(protocols))
    return f"made by something that is not Calico (proto {names})"


@check(faults=("F26",), needs=frozenset({"pods"}))
def test_no_other_namespace_has_a_pools_address(node: NodeCase) -> Verdict:
    """No network namespace on the node holds an address of a pool that is not its own pod's.

    A second holder of a live address answers in its pod's place.
    """
    unread = node.unread("namespaces")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"the pods' network namespaces could not be read: {unread}"),))
    owned = {namespace.name for namespace in node.namespaces.values()}
    differences = [
        _holder(node, namespace, address)
        for namespace in node.facts.pods
        if namespace.name not in owned
        for address in namespace.addresses
        if node.world.pool_of(address.address) and not _leaving(node, address.address)
    ]
    if not node.facts.pods:
        return Verdict(inapplicable=(Gap(node.name, "no pod's network namespace is on this node"),))
    return Verdict(examined=len(node.facts.pods), differences=tuple(differences))


def _leaving(node: NodeCase, address: str) -> bool:
    """Whether an address is that of a pod of this node that is on its way in or out."""
    if address in node.world.flux.addresses:
        return True
    allocation = node.world.allocations.get(address)
    return allocation is not None and allocation.pod in node.world.flux.pods


def _holder(node: NodeCase, namespace: net.Namespace, address: net.Address) -> Difference:
    pods = node.world.pods_by_address.get(address.address, ())
    whose = f"{address.address} is pod {pods[0].key}'s on {pods[0].node}" if pods else "no live pod has this address"
    return Difference(
        kind=Kind.UNEXPECTED,
        object=address.address,
        expected="no namespace with this address that is not its pod's",
        because=whose,
        found=f"{address.text} on {address.dev} of namespace {namespace.name}, which belongs to no pod of this node",
        look=node.on(f"nsenter --net=/run/netns/{namespace.name} ip addr"),
        severity=Severity.BROKEN if pods else Severity.HOUSEKEEPING,
        likely="a duplicate address" if pods else "the namespace outlived its pod",
        about=about(
            address=address.address,
            namespace=namespace.name,
            link=_pairs(node, namespace),
            state="duplicate" if pods else None,
        ),
    )


def _pairs(node: NodeCase, namespace: net.Namespace) -> list[str]:
    """The host interfaces that are pairs of the namespace's own."""
    return [link.name for link in node.facts.host.links if points_back(link, namespace)]
