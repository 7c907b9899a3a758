"""Which images the lab's nodes can pull, and what is in them: globs over the whole reference, the latest rule first."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from lab.objects import Json


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Images whose reference matches `pattern`. `python`: they have python3. `error`: why they cannot be pulled, in
    the runtime's words ("not found"), "" if they can."""

    pattern: str
    python: bool = True
    error: str = ""


_KNOWN = (
    Image("*python*"),
    Image("*busybox*", python=False),
    Image("*alpine*", python=False),
    Image("*calico/*", python=False),
    Image("*pause*", python=False),
    Image("*", error="not found"),
)


class Images:
    """What is known of images; tests add rules."""

    def __init__(self) -> None:
        self._rules: list[Image] = []

    def add(self, image: Image) -> None:
        """From now on, for pulls and starts to come."""
        self._rules.insert(0, image)

    def clear(self) -> None:
        """Only what is known from the start."""
        self._rules.clear()

    def find(self, reference: str) -> Image:
        """What is known of an image."""
        return next(each for each in (*self._rules, *_KNOWN) if fnmatch.fnmatchcase(reference, each.pattern))


def canonical(reference: str) -> str:
    """`python:3.13` → `docker.io/library/python:3.13`, as the runtime resolves names."""
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    return reference if "." in first or ":" in first or first == "localhost" else f"docker.io/{reference}"


def pull_error(image: Image, reference: str) -> str:
    """What the kubelet tells of a pull that failed (containerd 1.7 behind CRI)."""
    name = canonical(reference)
    code = "NotFound" if image.error == "not found" else "Unknown"
    what = f"{name}: not found" if image.error == "not found" else image.error
    return (
        f'rpc error: code = {code} desc = failed to pull and unpack image "{name}": '
        f'failed to resolve reference "{name}": {what}'
    )


def command(container: Json) -> list[str]:
    """What the container runs: its command, or the entry point of a Python image, with its arguments."""
    return [*(container.get("command") or ["python3"]), *(container.get("args") or [])]
