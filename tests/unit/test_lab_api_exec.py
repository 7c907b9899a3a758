"""exec on the lab's API server: frame for frame what was recorded from a real one, and with the real client."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
import websocket

from lab.api.launch import end, launch
from lab.cluster.images import Image
from tests.unit import lab_cluster
from tests.unit.lab_api_client import SLEEPS, V4, V5, Client, gone, output, until
from tests.unit.recorded_answers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.api.control import Control
    from lab.objects import Json

NAMESPACE = "apir2"
RUN = f"/api/v1/namespaces/{NAMESPACE}/pods/run/exec"
COMMANDS = [name for name in recorded("exec-frames.json") if name != "not-running"]
state_dir, control = lab_cluster.state_dir, lab_cluster.control


@pytest.fixture(scope="module")
def client(state_dir: Path) -> Iterator[Client]:
    """A client, with the recorded pods: `run`, which runs, and `p`, whose image is not there."""
    made = Client(state_dir)
    made.core.create_namespace({"metadata": {"name": NAMESPACE}})
    until("the account", lambda: made.core.list_namespaced_service_account(NAMESPACE).items)
    run = recorded("pod-created.json")["request"]["body"]
    assert made.send("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", run)[0] == 201
    container = run["spec"]["containers"][0]
    absent = {"name": "p", "image": "localhost/none:1", "imagePullPolicy": "Never"} | {
        "securityContext": container["securityContext"]
    }
    spec = run["spec"] | {"containers": [absent]}
    assert (
        made.send("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", run | {"metadata": {"name": "p"}, "spec": spec})[0]
        == 201
    )
    until("the pod to run", lambda: phase(made, "run") == "Running")
    until("the image to be missed", lambda: waiting(made, "p") == "ErrImageNeverPull")
    yield made
    made.close()


def phase(client: Client, pod: str) -> str:
    return str(client.core.read_namespaced_pod(pod, NAMESPACE).status.phase)


def waiting(client: Client, pod: str) -> str:
    states = client.core.read_namespaced_pod(pod, NAMESPACE).status.container_statuses or []
    return str(states[0].state.waiting.reason) if states and states[0].state.waiting else ""


def normal(frames: list[Json]) -> list[Json]:
    """Frames as recorded: payloads of standard output joined, since nobody says how a pipe is cut into reads; standard
    error before, since the two race; a container's identifier, and what the recording cut off, left out."""
    empty = [frame for frame in frames[:1] if not frame["payload"]]
    joined = [
        {"opcode": 2, "channel": channel, "payload": text}
        for channel in (2, 1)
        if (text := b"".join(frame["payload"] for frame in frames if frame.get("channel") == channel))
    ]
    return empty + joined + [frame for frame in frames if frame.get("channel") not in (1, 2)]


def of_recording(frames: list[Json]) -> list[Json]:
    found = []
    for frame in frames:
        made = {name: value for name, value in frame.items() if name != "length"}
        if "payload" in made:
            text = made["payload"]
            if text.startswith("\x00\x01"):
                made["payload"] = bytes(range(256))
            elif text.endswith("…"):
                made["payload"] = text[:1].encode() * frame["length"] if frame["length"] else b""
            else:
                made["payload"] = text.encode()
        found.append(made)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_frames_are_those_recorded(client: Client, name: str) -> None:
    theirs = recorded("exec-frames.json")[name]
    stdin = theirs["stdin"].encode() if theirs["stdin"] else None
    protocol, mine = client.frames(
        RUN, theirs["command"], protocols=[theirs["protocol asked"]], stdin=stdin, closed=theirs["stdin closed"]
    )
    assert protocol == theirs["protocol got"]
    wanted = normal(of_recording(theirs["frames"]))
    if name == "large":
        wanted[1]["payload"] += b"\n"  # the recording names lengths, and shows how frames begin
        wanted[1]["payload"] = wanted[1]["payload"].replace(b"xx\n", b"x\n")
        assert max(len(frame.get("payload", b"")) for frame in mine) == 32768
    if name == "no-such-binary":
        length = next(frame["length"] for frame in theirs["frames"] if frame.get("channel") == 3)
        assert len(mine[1]["payload"]) == length
        begun, cut = (json.dumps(json.loads(mine[1]["payload"])["message"])[1:-1], wanted[1]["payload"].decode())
        said = cut.partition('"message":"')[2].partition('","re')[0]
        assert unnamed(begun) == unnamed(said)
        return
    assert normal(mine) == wanted


def unnamed(text: str) -> str:
    before, _, rest = text.partition('start exec \\"')
    return before + rest.partition('\\"')[2]


def test_a_pod_that_does_not_run_is_told_behind_the_upgrade(client: Client) -> None:
    theirs = recorded("exec-frames.json")["not-running"]
    path = recorded("exec-not-running.json")["request"]["path"].partition("?")[0]
    with client.socket(path, theirs["command"]) as plug:
        assert plug.handshake_response.status == recorded("exec-not-running.json")["status"] == 101
    protocol, mine = client.frames(path, theirs["command"])
    assert (protocol, normal(mine)) == (V5, normal(of_recording(theirs["frames"])))


@pytest.mark.parametrize("name", ["exec-no-pod", "exec-no-container", "exec-no-upgrade"])
def test_refusals_are_those_recorded(client: Client, name: str) -> None:
    theirs = recorded(f"{name}.json")
    assert client.send("GET", theirs["request"]["path"]) == (theirs["status"], theirs["body"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("command=id", "you must specify at least 1 of stdin, stdout, stderr"),
        ("stdout=1", "you must specify at least one command for the container"),
    ],
)
def test_requests_that_ask_for_nothing(client: Client, query: str, message: str) -> None:
    code, body = client.send("GET", f"{RUN}?{query}")
    assert (code, body["message"]) == (400, message)


def test_several_containers_must_be_told_apart(client: Client) -> None:
    body = {
        "metadata": {"name": "two"},
        "spec": {
            "hostPID": True,
            "containers": [{"name": name, "image": "x/python:1", "command": SLEEPS} for name in "ab"],
        },
    }
    client.core.create_namespaced_pod(NAMESPACE, body)
    path = RUN.replace("/run/", "/two/")
    until(
        "both to run",
        lambda: all(
            each.ready for each in client.core.read_namespaced_pod("two", NAMESPACE).status.container_statuses or [None]
        ),
    )
    code, told = client.send("GET", f"{path}?command=id&stdout=1")
    assert (code, told["message"]) == (400, "a container name must be specified for pod two, choose one of: [a b]")
    _, frames = client.frames(path, ["echo", "b"], container="b")
    assert output(frames) == b"b\n"
    client.core.delete_namespaced_pod("two", NAMESPACE, grace_period_seconds=0)


@pytest.mark.parametrize(("offered", "chosen"), [((V4, V5), V4), ((V5, V4), V5), (("v3.channel.k8s.io", V4), V4)])
def test_the_first_known_protocol_is_taken(client: Client, offered: tuple[str, ...], chosen: str) -> None:
    assert client.frames(RUN, ["true"], protocols=offered)[0] == chosen


def test_no_known_protocol_is_no_upgrade(client: Client) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        client.frames(RUN, ["true"], protocols=["v3.channel.k8s.io"])
    assert refused.value.status_code == 403


def test_the_kubernetes_client_reads_streams_and_code(client: Client) -> None:
    done = client.exec("run", NAMESPACE, ["sh", "-c", "cat; echo err >&2; exit 7"], stdin=b"\x00in\xff")
    assert (done.read_channel(1), done.read_channel(2)) == (b"\x00in\xff", b"err\n")
    assert done.returncode == 7
    assert done.subprotocol == V5


def test_text_frames_are_taken_too(client: Client) -> None:
    with client.socket(RUN, ["head", "-c", "6"], stdin=True) as plug:
        plug.send("\0" + "grün!")
        assert plug.recv() == b"\1"
        assert plug.recv() == b"\1" + "grün!".encode()


def test_the_program_stays_when_the_client_goes(client: Client, tmp_path: Path) -> None:
    """As with a kubelet: its standard input ends, its standard output breaks, and nobody kills it."""
    mark = tmp_path / "mark"
    program = (
        "import os, sys, signal\n"
        "print(os.getpid(), flush=True)\n"
        "left = sys.stdin.read()\n"
        f"open({str(mark)!r}, 'w').write('input over')\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "while True: os.write(1, b'x' * 65536)\n"
    )
    with client.socket(RUN, ["python3", "-c", program], stdin=True) as plug:
        assert plug.recv() == b"\1"
        pid = int(plug.recv()[1:])
    until("the end of the input", lambda: mark.exists() and mark.read_text())
    until("the broken output to end it", lambda: not os.path.exists(f"/proc/{pid}"))  # noqa: PTH110


def test_it_dies_with_its_pod(client: Client) -> None:
    body = recorded("pod-created.json")["request"]["body"] | {"metadata": {"name": "short"}}
    client.send("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", body)
    until("the pod to run", lambda: phase(client, "short") == "Running")
    with client.socket(RUN.replace("/run/", "/short/"), ["sh", "-c", "echo $$; sleep 600"]) as plug:
        assert plug.recv() == b"\1"
        pid = int(plug.recv()[1:])
        client.core.delete_namespaced_pod("short", NAMESPACE)
        until("the pod to go", lambda: gone(lambda: client.core.read_namespaced_pod("short", NAMESPACE)))
        assert b"137" in plug.recv()
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110


def test_calico_node_has_no_python(client: Client) -> None:
    pods = client.core.list_namespaced_pod("kube-system", label_selector="k8s-app=calico-node").items
    assert {pod.spec.node_name for pod in pods} == {"host1", "worker1", "worker2"}
    path = f"/api/v1/namespaces/kube-system/pods/{pods[0].metadata.name}/exec"
    _, frames = client.frames(path, ["python3", "-c", "print(1)"], container="calico-node")
    assert b'exec: \\"python3\\": executable file not found in $PATH: unknown' in output(frames, 3)
    _, frames = client.frames(path, ["ip", "-j", "-br", "link"])
    assert any(link["ifname"] == "lo" for link in json.loads(output(frames)))


def test_get_and_create_are_both_needed(client: Client, control: Control, state_dir: Path) -> None:
    weak = Client(state_dir, "lab-restricted")
    for verb in ("get", "create"):
        control.deny("", "pods/exec", verb)
        code, body = weak.send("GET", f"{RUN}?command=id&stdout=1")
        assert code == 403
        assert f'cannot {verb} resource "pods/exec" in API group "" in the namespace "apir2"' in body["message"]
        control.allow_all()
    assert output(weak.frames(RUN, ["echo", "1"])[1]) == b"1\n"
    assert control.served()[-1].user == "system:serviceaccount:lab:restricted"
    weak.close()


def test_an_image_that_lost_its_python(client: Client, control: Control) -> None:
    control.image(Image("localhost/python:3.11", python=False))
    assert b"executable file not found in $PATH" in output(client.frames(RUN, ["python3"])[1], 3)


def test_what_execs_leave_is_gone_with_the_server(tmp_path: Path) -> None:
    process = launch(tmp_path)
    try:
        client = Client(tmp_path)
        until("the account", lambda: client.core.list_namespaced_service_account("default").items)
        body = {
            "metadata": {"name": "x"},
            "spec": {"hostPID": True, "containers": [{"name": "c", "image": "a/python:1", "command": SLEEPS}]},
        }
        client.core.create_namespaced_pod("default", body)
        until("the pod to run", lambda: client.core.read_namespaced_pod("x", "default").status.phase == "Running")
        with client.socket("/api/v1/namespaces/default/pods/x/exec", ["sh", "-c", "echo $$ $PPID; sleep 600"]) as plug:
            assert plug.recv() == b"\1"
            pids = [int(word) for word in plug.recv()[1:].split()[:1]]
            os.kill(process.pid, signal.SIGKILL)
            until("its programs to end", lambda: not any(_alive(pid) for pid in pids))
        client.close()
    finally:
        end(process)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
