"""What the lab's API server can do to an exec: before its upgrade, behind it, and with a dead kubelet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from lab.api.trouble import Trouble
from tests.unit import lab_cluster
from tests.unit.lab_api_client import SLEEPS, Client, output, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.api.control import Control
    from lab.objects import Json

RUN = "/api/v1/namespaces/default/pods/run/exec"
state_dir, control = lab_cluster.state_dir, lab_cluster.control


@pytest.fixture(scope="module")
def client(state_dir: Path) -> Iterator[Client]:
    """A client, with a pod that runs on worker1."""
    made = Client(state_dir)
    until("the account", lambda: made.core.list_namespaced_service_account("default").items)
    container = {"name": "c", "image": "a/python:1", "command": SLEEPS}
    body = {"metadata": {"name": "run"}, "spec": {"hostPID": True, "nodeName": "worker1", "containers": [container]}}
    made.core.create_namespaced_pod("default", body)
    until("the pod to run", lambda: made.core.read_namespaced_pod("run", "default").status.phase == "Running")
    yield made
    made.close()


@pytest.mark.parametrize("on_channel", [False, True])
def test_a_dead_kubelet(client: Client, control: Control, on_channel: bool) -> None:
    control.kubelet("worker1", on_channel=on_channel)
    refused = "dial tcp 10.0.0.11:10250: connect: connection refused"
    if on_channel:
        told = json.loads(output(client.frames(RUN, ["id"])[1], 3))
        assert (told["code"], told["reason"]) == (500, "InternalError")
        assert told["message"].startswith("Internal error occurred: error sending request: Post")
        assert refused in told["message"]
    else:
        code, body = client.send("GET", f"{RUN}?command=id&stdout=1")
        assert (code, body["message"]) == (500, f"error dialing backend: {refused}")
    control.kubelet("worker1", dead=False)
    assert output(client.frames(RUN, ["echo", "back"])[1]) == b"back\n"


TEN = ["sh", "-c", "printf 0123456789"]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble("exec-drop", after=4), (b"0123", b"", None)),
        (Trouble("exec-drop", after=99), (b"0123456789", b"", None)),
        (Trouble("exec-truncate", after=4), (b"0123", b"", 1000)),
        (Trouble("exec-exit", code=3, text="sad"), (b"", b"sad", 1000)),
        (Trouble("exec-garbage", after=4, text="??"), (b"0123??456789", b"", 1000)),
        (Trouble("exec-delay", after=4, seconds=0.01), (b"0123456789", b"", 1000)),
        (Trouble("exec-trickle", after=3, seconds=0.01), (b"0123456789", b"", 1000)),
    ],
)
def test_troubles_behind_the_upgrade(
    client: Client, control: Control, trouble: Trouble, expected: tuple[bytes, bytes, int | None]
) -> None:
    control.trouble(trouble)
    frames: list[Json] = []
    code: int | None = None
    with client.socket(RUN, TEN) as plug:
        try:
            while code is None:
                opcode, frame = plug.recv_data_frame(True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    code = int.from_bytes(frame.data, "big")
                else:
                    frames.append({"channel": frame.data[0], "payload": bytes(frame.data[1:])})
        except (websocket.WebSocketConnectionClosedException, ConnectionError, OSError):
            pass
    assert (output(frames), output(frames, 2), code) == expected
    ended = output(frames, 3)
    if trouble.kind in ("exec-drop", "exec-truncate"):
        assert ended == b""
    elif trouble.kind == "exec-exit":
        assert json.loads(ended)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    else:
        assert json.loads(ended)["status"] == "Success"
    if trouble.kind == "exec-trickle":
        assert [frame["payload"] for frame in frames[1:-1]] == [b"012", b"345", b"678", b"9"]
    assert output(client.frames(RUN, TEN)[1]) == b"0123456789"  # it was for one


def test_a_hang_and_an_endless_output(client: Client, control: Control) -> None:
    control.trouble(Trouble("exec-hang", after=4))
    with client.socket(RUN, TEN) as plug:
        assert plug.recv() + plug.recv() == b"\1\x010123"
        plug.settimeout(0.1)
        with pytest.raises(websocket.WebSocketTimeoutException):
            plug.recv()
    control.trouble(Trouble("exec-endless", text="abc"))
    with client.socket(RUN, TEN) as plug:
        assert sum(len(plug.recv()) for _ in range(100)) > 3_000_000


def test_troubles_are_for_a_node(client: Client, control: Control) -> None:
    control.trouble(Trouble("exec-truncate", node="worker2", times=0))
    assert output(client.frames(RUN, TEN)[1], 3)
    control.trouble(Trouble("exec-truncate", node="worker*"))
    assert not output(client.frames(RUN, TEN)[1], 3)


@pytest.mark.parametrize("code", [403, 429, 500, 503])
def test_upgrades_that_are_refused(client: Client, control: Control, code: int) -> None:
    control.trouble(Trouble("status", "*/exec", code=code, retry_after=1 if code == 429 else None))
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        client.frames(RUN, TEN)
    told: Any = refused.value
    assert told.status_code == code
    assert json.loads(told.resp_body)["code"] == code
    assert told.resp_headers.get("retry-after") == ("1" if code == 429 else None)


def test_a_drop_before_the_upgrade(client: Client, control: Control) -> None:
    control.trouble(Trouble("drop", "*/exec"))
    with pytest.raises((websocket.WebSocketException, OSError)):
        client.frames(RUN, TEN)
    control.trouble(Trouble("status", "*/namespaces", method="POST", code=429, retry_after=2))
    assert client.core.list_namespace().items
    code, body = client.send("POST", "/api/v1/namespaces", {"metadata": {"name": "late"}})
    assert (code, body["reason"]) == (429, "TooManyRequests")
