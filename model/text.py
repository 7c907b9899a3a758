"""Making text from a cluster safe to print: names and messages can hold anything."""

from __future__ import annotations


def printable(text: str, limit: int = 2000) -> str:
    """The text with control characters (newline, escape, bidirectional marks) shown as escapes, cut at `limit`."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def printable_lines(text: str) -> str:
    """The text with its line ends kept, and each line printable: for what a user copies, such as a rule to add."""
    return "\n".join(printable(line) for line in text.split("\n"))
