"""deploy/rbac.yaml under real RBAC: nothing is missing with it, and without one of its rules that rule is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.api import connect, list_cluster
from fixtures.api.groups import find_group
from fixtures.api.namespaces import namespace_labels
from fixtures.deploy.settings import NAMESPACE, SCC
from fixtures.errors import UnobservableError
from fixtures.permissions import BY_LABEL, CALICO_NODE, MAKES_NAMESPACE, OPENSHIFT, asked, reading
from fixtures.preflight import REVIEWS, missing, preflight
from fixtures.reach.calico_node import CalicoNodeReach
from lab.tools import wait_until
from tests.apiserver.rules import Json, applied, binding, documents, is_there, path_of, role, unbound, without
from tests.apiserver.server import NOBODY, READER, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.api import Api
    from fixtures.permissions import Permission
    from tests.apiserver.server import RealApi

READ, KUBE = "calico-conformance-read", "calico-conformance-kube"
SERVED = [entry for entry in reading() if entry.group != "projectcalico.org" and not entry.when]
DEFAULT = asked("kube")


def _ids(entries: Any) -> list[str]:
    return [f"{entry.resource}.{entry.group}".rstrip(".") for entry in entries]


@pytest.fixture
def runner(real: RealApi, file: None) -> Iterator[Api]:
    """The user's connection, once the file is in force."""
    api = connect(real.kubeconfig, RUNNER)
    _until_missing(api, DEFAULT, ())
    yield api
    _until_missing(api, DEFAULT, ())
    api.close()


def _but(whole: Json, entry: Permission) -> list[Json]:
    """A role's rules without that of one permission."""
    return [
        rule for rule in whole["rules"] if (rule["apiGroups"], rule["resources"]) != ([entry.group], [entry.resource])
    ]


def _until_missing(
    api: Api, wanted: tuple[Permission, ...], expected: tuple[Permission, ...], space: str = NAMESPACE
) -> None:
    """RBAC is in force a moment after it is written; exactly the expected permissions are missing then."""
    seen: list[Any] = []

    def looked() -> bool:
        seen.append(missing(api, wanted, space))
        return bool(seen[-1] == expected)

    wait_until(f"exactly {expected} is missing", looked, 5.0)


@pytest.mark.parametrize("entry", DEFAULT, ids=_ids(DEFAULT))
def test_each_rule_of_the_way_kube_is_needed(admin: Api, runner: Api, entry: Permission) -> None:
    whole = role(KUBE)
    rest = _but(whole, entry)
    assert len(rest) == len(whole["rules"]) - 1
    with without(admin, whole, rest):
        _until_missing(runner, DEFAULT, (entry,))
        with pytest.raises(UnobservableError) as told:
            preflight(runner, DEFAULT, NAMESPACE)
    assert told.value.reason == (
        f"context {RUNNER}: not allowed to {'/'.join(entry.verbs)} {entry.resource}; nothing was made"
    )
    assert [line for line in told.value.remedy.splitlines() if line.startswith("- ")] == [entry.rule()]


VERBS = [(entry, verb) for entry in DEFAULT if len(entry.verbs) > 1 for verb in entry.verbs]


@pytest.mark.parametrize(("entry", "verb"), VERBS, ids=[f"{verb}-{entry.resource}" for entry, verb in VERBS])
def test_each_verb_is_needed(admin: Api, runner: Api, entry: Permission, verb: str) -> None:
    whole = role(KUBE)
    rules = [
        rule | {"verbs": [each for each in rule["verbs"] if each != verb]}
        if rule["resources"] == [entry.resource]
        else rule
        for rule in whole["rules"]
    ]
    with without(admin, whole, rules):
        _until_missing(runner, DEFAULT, (entry._replace(verbs=(verb,)),))


@pytest.mark.parametrize("entry", SERVED, ids=_ids(SERVED))
def test_each_rule_of_reading_is_needed(admin: Api, runner: Api, entry: Permission) -> None:
    whole = role(READ)
    rest = _but(whole, entry)
    with without(admin, whole, rest):
        wait_until("the rule is out of force", lambda: _lacks(runner, entry), 5.0)
    wait_until("the rule is in force", lambda: not _told(runner), 5.0)


def _lacks(api: Api, entry: Permission) -> bool:
    """Whether exactly this one rule is asked for: where it is needed in an error, else beside the lists."""
    told = _told(api)
    assert len(told) <= 1, told
    return told == [entry.rule()]


def _told(api: Api) -> list[str]:
    """The rules that reading the cluster asks for."""
    try:
        text = "\n".join(why for why in list_cluster(api).unlisted.values() if "to add" in why)
    except UnobservableError as error:
        text = error.remedy
    return re.findall(r"- \{.*\}", text)


def test_labels_of_namespaces_have_their_rule(admin: Api, runner: Api) -> None:
    assert namespace_labels(runner)[NAMESPACE]["pod-security.kubernetes.io/enforce"] == "privileged"
    whole = role(READ)
    (entry,) = [entry for entry in reading() if entry.when == BY_LABEL]
    with without(admin, whole, [rule for rule in whole["rules"] if rule["resources"] != ["namespaces"]]):
        _until_missing(runner, (entry,), (entry,))
        with pytest.raises(UnobservableError) as told:
            namespace_labels(runner)
    assert entry.rule() in told.value.remedy
    _until_missing(runner, (entry,), ())


def test_reading_alone_is_enough_for_ssh(real: RealApi, admin: Api, file: None) -> None:
    assert asked("ssh") == ()
    with applied(admin, [binding(role(READ), READER)]):
        api = connect(real.kubeconfig, READER)
        wait_until("the binding is in force", lambda: not _told(api), 5.0)
        listed = list_cluster(api)
        assert [why for why in listed.unlisted.values() if "to add" in why] == []
        assert (len(listed.nodes), find_group(api).name) == (3, "crd.projectcalico.org/v1")
        assert missing(api, DEFAULT, NAMESPACE) == DEFAULT
        api.close()


def test_preflight_itself_needs_no_right(real: RealApi) -> None:
    api = connect(real.kubeconfig, NOBODY)
    assert missing(api, DEFAULT, NAMESPACE) == DEFAULT
    api.close()


def test_user_who_may_not_ask_what_he_may_do_is_told(admin: Api, runner: Api) -> None:
    with unbound(admin, "system:basic-user"):
        wait_until("it is in force", lambda: not _may_ask(runner), 5.0)
        with pytest.raises(UnobservableError) as told:
            preflight(runner, DEFAULT, NAMESPACE)
    assert "does not say what this user may do" in told.value.reason
    assert "system:basic-user" in told.value.remedy
    wait_until("it is over", lambda: _may_ask(runner), 5.0)


def _may_ask(api: Api) -> bool:
    review = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    asking = review | {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    return api.transport.send("POST", REVIEWS, body=msgspec.json.encode(asking)).status == 201


def test_discovery_is_no_need(admin: Api, runner: Api) -> None:
    before = list_cluster(runner)
    with unbound(admin, "system:discovery"):
        wait_until("it is in force", lambda: find_group(runner).plurals is None, 5.0)
        assert list_cluster(runner) == before
    wait_until("it is over", lambda: find_group(runner).plurals is not None, 5.0)


def test_calico_node_needs_its_rule_where_its_pods_are(admin: Api, runner: Api) -> None:
    bound = binding(role("calico-conformance-calico-node"), RUNNER, "kube-system")
    _until_missing(runner, CALICO_NODE, CALICO_NODE, "kube-system")
    nodes = list(list_cluster(runner).nodes)
    with pytest.raises(UnobservableError) as told:
        CalicoNodeReach(runner).open(nodes, lambda _sentence: None)
    assert CALICO_NODE[0].rule() in told.value.remedy
    with applied(admin, [bound]):
        _until_missing(runner, CALICO_NODE, (), "kube-system")
        CalicoNodeReach(runner).open(nodes, lambda _sentence: None)


def test_openshift_needs_its_two_rules(admin: Api, runner: Api) -> None:
    wanted = asked("kube", OPENSHIFT)
    more = tuple(entry for entry in wanted if entry.when == OPENSHIFT)
    _until_missing(runner, wanted, more)
    local, wide = role("calico-conformance-openshift", "Role"), role("calico-conformance-openshift", "ClusterRole")
    with applied(admin, [binding(local, RUNNER, NAMESPACE)]):
        _until_missing(runner, wanted, tuple(entry for entry in more if entry.name == SCC))
        with applied(admin, [binding(wide, RUNNER)]):
            _until_missing(runner, wanted, ())


def test_namespace_of_its_own_needs_its_rule_and_the_others_everywhere(admin: Api, runner: Api) -> None:
    wanted = asked("kube", MAKES_NAMESPACE)
    space = "made-by-the-tool"
    assert not is_there(admin, f"/api/v1/namespaces/{space}")
    everywhere = role(KUBE) | {"kind": "ClusterRole", "metadata": {"name": "kube-everywhere"}}
    with applied(admin, [everywhere, binding(everywhere, RUNNER)]):
        _until_missing(runner, wanted, tuple(entry for entry in wanted if entry.when == MAKES_NAMESPACE), space)
        with applied(admin, [binding(role("calico-conformance-namespace"), RUNNER)]):
            _until_missing(runner, wanted, (), space)


@pytest.mark.parametrize(
    "document", documents(), ids=[f"{obj['kind']}-{obj['metadata']['name']}" for obj in documents()]
)
def test_file_is_taken_as_kubectl_applies_it(admin: Api, runner: Api, document: Json) -> None:
    query = {"fieldManager": "kubectl", "fieldValidation": "Strict", "dryRun": "All", "force": "true"}
    raw = msgspec.json.encode(document)
    answer = admin.transport.send("PATCH", path_of(document), query, raw, "application/apply-patch+yaml")
    assert (answer.status, answer.headers.get("warning")) == (200, None), answer.body


def test_account_of_the_file_may_do_all_that_is_needed(real: RealApi, admin: Api, runner: Api, tmp_path: Path) -> None:
    account = next(obj for obj in documents() if obj["kind"] == "ServiceAccount")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    token = msgspec.json.decode(admin.post(f"{path_of(account)}/token", request).body)["status"]["token"]
    config = msgspec.json.decode(real.kubeconfig.read_bytes())
    config["users"] = [{"name": READER, "user": {"token": token}}]
    (tmp_path / "kubeconfig").write_bytes(msgspec.json.encode(config))
    api = connect(tmp_path / "kubeconfig", READER)
    assert _told(api) == []
    assert missing(api, DEFAULT, NAMESPACE) == ()
    assert missing(api, DEFAULT, "default") == DEFAULT
    api.close()
