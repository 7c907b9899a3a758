"""The cluster while it is simulated: the datastore, and each node's kernel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from model import ip
from tests.simulate import releases

if TYPE_CHECKING:
    from model.cluster import Pod
    from model.node import Bird
    from tests.simulate.ipam import Ipam
    from tests.simulate.kernel import NetNS
    from tests.simulate.spec import ClusterSpec, NodeSpec, PodSpec, PoolSpec

START = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
OVERHEAD = {"ipip": 20, "vxlan": 50, "vxlan6": 70, "wireguard": 60, "wireguard6": 80}
MTU_FIELDS = {
    "ipip": "ipipMTU",
    "vxlan": "vxlanMTU",
    "vxlan6": "vxlanMTUV6",
    "wireguard": "wireguardMTU",
    "wireguard6": "wireguardMTUV6",
}


@dataclass
class PodRun:
    """A pod with a sandbox: its namespace and its link on the host."""

    spec: PodSpec
    space: NetNS
    link: str
    uid: str
    ips: tuple[str, ...]
    mac: str
    nsid: int


@dataclass
class NodeRun:
    """One node with agents: its kernel, its sandboxes, and what the datastore holds of its tunnels."""

    spec: NodeSpec
    host: NetNS
    pods: dict[tuple[str, str], PodRun] = field(default_factory=dict)
    tunnels: dict[str, str] = field(default_factory=dict)  # kind of OVERHEAD → address
    mtu_file: int = 1500
    mtu_written: datetime = START
    birds: tuple[Bird, ...] = ()
    last_nsid: int = 0

    def address(self, family: int) -> str | None:
        """The node's own address of that family, without its length."""
        text = self._known(family)
        return ip.bare(text) if text else None

    def network(self, family: int) -> str | None:
        """The subnet that the node says it is in."""
        text = self._known(family)
        return ip.canonical(text) if text else None

    def _known(self, family: int) -> str | None:
        """What the Node object says; a kernel can have an address that Calico was not told of."""
        if family == 6:
            return self.spec.v6 if self.spec.told_v6 else None
        return self.spec.v4


@dataclass
class World:
    """All of it. `pools` are those that exist now; `clock` only goes forward."""

    spec: ClusterSpec
    ipam: Ipam
    nodes: dict[str, NodeRun] = field(default_factory=dict)
    pools: dict[str, PoolSpec] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    created: dict[str, str] = field(default_factory=dict)  # pools' times
    pods: list[Pod] = field(default_factory=list)
    clock: datetime = START

    def tick(self, seconds: float = 1.0) -> str:
        """Time passes; the new time as the API writes it."""
        self.clock += timedelta(seconds=seconds)
        return self.now

    @property
    def now(self) -> str:
        return self.clock.strftime("%Y-%m-%dT%H:%M:%SZ")

    def identity(self, *words: str, length: int = 64) -> str:
        """Hexadecimal digits, the same for the same cluster and words."""
        return hashlib.sha256("/".join((self.spec.name, *words)).encode()).hexdigest()[:length]

    def uid(self, *words: str) -> str:
        """A UID, the same for the same cluster and words."""
        text = self.identity("uid", *words)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"

    def release(self, node: NodeSpec) -> str:
        """The release that calico-node has on that node."""
        return node.release or self.spec.release

    def backend(self, node: NodeSpec) -> str:
        """CALICO_NETWORKING_BACKEND on that node."""
        return node.backend or self.spec.backend

    def felix(self, node: NodeSpec) -> dict[str, object]:
        """FelixConfiguration as that node's Felix sees it: its own object over the default one."""
        return {**self.spec.felix, **node.felix}

    def pool_of(self, prefix: str) -> PoolSpec | None:
        """The existing pool that holds the prefix."""
        return next((pool for pool in self.pools.values() if ip.contains(pool.cidr, prefix)), None)

    def encapsulations(self, node: NodeSpec) -> tuple[str, ...]:
        """What a node's Felix has switched on, by the kinds of OVERHEAD."""
        felix, found = self.felix(node), []
        pools = self.pools.values()
        if any(pool.ipip != "Never" for pool in pools):
            found.append("ipip")
        for kind, family in (("vxlan", 4), ("vxlan6", 6)):
            if any(pool.vxlan != "Never" and ip.family(pool.cidr) == family for pool in pools):
                found.append(kind)
        for kind, field_name in (("wireguard", "wireguardEnabled"), ("wireguard6", "wireguardEnabledV6")):
            if felix.get(field_name) is True and node.wireguard:
                found.append(kind)
        return tuple(found)

    def tunnel_mtu(self, node: NodeSpec, kind: str) -> int:
        """A tunnel's MTU: configured, or the host's without the overhead."""
        configured = self.felix(node).get(MTU_FIELDS[kind])
        return configured if isinstance(configured, int) and configured else node.mtu - OVERHEAD[kind]

    def programs(self, node: NodeSpec) -> tuple[tuple[bool, bool], tuple[bool, bool]]:
        """Of (IPIP, unencapsulated): what Felix, and what BIRD, programs on that node."""
        release = self.release(node)
        felix = releases.felix_programs(release, self.felix(node).get("programClusterRoutes"))
        bird = releases.bird_programs(release, self.spec.bgp.get("programClusterRoutes"))
        return felix, bird if self.backend(node) not in {"none", "vxlan"} else (False, False)

    def priority(self, node: NodeSpec, family: int) -> int:
        """The metric of local workload routes; 0 stands for none."""
        value = self.felix(node).get(f"ipv{family}NormalRoutePriority", 1024)
        return int(str(value)) if releases.writes_metrics(self.release(node)) else 0

    def device_protocol(self, node: NodeSpec) -> int:
        """FelixConfiguration deviceRouteProtocol, boot by default."""
        return int(str(self.felix(node).get("deviceRouteProtocol", 3)))

    def device_source(self, node: NodeSpec, family: int) -> str | None:
        """FelixConfiguration deviceRouteSourceAddress or its IPv6 twin."""
        value = self.felix(node).get("deviceRouteSourceAddress" + ("IPv6" if family == 6 else ""))
        return str(value) if value else None
