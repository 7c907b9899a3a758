"""Who programs which class of route, in every release, with every value of both fields."""

from __future__ import annotations

import itertools

import pytest

from expect.ownership import Owner, RouteClass, bird_value, felix_value, ownership
from expect.release import NEWEST, Release, parse, release_of
from model.cluster import Cluster, ClusterInformation
from tests.unit.builders import pod

IPIP, PLAIN = RouteClass.IPIP, RouteClass.NO_ENCAP
BOTH, NEITHER = frozenset({IPIP, PLAIN}), frozenset[RouteClass]()
FIELDS = [None, "", "Enabled", "EnabledIPIPOnly", "EnabledNoEncapOnly", "Disabled", "Sometimes", "enabled", True, 1]

FOUR_VALUES = {
    "Enabled": BOTH,
    "EnabledIPIPOnly": frozenset({IPIP}),
    "EnabledNoEncapOnly": frozenset({PLAIN}),
    "Disabled": NEITHER,
}
TWO_VALUES = {"Enabled": BOTH, "Disabled": NEITHER}
# What each side programs by the value of its field, and with a value that it does not know (calico-state §0.1, §4.1).
FELIX = {
    **dict.fromkeys(range(26, 31), ({}, NEITHER)),
    **dict.fromkeys((31, 32), (TWO_VALUES, NEITHER)),
    **dict.fromkeys((33, 34), (FOUR_VALUES, frozenset({IPIP}))),
}
BIRD = {
    **dict.fromkeys(range(26, 32), ({}, BOTH)),
    32: (TWO_VALUES, BOTH),
    **dict.fromkeys((33, 34), (FOUR_VALUES, frozenset({PLAIN}))),
}


@pytest.mark.parametrize("runs", [True, False], ids=["bird", "no-bird"])
@pytest.mark.parametrize("minor", range(26, 35))
def test_owners_follow_the_table(minor: int, runs: bool) -> None:
    for felix_field, bgp_field, route_class in itertools.product(FIELDS, FIELDS, (IPIP, PLAIN)):
        felix_known, felix_default = FELIX[minor]
        bird_known, bird_default = BIRD[minor]
        wanted = set()
        if route_class in felix_known.get(str(felix_field), felix_default):
            wanted.add(Owner.FELIX)
        if runs and route_class in bird_known.get(str(bgp_field), bird_default):
            wanted.add(Owner.BIRD)
        got = ownership(route_class, Release(3, minor), felix_field, bgp_field, bird_runs=runs)
        assert got.owners == wanted, (felix_field, bgp_field, route_class)


def test_vxlan_is_always_felix() -> None:
    for minor, felix_field, bgp_field in itertools.product(range(26, 35), FIELDS, FIELDS):
        got = ownership(RouteClass.VXLAN, Release(3, minor), felix_field, bgp_field, bird_runs=True)
        assert got.owners == {Owner.FELIX}
        assert got.because == "VXLAN routes are always Felix's"


DEFAULTS = [
    (30, {Owner.BIRD}, {Owner.BIRD}),
    (31, {Owner.BIRD}, {Owner.BIRD}),
    (32, {Owner.BIRD}, {Owner.BIRD}),
    (33, {Owner.FELIX}, {Owner.BIRD}),
    (34, {Owner.FELIX}, {Owner.BIRD}),
]


@pytest.mark.parametrize(("minor", "ipip", "plain"), DEFAULTS)
def test_each_class_has_one_owner_by_default(minor: int, ipip: set[Owner], plain: set[Owner]) -> None:
    release = Release(3, minor)
    assert ownership(IPIP, release, None, None, bird_runs=True).owners == ipip
    assert ownership(PLAIN, release, None, None, bird_runs=True).owners == plain


def test_a_felix_of_v3_31_that_is_enabled_has_bird_beside_it() -> None:
    got = ownership(PLAIN, Release(3, 31), "Enabled", "Disabled", bird_runs=True)
    assert got.owners == {Owner.FELIX, Owner.BIRD}
    assert got.unavoidable
    assert not ownership(PLAIN, Release(3, 31), None, "Disabled", bird_runs=True).unavoidable
    assert not ownership(PLAIN, Release(3, 33), "Enabled", "Enabled", bird_runs=True).unavoidable


BECAUSE = [
    (30, None, None, True, ["v3.30 has no FelixConfiguration programClusterRoutes", "v3.30 has no BGPConfiguration"]),
    (
        31,
        "Enabled",
        None,
        True,
        ["FelixConfiguration programClusterRoutes is Enabled,", "v3.31 has no BGPConfiguration"],
    ),
    (33, None, "Odd", True, ["is EnabledIPIPOnly (unset)", "is EnabledNoEncapOnly (Odd)"]),
    (33, "Disabled", "Enabled", False, ["is Disabled,", "is Enabled,", "the networking backend runs no BIRD"]),
]


@pytest.mark.parametrize(("minor", "felix", "bgp", "runs", "words"), BECAUSE)
def test_the_reason_names_fields_release_and_backend(
    minor: int, felix: str | None, bgp: str | None, runs: bool, words: list[str]
) -> None:
    because = ownership(PLAIN, Release(3, minor), felix, bgp, bird_runs=runs).because
    assert because.startswith(f"no encapsulation in v3.{minor}: ")
    assert [word for word in words if word not in because] == []
    assert ("runs no BIRD" in because) is not runs


def test_a_later_major_release_counts_as_newer() -> None:
    assert felix_value(Release(4, 0), None) == "EnabledIPIPOnly"
    assert bird_value(Release(4, 0), None) == "EnabledNoEncapOnly"
    assert felix_value(Release(2, 40), "Enabled") == "Disabled"


PARSED = [
    ("v3.33.0-87c1590", (3, 33)),
    ("v3.30.7", (3, 30)),
    ("3.26", (3, 26)),
    ("v3.34.0-0.dev-12-gabc", (3, 34)),
    ("master", None),
    ("", None),
    ("latest", None),
    ("release-v3.30", None),
]


@pytest.mark.parametrize(("text", "wanted"), PARSED)
def test_a_version_is_read_from_its_start(text: str, wanted: tuple[int, int] | None) -> None:
    found = parse(text, "there")
    assert (found and (found.major, found.minor, found.source)) == (wanted and (*wanted, "there"))


IMAGES = [
    (("docker.io/calico/node:v3.30.7",), "v3.30"),
    (("calico/node:v3.31.0",), "v3.31"),
    (("quay.io/calico/node:v3.29.1-fips",), "v3.29"),
    (("registry.local:5000/mirror/node:v3.28.0",), "v3.28"),
    (("registry/rancher/mirrored-calico-node:v3.27.2",), "v3.27"),
    (("docker.io/calico/node:v3.26.4@sha256:0123",), "v3.26"),
    (("docker.io/calico/cni:v3.20.0", "docker.io/calico/node:v3.32.1"), "v3.32"),
    (("docker.io/calico/node@sha256:0123",), "v3.33"),
    (("docker.io/calico/node:master",), "v3.33"),
    (("registry.local:5000/calico/node",), "v3.33"),
    (("docker.io/calico/typha:v3.20.0",), "v3.33"),
    ((), "v3.33"),
]


@pytest.mark.parametrize(("images", "wanted"), IMAGES)
def test_a_nodes_release_is_its_agents_image_else_the_clusters(images: tuple[str, ...], wanted: str) -> None:
    cluster = Cluster(information=ClusterInformation("v3.33.0"))
    agent = pod("kube-system/calico-node-x", "worker1", (), images=images)
    found = release_of(cluster, agent)
    assert str(found) == wanted
    assert ("calico-node-x" in found.source) is (wanted != "v3.33")


def test_a_cluster_that_names_no_release_is_taken_for_the_newest() -> None:
    assert release_of(Cluster(), None) == NEWEST
    assert release_of(Cluster(information=ClusterInformation("")), None) == NEWEST
    assert release_of(Cluster(information=ClusterInformation("v3.29.0")), None) == Release(
        3, 29, "ClusterInformation default"
    )
    assert NEWEST.at_least(33)
