"""`python -m fixtures.cleanup` against a scripted server: which runs it removes, which it leaves, what it ends with."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import cleanup
from fixtures.cleanup import main
from fixtures.deploy.manifests import RUN
from fixtures.errors import UsageError
from tests.unit.fake_api import FakeTransport, fake, listed, named

SPACE = "calico-conformance"
KINDS = {
    "jobs": "/apis/batch/v1",
    "daemonsets": "/apis/apps/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "serviceaccounts": "/api/v1",
    "pods": "/api/v1",
}


def _job(run: str, **more: Any) -> dict[str, Any]:
    job = named(f"lease-{run}", namespace=SPACE, labels={RUN: run}, creationTimestamp="2026-11-23T10:00:00Z")
    return job | {"spec": {"activeDeadlineSeconds": 10**9}} | more


def _other(kind: str, run: str) -> dict[str, Any]:
    return named(f"{kind}-{run}", namespace=SPACE, labels={RUN: run})


def _script(**lists: list[Any]) -> dict[str, list[Any]]:
    """Everywhere the given objects, in the namespace those that are there until they are deleted."""
    script: dict[str, list[Any]] = {"GET /api/v1/namespaces": [listed()], "GET /version": [(200, {})]}
    there: dict[str, list[Any]] = {plural: list(lists.get(plural, [])) for plural in KINDS}
    for plural, root in KINDS.items():
        script[f"GET {root}/{plural}"] = [listed(*lists.get(plural, []))]
        script[f"GET {root}/namespaces/{SPACE}/{plural}"] = [_here(there, plural)]
        for item in lists.get(plural, []):
            name = item["metadata"]["name"]
            script[f"DELETE {root}/namespaces/{SPACE}/{plural}/{name}"] = [_gone(there, plural, name)]
    return script


def _here(there: dict[str, list[Any]], plural: str) -> Any:
    return lambda _path, _body: listed(*there[plural])


def _gone(there: dict[str, list[Any]], plural: str, name: str) -> Any:
    def delete(_path: str, _body: Any) -> tuple[int, Any]:
        there[plural] = [item for item in there[plural] if item["metadata"]["name"] != name]
        return 200, {}

    return delete


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(script: dict[str, list[Any]], *arguments: str) -> tuple[int, str, FakeTransport]:
        api, server = fake(script)
        monkeypatch.setattr(cleanup, "connect", lambda _file, _context: api)
        status = main(list(arguments))
        return status, capsys.readouterr().out, server

    return run


def _deleted(server: FakeTransport) -> list[str]:
    return [question.rpartition("/")[2] for question in server.asked if question.startswith("DELETE")]


def test_nothing_there_is_said(clean: Any) -> None:
    status, said, server = clean(_script())
    assert (status, said) == (0, "nothing of calico-conformance is on this cluster\n")
    assert _deleted(server) == []


OVER = [
    pytest.param({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}, id="over"),
    pytest.param({"spec": {"activeDeadlineSeconds": 1}}, id="past its deadline"),
]


@pytest.mark.parametrize("ending", OVER)
def test_run_whose_lease_is_over_is_removed(clean: Any, ending: dict[str, Any]) -> None:
    status, said, server = clean(_script(jobs=[_job("a", **ending)], daemonsets=[_other("set", "a")]))
    assert (status, said) == (0, f"removed run a from namespace {SPACE}\n")
    assert _deleted(server) == ["set-a", "lease-a"]


def test_objects_without_a_lease_are_removed(clean: Any) -> None:
    status, _, server = clean(_script(serviceaccounts=[_other("account", "a")]))
    assert (status, _deleted(server)) == (0, ["account-a"])


def test_run_that_goes_on_is_left_and_said_so_unless_all_are_meant(clean: Any) -> None:
    def script() -> dict[str, list[Any]]:
        return _script(jobs=[_job("a")], daemonsets=[_other("set", "a")])

    status, said, server = clean(script())
    assert (status, _deleted(server)) == (1, [])
    assert said == f"left: run a in namespace {SPACE} goes on; --all removes it, too\n"
    for option in (["--all"], ["--run", "a"]):
        status, _, server = clean(script(), *option)
        assert (status, _deleted(server)) == (0, ["set-a", "lease-a"])


def test_one_run_is_meant_and_no_other(clean: Any) -> None:
    orphans = [_other("account", "a"), _other("account", "b")]
    status, said, _ = clean(_script(serviceaccounts=orphans) | _only("b", orphans), "--run", "b")
    assert (status, said) == (0, f"removed run b from namespace {SPACE}\n")


def _only(run: str, items: list[Any]) -> dict[str, list[Any]]:
    """The server selects by label; the script answers for the one run."""
    mine = [item for item in items if item["metadata"]["labels"][RUN] == run]
    return {f"GET /api/v1/namespaces/{SPACE}/serviceaccounts": [listed(*mine), listed()]}


def test_dry_run_removes_nothing(clean: Any) -> None:
    status, said, server = clean(_script(serviceaccounts=[_other("account", "a")]), "--dry-run")
    assert (status, said, _deleted(server)) == (1, f"would remove run a from namespace {SPACE}\n", [])


def test_what_cannot_be_removed_is_told(clean: Any) -> None:
    script = _script(serviceaccounts=[_other("account", "a")])
    script[f"DELETE /api/v1/namespaces/{SPACE}/serviceaccounts/account-a"] = [(403, {"message": "no"})]
    status, said, _ = clean(script)
    assert status == 1
    assert "remove it: kubectl -n calico-conformance delete serviceaccounts account-a" in said


def test_who_may_not_look_everywhere_looks_into_the_namespace(clean: Any) -> None:
    script = _script(serviceaccounts=[_other("account", "a")])
    script["GET /apis/batch/v1/jobs"] = [(403, {"message": "no"})]
    script[f"GET /apis/rbac.authorization.k8s.io/v1/namespaces/{SPACE}/rolebindings"] = [(403, {"message": "no"})]
    status, said, server = clean(script)
    assert (status, _deleted(server)) == (0, ["account-a"])
    assert said.startswith("this user may not look into all namespaces: looking into calico-conformance alone")


def test_cluster_that_refuses_is_told(clean: Any) -> None:
    status, said, _ = clean(_script() | {"GET /apis/apps/v1/daemonsets": [(403, {"message": "no"})]})
    assert status == 6
    assert "not allowed to list daemonsets.apps" in said


def test_kubeconfig_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_file: object, _context: object) -> Any:
        raise UsageError("no kubeconfig", "Name one.")

    monkeypatch.setattr(cleanup, "connect", fails)
    assert main([]) == 6
    assert capsys.readouterr().out == "ERROR: no kubeconfig\nName one.\n"


@pytest.mark.parametrize(("word", "acts"), [(b"done\n", False), (b"", True), (b"do", True)])
def test_guardian_acts_only_when_the_run_ends_without_a_word(
    clean: Any, monkeypatch: pytest.MonkeyPatch, word: bytes, acts: bool
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(word)))
    script = _script(serviceaccounts=[_other("account", "a")])
    status, _, server = clean(script, "--when-closed", "--run", "a")
    assert status == 0
    assert (_deleted(server) == ["account-a"]) is acts
    assert bool(server.asked) is acts
