"""Pages of a real API server: a list is whole or told as none, also when its version is compacted between two pages."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import urllib3

from fixtures.api.pages import list_all
from fixtures.api.transport import Transport
from fixtures.decode.resources import BY_PLURAL
from fixtures.deploy.shapes import Bare, list_of
from fixtures.errors import UnobservableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.api import Api
    from fixtures.api.transport import Answer
    from tests.apiserver.server import RealApi

NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


def _etcd(real: RealApi, call: str, body: dict[str, Any]) -> dict[str, Any]:
    """One call of etcd's JSON gateway."""
    answer = urllib3.request("POST", f"{real.etcd}/v3/kv/{call}", body=msgspec.json.encode(body))
    assert answer.status == 200, answer.data
    found: dict[str, Any] = msgspec.json.decode(answer.data)
    return found


def _compact(real: RealApi) -> None:
    """Make every version but the newest one unreadable, once there is a newer one than any list has."""
    key = base64.b64encode(b"/nobodys").decode()
    newest = _etcd(real, "put", {"key": key, "value": key})["header"]["revision"]
    _etcd(real, "compaction", {"revision": newest, "physical": True})


def _after_first_page(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], times: int) -> list[Answer]:
    """Let something happen between the first page and the second one, so many times; the answers are kept."""
    plain, seen, left = Transport.get, list[Any](), [times]

    def get(self: Transport, path: str, query: Any = None) -> Answer:
        answer = plain(self, path, query)
        seen.append(answer)
        if "continue" not in (query or {}) and left[0]:
            left[0] -= 1
            act()
        return answer

    monkeypatch.setattr(Transport, "get", get)
    return seen


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.api.pages.LIMIT", 1)
    monkeypatch.setattr("fixtures.deploy.shapes.PAGE", 3)


def test_compacted_list_is_begun_again(admin: Api, real: RealApi, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list_all(admin, NODES, BY_PLURAL["nodes"])
    seen = _after_first_page(monkeypatch, lambda: _compact(real), 1)
    assert list_all(admin, NODES, BY_PLURAL["nodes"]) == whole
    assert [answer.status for answer in seen] == [200, 410, 200, 200, 200]


def test_list_that_expires_each_time_is_told(admin: Api, real: RealApi, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _after_first_page(monkeypatch, lambda: _compact(real), 99)
    with pytest.raises(UnobservableError, match="the list of nodes expired 3 times"):
        list_all(admin, NODES, BY_PLURAL["nodes"])
    assert [answer.status for answer in seen] == [200, 410] * 3


def test_expired_token_is_a_refusal_that_offers_an_inconsistent_rest(admin: Api, real: RealApi) -> None:
    first = msgspec.json.decode(admin.get(NODES, {"limit": 1}).body)
    _compact(real)
    answer = admin.transport.get(NODES, {"limit": 1, "continue": first["metadata"]["continue"]})
    told = msgspec.json.decode(answer.body)
    assert (answer.status, told["reason"], told["metadata"]["continue"] != "") == (410, "Expired", True)


def test_short_lists_are_paged_too(admin: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _after_first_page(monkeypatch, lambda: None, 0)
    names = [found.metadata.name for found in list_of(admin, PODS, Bare)]
    assert len(seen) > 3
    assert len(set(names)) == len(names) > 9
