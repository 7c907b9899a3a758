"""Who programs a pool's cluster routes in the lab, by release and both fields `programClusterRoutes`. Pure.

VXLAN is Felix's in every release; the rest by felix config_params.go and confd's bgp_processor.go of each release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .topology import LabPool, Topology

_FIELD = "programClusterRoutes"
_UNENCAPSULATED = {"Enabled", "EnabledNoEncapOnly"}
_IPIP = {"Enabled", "EnabledIPIPOnly"}
_FOUR_VALUES, _BIRD_FIELD, _FELIX_FIELD = 33, 32, 31  # the minor releases that brought them


def felix_programs(topology: Topology, pool: LabPool) -> bool:
    """Whether Felix programs the pool's routes and blackholes."""
    if pool.vxlan_mode != "Never":
        return True
    if topology.minor < _FELIX_FIELD:
        return False
    default = "EnabledIPIPOnly" if topology.minor >= _FOUR_VALUES else "Disabled"
    return topology.felix.get(_FIELD, default) in _class(pool)


def bird_programs(topology: Topology, pool: LabPool) -> bool:
    """Whether BIRD does, where it runs at all."""
    if pool.vxlan_mode != "Never" or topology.backend != "bird":
        return False
    if topology.minor < _BIRD_FIELD:
        return True
    default = "EnabledNoEncapOnly" if topology.minor >= _FOUR_VALUES else "Enabled"
    return topology.bgp.get(_FIELD, default) in _class(pool)


def _class(pool: LabPool) -> set[str]:
    return _UNENCAPSULATED if pool.ipip_mode == "Never" else _IPIP


def felix_needed(topology: Topology) -> bool:
    """Whether Felix programs the routes of any pool."""
    return any(felix_programs(topology, pool) for pool in topology.pools)
