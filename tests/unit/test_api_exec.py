"""An exec hands over what a command wrote, whole, or says in plain words why not; against a server that is told what to
do with each connection, and with the frames and refusals of a real one."""

from __future__ import annotations

import itertools
import json
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.api import exec_socket
from fixtures.api.exec import Container, exec_stream
from fixtures.api.exec_words import ExecError
from fixtures.api.session import ATTEMPTS
from tests.unit import exec_server as end
from tests.unit.exec_server import WHERE, Peer, Server, api, complaint, failure, frame, leave, out, says, status
from tests.unit.recorded_answers import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.exec_server import Act

    Serve = Callable[..., Server]

FRAMES = recorded("exec-frames.json")


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(*acts: Act, **options: Any) -> Server:
        servers.append(Server(acts, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def run(
    server: Server,
    command: tuple[str, ...] = ("ip", "-j", "addr"),
    stdin: bytes = b"",
    *,
    seconds: float = 20.0,
    where: Container = WHERE,
    pauses: list[float] | None = None,
) -> bytes:
    output = b"".join(exec_stream(api(server.url, pauses), where, command, stdin, seconds))
    server.finish()
    return output


def told(server: Server, stdin: bytes = b"", *, seconds: float = 20.0, pauses: list[float] | None = None) -> ExecError:
    with pytest.raises(ExecError) as error:
        run(server, stdin=stdin, seconds=seconds, pauses=pauses)
    assert str(error.value).isprintable() or "\n" in str(error.value)
    assert "worker1" in error.value.reason
    return error.value


class TestAgainstTheRecording:
    """Frame by frame as a real kubelet sent them, through a real API server."""

    def replay(self, name: str) -> Act:
        case = FRAMES[name]

        def act(peer: Peer) -> None:
            peer.upgrade(case["protocol got"])
            taken = b""
            while case["stdin"] and len(taken) < len(case["stdin"]):
                taken += peer.take()[1][1:]
            if case["stdin closed"]:
                assert peer.take() == (end.BINARY, b"\xff\x00")
            for item in case["frames"]:
                if item["opcode"] == "close":
                    peer.send(leave(item["code"]))
                else:
                    body = item["payload"].encode()
                    whole = body if len(body) == item["length"] or item["channel"] == 3 else b"x" * item["length"]
                    peer.send(frame(bytes([item["channel"]]) + whole, item["opcode"]))

        return act

    def exchange(self, serve: Serve, name: str) -> bytes:
        case = FRAMES[name]
        return run(serve(self.replay(name)), tuple(case["command"]), (case["stdin"] or "").encode())

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("success", b"out\n"),
            ("success-v4", b"out\n"),
            ("stdin-closed-v5", b"hello"),
            ("stdin-counted", b"hello"),
        ],
    )
    def test_output(self, serve: Serve, name: str, wanted: bytes) -> None:
        assert self.exchange(serve, name) == wanted

    @pytest.mark.parametrize(("name", "size"), [("binary", 256), ("large", None)])
    def test_size(self, serve: Serve, name: str, size: int | None) -> None:
        sent = sum(item["length"] for item in FRAMES[name]["frames"] if item.get("channel") == 1)
        assert len(self.exchange(serve, name)) == sent
        assert size in {None, sent}

    @pytest.mark.parametrize(
        ("name", "code", "reason"),
        [
            ("exit-3", 3, "sh ended with exit status 3"),
            ("killed", 137, "sh ended with exit status 137 (killed by a signal)"),
            ("no-such-binary", None, "the container has no /no/such"),
            ("not-running", None, "the container does not run"),
        ],
    )
    def test_failure(self, serve: Serve, name: str, code: int | None, reason: str) -> None:
        with pytest.raises(ExecError) as error:
            self.exchange(serve, name)
        assert reason in error.value.reason
        assert error.value.code == code
        assert error.value.no_program == (name == "no-such-binary")
        assert error.value.gone == (name == "not-running")

    @pytest.mark.parametrize(
        ("name", "reason", "remedy"),
        [
            ("exec-forbidden", "exec is not allowed (403)", 'resources: ["pods/exec"], verbs: ["create", "get"]'),
            ("exec-no-pod", 'the pod is gone: pods "nope" not found', "it has been replaced"),
            ("exec-no-container", "container zz is not valid for pod run", "describe pod calico-node-x7x2p"),
            ("exec-no-upgrade", "no websocket to the API server", "does not pass websockets"),
            ("bad-token", "does not accept the credentials (401)", "kubectl auth whoami"),
        ],
    )
    def test_refusal(self, serve: Serve, name: str, reason: str, remedy: str) -> None:
        server = serve(end.replays(name))
        error = told(server)
        assert reason in error.reason
        assert remedy in error.remedy
        assert len(server.requests) == 1


class TestTheRequest:
    def test_what_is_asked(self, serve: Serve) -> None:
        server = serve(says(status(), leave()))
        run(server, ("sh", "-c", "echo a&b=c"))
        line, *headers = server.requests[0].split("\r\n")
        assert line == (
            "GET /api/v1/namespaces/kube-system/pods/calico-node-x7x2p/exec?container=calico-node&command=sh&command=-c"
            "&command=echo+a%26b%3Dc&stdout=true&stderr=true HTTP/1.1"
        )
        fields = {name.lower(): text for name, _, text in (header.partition(": ") for header in headers)}
        assert fields["authorization"] == "Bearer verysecrettoken"
        assert fields["impersonate-user"] == "auditor"
        assert fields["sec-websocket-protocol"] == "v5.channel.k8s.io,v4.channel.k8s.io"
        assert "origin" not in fields

    def test_names_cannot_lead_elsewhere(self, serve: Serve) -> None:
        server = serve(says(status(), leave()))
        run(server, where=Container("a/../b", "x?y#z\r\nA: b", "c&command=rm", "worker1"))
        path = server.requests[0].split(" ")[1]
        assert path.startswith(
            "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy%23z%0D%0AA%3A%20b/exec?container=c%26command%3Drm&"
        )

    def test_stdin_is_asked_for_only_where_there_is_some(self, serve: Serve) -> None:
        def act(peer: Peer) -> None:
            peer.upgrade()
            assert peer.take() == (end.BINARY, b"\x00abc")
            assert peer.take() == (end.BINARY, b"\xff\x00")
            peer.send(status(), leave())

        server = serve(act)
        run(server, stdin=b"abc")
        assert "&stdin=true&stdout=true&stderr=true " in server.requests[0]

    def test_v4_cannot_close_stdin(self, serve: Serve) -> None:
        taken: list[tuple[int, bytes]] = []

        def act(peer: Peer) -> None:
            peer.upgrade(end.V4)
            taken.append(peer.take())
            peer.send(status(), leave())
            taken.append(peer.take())

        run(serve(act), stdin=b"abc")
        assert taken == [(end.BINARY, b"\x00abc"), (end.CLOSE, b"\x03\xe8")]


class TestBothWaysAtOnce:
    def test_neither_blocks_the_other(self, serve: Serve) -> None:
        """The command reads nothing until all of its output is taken, and that is more than any buffer holds."""
        stdin = bytes(range(256)) * 40_000
        taken = bytearray()

        def act(peer: Peer) -> None:
            peer.upgrade()
            for _ in range(400):
                peer.send(out(b"x" * 32768))
            while (payload := peer.take()[1]) != b"\xff\x00":
                taken.extend(payload[1:])
            peer.send(status(), leave())

        # Unmasked by the byte, 10 MB take a while on a busy machine.
        assert len(run(serve(act), stdin=stdin[: 2 << 20], seconds=60.0)) == 400 * 32768
        assert bytes(taken) == stdin[: 2 << 20]

    def test_a_ping_is_answered_and_is_no_output(self, serve: Serve) -> None:
        pongs: list[tuple[int, bytes]] = []

        def act(peer: Peer) -> None:
            peer.upgrade()
            peer.send(out(b"a"), frame(b"are you there", end.PING))
            pongs.append(peer.take())
            peer.send(out(b"b"), status(), leave())

        assert run(serve(act)) == b"ab"
        assert pongs == [(end.PONG, b"are you there")]

    def test_a_message_in_pieces_is_one(self, serve: Serve) -> None:
        pieces = (frame(b"\x01he", fin=False), frame(b"", end.PING), frame(b"llo", end.CONTINUED))
        assert run(serve(says(*pieces, status(), leave()))) == b"hello"

    def test_other_channels_and_empty_messages_are_no_output(self, serve: Serve) -> None:
        noise = (frame(b""), out(b""), frame(b"\xff\x01"), frame(b"\x09what"), complaint(b"a warning"))
        assert run(serve(says(*noise, out(b"yes"), status(), leave()))) == b"yes"

    def test_a_server_that_stays_after_the_status_is_left(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fixtures.api.exec.GRACE", 0.05)

        def act(peer: Peer) -> None:
            says(out(b"all"), status())(peer)
            assert peer.take() == (end.CLOSE, b"\x03\xe8")

        assert run(serve(act)) == b"all"

    def test_the_status_may_be_followed_by_a_hang_up(self, serve: Serve) -> None:
        assert run(serve(says(out(b"all"), status()))) == b"all"

    def test_a_command_need_not_read_its_input(self, serve: Serve) -> None:
        """The server closes over what it never read, which resets the connection; what it sent counts all the same."""
        assert run(serve(says(out(b"all"), status(), leave())), stdin=b"z" * (8 << 20)) == b"all"

    def test_many_at_once_do_not_mix(self, serve: Serve) -> None:
        def act(peer: Peer) -> None:
            name = peer.request.split(b"command=")[1].split(b"&")[0]
            says(*[out(name) for _ in range(50)], status(), leave())(peer)

        server = serve(act)
        shared = api(server.url)
        found: dict[str, bytes] = {}

        def one(name: str) -> None:
            found[name] = b"".join(exec_stream(shared, WHERE, (name,), b"", 20.0))

        threads = [threading.Thread(target=one, args=(f"c{number}",)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {f"c{number}": f"c{number}".encode() * 50 for number in range(12)}


class TestLeavingEarly:
    def test_the_connection_is_closed_with_the_iterator(self, serve: Serve) -> None:
        gone = threading.Event()

        def act(peer: Peer) -> None:
            peer.upgrade()
            with suppress(OSError):
                for _ in itertools.count():
                    peer.send(out(b"y" * 4096))
            gone.set()

        answer = exec_stream(api(serve(act).url), WHERE, ("yes",), b"", 20.0)
        assert next(answer)[:1] == b"y"
        answer.close()  # type: ignore[attr-defined]  # a generator
        assert gone.wait(10)


CUT = "the connection was cut before the command's end was told"
CAUSE = {"details": {"causes": [{"reason": "ExitCode", "message": "2"}]}, "reason": "NonZeroExitCode"}
ENDINGS = [
    pytest.param(says(out(b"half")), CUT, "Run again", id="hangs up"),
    pytest.param(says(out(b"half"), leave(1000)), "it was closed with code 1000", "Run again", id="closes without"),
    pytest.param(says(leave(1011, b"token=abcdefgh")), "code 1011 (token=(removed))", "", id="closes with a reason"),
    pytest.param(says(frame(b"", end.CLOSE)), CUT, "", id="closes without a code"),
    pytest.param(says(complaint(b"oh no\x1b[31m"), out(b"x")), CUT, r"oh no\x1b[31m", id="complains and hangs up"),
    pytest.param(says(out(b"h"), frame(b"\x01half", size=900)), CUT, "", id="cut in a frame"),
    pytest.param(says(b"\x82"), CUT, "", id="cut in a head"),
    pytest.param(says(frame(b"\x01x", flags=0x40)), "garbled", "", id="a reserved bit"),
    pytest.param(says(frame(b"\x01x", 5)), "garbled", "", id="an unknown opcode"),
    pytest.param(says(b"HTTP/1.1 502 Bad Gateway\r\n" * 9), "garbled", "", id="no websocket after all"),
    pytest.param(says(status(b'{"status":'), leave()), "exec failed", "Run again", id="half a status"),
    pytest.param(says(status(b"[]"), leave()), "exec failed", "", id="a list as status"),
    pytest.param(says(status(b"{}"), leave()), "exec failed: (no message)", "", id="an empty status"),
    pytest.param(says(status(b"\xff\xfe"), leave()), "exec failed", "", id="a status that is no text"),
    pytest.param(says(failure("x", **CAUSE), leave()), "ip ended with exit status 2", "said nothing", id="exit status"),
    pytest.param(
        says(complaint(b'Object "x" is unknown, password=hunter2'), failure("x", **CAUSE)),
        "ip ended with exit status 2",
        'Object "x" is unknown, password=(removed)',
        id="what it said",
    ),
    pytest.param(
        says(failure("x", reason="NonZeroExitCode", details={"causes": [{"reason": "ExitCode", "message": "-x"}]})),
        "exec failed: x",
        "",
        id="an exit status that is none",
    ),
    pytest.param(
        says(failure("Internal error occurred: error dialing backend: dial tcp 10.0.0.11:10250: i/o timeout")),
        "the API server cannot reach the node's kubelet",
        "TCP port 10250",
        id="no kubelet",
    ),
    pytest.param(
        says(failure('exec: "ip": executable file not found in $PATH: unknown')),
        "has no ip",
        "runtime said",
        id="no ip",
    ),
]


@pytest.mark.parametrize(("act", "reason", "remedy"), ENDINGS)
def test_only_a_status_of_success_is_success(serve: Serve, act: Act, reason: str, remedy: str) -> None:
    server = serve(act)
    error = told(server)
    assert reason in error.reason
    assert remedy in error.remedy
    assert len(server.requests) == 1, "nothing is tried again once the command may have run"


def test_only_the_end_of_what_a_command_complains_is_kept(serve: Serve) -> None:
    error = told(serve(says(*[complaint(b"%05d " % n) for n in range(50_000)], failure("x", **CAUSE))))
    assert error.remedy.endswith("49999")
    assert len(error.remedy) < 2100


class TestBounds:
    @pytest.fixture(autouse=True)
    def low(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exec_socket, "MESSAGE_CAP", 100_000)
        monkeypatch.setattr(exec_socket, "TOTAL_CAP", 1_000_000)

    def endless(self, *frames: bytes) -> Act:
        def act(peer: Peer) -> None:
            peer.upgrade()
            with suppress(OSError):
                while True:
                    peer.send(*frames)

        return act

    @pytest.mark.parametrize(
        ("frames", "reason"),
        [
            ((frame(b"\x01" + b"x" * 90_000),), "it sent more than"),
            ((complaint(b"x" * 90_000),), "it sent more than"),
            ((frame(b"x" * 125, end.PING),), "it sent more than"),
            ((status(b"x" * 30_000),), "the command's status has more than"),
            ((frame(b"\x01" + b"x" * 200_000),), "one frame has more than"),
            ((frame(b"\x01" + b"x" * 60_000, fin=False), frame(b"x" * 60_000, end.CONTINUED)), "one message has more"),
        ],
    )
    def test_endless_output_ends(self, serve: Serve, frames: tuple[bytes, ...], reason: str) -> None:
        assert reason in told(serve(self.endless(*frames))).reason

    def test_a_length_is_not_believed(self, serve: Serve) -> None:
        def act(peer: Peer) -> None:
            peer.upgrade()
            peer.send(frame(b"\x01", size=1 << 62))
            with suppress(OSError):
                while True:
                    peer.send(b"x" * 65536)

        assert "one frame has more than" in told(serve(act)).reason

    def test_a_long_refusal_is_not_read(self, serve: Serve) -> None:
        error = told(serve(end.answers("500 Oh", b"x" * 400_000)))
        assert "the answer to the upgrade has more than 256 KiB" in error.reason

    @pytest.mark.parametrize("upgraded", [True, False])
    def test_a_trickle_does_not_outlive_the_deadline(self, serve: Serve, *, upgraded: bool) -> None:
        def act(peer: Peer) -> None:
            if upgraded:
                peer.upgrade()
            with suppress(OSError):
                while True:
                    peer.send(out(b".") if upgraded else b"H")
                    time.sleep(0.02)  # a trickle

        assert "gave no whole answer within 0.5 s" in told(serve(act), seconds=0.5).reason

    def test_silence_neither(self, serve: Serve) -> None:
        def act(peer: Peer) -> None:
            peer.upgrade()
            while True:  # until the client has gone
                peer.take()

        error = told(serve(act), stdin=b"abc", seconds=0.3)
        assert "ip gave no whole answer within 0.3 s" in error.reason
        assert "A longer time-out" in error.remedy


GOOD = says(out(b"fine"), status(), leave())
BUSY = end.answers("503 Busy", "the server is currently unable")


class TestTryingAgain:
    @pytest.mark.parametrize(
        ("first", "waited"),
        [
            (end.answers("429 Too Many Requests", "later", "Retry-After: 7"), [7.0]),
            (end.answers("500 Oh", "error dialing backend: EOF"), [0.5]),
            (end.answers("502 Bad Gateway", b"<html>"), [0.5]),
            (BUSY, [0.5]),
            (end.answers("504 Gateway Timeout", b""), [0.5]),
            (end.drops, [0.5]),
        ],
    )
    def test_before_the_upgrade(self, serve: Serve, first: Act, waited: list[float]) -> None:
        pauses: list[float] = []
        assert run(serve(first, GOOD), stdin=b"x", pauses=pauses) == b"fine"
        assert pauses == waited

    def test_not_for_ever(self, serve: Serve) -> None:
        pauses: list[float] = []
        server = serve(BUSY)
        error = told(server, pauses=pauses)
        assert "exec failed (503): the server is currently unable" in error.reason
        assert (len(server.requests), pauses) == (ATTEMPTS, [0.5, 1.0, 2.0, 4.0])

    def test_a_node_that_is_down_is_tried_once_more_only(self, serve: Serve) -> None:
        pauses: list[float] = []
        error = told(serve(end.answers("500 Oh", "error dialing backend: dial tcp 10.0.0.1:10250: i/o")), pauses=pauses)
        assert (error.no_kubelet, pauses) == (True, [0.5])

    def test_not_beyond_the_deadline(self, serve: Serve) -> None:
        server = serve(end.answers("429 Slow down", "later", "Retry-After: 30"))
        told(server, seconds=5.0, pauses=[])
        assert len(server.requests) == 1

    def test_nobody_listens(self, serve: Serve) -> None:
        server = serve(GOOD)
        server.close()
        error = told(server, pauses=[])
        assert "no connection to the API server" in error.reason
        assert "Connection refused" in error.reason


class TestNoWebsocket:
    @pytest.mark.parametrize(
        "act",
        [
            end.answers("302 Found", b"", "Location: http://10.0.0.1/login"),
            end.answers("200 OK", b"<html>log in</html>"),
            end.answers("426 Upgrade Required", b""),
            end.answers("404 Not Found", b"default backend - 404"),
            end.answers("101 Switching Protocols", b""),
            lambda peer: peer.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
            says(status(), leave(), protocol="v1.channel.k8s.io"),
        ],
    )
    def test_it_is_said_so(self, serve: Serve, act: Act) -> None:
        server = serve(act)
        error = told(server)
        assert "no websocket to the API server" in error.reason
        assert "A proxy or load balancer in between does not pass websockets" in error.remedy
        assert len(server.requests) == 1, "no redirect is followed: it would take the credentials along"


def test_a_message_is_shown_without_secrets(serve: Serve) -> None:
    secret = "eyJhbGciOiJSUzI1NiIsImtpZCI6In.eyJpc3MiOiJrdWJl.c2lnbmF0dXJl"
    error = told(serve(says(failure(f"webhook said Bearer {secret}\x1b[2J"), leave())))
    assert secret not in str(error)
    assert "Bearer (removed)" in error.reason
    assert "\x1b" not in str(error)


def test_the_recording_has_what_is_replayed() -> None:
    assert json.dumps(FRAMES["large"]).count("32768") >= 4
