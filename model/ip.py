"""Addresses and prefixes as text in canonical form, and the arithmetic on them.

Facts keep addresses as text, because people read them; parsing is cached, because a cluster repeats the same few
thousand.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=1 << 17)
def network(text: str) -> Network:
    """Parse `10.48.0.64/26` or a bare address (a host prefix); host bits are dropped. ValueError if it is neither."""
    return ipaddress.ip_network(text, strict=False)


@lru_cache(maxsize=1 << 17)
def address(text: str) -> IPAddress:
    """Parse one address. ValueError if it is none."""
    return ipaddress.ip_address(text)


def is_address(text: str) -> bool:
    """Whether the text is one address."""
    try:
        address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1 << 17)
def span(text: str) -> tuple[int, int, int]:
    """Family (4 or 6), first and last address of a prefix as integers: what containment needs, without objects."""
    parsed = network(text)
    first = int(parsed.network_address)
    return parsed.version, first, first + parsed.num_addresses - 1


def family(text: str) -> int:
    """4 or 6, for an address or a prefix."""
    return 6 if ":" in text else 4


def host_prefix(text: str) -> str:
    """`10.48.0.67` → `10.48.0.67/32`; `fd00::1` → `fd00::1/128`; the mask of `10.48.0.67/26` is replaced."""
    bare = text.partition("/")[0]
    return f"{address(bare)}/{128 if ':' in bare else 32}"


def canonical(text: str) -> str:
    """A prefix in canonical form, always with its length."""
    return str(network(text))


def is_host_prefix(text: str) -> bool:
    """Whether the prefix is a single address (/32, /128)."""
    _, first, last = span(text)
    return first == last


def contains(outer: str, inner: str) -> bool:
    """Whether the prefix `outer` covers the prefix or address `inner` (same family)."""
    outer_family, low, high = span(outer)
    inner_family, first, last = span(inner)
    return outer_family == inner_family and low <= first and last <= high


def bare(text: str) -> str:
    """The address of `10.48.0.67/32` without its length."""
    return text.partition("/")[0]


def size(prefix: str) -> int:
    """How many addresses a prefix holds."""
    return network(prefix).num_addresses


def nth(prefix: str, ordinal: int) -> str:
    """The address at an ordinal of a block, as IPAM counts them: 0 is the first. IndexError outside the block."""
    parsed = network(prefix)
    if not 0 <= ordinal < parsed.num_addresses:
        raise IndexError(f"ordinal {ordinal} is outside {prefix}")
    return str(parsed.network_address + ordinal)


def from_number(family: int, number: int) -> str:
    """The address of a family (4 or 6) with that value."""
    return str(ipaddress.IPv6Address(number) if family == 6 else ipaddress.IPv4Address(number))
