"""Every kubeconfig that leads nowhere is a usage error that says what is wrong and what to do."""

from __future__ import annotations

import logging
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]

from fixtures.api import connect
from fixtures.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def config(**changes: Any) -> dict[str, Any]:
    """A kubeconfig that works, with some of its keys replaced."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.10:6443", "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": "s3cr3t-token-value"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    } | changes


def user(**fields: Any) -> dict[str, Any]:
    """Another user."""
    return config(users=[{"name": "u", "user": fields}])


def plugin(tmp_path: Path, body: str) -> dict[str, Any]:
    """A credential plugin in Python."""
    script = tmp_path / "plugin"
    script.write_text(f"#!{sys.executable}\n{body}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script), "interactiveMode": "Never"}
    return user(exec=run)


def write(tmp_path: Path, document: object) -> Path:
    file = tmp_path / "config"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return file


def test_the_current_context_and_its_credentials_are_used(tmp_path: Path) -> None:
    api = connect(write(tmp_path, config()), None)
    assert (api.context_name, api.transport.host) == ("here", "https://10.0.0.10:6443")
    assert api.transport._headers()["authorization"] == "Bearer s3cr3t-token-value"


def test_a_plugin_gives_the_token(tmp_path: Path) -> None:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    body = f"import json; print(json.dumps({answer | {'status': {'token': 'from-plugin'}}}))"
    api = connect(write(tmp_path, plugin(tmp_path, body)), "here")
    assert api.transport._headers()["authorization"] == "Bearer from-plugin"


WRONG = [
    pytest.param("{[", "is not YAML, line 1", id="malformed"),
    pytest.param("", "is empty or no kubeconfig", id="empty"),
    pytest.param("- a\n- b\n", "is empty or no kubeconfig", id="a list"),
    pytest.param("[" * 5000, "is not YAML", id="too deep"),
    pytest.param("a: &a [*a, *a]\n", "sets no current context", id="an anchor in itself"),
    pytest.param(config(**{"current-context": ""}), "sets no current context", id="no current context"),
    pytest.param(config(**{"current-context": "gone"}), "has no context 'gone'", id="unknown current context"),
    pytest.param(config(contexts="x"), "contexts is no list of objects", id="contexts a string"),
    pytest.param(config(contexts=[5]), "contexts is no list of objects", id="a context a number"),
    pytest.param(config(contexts=[{"name": "here"}]), "leads to no server", id="a context without anything"),
    pytest.param(config(clusters=[]), r"leads to no server \(cluster 'c'\)", id="no cluster"),
    pytest.param(config(clusters=[{"name": "c", "cluster": {}}]), "leads to no server", id="no server"),
    pytest.param(config(clusters=[{"name": "c", "cluster": {"server": "x"}}]), "leads to no server", id="no URL"),
    pytest.param(config(users=7), "credentials of context 'here'", id="users a number"),
    pytest.param(user(exec={"command": "no-such-plugin"}), "credentials of context 'here'", id="plugin malformed"),
    pytest.param(
        user(exec={"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such/plugin"}),
        "No such file or directory: '/no/such/plugin'",
        id="plugin missing",
    ),
]


@pytest.mark.parametrize(("document", "said"), WRONG)
def test_what_leads_nowhere_is_a_usage_error(tmp_path: Path, document: object, said: str) -> None:
    file = write(tmp_path, document)
    with pytest.raises(UsageError, match=said) as caught:
        connect(file, None)
    assert str(file) in caught.value.reason
    assert caught.value.remedy
    assert "s3cr3t" not in str(caught.value)


def test_a_plugin_that_fails_is_told_with_what_it_said_and_without_its_secrets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = root.handlers[:]
    file = write(tmp_path, plugin(tmp_path, "import sys; sys.exit('login expired; password=hunter22')"))
    with pytest.raises(UsageError, match="login expired") as caught:
        connect(file, None)
    assert "hunter22" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert root.handlers == before


def test_an_unknown_context_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no context 'there'") as caught:
        connect(write(tmp_path, config()), "there")
    assert "It has: here." in caught.value.remedy


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="no kubeconfig") as caught:
        connect(None, None)
    assert "--kubeconfig" in caught.value.remedy
    with pytest.raises(UsageError, match="no such file"):
        connect(tmp_path / "nowhere", None)
    with pytest.raises(UsageError, match="Is a directory"):
        connect(tmp_path, None)


def test_several_files_count_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(yaml.safe_dump({"current-context": "here", "clusters": config()["clusters"]}))
    second.write_text(yaml.safe_dump(config(**{"current-context": "other"})))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}")
    assert connect(None, None).context_name == "here"
