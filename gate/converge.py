"""How long what is found may still heal by itself (calico-state §7): who repairs it, and when at the latest.

Nothing is accused before two looks agree on it after that time. What nobody repairs needs the two looks alone.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from expect.world import World
    from model.verdict import Difference, Result

REFRESH = 90.0  # routeRefreshInterval, interfaceRefreshInterval: Felix's defaults (config_params.go)
JITTER = 1.1  # of Felix's tickers, which wait up to a tenth longer (jitter.NewTicker)
APPLYING = 10.0  # seconds that the repair itself may take
BIRD_SCAN = 10.0  # 2 s between two scans of the kernel's routes, five of them
TUNNEL_POLL = 30.0  # 10 s between two polls of a tunnel device, three of them
CONNECTING = 60.0  # BGP's connect, retry and error waits
YOUNG_POD = 60.0  # after its creation: scheduled, wired, seen by Felix
YOUNG_OBJECT = 60.0  # a block, an affinity or a pool: announced, programmed
YOUNG_NODE = 120.0  # Felix's start
RESTARTED = 300.0  # calico-node's own age: graceful restart keeps stale routes, its own recovery takes 240 s

ROUTES, INTERFACES, TUNNELS, BIRD, SESSIONS = "routes", "interfaces", "tunnels", "bird", "sessions"

REPAIRED = {
    "host_route_leads_to_its_pod": ROUTES,
    "host_route_wins_the_lookup": ROUTES,
    "node_routes_every_other_nodes_blocks": ROUTES,
    "borrowed_addresses_lead_to_their_borrowers": ROUTES,
    "node_blackholes_its_own_blocks_and_no_others": ROUTES,
    "every_pod_and_block_route_is_accounted_for": ROUTES,
    "packets_to_free_addresses_are_dropped": ROUTES,
    "encrypted_peers_are_reached_by_wireguard": ROUTES,
    "host_interface_answers_arp_and_forwards": INTERFACES,
    "host_interface_has_calicos_settings": INTERFACES,
    "vxlan_device_knows_every_other_node": INTERFACES,
    "node_has_its_tunnel_devices": TUNNELS,
    "bgp_sessions_are_established": SESSIONS,
    "bird_answers": BIRD,
}
"""By check, what is repaired without anybody's doing. The findings of every other check stay until somebody acts."""

_INTERVALS = {ROUTES: "routeRefreshInterval", INTERFACES: "interfaceRefreshInterval"}
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


class Wait(msgspec.Struct, frozen=True, order=True):
    """Until when, after it was first seen, something may still heal (seconds), and what for."""

    seconds: float = 0.0
    reason: str = ""


def wait_for(result: Result, difference: Difference, world: World, now: float) -> Wait:
    """How long to wait before this is believed; `now` is when it was seen, in Unix time by the node's clock."""
    return max(_repair(result, difference, world), *_youth(result, difference, world, now), Wait())


def _repair(result: Result, difference: Difference, world: World) -> Wait:
    kind = REPAIRED.get(result.check)
    tokens = frozenset(difference.about)
    if kind == ROUTES and ("by:BIRD" in tokens or ("owner:BIRD" in tokens and "owner:Felix" not in tokens)):
        kind = BIRD
    match kind:
        case "bird":
            return Wait(BIRD_SCAN, "BIRD's next scan")
        case "sessions" if "state:disabled" in tokens:
            return Wait()  # by hand: nobody but a hand enables it
        case "sessions":
            return Wait(CONNECTING, "BGP to connect")
        case "tunnels":
            return Wait(TUNNEL_POLL, "Felix's next look at its tunnels")
        case "routes" | "interfaces":
            every = _interval(world.felix(result.node, _INTERVALS[kind]))
            return Wait(every * JITTER + APPLYING, "Felix's next refresh") if every else Wait()
    return Wait()


def _interval(value: object) -> float:
    """A Go duration in seconds; Felix's default where there is none or it cannot be read. 0: it never refreshes."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = value if isinstance(value, str) else ""
    if text == "0":
        return 0.0
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return REFRESH
    return sum(float(number) * _UNITS[unit] for number, unit in (part.groups() for part in parts))


def _youth(result: Result, difference: Difference, world: World, now: float) -> Iterator[Wait]:
    """The waits for what came a moment ago and is not in its place yet."""
    named = _named(result, difference)
    pods = {name for kind, name in named if kind == "pod"}
    for pod in world.pods_by_node.get(result.node, ()) if result.node else world.cluster.pods:
        if pod.key in pods:
            yield _young(pod.created, YOUNG_POD, now, "new pods to be wired")
    prefixes = {name for kind, name in named if kind == "block"}
    for block in world.blocks.values():
        if block.cidr in prefixes:
            created = (block.object.created, *(one.created for one in world.affinities.get(block.cidr, ())))
            yield from (_young(text, YOUNG_OBJECT, now, "new blocks to be announced") for text in created)
    for name in {result.node, *(name for kind, name in named if kind == "node")} & world.nodes.keys():
        yield _young(world.nodes[name].created, YOUNG_NODE, now, "new nodes to take part")
        agent = world.agents.get(name)
        if agent is not None and REPAIRED.get(result.check) in {ROUTES, SESSIONS, BIRD}:
            yield _young(agent.created, RESTARTED, now, "calico-node to recover from its restart")


def _named(result: Result, difference: Difference) -> set[tuple[str, str]]:
    """What a finding is about: its subject, its object, and the tokens that it carries."""
    tokens = {(kind, value) for kind, _, value in (token.partition(":") for token in difference.about)}
    plain = {("pod", result.subject), ("pod", difference.object), ("block", difference.object)}
    return tokens | plain


def _young(created: str, settled: float, now: float, reason: str) -> Wait:
    """What is left of the time in which something new settles; a clock that is behind the API's makes it no longer."""
    try:
        age = now - datetime.datetime.fromisoformat(created).timestamp()
    except ValueError:
        return Wait()
    left = settled - max(age, 0.0)
    return Wait(left, reason) if left > 0 else Wait()


def longest(waits: Iterable[Wait]) -> Wait:
    """The one that takes the longest."""
    return max(waits, default=Wait())
