"""The way into the lab's nodes hands over everything a program writes, and tells every other ending."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from fixtures.errors import UnreachableError, UsageError
from fixtures.reach.lab import LabReach
from lab import faults
from lab.processes import alive

if TYPE_CHECKING:
    from pathlib import Path

    from lab.state import Lab


def _program(text: str) -> bytes:
    """What the bootstrap reads: a length, then the compressed program."""
    packed = zlib.compress(text.encode())
    return b"%d\n" % len(packed) + packed


def _answer(lab: Lab, text: str, seconds: float = 30.0, node: str = "worker1") -> bytes:
    return b"".join(LabReach(lab.directory).run(node, _program(text), seconds))


def test_runs_in_the_node(seed_lab: Lab) -> None:
    told = _answer(
        seed_lab, "print(*sorted(__import__('os').listdir('/sys/class/net') and open('/proc/net/dev')), sep='')"
    )
    assert b"ens160:" in told
    assert b"calie965c96dc90:" in told
    assert b"10-calico.conflist" in _answer(seed_lab, "import os; print(os.listdir('/etc/cni/net.d'))")


def test_a_long_answer_comes_whole_and_a_long_program_goes_in(seed_lab: Lab) -> None:
    text = "x = 1\n" + "".join(f"y{n} = '{n * 7919}'\n" for n in range(40_000)) + "print('a' * 10_000_000)"
    assert len(_answer(seed_lab, text)) == 10_000_001


ENDINGS = [
    ("import sys; sys.stderr.write('bad thing'); sys.exit(3)", "ended with exit status 3", "bad thing"),
    ("import os; os.kill(os.getpid(), 9)", "ended with signal SIGKILL", ""),
    ("raise ValueError('\\x1b[31m')", "ended with exit status 1", "ValueError: \\x1b[31m"),
]


@pytest.mark.parametrize(("text", "reason", "remedy"), ENDINGS)
def test_a_failed_program_is_told(seed_lab: Lab, text: str, reason: str, remedy: str) -> None:
    with pytest.raises(UnreachableError) as told:
        _answer(seed_lab, text)
    assert reason in told.value.reason
    assert remedy in told.value.remedy
    assert "\x1b" not in str(told.value)


def test_a_program_that_does_not_end_is_ended(seed_lab: Lab) -> None:
    answer = LabReach(seed_lab.directory).run(
        "worker1", _program("import os,time; print(os.getpid(), flush=True); time.sleep(300)"), 1.0
    )
    pid = int(next(answer))
    with pytest.raises(UnreachableError, match="gave no whole answer within 1 s"):
        next(answer)
    assert not alive(pid)


def test_closing_early_ends_the_program(seed_lab: Lab) -> None:
    answer = LabReach(seed_lab.directory).run(
        "worker1", _program("import os,time; print(os.getpid(), flush=True); time.sleep(300)"), 60.0
    )
    pid = int(next(answer))
    assert alive(pid)
    answer.close()  # type: ignore[attr-defined]
    assert not alive(pid)


def test_unreachable_node_is_told(seed_lab: Lab) -> None:
    with (
        faults.broken(seed_lab, "node-unreachable", "worker2"),
        pytest.raises(UnreachableError, match="node worker2 cannot be entered"),
    ):
        _answer(seed_lab, "print()", node="worker2")
    with pytest.raises(UnreachableError, match=r"node worker\\n9 is none of the lab's"):
        _answer(seed_lab, "print()", node="worker\n9")
    assert _answer(seed_lab, "print('well')", node="worker2") == b"well\n"


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"nodes": {"worker1": {}}}', b'{"nodes": 7}'])
def test_no_lab(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(UsageError, match="no lab is up" if content is None else "is damaged"):
        LabReach(tmp_path)
