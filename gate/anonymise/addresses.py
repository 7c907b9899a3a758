"""Addresses, replaced so that the structure that a verdict rests on stays (after Crypto-PAn, Xu et al. 2002).

Two addresses share as many leading bits afterwards as before, so that what lies in a prefix still does and no two
become one. Each bit is flipped or not by a keyed function of the bits before it.

Kept, and therefore told to whoever reads the result:
* the last eight bits of every address, and all bits inside an IPAM block, by which ordinals count;
* the length of every prefix, and which prefix lies in which;
* where a pool and a network of an interface begin and an interface's IPv4 network ends: what has only zeros (ones)
  after such a prefix still has;
* the kind: what is private (RFC 1918), shared (RFC 6598), unique local (RFC 4193), global unicast, stays so; a pool
  that is all of 192.168.0.0/16, say, has nowhere else to go;
* loopback, link-local IPv4 (169.254.1.1), multicast, broadcast, `fe80::/64` as a prefix and Calico's own link-local
  address stand as they are.

Without the key the rest is not to be had from one address. Who knows some of the real ones by other means learns as
much of their neighbours as the shared bits tell: that is the price of a verdict that stays the same.
"""

from __future__ import annotations

import hmac
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = {4: 32, 6: 128}
KEPT_BITS = 8
_TRIES = 24
_FIXED = {4: ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"), 6: ("::/127", "ff00::/8")}
_SOLICITED = "ff02::1:ff00:0/104"  # followed by the last bits of somebody's address (RFC 4291 §2.7.1)
_KINDS = {
    4: ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"),
    6: ("2000::/3", "fd00::/8", "fe80::/64", "fe80::ecee:eeff:feee:eeee/128", _SOLICITED),
}

Lead = tuple[int, int]  # how many leading bits, and their value


class Structure(msgspec.Struct, frozen=True):
    """The prefixes that must keep their shape: pools, IPAM blocks, and interfaces' addresses with their lengths."""

    pools: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()


class AddressMap:
    """One replacement of all addresses of both families. The same key and structure give the same replacement."""

    def __init__(self, key: bytes, structure: Structure) -> None:
        self._key = key
        self._anchors: dict[int, set[Lead]] = {4: set(), 6: set()}
        self._fixed = {family: [_lead(text) for text in texts] for family, texts in _FIXED.items()}
        for family in (4, 6):
            for text in (*_FIXED[family], *_KINDS[family]):
                length, value = _lead(text)
                self._anchors[family] |= {(shorter, value >> (length - shorter)) for shorter in range(length)}
        self._blocks = _by_length(structure.blocks)
        networks = [text for text in structure.networks if not ip.is_host_prefix(text)]
        self._starts = _by_length([*structure.pools, *networks])
        self._ends = _by_length(text for text in networks if ip.family(text) == 4)
        self._known: dict[tuple[int, int], int] = {}

    def address(self, text: str) -> str:
        """The replacement of one address. ValueError if it is none."""
        family, first, _ = ip.span(text)
        return ip.from_number(family, self._number(family, first))

    def prefix(self, text: str) -> str:
        """The replacement of a prefix, with its length; host bits that are set are replaced with it, and kept set.
        ValueError if it is none."""
        bare, _, length = text.partition("/")
        family, first, last = ip.span(text)
        if int(ip.address(bare)) != first:
            return f"{self.address(bare)}/{length}"
        host = last - first
        return f"{ip.from_number(family, self._number(family, first) & ~host)}/{length or WIDTH[family]}"

    def stands(self, text: str) -> bool:
        """Whether a rule keeps every bit of an address, whatever the key."""
        family, first, _ = ip.span(text)
        width = WIDTH[family]
        return all(self._is_kept(family, at, first >> (width - at)) for at in range(width - KEPT_BITS))

    def _number(self, family: int, number: int) -> int:
        high = number >> KEPT_BITS
        found = self._known.get((family, high))
        if found is None:
            found = self._known[family, high] = self._high(family, high)
        return found << KEPT_BITS | number & ((1 << KEPT_BITS) - 1)

    def _high(self, family: int, high: int) -> int:
        width = WIDTH[family] - KEPT_BITS
        found = 0
        for at in range(width):
            lead = high >> (width - at)
            bit = high >> (width - 1 - at) & 1
            found = found << 1 | (bit if self._is_kept(family, at, lead) else bit ^ self._flip(family, at, lead))
        return found

    def _flip(self, family: int, length: int, lead: int) -> int:
        message = bytes((family, length)) + lead.to_bytes(16, "big")
        return hmac.digest(self._key, message, "sha256")[0] & 1

    def _is_kept(self, family: int, length: int, lead: int) -> bool:
        """Whether the bit after these leading ones stays as it is."""
        if (length, lead) in self._anchors[family] or _inside(self._blocks[family], length, lead):
            return True
        if any(length >= size and lead >> (length - size) == value for size, value in self._fixed[family]):
            size, value = _lead(_SOLICITED)
            return not (family == 6 and length >= size and lead >> (length - size) == value)
        return _follows(self._starts[family], length, lead, ones=False) or _follows(
            self._ends[family], length, lead, ones=True
        )


def address_map(structure: Structure, known: Iterable[str], key: bytes | None = None) -> AddressMap:
    """A replacement under a key that is thrown away (`key`: for tests); of several the one after which fewest of the
    `known` addresses look like another known one."""
    if key is not None:
        return AddressMap(key, structure)
    found = sorted({_network(text) for text in known})
    best: tuple[int, AddressMap] | None = None
    for _ in range(_TRIES):
        candidate = AddressMap(secrets.token_bytes(32), structure)
        moving = found if best else [text for text in found if not candidate.stands(text)]
        found = moving
        clashes = len({candidate.address(text) for text in found}.intersection(found))
        if best is None or clashes < best[0]:
            best = clashes, candidate
        if not clashes:
            break
    assert best is not None
    return best[1]


def _network(text: str) -> str:
    """The address with the bits cleared that are kept anyway: alike for all that are replaced together."""
    family, first, _ = ip.span(text)
    return ip.from_number(family, first >> KEPT_BITS << KEPT_BITS)


def _lead(text: str) -> Lead:
    family, first, last = ip.span(text)
    host = (last - first).bit_length()
    return WIDTH[family] - host, first >> host


def _by_length(prefixes: Iterable[str]) -> dict[int, dict[int, set[int]]]:
    found: dict[int, dict[int, set[int]]] = {4: defaultdict(set), 6: defaultdict(set)}
    for text in prefixes:
        length, value = _lead(text)
        found[ip.family(text)][length].add(value)
    return found


def _inside(prefixes: dict[int, set[int]], length: int, lead: int) -> bool:
    return any(length >= size and lead >> (length - size) in values for size, values in prefixes.items())


def _follows(prefixes: dict[int, set[int]], length: int, lead: int, *, ones: bool) -> bool:
    """Whether the bits are a prefix's own and nothing but zeros (ones) after them."""
    for size, values in prefixes.items():
        rest = length - size
        if rest >= 0 and lead >> rest in values:
            tail = (1 << rest) - 1
            if lead & tail == (tail if ones else 0):
                return True
    return False
