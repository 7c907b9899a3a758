"""Allure's files, which a full disk or a vanished folder must not turn into an error of the checks.

allure-pytest writes a file or more an item, and lets an error of it end the run.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WRITING = ("_report_item", "report_attached_file", "report_attached_data")  # of AllureFileLogger


class AllureFiles:
    """Stands between allure-pytest and the disk: after the first error nothing more is written, and `trouble` says
    why."""

    def __init__(self) -> None:
        self.trouble = ""
        self._before: dict[str, Any] = {}

    def take_over(self) -> None:
        """To be called before allure-pytest configures itself."""
        from allure_commons.logger import AllureFileLogger

        for name in WRITING:
            written = getattr(AllureFileLogger, name)
            self._before[name] = written
            setattr(AllureFileLogger, name, self._guarded(written))

    def give_back(self) -> None:
        """allure-pytest writes by itself again."""
        from allure_commons.logger import AllureFileLogger

        for name, written in self._before.items():
            setattr(AllureFileLogger, name, written)
        self._before = {}

    def _guarded(self, write: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(write)  # with the mark by which allure knows its hooks
        def guarded(*args: object, **kwargs: object) -> None:
            if self.trouble:
                return
            try:
                write(*args, **kwargs)
            except OSError as error:
                self.trouble = error.strerror or type(error).__name__

        return guarded
