"""Finding the project's pytest.ini from wherever, and in spite of options that name files.

pytest looks for its ini file before it knows any option of ours: in `pytest --replay ../snapshot.zst` it takes the file
for a test path, and starts from that folder. This plugin, loaded by entry point wherever pytest starts, sees that our
options are unknown and starts pytest once more with the ini file named.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

OURS = frozenset({"--replay", "--record", "--kubeconfig", "--lab", "--reach", "--dry-run", "--print-images"})
MARK = "gate.plugin"
HOME = Path(__file__).resolve().parents[1]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None]:
    """Start again with the right ini file where a file option led pytest astray. UsageError where that cannot be done.

    As the outermost wrapper, so that pytest has not yet taken the terminal away.
    """
    _, unknown = parser.parse_known_and_unknown_args(args)
    ini = misled(early_config, unknown)
    if ini is not None:
        _start_again(early_config, ini)
    return (yield)


def _start_again(early_config: pytest.Config, ini: Path) -> None:
    if sys.argv[1:] != list(early_config.invocation_params.args):
        raise pytest.UsageError("options that name files go with `=` here: --replay=PATH, --kubeconfig=FILE")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], f"--config-file={ini}"])  # noqa: S606 - the same command


def misled(config: pytest.Config, unknown: list[str]) -> Path | None:
    """The ini file to start with, if pytest took another and therefore does not know our options; else None."""
    if not OURS.intersection(option.partition("=")[0] for option in unknown):
        return None
    if config.known_args_namespace.inifilename or "workerinput" in vars(config):
        return None
    here = config.invocation_params.dir
    ini = next((folder / "pytest.ini" for folder in (here, *here.parents) if _ours(folder)), None)
    return ini or (HOME / "pytest.ini" if config.inipath is None and _ours(HOME) else None)


def _ours(folder: Path) -> bool:
    conftest = folder / "conftest.py"
    return (folder / "pytest.ini").is_file() and conftest.is_file() and MARK in conftest.read_text(errors="replace")
