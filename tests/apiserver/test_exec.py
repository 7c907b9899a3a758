"""exec through a real API server: v5, of which it makes SPDY on its other side, and v4, which it passes on.

v4 is all that servers before 1.30 speak.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.api import connect
from fixtures.api.exec import Container, exec_stream
from fixtures.api.exec_words import ExecError
from lab.tools import wait_until
from tests.apiserver.kubelet_exec import ExecServer, exec_server
from tests.apiserver.server import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api
    from tests.apiserver.server import RealApi

WHERE = Container("kube-system", "calico-node-8lv4l", "calico-node", "worker1")


@pytest.fixture(scope="module")
def server(real: RealApi) -> Iterator[ExecServer]:
    with exec_server(real, lambda node: ("env", f"NODE={node}")) as made:
        yield made


def _output(api: Api, *command: str, stdin: bytes = b"", where: Container = WHERE) -> bytes:
    return b"".join(exec_stream(api, where, command, stdin, 20.0))


@pytest.fixture(params=["v5", "v4"])
def protocol(request: pytest.FixtureRequest, server: ExecServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only one that the client offers."""
    monkeypatch.setattr("fixtures.api.exec_socket.PROTOCOLS", (f"{request.param}.channel.k8s.io",))


@pytest.mark.usefixtures("protocol")
def test_output_comes_whole_and_binary(admin: Api) -> None:
    code = "import os,sys; os.write(1, bytes(range(256)) * 4096); os.write(2, b'x' * 100000)"
    assert _output(admin, "python3", "-c", code) == bytes(range(256)) * 4096
    assert _output(admin, "printenv", "NODE") == b"worker1\n"


@pytest.mark.usefixtures("protocol")
def test_input_arrives_while_output_comes(admin: Api) -> None:
    sent = bytes(range(256)) * 1024
    assert _output(admin, "head", "-c", str(len(sent)), stdin=sent) == sent


@pytest.mark.usefixtures("protocol")
def test_exit_status_comes_with_what_was_said(admin: Api) -> None:
    with pytest.raises(ExecError, match="exit status 3") as told:
        _output(admin, "sh", "-c", "echo so far; echo not so good >&2; exit 3")
    assert (told.value.code, told.value.remedy) == (3, "It said: not so good")


@pytest.mark.usefixtures("server")
def test_input_ends_in_v5(admin: Api) -> None:
    assert _output(admin, "cat", stdin=b"all") == b"all"


@pytest.mark.usefixtures("server")
def test_input_ends_when_the_client_leaves(admin: Api) -> None:
    """Which is all that a command is told of it: one that does not read has to end by itself."""
    stream = exec_stream(admin, WHERE, ("sh", "-c", "echo $$; exec cat >/dev/null"), b"begin", 20.0)
    started = next(stream).split()[0].decode()
    assert Path(f"/proc/{started}").exists()
    stream.close()  # type: ignore[attr-defined]
    wait_until("the command has ended", lambda: not Path(f"/proc/{started}").exists(), 10.0)


GONE = Container("kube-system", "calico-node-gone0", "calico-node", "worker1")
OTHER = Container("kube-system", "calico-node-8lv4l", "other", "worker1")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("where", "reason", "gone"),
    [(GONE, "the pod is gone", True), (OTHER, "the pod has no container of that name", False)],
    ids=["pod", "container"],
)
def test_pod_or_container_that_is_not_there_is_told(admin: Api, where: Container, reason: str, gone: bool) -> None:
    with pytest.raises(ExecError, match=reason) as told:
        _output(admin, "true", where=where)
    assert told.value.gone == gone


def test_right_that_is_missing_is_told_with_its_rule(real: RealApi, server: ExecServer) -> None:
    api, before = connect(real.kubeconfig, NOBODY), server.execs
    with pytest.raises(ExecError, match="exec is not allowed") as told:
        _output(api, "true")
    api.close()
    assert '"pods/exec"' in told.value.remedy
    assert server.execs == before


@pytest.mark.usefixtures("protocol")
def test_kubelet_that_nobody_answers_for_is_told(admin: Api, real: RealApi) -> None:
    with exec_server(real, lambda _node: ()) as away:
        away.close()
        with pytest.raises(ExecError, match="the API server cannot reach the node's kubelet") as told:
            _output(admin, "true")
    assert "connection refused" in told.value.reason
    assert told.value.no_kubelet
