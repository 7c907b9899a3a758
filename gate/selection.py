"""What is to be run: the suite from whatever folder, and a selection that pytest would only reject after the look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def name_suite(config: pytest.Config, args: list[str]) -> None:
    """Add the suite's folder to a command line that names none and was given in another folder than the project's.

    To be called before the initial conftest files are looked for, which are those of what is named.
    """
    named: list[str] = config.known_args_namespace.file_or_dir
    if not named and config.invocation_params.dir != config.rootpath:
        suite = [str(config.rootpath / path) for path in config.getini("testpaths")]
        args += suite
        named += suite


def check_selection(config: pytest.Config) -> None:
    """Judge paths, -k and -m before anything is observed. pytest.UsageError as pytest itself raises it afterwards.

    Under xdist pytest would end in an internal error: its workers collect, not the controller.
    """
    missing = list(_missing(config))
    if missing:
        raise pytest.UsageError(f"file or directory not found: {', '.join(missing)}")
    marks = config.pluginmanager.get_plugin("mark")
    if marks is not None:
        marks.pytest_collection_modifyitems(items=[], config=config)


def _missing(config: pytest.Config) -> Iterable[str]:
    if config.option.pyargs:
        return
    for argument in config.args:
        path = argument.partition("::")[0]
        if not Path(config.invocation_params.dir, path).exists():
            yield path
