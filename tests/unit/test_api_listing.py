"""Which lists are asked for, in which group, and what becomes of one that is refused, missing or malformed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from fixtures.api import Api, list_again, list_cluster, pages
from fixtures.api.session import RefusedError
from fixtures.decode.resources import RESOURCES, V1, V3
from fixtures.errors import UnobservableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fixtures.api.transport import Transport

PLURALS = {V1: [entry.plural for entry in RESOURCES if entry.calico]}
PLURALS[V3] = [entry.name(V3) for entry in RESOURCES if entry.calico]


class Cluster:
    """A `get` over a table of paths: a body, a list of pages, or the status with which it is refused."""

    def __init__(self, group: str = V1) -> None:
        self.table: dict[str, Any] = {f"/apis/{group}": {"resources": [{"name": name} for name in PLURALS[group]]}}
        self.table |= {f"/apis/{group}/{name}": [[]] for name in PLURALS[group]}
        self.table |= {f"/api/v1/{entry.plural}": [[]] for entry in RESOURCES if not entry.calico}
        self.asked: list[str] = []

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> SimpleNamespace:
        self.asked.append(path)
        answer = self.table.get(path, 404)
        if isinstance(answer, int):
            raise RefusedError(answer, "no")
        if isinstance(answer, list):
            answer = self._page(answer, query or {})
        return SimpleNamespace(body=answer if isinstance(answer, bytes) else msgspec.json.encode(answer))

    def _page(self, listed: list[Any], query: Mapping[str, str | int]) -> dict[str, Any]:
        number = int(query.get("continue", 0))
        if listed[number] == "expired":
            listed[number] = []
            raise RefusedError(410, "too old")
        meta = {"continue": str(number + 1)} if number + 1 < len(listed) else {}
        return {"items": listed[number], "metadata": meta}

    def api(self) -> Api:
        found = SimpleNamespace(
            context_name="here", get=self.get, transport=cast("Transport", SimpleNamespace(host="h"))
        )
        return cast("Api", found)


def named(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": "7"}, "spec": spec}


def test_every_resource_is_listed_once_and_nothing_is_missing() -> None:
    cluster = Cluster()
    listed = list_cluster(cluster.api())
    assert listed.unlisted == {}
    assert listed.api_group == V1
    lists = [path for path in cluster.asked if path.rpartition("/")[2] in {entry.plural for entry in RESOURCES}]
    assert sorted(lists) == sorted({*lists})
    assert len(lists) == len(RESOURCES)


def test_pages_are_put_together_and_an_expired_list_is_begun_again() -> None:
    cluster = Cluster()
    nodes = cluster.table["/api/v1/nodes"] = [[named("a")], "expired", [named("c")]]
    listed = list_cluster(cluster.api())
    assert [node.name for node in listed.nodes] == ["a", "c"]
    assert nodes[1] == []
    assert cluster.asked.count("/api/v1/nodes") == 2 + 3


def test_a_list_that_always_expires_is_not_listed() -> None:
    cluster = Cluster()

    def expired(path: str, query: Mapping[str, str | int] | None = None) -> SimpleNamespace:
        if "continue" in (query or {}):
            raise RefusedError(410, "too old")
        cluster.table[path] = [[], []]
        return cluster.get(path, query)

    nodes = next(entry for entry in RESOURCES if entry.plural == "nodes")
    with pytest.raises(UnobservableError, match="expired 3 times"):
        pages.list_all(cast("Api", SimpleNamespace(get=expired)), "/api/v1/nodes", nodes)


def test_tokens_that_lead_in_a_circle_end() -> None:
    body = msgspec.json.encode({"items": [], "metadata": {"continue": "same"}})
    api = cast("Api", SimpleNamespace(get=lambda *_: SimpleNamespace(body=body)))
    with pytest.raises(UnobservableError, match="does not end"):
        pages.list_all(api, "/api/v1/nodes", RESOURCES[1])


def test_all_that_is_forbidden_is_told_at_once_as_the_rules_to_add() -> None:
    cluster = Cluster()
    cluster.table |= {"/api/v1/nodes": 403, f"/apis/{V1}/ippools": 403, "/api/v1/services": 403}
    with pytest.raises(UnobservableError, match="not allowed to list nodes, services, ippools; nothing") as caught:
        list_cluster(cluster.api())
    assert '- {apiGroups: [""], resources: ["nodes"], verbs: ["list"]}' in caught.value.remedy
    assert '- {apiGroups: ["crd.projectcalico.org"], resources: ["ippools"], verbs: ["list"]}' in caught.value.remedy
    said = [line for line in caught.value.remedy.splitlines() if line.startswith("- ")]
    plurals = [line.partition('resources: ["')[2].partition('"')[0] for line in said]
    assert plurals == ["nodes", "services", "ippools"]  # in the order of the table, with what is no error by itself


OPTIONAL = {
    "forbidden": (403, "not allowed to list bgpfilters"),
    "odd": (418, "answered with 418"),
    "malformed": ([[{"metadata": {"name": "f"}, "spec": 5}]], "f: Expected `object | null`, got `int`"),
    "no list": (b"<html>", "the list of bgpfilters cannot be read"),
}


@pytest.mark.parametrize(("answer", "said"), OPTIONAL.values(), ids=OPTIONAL)
def test_what_is_optional_is_named_instead(answer: object, said: str) -> None:
    cluster = Cluster()
    cluster.table[f"/apis/{V1}/bgpfilters"] = answer
    listed = list_cluster(cluster.api())
    assert list(listed.unlisted) == ["bgpfilters"]
    assert said in listed.unlisted["bgpfilters"]


REQUIRED = {
    "unauthorized": (401, "does not accept the credentials"),
    "not served": (404, "serves no ipamblocks"),
    "malformed": (
        [[named("good", cidr="10.0.0.0/26", allocations=[]), named("bad", cidr=7, allocations=[])]],
        r"ipamblocks cannot be read: bad: Expected `str`, got `int` - at `\$\.spec\.cidr`",
    ),
    "a status": ({"kind": "Status"}, "missing required field `items`"),
    "no JSON": (b'{"items": [', "ipamblocks cannot be read"),
    "broken UTF-8": (b'{"items": [], "metadata": {"continue": "\xff"}}', "ipamblocks cannot be read"),
    "too deep": (b'{"items": ' + b"[" * 100_000, "ipamblocks cannot be read"),
}


@pytest.mark.parametrize(("answer", "said"), REQUIRED.values(), ids=REQUIRED)
def test_what_is_required_is_an_error(answer: object, said: str) -> None:
    cluster = Cluster()
    cluster.table[f"/apis/{V1}/ipamblocks"] = answer
    with pytest.raises(UnobservableError, match=said):
        list_cluster(cluster.api())


def test_a_resource_that_discovery_does_not_name_is_not_asked_for() -> None:
    cluster = Cluster()
    cluster.table[f"/apis/{V1}"]["resources"].remove({"name": "bgpfilters"})
    listed = list_cluster(cluster.api())
    assert (listed.unlisted, listed.filters) == ({}, ())  # a release without the kind has none of it
    assert f"/apis/{V1}/bgpfilters" not in cluster.asked


@pytest.mark.parametrize(("plural", "unlisted"), [("bgpfilters", set()), ("ipamhandles", {"ipamhandles"})])
def test_what_is_not_there_holds_nothing_but_where_it_must_be_there(plural: str, unlisted: set[str]) -> None:
    cluster = Cluster()
    cluster.table[f"/apis/{V1}/{plural}"] = 404
    assert list_cluster(cluster.api()).unlisted.keys() == unlisted


def both(filled: set[str]) -> Cluster:
    """Both groups are served; those named hold a pool."""
    cluster = Cluster(V1)
    cluster.table |= Cluster(V3).table
    for group in filled:
        cluster.table[f"/apis/{group}/ippools"] = [[named(f"pool of {group}", cidr="10.48.0.0/16")]]
    return cluster


@pytest.mark.parametrize(
    ("cluster", "group"),
    [
        pytest.param(Cluster(V1), V1, id="v1 alone"),
        pytest.param(Cluster(V3), V3, id="v3 alone"),
        pytest.param(both({V1, V3}), V1, id="v3 shows v1's objects"),
        pytest.param(both({V3}), V3, id="moved to v3"),
        pytest.param(both(set()), V1, id="both empty"),
    ],
)
def test_the_group_that_holds_the_objects_is_read(cluster: Cluster, group: str) -> None:
    listed = list_cluster(cluster.api())
    assert listed.api_group == group
    assert [pool.name for pool in listed.pools] in ([], [f"pool of {group}"])
    assert list_again(cluster.api(), listed).blocks_after == ()


def test_an_aggregated_v3_without_ipam_blocks_leaves_v1() -> None:
    cluster = both({V1, V3})
    cluster.table[f"/apis/{V3}"]["resources"].remove({"name": "ipamblocks"})
    assert list_cluster(cluster.api()).api_group == V1


def test_discovery_may_be_forbidden_as_long_as_the_lists_are_not() -> None:
    cluster = Cluster()
    cluster.table[f"/apis/{V1}"] = 403
    assert list_cluster(cluster.api()).unlisted == {}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (404, "serves neither"),
        (401, "does not accept the credentials"),
        (418, "refuses to say what it serves"),
        (b"<html>", "something else than a list of resources"),
    ],
)
def test_no_calico_is_said_so(answer: object, said: str) -> None:
    cluster = Cluster()
    cluster.table[f"/apis/{V1}"] = answer
    with pytest.raises(UnobservableError, match=said):
        list_cluster(cluster.api())


def test_the_second_list_holds_what_changes_and_nothing_old() -> None:
    cluster = Cluster()
    before = list_cluster(cluster.api())
    cluster.table["/api/v1/pods"] = [[{"metadata": {"name": "new", "namespace": "ns"}}]]
    look = list_again(cluster.api(), before)
    assert [pod.key for pod in look.pods_after] == ["ns/new"]
    assert (look.before, look.nodes_after, look.affinities_after) == (before, (), ())
    cluster.table["/api/v1/pods"] = 403
    with pytest.raises(UnobservableError, match="not allowed to list pods"):
        list_again(cluster.api(), before)
