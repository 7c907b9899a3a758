"""Every kubeconfig that leads nowhere is a usage error that says what is wrong and what to do."""

from __future__ import annotations

import base64
import logging
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]

from fixtures.api import connect
from fixtures.api.transport import DroppedError
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


def test_a_plugin_whose_credentials_are_over_is_not_run_for_every_question(tmp_path: Path) -> None:
    status = {"token": "from-plugin", "expirationTimestamp": "2001-01-01T00:00:00Z"}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    runs = tmp_path / "runs"
    body = f"import json\nopen({str(runs)!r}, 'a').write('x')\nprint(json.dumps({answer}))"
    api = connect(write(tmp_path, plugin(tmp_path, body)), "here")
    for _ in range(20):
        assert api.transport._headers()["authorization"] == "Bearer from-plugin"
    assert runs.read_text() == "xx"  # when it was connected to, and at the first question


PROXIES = {
    "with a login": ("http://some%40one:p%3Ass@proxy:3128", "http://proxy:3128", "some@one:p:ss"),
    "without a scheme": ("proxy:3128", "http://proxy:3128", ""),
    "without a password": ("http://me@proxy:3128", "http://proxy:3128", "me:"),
    "plain": ("https://proxy:3128", "https://proxy:3128", ""),
}


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("by", ["HTTPS_PROXY", "ALL_PROXY", "proxy-url"])
@pytest.mark.parametrize(("named", "shown", "login"), PROXIES.values(), ids=PROXIES)
def test_a_proxy_is_told_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, named: str, shown: str, login: str
) -> None:
    document = config()
    if by == "proxy-url":
        document["clusters"][0]["cluster"]["proxy-url"] = named
    else:
        monkeypatch.setenv(by, named)
    transport = connect(write(tmp_path, document), None).transport
    assert transport._proxy == shown
    sent = getattr(transport._pool, "proxy_headers", {})
    wanted = {"proxy-authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    assert dict(sent) == wanted


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("named", ["socks5://u:pr0xysecret@proxy:1080", "http://", "http://proxy:port", "ftp://proxy"])
def test_a_proxy_that_is_none_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("ALL_PROXY", named)
    with pytest.raises(UsageError, match="is no http:// or https:// one") as caught:
        connect(write(tmp_path, config()), None)
    assert "pr0xysecret" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert connect(write(tmp_path, config()), None).transport._proxy == ""


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_that_is_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://u:pr0xysecret@127.0.0.1:9")
    api = connect(write(tmp_path, config()), None)
    for ask in (lambda: api.transport.get("/version"), lambda: api.transport.dial("/exec", "", 5.0)):
        with pytest.raises(DroppedError) as caught:
            ask()
        assert str(caught.value) == "Connection refused (through the proxy http://127.0.0.1:9)"


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
    pytest.param(
        user(**{"auth-provider": {"name": "gcp", "config": {}}}),
        "it asks for the auth-provider gcp, which Kubernetes has replaced by exec plugins",
        id="an auth-provider",
    ),
]


def test_a_plugin_that_is_missing_is_told_with_its_hint(tmp_path: Path) -> None:
    run = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/no/plugin",
        "installHint": "get it at x.example",
    }
    with pytest.raises(UsageError) as caught:
        connect(write(tmp_path, user(exec=run)), None)
    assert caught.value.remedy.endswith("Its installHint: get it at x.example")


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
