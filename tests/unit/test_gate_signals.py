"""Signals that end a run: the first in good order, its echo not at all, a second one at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gate import signals
from gate.signals import ENDING, Ending

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = """
import signal, sys
from gate import signals
signals.SAME = 0.0
ending = signals.Ending(lambda sentence: print(sentence, flush=True))
ending.take_over()
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("cleaning up", flush=True)
    signal.pause()
    print("never", flush=True)
"""


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What is said by handlers that stand while the test runs."""
    before = {number: signal.getsignal(number) for number in ENDING}
    words: list[str] = []
    ending = Ending(words.append)
    ending.take_over()
    yield words
    ending.give_back()
    assert {number: signal.getsignal(number) for number in ENDING} == before


@pytest.mark.parametrize("number", ENDING)
def test_the_first_interrupts_and_its_echo_is_not_heard(
    number: signal.Signals, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "TELETYPES", ("nowhere",))
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    for echo in ENDING:
        os.kill(os.getpid(), echo)
    assert said == [f"{number.name}: ending in good order; once more ends it at once"]


def test_an_echo_that_comes_when_all_is_done_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SAME", 0.3)
    before = {number: signal.getsignal(number) for number in ENDING}
    ending = Ending(lambda _sentence: None)
    ending.take_over()
    waited: list[float] = []

    def echo(seconds: float) -> None:
        waited.append(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("time.sleep", echo)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    ending.give_back()
    assert len(waited) == 1
    assert 0 < waited[0] <= 0.3
    assert {number: signal.getsignal(number) for number in ENDING} == before


def test_what_comes_while_the_run_ends_by_itself_changes_nothing() -> None:
    words: list[str] = []
    ending = Ending(words.append)
    ending.take_over()
    try:
        ending.begin()
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        ending.give_back()
    assert words == []


@pytest.mark.parametrize("number", ENDING)
def test_a_second_one_kills(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline().startswith(f"{number.name}: ending in good order")
        assert process.stdout.readline() == "cleaning up\n"
        process.send_signal(number)
        assert process.communicate(timeout=60)[0] == ""
    finally:
        process.kill()
    assert process.returncode == -number


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ending = Ending(lambda _sentence: None)
    ending.take_over()
    try:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        ending.give_back()
        signal.signal(signal.SIGHUP, before)


def test_a_worker_leaves_its_end_to_the_controller() -> None:
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        signals.ignore()
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == [signal.SIG_IGN] * 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
