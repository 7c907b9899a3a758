"""Which namespace is whose: each way of telling, and what wins where they disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from checks.matching import match, points_back
from model.net import Address, Link, Namespace
from model.node import NodeFacts
from tests.unit.builders import cali, pod

if TYPE_CHECKING:
    from model.cluster import Pod

ONE, TWO = "shop/one", "shop/two"
PODS = (pod(ONE, "n", ("10.48.0.1",)), pod(TWO, "n", ("10.48.0.2",)))
KEYS = (ONE, TWO)


def host(index: int, **fields: Any) -> Link:
    """The host end of pod number `index`: paired with index 2 of namespace `index`."""
    link = Link(10 + index, cali(KEYS[index]), "veth", True, True, "", 1500, 2, index)
    return structs.replace(link, **fields)


def space(index: int, **fields: Any) -> Namespace:
    """The namespace of pod number `index`, by which every way can tell it."""
    whole: dict[str, Any] = {
        "links": (Link(2, "eth0", "veth", True, True, "", 1500, 10 + index, 0),),
        "addresses": (Address("eth0", f"10.48.0.{1 + index}", 32, 0),),
        "nsid": index,
        "uids": (f"uid-{KEYS[index]}",),
    }
    return Namespace(f"ns{index}", **{**whole, **fields})


NOTHING: dict[str, Any] = {"links": (), "addresses": (), "nsid": None, "uids": ()}


def only(index: int, *ways: str, **fields: Any) -> Namespace:
    """A namespace that these fields alone tell of."""
    whole = structs.asdict(space(index))
    return space(index, **{**NOTHING, **{way: whole[way] for way in ways}, **fields})


def matched(
    *spaces: Namespace, links: tuple[Link, ...] = (host(0), host(1)), pods: tuple[Pod, ...] = PODS
) -> dict[str, str]:
    facts = NodeFacts("n", host=Namespace("host", links=links), pods=spaces)
    return {key: found.name for key, found in match(pods, facts).items()}


BOTH = {ONE: "ns0", TWO: "ns1"}
EACH_WAY = [
    ("everything", space(0), space(1)),
    ("the pod's UID", only(0, "uids"), only(1, "uids")),
    ("the pair of indexes", only(0, "links", "nsid"), only(1, "links", "nsid")),
    ("the pair of indexes, without numbers of namespaces", only(0, "links"), only(1, "links")),
    ("the address", only(0, "addresses"), only(1, "addresses")),
    ("one by UID, one by address", only(0, "uids"), only(1, "addresses")),
]


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in EACH_WAY], ids=[row[0] for row in EACH_WAY])
def test_each_way_alone_finds_the_namespace(first: Namespace, second: Namespace) -> None:
    assert matched(first, second) == BOTH
    assert matched(second, first) == BOTH
    assert matched(first, second, pods=PODS[::-1]) == BOTH


def test_eth0s_peer_finds_it_where_the_host_end_names_another() -> None:
    half = only(0, "links")
    assert matched(half, links=(host(0, peer_index=77), host(1))) == {ONE: "ns0"}


def test_eth0_alone_counts_for_the_weakest_way() -> None:
    other = only(0, links=(Link(2, "net1", "veth", True, True, "", 1500, 10, 0),))
    assert matched(other, links=(host(0, peer_index=77),)) == {}


NOT_FOUND: list[tuple[str, Namespace]] = [
    ("nothing tells", only(0)),
    ("another pod's UID", only(0, uids=("uid-x",))),
    ("another address", only(0, addresses=(Address("eth0", "10.48.0.9", 32, 0),))),
]


@pytest.mark.parametrize("other", [row[1] for row in NOT_FOUND], ids=[row[0] for row in NOT_FOUND])
def test_a_namespace_that_nothing_tells_of_is_nobodys(other: Namespace) -> None:
    assert matched(other) == {}


def test_without_a_host_interface_the_pair_says_nothing() -> None:
    assert matched(only(0, "links", "nsid"), links=()) == {}


def test_indexes_repeat_between_namespaces_so_the_number_decides() -> None:
    """Every eth0 has index 2: the number of the namespace tells them apart."""
    same = (Link(2, "eth0", "veth", True, True, "", 1500, 10, 0),)
    assert matched(only(0, links=same, nsid=0), only(1, links=same, nsid=1)) == {ONE: "ns0"}
    assert matched(only(1, links=same, nsid=1), only(0, links=same, nsid=0)) == {ONE: "ns0"}


DISAGREE = [
    ("UID before pair", space(0, uids=(f"uid-{TWO}",)), space(1, uids=(f"uid-{ONE}",))),
    (
        "pair before address",
        only(1, "links", "nsid", addresses=(Address("eth0", "10.48.0.1", 32, 0),)),
        only(0, "links", "nsid", addresses=(Address("eth0", "10.48.0.2", 32, 0),)),
    ),
]


def test_the_uid_wins_over_pair_and_address() -> None:
    assert matched(*DISAGREE[0][1:]) == {TWO: "ns0", ONE: "ns1"}


def test_the_pair_wins_over_the_address() -> None:
    assert matched(*DISAGREE[1][1:]) == BOTH


def test_a_namespace_is_given_once_and_the_first_pod_of_the_strongest_way_gets_it() -> None:
    """Two pods with one address: the namespace is that of the pod that its pair names."""
    twins = (PODS[0], pod(TWO, "n", ("10.48.0.1",)))
    assert matched(only(0, "links", "nsid", "addresses"), pods=twins) == {ONE: "ns0"}
    assert matched(only(0, "links", "nsid", "addresses"), pods=twins[::-1]) == {ONE: "ns0"}


def test_of_two_namespaces_of_one_uid_the_pair_and_the_address_choose() -> None:
    """A sandbox that is being replaced leaves its namespace for a while."""
    old = structs.replace(only(0, "uids"), name="old")
    assert matched(old, space(0)) == {ONE: "ns0"}
    assert matched(space(0), old) == {ONE: "ns0"}
    stale = structs.replace(only(0, "uids", "addresses"), name="stale")
    assert matched(stale, only(0, "uids", "links", "nsid")) == {ONE: "ns0"}
    assert matched(only(0, "uids"), structs.replace(only(0, "uids", "addresses"), name="held")) == {ONE: "held"}


GONE: list[dict[str, Any]] = [{"phase": "Failed"}, {"host_network": True}, {"ips": ()}, {"node": ""}]


@pytest.mark.parametrize("fields", GONE)
def test_a_pod_without_a_network_gets_none(fields: dict[str, Any]) -> None:
    assert matched(space(0), pods=(structs.replace(PODS[0], **fields),)) == {}


def test_a_leaving_pod_keeps_its_own() -> None:
    assert matched(space(0), pods=(structs.replace(PODS[0], deleting=True),)) == {ONE: "ns0"}


def test_the_other_end_must_point_back() -> None:
    assert points_back(host(0), space(0)) == space(0).links[0]
    assert points_back(host(0, peer_index=3), space(0)) is None
    assert points_back(host(1), space(0)) is None
    assert points_back(host(0, peer_index=None), only(0, links=(Link(2, "lo", "", True, True, "", 1),))) is None
