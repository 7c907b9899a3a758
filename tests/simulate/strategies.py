"""Healthy clusters by hypothesis: valid by construction, small, as different as the specification allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.simulate import parts
from tests.simulate.releases import RELEASES, felix_programs, minor
from tests.simulate.spec import V1, V3, ClusterSpec, NodeSpec, PeerSpec, PodSpec, PodState, PoolSpec

if TYPE_CHECKING:
    from collections.abc import Callable

Draw = Any  # hypothesis' draw function has no useful type
STATES = st.sampled_from([*[PodState.RUNNING] * 4, *PodState])
PAIRS: tuple[tuple[int, str | None, str | None], ...] = (  # the release that knows it, Felix's field, BGP's field
    (26, None, None),
    (32, "Enabled", "Disabled"),
    (32, "Disabled", "Enabled"),
    (33, "EnabledNoEncapOnly", "EnabledIPIPOnly"),
    (33, "EnabledIPIPOnly", "EnabledNoEncapOnly"),
)


@st.composite
def specs(draw: Draw) -> ClusterSpec:
    """One to five nodes, one to four pools of any kind, up to a dozen pods in any state."""
    release = draw(st.sampled_from(RELEASES))
    families = draw(st.sampled_from((parts.V4, parts.V6, parts.DUAL)))
    _, felix_value, bgp_value = draw(st.sampled_from([pair for pair in PAIRS if pair[0] <= minor(release)]))
    backend = draw(st.sampled_from(("bird", "bird", "bird", "vxlan")))
    felix = {**_felix(draw, release), **({"programClusterRoutes": felix_value} if felix_value else {})}
    bgp: dict[str, object] = {"programClusterRoutes": bgp_value} if bgp_value else {}
    nodes = _nodes(draw, release, families, upgrade=felix_value is None)
    peers: tuple[PeerSpec, ...] = ()
    if backend == "bird" and draw(st.booleans()):
        nodes, peers = _reflected(nodes), (PeerSpec("rr", {"nodeSelector": "all()", "peerSelector": "has(rr)"}),)
        bgp["nodeToNodeMeshEnabled"] = False
    pools = _pools(draw, families, _modes(nodes, release, felix_value, backend))
    return ClusterSpec(
        name=f"drawn-{draw(st.integers(0, 10**6))}",
        nodes=nodes,
        pools=pools,
        pods=_pods(draw, nodes, pools, families),
        peers=peers,
        release=release,
        api_group=draw(st.sampled_from((V1, V3))) if minor(release) >= 32 else V1,
        backend=backend,
        felix=felix,
        bgp=bgp,
        ipv6_support=6 in families or draw(st.booleans()),
        netkit=minor(release) >= 33 and draw(st.booleans()),
        rp_filter=draw(st.sampled_from((0, 1, 2))),
        statuses=draw(st.booleans()),
        ip_forwarding_in_pods=draw(st.booleans()),
    )


def _felix(draw: Draw, release: str) -> dict[str, object]:
    """A few settings, each of them rarely."""
    found: dict[str, object] = {}
    rare: dict[str, Callable[[], object]] = {
        "deviceRouteProtocol": lambda: draw(st.sampled_from((3, 80, 42))),
        "bpfEnabled": lambda: True,
        "vxlanVNI": lambda: draw(st.integers(1, 2**24 - 1)),
        "vxlanMTU": lambda: draw(st.integers(1280, 1450)),
        "ipipMTU": lambda: draw(st.integers(1280, 1480)),
        "wireguardEnabled": lambda: True,
    }
    for name, value in rare.items():
        if draw(st.integers(0, 5)) == 0:
            found[name] = value()
    return found


def _nodes(draw: Draw, release: str, families: parts.Families, upgrade: bool) -> tuple[NodeSpec, ...]:
    count = draw(st.integers(1, 5))
    nodes = []
    for k in range(count):
        rack = draw(st.sampled_from((1, 1, 2)))
        newer = RELEASES[min(RELEASES.index(release) + 1, len(RELEASES) - 1)]
        nodes.append(
            NodeSpec(
                name=f"node{k + 1}",
                v4=f"10.0.{rack}.{11 + k}/24" if 4 in families else None,
                v6=f"fd00:1{rack}::{11 + k:x}/64" if 6 in families else None,
                release=newer if upgrade and draw(st.integers(0, 4)) == 0 else None,
                mtu=draw(st.sampled_from((1500, 1500, 9000))),
                wireguard=draw(st.booleans()),
            )
        )
    return tuple(nodes)


def _reflected(nodes: tuple[NodeSpec, ...]) -> tuple[NodeSpec, ...]:
    """The first node reflects."""
    fields = {name: getattr(nodes[0], name) for name in NodeSpec.__struct_fields__}
    return (NodeSpec(**{**fields, "cluster_id": "244.0.0.1", "labels": {"rr": "true"}}), *nodes[1:])


def _modes(nodes: tuple[NodeSpec, ...], release: str, felix_value: str | None, backend: str) -> list[dict[str, str]]:
    """The encapsulations that have an owner on every node."""
    found = [{"vxlan": "Always"}, {"vxlan": "CrossSubnet"}]
    owned = [felix_programs(node.release or release, felix_value) for node in nodes]
    if backend == "bird" or all(ipip for ipip, _ in owned):
        found += [{"ipip": "Always"}, {"ipip": "CrossSubnet"}]
    if backend == "bird" or all(plain for _, plain in owned):
        found.append({})
    return found


def _pools(draw: Draw, families: parts.Families, modes: list[dict[str, str]]) -> tuple[PoolSpec, ...]:
    pools = []
    for family in families:
        for k in range(draw(st.integers(1, 2))):
            usable = [mode for mode in modes if family == 4 or "ipip" not in mode]
            mode: dict[str, Any] = draw(st.sampled_from(usable))
            cidr = f"10.{48 + k}.0.0/16" if family == 4 else f"fd00:{48 + k}::/104"
            size = draw(st.integers(24, 32)) if family == 4 else draw(st.integers(118, 128))
            flags = {"no_export": draw(st.integers(0, 7)) == 0, "disabled_later": draw(st.integers(0, 7)) == 0}
            pools.append(PoolSpec(f"pool-{family}-{k}", cidr, size, **flags, **mode))
    return tuple(pools)


def _pods(
    draw: Draw, nodes: tuple[NodeSpec, ...], pools: tuple[PoolSpec, ...], families: parts.Families
) -> tuple[PodSpec, ...]:
    by_family = {family: [pool.name for pool in pools if f"-{family}-" in pool.name] for family in families}
    found = []
    for k in range(draw(st.integers(0, 12))):
        named = tuple(draw(st.sampled_from(by_family[family])) for family in families)
        found.append(
            PodSpec(
                name=f"pod-{k}",
                node=draw(st.sampled_from([node.name for node in nodes])),
                state=draw(STATES),
                pools=named if draw(st.booleans()) else (),
                talks=draw(st.booleans()),
            )
        )
    return tuple(found)
