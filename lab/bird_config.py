"""BIRD's configuration for a node, shaped like the one that confd renders for Calico, in the syntax of BIRD 2.

Sources: bird.cfg.template, bird_aggr.cfg.template, bird_ipam.cfg.template and confd's bgp_processor.go. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip

from .network import FIRST_METRIC_MINOR, NORMAL_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .topology import LabNode, LabPool, Topology

DEFAULT_AS = 64512
_MAX_INT = 2147483647  # confd template_funcs.go:288


class Twist(msgspec.Struct, frozen=True):
    """What a fault changes in a node's configuration, so that BIRD itself keeps it up.

    `static` are routes of static1 beside the blackholes, `without` blocks whose blackhole static1 does not have;
    `kernel` and `export` are statements before all others of the kernel's and of the peers' filter.
    """

    static: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    export: tuple[str, ...] = ()


def as_number(topology: Topology, node: LabNode) -> int:
    """Node.spec.bgp.asNumber, or BGPConfiguration.asNumber, or 64512."""
    return node.as_number or int(str(topology.bgp.get("asNumber", DEFAULT_AS)))


def peer_name(address: str) -> str:
    """`Mesh_10_0_0_12` (bgp_processor.go:386-392)."""
    return "Mesh_" + address.replace(".", "_").replace(":", "_")


def bird_config(topology: Topology, name: str, twists: Sequence[Twist] = ()) -> str:
    """The whole text for one node. KeyError if there is no such node."""
    node = topology.node(name)
    sections = [
        _head(node),
        _static(topology, node, twists),
        _aggregation(topology, node),
        _export(topology, twists),
        _kernel_filter(topology, twists),
        _base_protocols(),
        _template(topology, node),
        *(_peer(topology, node, other) for other in topology.nodes if other.name != name),
    ]
    return "\n".join(section for section in sections if section)


def _head(node: LabNode) -> str:
    return f"""router id {node.address};
log stderr {{ warning, error, fatal, auth, bug }};
"""


def _block(lines: Iterable[str], opening: str) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f"{opening} {{\n{body}}}\n"


def _static(topology: Topology, node: LabNode, twists: Sequence[Twist]) -> str:
    """Blackholes for the node's own blocks; none for host prefixes (bird_aggr.cfg.template:5-17)."""
    omitted = {block for twist in twists for block in twist.without}
    own = [block.cidr for block in topology.blocks_of(node.name)]
    routes = [f"route {cidr} blackhole;" for cidr in own if cidr not in omitted and not ip.is_host_prefix(cidr)]
    routes += [f"route {route};" for twist in twists for route in twist.static]
    return _block(["ipv4;", *routes], "protocol static static1") if routes else ""


def _aggregation(topology: Topology, node: LabNode) -> str:
    """Announce the blocks, not what lies beneath them (bird_aggr.cfg.template:66-87)."""
    lines = []
    for block in topology.blocks_of(node.name):
        lines.append(f"if ( net = {block.cidr} ) then {{ accept; }}")
        if topology.minor >= FIRST_METRIC_MINOR:  # a live migration's, whose metric is lower
            migrating = f"( net ~ {block.cidr} ) && ( defined(krt_metric) ) && ( krt_metric < {NORMAL_PRIORITY} )"
            lines.append(f"if {migrating} then {{ accept; }}")
        lines.append(f"if ( net ~ {block.cidr} ) then {{ reject; }}")
    return _block(lines, "function calico_aggr()")


def _export(topology: Topology, twists: Sequence[Twist]) -> str:
    """What peers are told: own blocks, then whatever else lies in a pool (borrowed addresses)."""
    lines = [statement for twist in twists for statement in twist.export]
    if topology.minor >= FIRST_METRIC_MINOR:  # the peer's kernel filter makes a metric of it again
        lines.append(f"bgp_local_pref = {_MAX_INT - NORMAL_PRIORITY};")
        lines.append(f"if ( defined(krt_metric) ) then {{ bgp_local_pref = {_MAX_INT} - krt_metric; }}")
    lines.append("calico_aggr();")
    for pool in topology.pools:
        verdict = "reject" if pool.disable_bgp_export else "accept"
        lines.append(f"if ( net ~ {ip.canonical(pool.cidr)} ) then {{ {verdict}; }}")
    lines.append("reject;")
    return _block(lines, "filter calico_export_to_bgp_peers")


def _kernel_filter(topology: Topology, twists: Sequence[Twist]) -> str:
    """What goes into the kernel: everything but pools that are not BIRD's (bird_ipam.cfg.template).

    Unlike Calico's BIRD, BIRD 2 would export the routes of direct1, too, which are the kernel's own.
    """
    lines = [statement for twist in twists for statement in twist.kernel]
    lines.append("if ( source = RTS_DEVICE ) then { reject; }")
    if topology.minor >= FIRST_METRIC_MINOR:
        lines.append(f"if ( source = RTS_BGP ) then {{ krt_metric = {_MAX_INT} - bgp_local_pref; }}")
    for pool in topology.pools:
        verdict = "accept" if _programmed_by_bird(pool) else "reject"
        lines.append(f"if ( net ~ {ip.canonical(pool.cidr)} ) then {{ {verdict}; }}")
    lines.append("accept;")
    return _block(lines, "filter calico_kernel_programming")


def _programmed_by_bird(pool: LabPool) -> bool:
    return pool.vxlan_mode == "Never"


def _base_protocols() -> str:
    """`metric 0` in place of BIRD 2's 32: routes get none unless the filter says so, as with Calico's own BIRD."""
    return """protocol kernel kernel1 {
  learn;
  persist;
  scan time 2;
  metric 0;
  merge paths on limit 16;
  graceful restart on;
  ipv4 {
    import all;
    export filter calico_kernel_programming;
  };
}

protocol device device1 {
  scan time 2;
}

protocol direct direct1 {
  ipv4;
  interface -"cali*", -"kube-ipvs*", "*";
}
"""


def _template(topology: Topology, node: LabNode) -> str:
    return f"""template bgp bgp_template {{
  description "Connection to BGP peer";
  local {node.address} as {as_number(topology, node)};
  multihop;
  graceful restart on;
  connect delay time 2;
  connect retry time 5;
  error wait time 5,30;
  ipv4 {{
    gateway recursive;
    import all;
    export filter calico_export_to_bgp_peers;
    next hop keep;
    add paths on;
  }};
}}
"""


def _peer(topology: Topology, node: LabNode, other: LabNode) -> str:
    """One session of the mesh; the side whose peer's address is the larger string waits (bgp_processor.go:406-409)."""
    lines = [f"neighbor {other.address} as {as_number(topology, other)};"]
    if other.address > node.address:
        lines.append("passive on;")
    return _block(lines, f"protocol bgp {peer_name(other.address)} from bgp_template")
