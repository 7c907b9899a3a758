"""SIGTERM and SIGHUP end a run as orderly as Ctrl-C: ways in closed, reports written. A second signal kills.

Within a moment of the first it counts as the same: a terminal and a wrapper (`make`, a CI runner) often both send it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME = 1.0  # seconds in which a further signal is the first one's echo
TELETYPES = ("/dev/pts/", "/dev/tty", "/dev/console")


class Ending:
    """The handlers of one process, and what stood there before."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before: dict[signal.Signals, Any] = {}
        self._since: float | None = None
        self._signalled = False

    def take_over(self) -> None:
        """Install the handlers; what is ignored (nohup) stays ignored. Python allows it in the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)

    def give_back(self) -> None:
        """What stood there before stands there again; not before the first signal's echo can have come, which would
        kill the process in its last moment, with another exit code."""
        if self._signalled and self._since is not None:
            time.sleep(max(0.0, self._since + SAME - time.monotonic()))  # there is nothing to wait for but time
        _restore(self._before)
        self._before = {}

    def begin(self) -> None:
        """The run is ending by itself: from now on a signal counts as a second one."""
        if self._since is None:
            self._since = time.monotonic()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since, self._signalled = now, True
            if number == signal.SIGHUP:
                _leave_terminal()
            name = signal.Signals(number).name
            with contextlib.suppress(RuntimeError):  # the stream may be in the middle of a line
                self._say(f"{name}: ending in good order; once more ends it at once")
            raise KeyboardInterrupt
        if now - self._since >= SAME:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def ignore() -> None:
    """For a worker of a parallel run: its controller ends it, also where a signal goes to the whole group."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _leave_terminal() -> None:
    """Let go of a terminal that has gone: whoever writes to it from now on would meet an error."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for held in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(held.readlink()).startswith(TELETYPES):
                    os.dup2(nowhere, int(held.name))
        os.close(nowhere)
