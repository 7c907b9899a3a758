"""The lists of the datastore without which no expectation can be trusted."""

from __future__ import annotations

REQUIRED = frozenset(
    {"pods", "nodes", "ippools", "ipamblocks", "blockaffinities", "felixconfigurations", "bgpconfigurations"}
)

OPTIONAL = frozenset({"services", "ipamhandles", "ipamconfigs", "bgpfilters", "caliconodestatuses"})
"""Lists that narrow or add expectations: a run without one of them stands, and says that it was not asked."""
