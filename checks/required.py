"""The lists of the datastore without which no expectation can be trusted."""

from __future__ import annotations

REQUIRED = frozenset(
    {"pods", "nodes", "ippools", "ipamblocks", "blockaffinities", "felixconfigurations", "bgpconfigurations"}
)
