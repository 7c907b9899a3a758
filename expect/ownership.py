"""Who programs which class of cluster route: Felix, BIRD, both or neither (calico-state §4.1).

The two fields `programClusterRoutes` are independent, their defaults depend on the release, and nothing in Calico
rejects a pair that leaves a class with two owners or none.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from expect.release import Release


class RouteClass(enum.StrEnum):
    """The encapsulation that decides who programs a pool's routes."""

    VXLAN = "vxlan"
    IPIP = "ipip"
    NO_ENCAP = "no encapsulation"


class Owner(enum.StrEnum):
    FELIX = "Felix"
    BIRD = "BIRD"


class Ownership(msgspec.Struct, frozen=True):
    """The owners of one class on one node, and the sentence that says why."""

    owners: frozenset[Owner]
    because: str
    unavoidable: bool = False  # v3.31 with Felix's field Enabled: BIRD's filter cannot be told


_CLASSES = {  # value of the field → the classes that it programs (felix config_params.go, confd bgp_processor.go)
    "Enabled": frozenset({RouteClass.IPIP, RouteClass.NO_ENCAP}),
    "EnabledIPIPOnly": frozenset({RouteClass.IPIP}),
    "EnabledNoEncapOnly": frozenset({RouteClass.NO_ENCAP}),
    "Disabled": frozenset[RouteClass](),
}
_FELIX, _BIRD = "FelixConfiguration programClusterRoutes", "BGPConfiguration programClusterRoutes"


def _setting(value: object | None, known: frozenset[str], default: str) -> str:
    return value if isinstance(value, str) and value in known else default


def felix_value(release: Release, field: object | None) -> str:
    """The effective value of Felix's field: an unknown one falls back to the default; before v3.31 there is no
    field."""
    if not release.at_least(31):
        return "Disabled"
    if not release.at_least(33):
        return _setting(field, frozenset({"Enabled", "Disabled"}), "Disabled")
    return _setting(field, frozenset(_CLASSES), "EnabledIPIPOnly")


def bird_value(release: Release, field: object | None) -> str:
    """The effective value of BIRD's field: before v3.32 there is no field and BIRD programs both classes."""
    if not release.at_least(32):
        return "Enabled"
    if not release.at_least(33):
        return _setting(field, frozenset({"Enabled", "Disabled"}), "Enabled")
    return _setting(field, frozenset(_CLASSES), "EnabledNoEncapOnly")


def ownership(
    route_class: RouteClass, release: Release, felix_field: object | None, bgp_field: object | None, *, bird_runs: bool
) -> Ownership:
    """The owners of a class on a node of that release, with both fields as they are stored (None: unset)."""
    if route_class is RouteClass.VXLAN:
        return Ownership(frozenset({Owner.FELIX}), "VXLAN routes are always Felix's")
    felix, bird = felix_value(release, felix_field), bird_value(release, bgp_field)
    owners = frozenset(
        owner
        for owner, programs in (
            (Owner.FELIX, route_class in _CLASSES[felix]),
            (Owner.BIRD, route_class in _CLASSES[bird] and bird_runs),
        )
        if programs
    )
    unavoidable = len(owners) > 1 and release.at_least(31) and not release.at_least(32)
    return Ownership(
        owners, _why(route_class, release, (felix, felix_field), (bird, bgp_field), bird_runs=bird_runs), unavoidable
    )


def _why(
    route_class: RouteClass,
    release: Release,
    felix: tuple[str, object | None],
    bird: tuple[str, object | None],
    *,
    bird_runs: bool,
) -> str:
    def told(name: str, effective: str, stored: object | None, since: int) -> str:
        if not release.at_least(since):
            return f"{release} has no {name}"
        return f"{name} is {effective}" + ("" if stored == effective else f" ({'unset' if stored is None else stored})")

    words = [told(_FELIX, *felix, since=31), told(_BIRD, *bird, since=32)]
    if not bird_runs:
        words.append("the networking backend runs no BIRD")
    return f"{route_class} in {release}: " + ", ".join(words)
