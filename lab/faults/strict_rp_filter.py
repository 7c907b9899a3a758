"""strict-rp-filter: a node checks sources strictly, and its answers to other nodes would leave by another interface.

The asymmetry is a policy rule for what leaves the node's blocks, so that BGP and the node's own traffic go on. Lasts by
itself; BIRD reads only the main table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import LabError, read_sysctl, write_sysctls

from .common import on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "strict-rp-filter", "node", "worker1"
TABLE = 1124
PRIORITY = 1001
DETOUR = "detour0"


def _rules(lab: Lab, on: str, verb: str) -> list[str]:
    topology = lab.state().topology
    blocks = topology.blocks_of(on)
    if not blocks:
        raise LabError(f"strict-rp-filter needs a node with a block, which {on} is not")
    to = f"to {topology.subnet} lookup {TABLE} priority {PRIORITY}"
    return [f"rule {verb} from {block.cidr} {to}" for block in blocks]


def _key(lab: Lab) -> str:
    return f"net.ipv4.conf.{lab.state().topology.uplink}.rp_filter"


def inject(lab: Lab, on: str) -> None:
    subnet = lab.state().topology.subnet
    detour = [
        f"link add {DETOUR} type bridge",
        f"link set {DETOUR} up",
        f"route add {subnet} dev {DETOUR} table {TABLE}",
    ]
    on_node(lab, on, *detour, *_rules(lab, on, "add"))
    write_sysctls(lab.node(on).netns, {_key(lab): "1"})


def undo(lab: Lab, on: str) -> None:
    netns = lab.node(on).netns
    write_sysctls(netns, {_key(lab): read_sysctl(netns, "net.ipv4.conf.default.rp_filter")})
    on_node(lab, on, *_rules(lab, on, "del"), f"link del {DETOUR}")
