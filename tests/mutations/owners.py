"""Who programs a class of routes, in the list's own words (calico-state §4.1): a setting that leaves it as it is needs
no finding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.cluster import IPPool, Settings

_YES = {  # value: IPIP, no encapsulation
    "Enabled": (True, True),
    "EnabledIPIPOnly": (True, False),
    "EnabledNoEncapOnly": (False, True),
    "Disabled": (False, False),
}
_VERSION = re.compile(r"v3\.(\d+)")


def minor_of(texts: list[str]) -> int:
    """The minor of the first text that names a release; a new one where none does."""
    return next((int(found[1]) for text in texts if (found := _VERSION.search(text))), 34)


def programmers(pool: IPPool, minor: int, felix: object, bgp: object, *, bird: bool) -> tuple[bool, bool]:
    """Whether Felix and whether BIRD program a pool's routes, by both programClusterRoutes."""
    if pool.vxlan_mode != "Never":
        return True, False
    place = 0 if pool.ipip_mode != "Never" else 1
    by_felix = _value(felix, minor, 31, "EnabledIPIPOnly" if minor >= 33 else "Disabled")
    by_bird = _value(bgp, minor, 32, "EnabledNoEncapOnly" if minor >= 33 else "Enabled")
    return _YES[by_felix][place], _YES[by_bird][place] and bird


def _value(stored: object, minor: int, since: int, default: str) -> str:
    known = _YES if minor >= 33 else {"Enabled": 1, "Disabled": 0}
    return stored if minor >= since and isinstance(stored, str) and stored in known else default


def setting(objects: tuple[Settings, ...], field: str) -> object:
    """A field of the object `default`."""
    return next((item.spec.get(field) for item in objects if item.name == "default"), None)
