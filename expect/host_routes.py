"""The node's route to a pod of its own (calico-state §3.1): programmed by the CNI plugin, then owned by Felix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip, net

if TYPE_CHECKING:
    from expect.world import World

NORMAL = {4: "ipv4NormalRoutePriority", 6: "ipv6NormalRoutePriority"}
_ELEVATED = {4: "ipv4ElevatedRoutePriority", 6: "ipv6ElevatedRoutePriority"}


class HostRoute(msgspec.Struct, frozen=True):
    """What a pod's host route may look like; several entries to the same interface may stand side by side."""

    dst: str
    dev: str
    scope: int
    metrics: frozenset[int]
    protocols: frozenset[int]
    source: str | None
    plugins_metric: int  # with which the CNI plugin's own entry shows, which has no source

    def sources(self, metric: int) -> frozenset[str | None]:
        """The sources that an entry of a metric may have: Felix's, and none where it may be the CNI plugin's."""
        return frozenset({self.source, None} if metric == self.plugins_metric else {self.source})


def host_route(world: World, node: str, prefix: str, dev: str) -> HostRoute:
    """The accepted shapes: the CNI plugin's (metric 0, boot) and Felix's (deviceRouteProtocol and its priorities)."""
    family = ip.family(prefix)
    plugins = 0 if family == 4 else 1024  # the kernel turns 0 into 1024 for IPv6
    return HostRoute(
        dst=prefix,
        dev=dev,
        scope=net.SCOPE_LINK if family == 4 else net.SCOPE_GLOBAL,
        metrics=frozenset(
            {
                plugins,
                normal_priority(world.felix(node, NORMAL[family])),
                _number(world.felix(node, _ELEVATED[family]), 512),
            }
        ),
        protocols=frozenset({net.PROTO_BOOT, device_route_protocol(world, node)}),
        source=device_route_source(world, node, family),
        plugins_metric=plugins,
    )


def normal_priority(value: object | None) -> int:
    """A field `ipv4NormalRoutePriority` or its twin, of FelixConfiguration or BGPConfiguration; 1024 by default
    (config_params.go:472)."""
    return _number(value, 1024)


def device_route_source(world: World, node: str, family: int) -> str | None:
    """FelixConfiguration deviceRouteSourceAddress(IPv6): the source of every route that Felix makes, none by
    default."""
    value = world.felix(node, "deviceRouteSourceAddress" if family == 4 else "deviceRouteSourceAddressIPv6")
    return value if isinstance(value, str) and value else None


def device_route_protocol(world: World, node: str) -> int:
    """FelixConfiguration deviceRouteProtocol, 3 (boot) by default (config_params.go:316)."""
    return _number(world.felix(node, "deviceRouteProtocol"), net.PROTO_BOOT)


def _number(value: object | None, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
