"""Finding the project's pytest.ini in spite of options that name files.

pytest looks for its ini file before it knows any option of ours: in `pytest --replay ../snapshot.zst` it takes the file
for a test path, and starts from that folder. This plugin, loaded by entry point wherever pytest starts, sees that and
starts pytest once more with the ini file named. With `--replay=FILE` the question does not arise.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

FILES = frozenset({"--replay", "--record", "--kubeconfig", "--out"})
MARK = "gate.plugin"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Generator[None]:
    """Start again with the right ini file where a file option led pytest astray. UsageError where that cannot be done.

    As the outermost wrapper, so that pytest has not yet taken the terminal away.
    """
    ini = misled(early_config, args)
    if ini is not None:
        _start_again(early_config, ini)
    return (yield)


def _start_again(early_config: pytest.Config, ini: Path) -> None:
    if sys.argv[1:] != list(early_config.invocation_params.args):
        raise pytest.UsageError("options that name files go with `=` here: --replay=PATH, --kubeconfig=FILE")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], f"--config-file={ini}"])  # noqa: S606 - the same command


def misled(config: pytest.Config, args: list[str]) -> Path | None:
    """The ini file to start with, if pytest took another because of one of our file options; else None."""
    ini = config.invocation_params.dir / "pytest.ini"
    if not FILES.intersection(args) or config.inipath == ini or "workerinput" in vars(config):
        return None
    if config.known_args_namespace.inifilename:
        return None
    conftest = ini.with_name("conftest.py")
    ours = ini.is_file() and conftest.is_file() and MARK in conftest.read_text(errors="replace")
    return ini if ours else None
