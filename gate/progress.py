"""How far the look is, in few lines: a terminal and a CI log alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 10.0  # seconds between two lines
FIRST = 3.0  # seconds before the first one: most looks are over by then
SLOW = 3.0  # seconds after which a node is named


class Progress:
    """Tells of one round over the nodes: at most a line every PAUSE seconds, and one at its end.

    As `fixtures.observe.Progress`; `now` is a clock in seconds.
    """

    def __init__(self, say: Callable[[str], None], now: Callable[[], float]) -> None:
        self._say, self._now = say, now
        self._next = now() + FIRST

    def __call__(self, done: int, lost: int, total: int, running: list[tuple[str, float]], /) -> None:
        if done == total:
            self._say(f"looked at {counted(total, 'node')}{_lost(lost)}")
        elif self._now() >= self._next:
            self._next = self._now() + PAUSE
            self._say(f"looked at {done:,} of {total:,} nodes{_lost(lost)}{_slow(running)}")


def _lost(lost: int) -> str:
    return f", of which {lost:,} could not be observed" if lost else ""


def _slow(running: list[tuple[str, float]]) -> str:
    names = [f"{name} ({seconds:.0f} s)" for name, seconds in running if seconds >= SLOW]
    return f"; still waiting for {listed(names)}" if names else ""
