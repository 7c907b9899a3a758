"""BIRD's `show protocols all`: the text into values, and the control socket that tells it."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from fixtures.bird_text import parse_protocols
from fixtures.probe import bird as probe_bird
from fixtures.probe.bird import ask_birds
from model.node import Bird, BirdProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIRD1 = """BIRD v0.3.3+birdv1.6.8 ready.
name     proto    table    state  since       info
static1  Static   master   up     21:19:30    
  Preference:     200
  Routes:         1 imported, 0 exported, 1 preferred

Mesh_10_0_0_12 BGP      master   up     21:19:31    Established   
  Description:    Connection to BGP peer
  BGP state:          Established
    Neighbor address: 10.0.0.12
    Neighbor AS:      64512
    Neighbor ID:      10.0.0.12

Mesh_10_0_0_13 BGP      master   start  2026-11-22  Active        Socket: Connection refused
  BGP state:          Active
    Neighbor address: 10.0.0.13
    Neighbor AS:      64513
    Last error:       Socket: Connection refused
"""  # noqa: W291 (as BIRD prints it)
BIRD2 = """BIRD 2.0.12 ready.
Access restricted
Name       Proto      Table      State  Since         Info
kernel1    Kernel     master4    up     10:38:43.456  
  Channel ipv4
    State:          UP
Node_fd00__b BGP        ---        up     2026-11-22 10:38:44  Established   
  BGP state:          Established
    Neighbor address: fd00::b%ens160
    Neighbor AS:      4200000001
    Local AS:         64512
Mesh_1     BGP        ---        down   10:38:43.456  
"""  # noqa: W291 (as BIRD prints it)


def test_bird_1() -> None:
    assert parse_protocols(BIRD1, 4) == Bird(
        4,
        True,
        "v0.3.3+birdv1.6.8",
        (
            BirdProtocol("static1", "Static", "up", "21:19:30"),
            BirdProtocol("Mesh_10_0_0_12", "BGP", "up", "21:19:31", "Established", "10.0.0.12", 64512),
            BirdProtocol(
                "Mesh_10_0_0_13", "BGP", "start", "2026-11-22", "Active Socket: Connection refused", "10.0.0.13", 64513
            ),
        ),
    )


def test_bird_2() -> None:
    assert parse_protocols(BIRD2, 6) == Bird(
        6,
        True,
        "2.0.12",
        (
            BirdProtocol("kernel1", "Kernel", "up", "10:38:43.456"),
            BirdProtocol(
                "Node_fd00__b", "BGP", "up", "2026-11-22 10:38:44", "Established", "fd00::b%ens160", 4200000001
            ),
            BirdProtocol("Mesh_1", "BGP", "down", "10:38:43.456"),
        ),
    )


@pytest.mark.parametrize("text", ["", "\n", "  \n\t\n"])
def test_no_text_is_a_bird_that_does_not_run(text: str) -> None:
    assert parse_protocols(text, 4) == Bird(4, False)


def test_a_bird_without_protocols_runs() -> None:
    assert parse_protocols("BIRD 2.0.12 ready.\n", 4) == Bird(4, True, "2.0.12")


REPLIES = {
    b"restrict\n": b"0016 Access restricted\n",
    b"show protocols all\n": b"2002-Name       Proto      Table      State  Since         Info\n"
    b"1002-static1    Static     master4    up     10:38:43.456  \n"
    b"1006-  Channel ipv4\n     State:          UP\n \n"
    b"1002-Mesh_1     BGP        ---        up     10:38:43.456  Established   \n"
    b"1006-  BGP state:          Established\n     Neighbor address: 10.0.0.12\n     Neighbor AS:      64512\n \n"
    b"0000 \n",
}


@contextmanager
def daemon(path: Path, greeting: bytes, replies: dict[bytes, bytes], step: int = 1 << 16) -> Iterator[list[bytes]]:
    """A BIRD that answers one connection, `step` bytes at a time; gives what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            # A probe that has heard enough hangs up in the middle of a reply.
            with suppress(BrokenPipeError, ConnectionResetError), connection, connection.makefile("rb") as lines:
                connection.sendall(greeting)
                for line in lines:
                    asked.append(line)
                    reply = replies.get(line, b"")
                    for start in range(0, len(reply), step):
                        connection.sendall(reply[start : start + step])
                    if not reply:
                        break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        thread.join(10)
        assert not thread.is_alive()


def ask(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """What was answered, and the reasons of the problems."""
    problems: list[str] = []
    found = ask_birds({"bird": [["4", str(path)]]}, lambda fact, reason, where: problems.append(reason))
    return found["birds"], problems


@pytest.mark.parametrize("step", [1, 1 << 16])
def test_the_control_socket_is_asked_read_only(tmp_path: Path, step: int) -> None:
    with daemon(tmp_path / "bird.ctl", b"0001 BIRD 2.0.12 ready.\n", REPLIES, step) as asked:
        birds, problems = ask(tmp_path / "bird.ctl")
    assert (problems, asked) == ([], [b"restrict\n", b"show protocols all\n"])
    (family, lines) = birds[0]
    assert lines[:2] == ["BIRD 2.0.12 ready.", "Access restricted"]
    bird = parse_protocols("\n".join(lines), family)
    assert [(found.name, found.info, found.neighbor) for found in bird.protocols] == [
        ("static1", "", None),
        ("Mesh_1", "Established", "10.0.0.12"),
    ]


def test_nobody_listening_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "bird.ctl"
    assert ask(path) == ([(4, [])], [])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    assert ask(path) == ([(4, [])], [])


def test_a_folder_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    birds, problems = ask(tmp_path / "none" / "bird.ctl")
    assert birds == []
    assert "not visible from here" in problems[0]


@pytest.mark.parametrize(
    ("greeting", "replies", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", {}, "is no BIRD"),
        (b"0001 BIRD 2.0.12 ready.\n", {b"restrict\n": b"9001 syntax error\n"}, "BIRD refused: syntax error"),
        (b"0001 BIRD 2.0.12 ready.\n", {}, "closed the connection"),
        (b"0001 BIRD", {}, "did not answer within"),
    ],
    ids=["another protocol", "refusal", "closed", "silence"],
)
def test_an_answer_that_is_none_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, greeting: bytes, replies: dict[bytes, bytes], said: str
) -> None:
    monkeypatch.setattr(probe_bird, "BIRD_SECONDS", 0.3)
    with daemon(tmp_path / "bird.ctl", greeting, replies):
        birds, problems = ask(tmp_path / "bird.ctl")
    assert birds == []
    assert said in problems[0]


def test_a_reply_without_end_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_bird, "BIRD_SIZE", 1000)
    with daemon(tmp_path / "bird.ctl", b"0001 BIRD 2.0.12 ready.\n", {b"restrict\n": b"1002-x\n" * 5000}, 100):
        birds, problems = ask(tmp_path / "bird.ctl")
    assert birds == []
    assert "larger than 1000 bytes" in problems[0]


def test_a_path_that_may_not_be_opened_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fixtures.probe.bird.os.stat", refuse)
    birds, problems = ask(tmp_path / "bird.ctl")
    assert (birds, problems) == ([], ["Permission denied (EACCES)"])
