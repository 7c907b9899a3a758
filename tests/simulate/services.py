"""What service advertisement puts into BIRD: static routes, and ranges that are kept out of the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip
from model.cluster import Service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulate.world import NodeRun, World

RANGES = ("serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs")
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def statics(world: World, node: NodeRun, family: int) -> list[str]:
    """The prefixes that confd renders as static blackholes on that node."""
    found: list[str] = []
    if EXCLUDED in node.spec.labels:
        return found
    for field in RANGES:
        single, all_of_them = _single(world, field, family), _cidrs(world, field, family)
        found += _wide(world, field, family)
        for service in world.spec.services:
            if service.local and node.spec.name not in service.endpoints:
                continue
            ranges = all_of_them if service.local else single
            mine = [text for text in _addresses(world, field, service.name) if ip.family(text) == family]
            found += [ip.host_prefix(text) for text in mine if any(ip.contains(cidr, text) for cidr in ranges)]
    return list(dict.fromkeys(found))


def rejected(world: World, family: int) -> list[str]:
    """The ranges whose routes the kernel filter turns away."""
    return [cidr for field in RANGES for cidr in _wide(world, field, family)]


def objects(world: World) -> tuple[Service, ...]:
    """The API's Services."""
    kubernetes = Service("default", "kubernetes", cluster_ips=("10.96.0.1",))
    return (
        kubernetes,
        *(
            Service(
                namespace="default",
                name=service.name,
                type="LoadBalancer" if service.load_balancer_ips else "ClusterIP",
                cluster_ips=(service.cluster_ip,),
                external_ips=service.external_ips,
                load_balancer_ips=service.load_balancer_ips,
                external_traffic_policy="Local" if service.local else "Cluster",
            )
            for service in world.spec.services
        ),
    )


def _addresses(world: World, field: str, name: str) -> Iterable[str]:
    service = next(service for service in world.spec.services if service.name == name)
    return {
        "serviceClusterIPs": (service.cluster_ip,),
        "serviceExternalIPs": service.external_ips,
        "serviceLoadBalancerIPs": service.load_balancer_ips,
    }[field]


def _cidrs(world: World, field: str, family: int) -> list[str]:
    entries = world.spec.bgp.get(field, [])
    listed = [str(entry["cidr"]) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [cidr for cidr in listed if ip.family(cidr) == family]


def _aggregated(world: World, field: str) -> bool:
    apart = field == "serviceLoadBalancerIPs" and world.spec.bgp.get("serviceLoadBalancerAggregation") == "Disabled"
    return not apart


def _wide(world: World, field: str, family: int) -> list[str]:
    """Ranges that are advertised as such."""
    return [cidr for cidr in _cidrs(world, field, family) if _aggregated(world, field) and not ip.is_host_prefix(cidr)]


def _single(world: World, field: str, family: int) -> list[str]:
    """Ranges of which each address is advertised by itself."""
    return [cidr for cidr in _cidrs(world, field, family) if not _aggregated(world, field) or ip.is_host_prefix(cidr)]
