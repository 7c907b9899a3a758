"""What the suite reads of a real API server is what it reads of the lab's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.api import Api, connect, list_again, list_cluster
from fixtures.api.pages import list_all
from fixtures.api.session import RefusedError
from fixtures.decode.resources import BY_PLURAL
from fixtures.errors import UnobservableError
from lab import topology
from lab.api.launch import end, launch
from tests.apiserver.server import NOBODY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.apiserver.server import RealApi

# A server's own, and what only controllers and kubelets bring about: owners, a deletion that lasts.
VOLATILE = {"uid", "resource_version", "created", "timestamp", "workload", "deleting"}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The lab's server with the same topology."""
    state = tmp_path_factory.mktemp("twin")
    process = launch(state, topology.DEFAULT)
    api = connect(state / "kubeconfig", None)
    try:
        yield list_cluster(api)
    finally:
        api.close()
        end(process)


def _plain(values: Any) -> Any:
    return sorted(map(_steady, msgspec.to_builtins(values)), key=str)


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _steady(inner) for name, inner in value.items() if name not in VOLATILE}
    return [_steady(inner) for inner in value] if isinstance(value, list | tuple) else value


LISTS = ("pods", "nodes", "pools", "blocks", "affinities", "handles", "felix", "bgp", "peers", "filters")


@pytest.mark.parametrize("name", LISTS)
def test_the_same_objects_read_the_same(admin: Api, twin: Any, name: str) -> None:
    mine, theirs = _plain(getattr(list_cluster(admin), name)), _plain(getattr(twin, name))
    for one, other in zip(mine, theirs, strict=True):
        assert one == other
    assert mine or name in ("peers", "filters")


def test_pages_join_to_the_whole(admin: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list_all(admin, "/api/v1/pods", BY_PLURAL["pods"])
    monkeypatch.setattr("fixtures.api.pages.LIMIT", 3)
    paged = list_all(admin, "/api/v1/pods", BY_PLURAL["pods"])
    assert paged == whole
    assert len(whole) > 9


def test_nothing_changed_between_two_lists(admin: Api) -> None:
    before = list_cluster(admin)
    look = list_again(admin, before)
    assert look.pods_after == before.pods
    assert look.blocks_after == before.blocks


def test_who_may_read_nothing_is_told_the_rules(real: RealApi) -> None:
    api = connect(real.kubeconfig, NOBODY)
    with pytest.raises(UnobservableError) as told:
        list_cluster(api)
    api.close()
    assert "not allowed to list" in told.value.reason
    assert "ippools" in told.value.reason
    assert "verbs" in told.value.remedy


def test_a_wrong_token_is_told(real: RealApi, tmp_path: Path) -> None:
    other = tmp_path / "kubeconfig"
    other.write_text(real.kubeconfig.read_text().replace('"token": "', '"token": "x'))
    api = connect(other, None)
    with pytest.raises(UnobservableError, match="401"):
        list_cluster(api)
    api.close()


def test_an_object_that_is_not_there_is_404(admin: Api) -> None:
    with pytest.raises(RefusedError) as refused:
        admin.get("/api/v1/namespaces/default/pods/none")
    assert (refused.value.status, refused.value.message) == (404, 'pods "none" not found')
