"""Addresses and prefixes as text."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import ip

NETWORKS = st.one_of(
    st.builds(lambda a, n: ipaddress.ip_network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(
        lambda a, n: ipaddress.ip_network((a, n), strict=False), st.integers(2**64, 2**128 - 1), st.integers(0, 128)
    ),
)


@settings(max_examples=100, deadline=None, database=None)
@given(NETWORKS, NETWORKS)
def test_containment_is_that_of_the_standard_library(
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network, inner: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> None:
    wanted = outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]
    assert ip.contains(str(outer), str(inner)) is wanted
    assert ip.contains(str(outer), str(inner.network_address)) is (inner.network_address in outer)
    assert ip.span(str(inner))[0] == inner.version
    assert ip.is_host_prefix(str(inner)) is (inner.num_addresses == 1)
    assert ip.size(str(inner)) == inner.num_addresses


CANONICAL = [
    ("10.48.0.67/26", "10.48.0.64/26"),
    ("10.48.0.67", "10.48.0.67/32"),
    ("fd00::1", "fd00::1/128"),
    ("FD00:0:0::1/64", "fd00::/64"),
    ("0.0.0.0/0", "0.0.0.0/0"),
]


@pytest.mark.parametrize(("text", "wanted"), CANONICAL)
def test_a_prefix_is_made_canonical(text: str, wanted: str) -> None:
    assert ip.canonical(text) == wanted


ADDRESSES = [("10.48.0.67", True), ("fd00::1", True), ("10.48.0.67/32", False), ("10.48.0", False), ("", False)]


@pytest.mark.parametrize(("text", "wanted"), ADDRESSES)
def test_an_address_is_told_from_other_text(text: str, wanted: bool) -> None:
    assert ip.is_address(text) is wanted


HOSTS = [
    ("10.48.0.67", "10.48.0.67/32"),
    ("10.48.0.67/26", "10.48.0.67/32"),
    ("fd00::1", "fd00::1/128"),
    ("fd00::1/122", "fd00::1/128"),
    ("FD00:0::1", "fd00::1/128"),
]


@pytest.mark.parametrize(("text", "wanted"), HOSTS)
def test_a_host_prefix_replaces_the_mask(text: str, wanted: str) -> None:
    assert ip.host_prefix(text) == wanted
    assert ip.is_host_prefix(wanted)
    assert ip.family(text) == (6 if ":" in text else 4)


def test_ordinals_are_counted_from_the_first_address() -> None:
    assert [ip.nth("10.48.0.64/26", ordinal) for ordinal in (0, 3, 63)] == ["10.48.0.64", "10.48.0.67", "10.48.0.127"]
    assert ip.nth("fd00::40/122", 4) == "fd00::44"
    for ordinal in (-1, 64):
        with pytest.raises(IndexError, match=f"ordinal {ordinal} is outside"):
            ip.nth("10.48.0.64/26", ordinal)


@pytest.mark.parametrize("text", ["", "10.48.0", "10.48.0.0/33", "fd00::/129", "localhost", "10.48.0.0/a"])
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        ip.network(text)


def test_numbers_become_addresses_again() -> None:
    for text in ("10.48.0.67", "255.255.255.255", "fd00::1", "::"):
        family, first, last = ip.span(text)
        assert first == last
        assert ip.from_number(family, first) == text
    assert ip.bare("10.48.0.67/32") == ip.bare("10.48.0.67") == "10.48.0.67"
