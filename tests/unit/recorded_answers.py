"""What a real API server answered, out of the recording."""

from __future__ import annotations

import functools
import json
import tarfile
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recordings" / "api-responses.tar.xz"


@functools.cache
def _all() -> dict[str, bytes]:
    with tarfile.open(RECORDED) as tar:
        return {
            Path(member.name).name: file.read()
            for member in tar
            if member.isfile() and (file := tar.extractfile(member)) is not None
        }


def recorded(name: str) -> dict[str, Any]:
    """One file of it."""
    found: dict[str, Any] = json.loads(_all()[name])
    return found
