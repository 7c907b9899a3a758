"""What else inside the pod could take its traffic elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.applies import chooses_routes, moves_its_address
from checks.declare import check
from checks.hops import dead
from checks.test_pod_routes import DEFAULTS, GATEWAY
from expect.fib import Fib, Flow, standard_rules
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase

_MULTICAST = ("224.0.0.0/4", "ff00::/8")
_DROP_TYPES = frozenset({net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT, net.THROW})
_SOME = 64  # lookups that tell whether a route is used: a VPN's, in many pods, is for all blocks
_MADE_FOR_ADDRESSES = frozenset({net.LOCAL_TYPE, net.BROADCAST, net.ANYCAST, net.MULTICAST})


@check(faults=("F2",), severity=Severity.WRONG, needs=frozenset({"pods"}))
def test_nothing_else_diverts_the_pods_traffic(pod: PodCase) -> Verdict:
    """Inside the pod no other route leaves by eth0, and no rule or route of another kind takes its traffic elsewhere.

    The rules are the kernel's own, the local table holds the pod's own addresses. Routes of interfaces that Multus or
    the application added are theirs; one that takes the traffic of a whole pool off eth0 is mentioned, for a VPN
    sidecar does so on purpose. One for a part of a pool in which there is a block is no VPN's; one that drops what is
    for pods is worse; one that drops what is for nobody of the cluster is mentioned.
    """
    if pod.namespace is None or pod.eth0 is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no eth0, which the check of eth0 reports"),))
    if moves_its_address(pod) or chooses_routes(pod.node):
        return Verdict(inapplicable=(Gap(pod.name, "its routes are KubeVirt's, or those of the CNI configuration"),))
    unread = pod.unread("routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"routes and rules could not be read: {unread}"),))
    differences = [_diverts(pod, route) for route in pod.namespace.routes if not _ordinary(pod, pod.namespace, route)]
    differences += _deaf(pod, pod.namespace)
    differences += _rules(pod, pod.namespace)
    examined = len(pod.namespace.routes) + len(pod.namespace.rules)
    return Verdict(examined=examined, differences=tuple(differences))


def _ordinary(pod: PodCase, namespace: net.Namespace, route: net.Route) -> bool:
    """Kernel-made, one of the two routes of the other check, or by the application's own interface and of no
    concern."""
    if route.type in _MADE_FOR_ADDRESSES:
        return route.table == net.LOCAL and route.protocol == net.PROTO_KERNEL and _has(namespace, route)
    if route.table == net.MAIN and route.dst in {*DEFAULTS.values(), ip.host_prefix(GATEWAY)}:
        return True
    made = {*pod.prefixes, "fe80::/64", *_connected(pod, namespace)}
    if route.table == net.MAIN and route.protocol == net.PROTO_KERNEL and route.dst in made:
        return True
    if (
        route.table == net.MAIN
        and route.type == net.UNICAST
        and [(hop.gateway, hop.dev) for hop in route.hops] == [(GATEWAY, "eth0")]
    ):
        return True  # the same way as the default route
    return bool(route.hops) and all(hop.dev != "eth0" for hop in route.hops) and not _takes_pool(pod, route)


def _connected(pod: PodCase, namespace: net.Namespace) -> Iterator[str]:
    """The networks of addresses that the application gave eth0, outside every pool: the check of addresses tells them,
    and the kernel makes a route to each by itself."""
    for address in namespace.addresses:
        whole = 32 if ip.family(address.address) == 4 else 128
        if address.dev == "eth0" and 0 < address.prefixlen <= whole:
            network = ip.canonical(address.text)
            pools = (pool.cidr for pool in pod.node.world.cluster.pools)
            if not any(ip.contains(cidr, network) or ip.contains(network, cidr) for cidr in pools):
                yield network


def _has(namespace: net.Namespace, route: net.Route) -> bool:
    """Whether a local route is of an address that its interface has; broadcast and anycast follow from them, and
    multicast is for its own addresses."""
    if route.type == net.MULTICAST:
        return any(ip.contains(prefix, route.dst) for prefix in _MULTICAST)
    if route.type != net.LOCAL_TYPE:
        return True
    devices = {hop.dev for hop in route.hops}
    return any(
        ip.contains(route.dst, address.address)
        and address.dev in devices
        and (ip.is_host_prefix(route.dst) or address.scope == net.SCOPE_HOST)
        for address in namespace.addresses
    )


def _takes_pool(pod: PodCase, route: net.Route) -> bool:
    pools = pod.node.world.cluster.pools
    return any(ip.contains(route.dst, pool.cidr) or ip.contains(pool.cidr, route.dst) for pool in pools)


def _diverts(pod: PodCase, route: net.Route) -> Difference:
    by_eth0 = any(hop.dev == "eth0" for hop in route.hops)
    return Difference(
        kind=Kind.UNEXPECTED,
        object=f"{pod.name}/{route.dst}",
        expected=f"no route by eth0 but the default and {GATEWAY}" if by_eth0 else "pool addresses reached by eth0",
        because=pod.because,
        found=net.describe_route(route),
        look=pod.inside("ip route show table all"),
        severity=_severity(pod, route, by_eth0=by_eth0),
        likely="" if by_eth0 else "a VPN or a sidecar of the application",
        about=about(state="dropped" if route.type in _DROP_TYPES else None),
    )


def _severity(pod: PodCase, route: net.Route, *, by_eth0: bool) -> Severity:
    asked = route.table in {net.MAIN, net.LOCAL}
    if route.type in _DROP_TYPES and asked:
        if _takes_pods(pod, route):
            return Severity.BROKEN
        return Severity.WRONG if _takes_others(pod, route) else Severity.HOUSEKEEPING
    if by_eth0 or not route.hops:
        return Severity.WRONG
    reasons = [dead(hop, pod.namespace.link(hop.dev) if pod.namespace else None) for hop in route.hops]
    if asked and all(reasons) and _takes_pods(pod, route):
        return Severity.BROKEN
    whole = any(ip.contains(route.dst, pool.cidr) for pool in pod.node.world.cluster.pools)
    return Severity.WRONG if asked and not whole and _takes_pods(pod, route) else Severity.HOUSEKEEPING


def _takes_pods(pod: PodCase, route: net.Route) -> bool:
    """Whether packets to a block, or to a part of one, go by a route; its own address is the pod's own affair."""
    if route.dst in pod.prefixes:
        return False
    world = pod.node.world
    held = world.block_of(ip.bare(route.dst))
    inside = [route.dst] if held is not None and ip.contains(held.cidr, route.dst) else []
    return _goes_by(pod, route, (*inside, *(cidr for cidr in world.blocks if ip.contains(route.dst, cidr))))


def _takes_others(pod: PodCase, route: net.Route) -> bool:
    """Whether packets to anything else of the cluster's go by a route: a node, a service, what is left of a pool. The
    rest of the world is the application's own affair."""
    world = pod.node.world
    known = (*world.node_addresses, *(address for service in world.cluster.services for address in service.cluster_ips))
    pools = [pool.cidr for pool in world.cluster.pools]
    parts = [route.dst for cidr in pools if ip.contains(cidr, route.dst)]
    return _goes_by(pod, route, (*parts, *(each for each in (*pools, *known) if ip.contains(route.dst, each))))


def _goes_by(pod: PodCase, route: net.Route, prefixes: tuple[str, ...]) -> bool:
    """Whether the pod's kernel sends by a route to the start of one of the prefixes; of many, to some."""
    if pod.namespace is None or not prefixes:
        return False
    fib = Fib(pod.namespace.routes, pod.namespace.rules)
    source = next((address for address in pod.pod.ips if ip.family(address) == ip.family(route.dst)), None)
    step = -(-len(prefixes) // _SOME)
    return any(fib.lookup(Flow(ip.bare(prefix), source)) is route for prefix in prefixes[::step])


def _deaf(pod: PodCase, namespace: net.Namespace) -> Iterator[Difference]:
    """The pod's addresses that its own kernel does not take as local, though an interface has them."""
    local = {
        route.dst
        for route in namespace.routes
        if route.type == net.LOCAL_TYPE and route.table == net.LOCAL and not route.tos and not route.src
    }
    held = {ip.host_prefix(address.address) for address in namespace.addresses}
    for prefix in sorted(set(pod.prefixes) & held - local):
        yield Difference(
            kind=Kind.MISSING,
            object=f"{pod.name}/local-{ip.bare(prefix)}",
            expected=f"local {ip.bare(prefix)} dev eth0 table local",
            because=f"{pod.because}; the kernel adds it with the address",
            found="no local route: the pod does not take packets to itself",
            look=pod.inside("ip route show table local"),
            severity=Severity.BROKEN,
        )


def _rules(pod: PodCase, namespace: net.Namespace) -> Iterator[Difference]:
    for family in sorted({ip.family(prefix) for prefix in pod.prefixes}):
        found = [rule for rule in namespace.rules if rule.family == family]
        if not found:
            continue  # a kernel without policy routing has none at all
        house = standard_rules(family)
        for rule in found:
            if rule not in house:
                yield _rule(pod, rule, Kind.UNEXPECTED, _changes(rule, house))
        for rule in house:
            if rule not in found:
                yield _rule(pod, rule, Kind.MISSING, Severity.BROKEN)


_DROPS = {net.RULE_BLACKHOLE: "drops", net.RULE_UNREACHABLE: "refuses", net.RULE_PROHIBIT: "forbids"}


def _changes(rule: net.Rule, house: tuple[net.Rule, ...]) -> Severity:
    """An added rule is mentioned, for sidecars bring their own; one of the kernel's own priorities was tampered
    with."""
    if rule.action in _DROPS:
        return Severity.BROKEN
    return Severity.WRONG if rule.priority in {other.priority for other in house} else Severity.HOUSEKEEPING


def _rule(pod: PodCase, rule: net.Rule, kind: Kind, severity: Severity) -> Difference:
    return Difference(
        kind=kind,
        object=f"{pod.name}/ipv{rule.family}-rule-{rule.priority}",
        expected="the kernel's own policy rules, and no others",
        because="Calico changes none inside a pod",
        found=f"{'no ' if kind is Kind.MISSING else ''}rule {rule.priority} {_words(rule)}",
        look=pod.inside(f"ip -{rule.family} rule"),
        severity=severity,
        likely="Istio, a VPN or another sidecar of the application",
    )


def _words(rule: net.Rule) -> str:
    """What a rule selects and does, as ip-rule(8) has it."""
    selects = [f"{name} {value}" for name, value in (("from", rule.src), ("to", rule.dst), ("iif", rule.iif)) if value]
    action = f"{_DROPS[rule.action]} packets" if rule.action in _DROPS else f"to table {net.table_name(rule.table)}"
    return " ".join([*selects, action])
