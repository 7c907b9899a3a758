"""Talking to a BIRD by its control socket (bird doc/reply_codes): one command, the lines of its answer."""

from __future__ import annotations

import os
import socket
from typing import IO, TYPE_CHECKING

import msgspec

from .tools import LabError

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_NAMES = {4: "bird.ctl", 6: "bird6.ctl"}
_FAILED = 8000  # reply codes from here on are errors


class Protocol(msgspec.Struct, frozen=True):
    """One line of `show protocols`. `info` of a BGP protocol starts with its BGP state."""

    name: str
    proto: str
    state: str
    info: str


def command(directory: Path, text: str, seconds: float = 5.0, *, family: int = 4) -> list[str]:
    """Give a command to the BIRD of a family whose socket lies in `directory`; its answer. LabError: refused, no
    answer."""
    fd, name = -1, SOCKET_NAMES[family]
    try:
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(f"/proc/self/fd/{fd}/{name}")  # a socket's path may not exceed 107 bytes
            with connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
                _reply(stream)
                stream.write(text + "\n")
                stream.flush()
                return _reply(stream)
    except OSError as error:
        raise LabError(f"BIRD does not answer on {directory / name}: {error}") from None
    finally:
        if fd >= 0:
            os.close(fd)


def _reply(stream: IO[str]) -> list[str]:
    """Lines until one that starts with a code and a space; one that starts with a space continues the last code's."""
    lines = []
    for line in stream:
        code, rest = line[:4], line[5:].rstrip("\n")
        if not code.isdigit():
            lines.append(line[1:].rstrip("\n"))
            continue
        if int(code) >= _FAILED:
            raise LabError(f"BIRD refused: {rest}")
        if rest:
            lines.append(rest)
        if line[4:5] == " ":
            return lines
    raise LabError("BIRD closed its control socket in the middle of an answer")


def protocols(directory: Path, family: int = 4) -> list[Protocol]:
    """`show protocols`, without its heading."""
    found = []
    for line in command(directory, "show protocols", family=family):
        words = line.split(None, 5)
        if len(words) >= 4 and words[0] != "Name" and words[0] != "BIRD":
            found.append(Protocol(words[0], words[1], words[3], words[5] if len(words) > 5 else ""))
    return found
