"""The laws of replaced addresses: structure stays, special addresses stand, and no two become one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gate.anonymise.addresses import AddressMap, Structure, address_map
from model import ip

STRUCTURE = Structure(
    pools=frozenset({"10.48.0.0/16", "fd00:48::/48"}),
    blocks=frozenset({"10.48.16.0/20", "10.48.189.64/26", "fd00:48::5d:a540/116"}),
    networks=frozenset({"10.0.4.0/22", "10.0.0.11/24", "203.0.113.7/28", "fd00:10::b/64", "10.9.9.9/32"}),
)
KEYS = st.binary(min_size=32, max_size=32)
FOURS = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(network="10.0.0.0/8"),
    st.ip_addresses(network="10.48.0.0/16"),
    st.ip_addresses(network="192.168.0.0/16"),
).map(str)
SIXES = st.one_of(
    st.ip_addresses(v=6), st.ip_addresses(network="fd00::/8"), st.ip_addresses(network="fd00:48::/48")
).map(str)
ADDRESSES = st.one_of(FOURS, SIXES)


@st.composite
def prefixes(draw: st.DrawFn) -> str:
    address = draw(ADDRESSES)
    return str(ipaddress.ip_network(f"{address}/{draw(st.integers(0, 128 if ':' in address else 32))}", strict=False))


@given(KEYS, prefixes(), ADDRESSES)
def test_what_lies_in_a_prefix_still_does_and_nothing_else(key: bytes, prefix: str, address: str) -> None:
    made = AddressMap(key, STRUCTURE)
    assert ip.contains(made.prefix(prefix), made.address(address)) == ip.contains(prefix, address)


@given(KEYS, prefixes(), st.data())
def test_an_address_of_a_prefix_stays_in_it(key: bytes, prefix: str, data: st.DataObject) -> None:
    made = AddressMap(key, STRUCTURE)
    inside = str(data.draw(st.ip_addresses(network=prefix)))
    assert ip.contains(made.prefix(prefix), made.address(inside))


@given(KEYS, ADDRESSES, ADDRESSES)
def test_no_two_addresses_become_one(key: bytes, one: str, other: str) -> None:
    made = AddressMap(key, STRUCTURE)
    assert (made.address(one) == made.address(other)) == (one == other)


@given(KEYS, ADDRESSES)
def test_the_last_eight_bits_and_the_family_stay(key: bytes, address: str) -> None:
    found = AddressMap(key, STRUCTURE).address(address)
    assert ip.family(found) == ip.family(address)
    assert int(ip.address(found)) & 255 == int(ip.address(address)) & 255


@given(KEYS, prefixes())
def test_a_prefix_keeps_its_length_and_has_no_host_bits(key: bytes, prefix: str) -> None:
    found = AddressMap(key, STRUCTURE).prefix(prefix)
    assert ip.canonical(found) == found
    assert found.partition("/")[2] == prefix.partition("/")[2]


@pytest.mark.parametrize("prefix", sorted(STRUCTURE.pools | STRUCTURE.blocks | {"10.0.4.0/22", "fd00:10::/64"}))
@given(key=KEYS)
@settings(max_examples=20)
def test_the_first_address_stays_the_first_and_the_last_of_a_network_the_last(prefix: str, key: bytes) -> None:
    made = AddressMap(key, STRUCTURE)
    assert made.address(ip.bare(prefix)) == ip.bare(made.prefix(prefix))
    if prefix == "10.0.4.0/22":
        assert made.address("10.0.7.255") == str(ip.network(made.prefix(prefix)).broadcast_address)


@pytest.mark.parametrize("block", sorted(STRUCTURE.blocks))
@given(key=KEYS, ordinal=st.integers(0, 63))
@settings(max_examples=20)
def test_ordinals_of_a_block_stay(block: str, key: bytes, ordinal: int) -> None:
    made = AddressMap(key, STRUCTURE)
    assert made.address(ip.nth(block, ordinal)) == ip.nth(made.prefix(block), ordinal)


@given(KEYS, st.integers(0, 255), st.sampled_from(["10.0.0.{}/24", "fd00:10::{:x}/64"]))
def test_an_interfaces_address_keeps_its_host_bits(key: bytes, host: int, pattern: str) -> None:
    made = AddressMap(key, STRUCTURE)
    text = pattern.format(host)
    assert made.prefix(text).partition("/")[2] == text.partition("/")[2]
    assert ip.bare(made.prefix(text)) == made.address(ip.bare(text))


@pytest.mark.parametrize(
    "address",
    ["169.254.1.1", "127.0.0.1", "0.0.0.0", "224.0.0.5", "255.255.255.255", "::1", "fe80::ecee:eeff:feee:eeee"],
)
@given(key=KEYS)
@settings(max_examples=10)
def test_special_addresses_stand(address: str, key: bytes) -> None:
    made = AddressMap(key, STRUCTURE)
    assert made.address(address) == address
    assert made.stands(address)


@pytest.mark.parametrize(
    "kind",
    ["0.0.0.0/0", "::/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fd00::/8", "2000::/3"],
)
@given(key=KEYS)
@settings(max_examples=10)
def test_kinds_of_addresses_stay_what_they_are(kind: str, key: bytes) -> None:
    assert AddressMap(key, STRUCTURE).prefix(kind) == kind


@given(KEYS, KEYS, st.ip_addresses(network="10.0.0.0/8").map(str))
@settings(max_examples=20)
def test_another_key_is_another_replacement(one: bytes, other: bytes, address: str) -> None:
    assume(one != other)
    nets = [f"10.{number}.77.0/24" for number in range(1, 40)]
    first, second = ([AddressMap(key, Structure()).prefix(net) for net in nets] for key in (one, other))
    assert first != second
    assert AddressMap(one, Structure()).address(address) == AddressMap(one, Structure()).address(address)


def test_no_replacement_looks_like_another_known_address() -> None:
    known = [f"10.{number}.0.1" for number in range(40)]
    for _ in range(5):
        made = address_map(Structure(), known)
        assert {made.address(text) for text in known}.isdisjoint(known)
