"""BIRD's configuration for a node, shaped like the one that confd renders for Calico, in the syntax of BIRD 2.

Sources: bird.cfg.template, bird_aggr.cfg.template, bird_ipam.cfg.template and confd's bgp_processor.go. Pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from model import ip

from .bird_peers import Session, as_number, session_name, sessions_of
from .network import FIRST_METRIC_MINOR, NORMAL_PRIORITY
from .owners import bird_programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .topology import LabNode, LabPool, Topology

_MAX_INT = 2147483647  # confd template_funcs.go:288


class Twist(msgspec.Struct, frozen=True):
    """What a fault changes in a node's configuration, so that BIRD itself keeps it up.

    `static` are routes of static1 beside the blackholes, `without` blocks whose blackhole static1 does not have;
    `kernel` and `export` are statements before all others of the kernel's and of the peers' filter. `family` says
    which of the node's two daemons it is.
    """

    static: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    family: int = 4


def bird_config(topology: Topology, name: str, twists: Sequence[Twist] = (), family: int = 4) -> str:
    """The whole text for the daemon of one family on one node. KeyError if there is no such node."""
    node = topology.node(name)
    mine = [twist for twist in twists if twist.family == family]
    sections = [
        _head(node),
        _static(topology, node, mine, family),
        _aggregation(topology, node, family),
        _export(topology, mine, family),
        _kernel_filter(topology, mine, family),
        _base_protocols(family),
        _template(node, family),
        *(_peer(session) for session in sessions_of(topology, node, family)),
    ]
    return "\n".join(section for section in sections if section)


def router_id(node: LabNode) -> str:
    """The node's IPv4 address, or four bytes of a hash of its name (CALICO_ROUTER_ID=hash)."""
    uplink = node.uplink(4)
    return uplink.address if uplink else ".".join(str(byte) for byte in hashlib.sha256(node.name.encode()).digest()[:4])


def _head(node: LabNode) -> str:
    return f"""router id {router_id(node)};
log stderr {{ warning, error, fatal, auth, bug }};
"""


def _block(lines: Iterable[str], opening: str) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f"{opening} {{\n{body}}}\n"


def _blocks(topology: Topology, node: LabNode, family: int) -> list[str]:
    return [block.cidr for block in topology.blocks_of(node.name) if ip.family(block.cidr) == family]


def _pools(topology: Topology, family: int) -> list[LabPool]:
    return [pool for pool in topology.pools if ip.family(pool.cidr) == family]


def _static(topology: Topology, node: LabNode, twists: Sequence[Twist], family: int) -> str:
    """Blackholes for the node's own blocks; none for host prefixes (bird_aggr.cfg.template:5-17)."""
    omitted = {block for twist in twists for block in twist.without}
    own = _blocks(topology, node, family)
    routes = [f"route {cidr} blackhole;" for cidr in own if cidr not in omitted and not ip.is_host_prefix(cidr)]
    routes += [f"route {route};" for twist in twists for route in twist.static]
    return _block([f"ipv{family};", *routes], "protocol static static1") if routes else ""


def _aggregation(topology: Topology, node: LabNode, family: int) -> str:
    """Announce the blocks, not what lies beneath them (bird_aggr.cfg.template:66-87)."""
    lines = []
    for cidr in _blocks(topology, node, family):
        lines.append(f"if ( net = {cidr} ) then {{ accept; }}")
        if topology.minor >= FIRST_METRIC_MINOR:  # a live migration's, whose metric is lower
            migrating = f"( net ~ {cidr} ) && ( defined(krt_metric) ) && ( krt_metric < {NORMAL_PRIORITY} )"
            lines.append(f"if {migrating} then {{ accept; }}")
        lines.append(f"if ( net ~ {cidr} ) then {{ reject; }}")
    return _block(lines, "function calico_aggr()")


def _export(topology: Topology, twists: Sequence[Twist], family: int) -> str:
    """What peers are told: own blocks, then whatever else lies in a pool (borrowed addresses)."""
    lines = [statement for twist in twists for statement in twist.export]
    if topology.minor >= FIRST_METRIC_MINOR:  # the peer's kernel filter makes a metric of it again
        lines.append(f"bgp_local_pref = {_MAX_INT - NORMAL_PRIORITY};")
        lines.append(f"if ( defined(krt_metric) ) then {{ bgp_local_pref = {_MAX_INT} - krt_metric; }}")
    lines.append("calico_aggr();")
    for pool in _pools(topology, family):
        verdict = "reject" if pool.disable_bgp_export else "accept"
        lines.append(f"if ( net ~ {ip.canonical(pool.cidr)} ) then {{ {verdict}; }}")
    lines.append("reject;")
    return _block(lines, "filter calico_export_to_bgp_peers")


def _kernel_filter(topology: Topology, twists: Sequence[Twist], family: int) -> str:
    """What goes into the kernel: everything but pools that are not BIRD's (bird_ipam.cfg.template).

    Unlike Calico's BIRD, BIRD 2 would export the routes of direct1, too, which are the kernel's own.
    """
    lines = [statement for twist in twists for statement in twist.kernel]
    lines.append("if ( source = RTS_DEVICE ) then { reject; }")
    if topology.minor >= FIRST_METRIC_MINOR:
        lines.append(f"if ( source = RTS_BGP ) then {{ krt_metric = {_MAX_INT} - bgp_local_pref; }}")
    for pool in _pools(topology, family):
        verdict = "accept" if bird_programs(topology, pool) else "reject"
        lines.append(f"if ( net ~ {ip.canonical(pool.cidr)} ) then {{ {verdict}; }}")
    lines.append("accept;")
    return _block(lines, "filter calico_kernel_programming")


def _base_protocols(family: int) -> str:
    """`metric 0` in place of BIRD 2's 32: routes get none unless the filter says so, as with Calico's own BIRD; in IPv6
    that is the kernel's 1024."""
    return f"""protocol kernel kernel1 {{
  learn;
  persist;
  scan time 2;
  metric {0 if family == 4 else NORMAL_PRIORITY};
  merge paths on limit 16;
  graceful restart on;
  ipv{family} {{
    import all;
    export filter calico_kernel_programming;
  }};
}}

protocol device device1 {{
  scan time 2;
}}

protocol direct direct1 {{
  ipv{family};
  interface -"cali*", -"kube-ipvs*", "*";
}}
"""


def _template(node: LabNode, family: int) -> str:
    """None where the node has no address of the family: then there is no session either."""
    if node.uplink(family) is None:
        return ""
    return f"""template bgp bgp_template {{
  description "Connection to BGP peer";
  strict bind on;
  multihop;
  graceful restart on;
  connect delay time 2;
  connect retry time 5;
  error wait time 5,30;
  ipv{family} {{
    gateway recursive;
    import all;
    export filter calico_export_to_bgp_peers;
    next hop keep;
    add paths on;
  }};
}}
"""


def _peer(session: Session) -> str:
    lines = [
        f"local {session.local} as {session.local_as};",
        f"neighbor {session.remote} as {session.remote_as};",
    ]
    if session.passive:
        lines.append("passive on;")
    if session.cluster_id:
        lines += ["rr client;", f"rr cluster id {session.cluster_id};"]
    return _block(lines, f"protocol bgp {session.name} from bgp_template")


def tor_config(topology: Topology, family: int = 4) -> str:
    """The router between the subnets, a session to every node: what it learns it routes by, and passes on."""
    lines = [
        f"router id {topology.nodes[0].gateway};",
        "log stderr { warning, error, fatal, auth, bug };",
        "protocol device device1 { scan time 2; }",
        f"protocol direct direct1 {{ ipv{family}; }}",
        f"protocol kernel kernel1 {{ metric 0; ipv{family} {{ export where source = RTS_BGP; }}; }}",
    ]
    for node in topology.nodes:
        uplink = node.uplink(family)
        if uplink:
            body = [
                f"local {uplink.gateway} as {topology.tor_as};",
                f"neighbor {uplink.address} as {as_number(topology, node)};",
                "strict bind on;",
                "connect delay time 2;",
                "connect retry time 5;",
                f"ipv{family} {{ import all; export where source = RTS_BGP; }};",
            ]
            lines.append(_block(body, f"protocol bgp {session_name('Node', uplink.address)}"))
    return "\n".join(lines) + "\n"
