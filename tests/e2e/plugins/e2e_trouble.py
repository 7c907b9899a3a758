"""A pytest plugin that makes trouble inside a run of the suite: named with `-p e2e_trouble --trouble KIND`."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

import gate.items
import gate.plugin

STRUCK = "test_node_forwards_packets"  # the check that the trouble meets
PATIENCE = 20.0  # seconds, so that nothing waits for ever


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--trouble", default="")
    parser.addoption("--trouble-file", default="")


def _worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    trouble = session.config.getoption("--trouble")
    if trouble == "check":
        _break_check()
    if trouble == "spy" and _worker(session.config):
        _tell(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--trouble") == "engine" and not _worker(config):
        _break_observation()


def _break_check() -> None:
    real = gate.items.apply  # type: ignore[attr-defined]

    def apply(check, case):  # type: ignore[no-untyped-def]
        if f"test_{check.id}" == STRUCK:
            raise ValueError("a fault of the check's own")
        return real(check, case)

    gate.items.apply = apply  # type: ignore[attr-defined]


def _break_observation() -> None:
    def take(options, say):  # type: ignore[no-untyped-def]
        raise ValueError("a fault of the observation's own")

    gate.plugin.take = take  # type: ignore[attr-defined]


def _tell(config: pytest.Config) -> None:
    """What a worker knows: its environment, its command line, its options, what the controller handed over."""
    known = {
        "environment": dict(os.environ),
        "options": {name: str(value) for name, value in vars(config.option).items()},
        "input": {name: str(value) for name, value in config.workerinput.items()},  # type: ignore[attr-defined]
        "command": Path("/proc/self/cmdline").read_text(),
    }
    Path(f"{config.getoption('--trouble-file')}.{os.getpid()}").write_text(json.dumps(known))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    trouble = config.getoption("--trouble")
    if trouble == "collection":
        raise ValueError("a fault of the collection's own")
    if trouble == "shuffle":
        items.reverse()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    trouble = item.config.getoption("--trouble")
    if not item.name.startswith(STRUCK):
        return
    if trouble == "setup":
        raise ValueError("a fault of the set-up's own")
    if trouble == "kill" and _worker(item.config):
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "wait" and item.name == f"{STRUCK}[worker1]":
        with Path(item.config.getoption("--trouble-file")).open("w"):  # a FIFO: whoever reads it knows that we are here
            pass
        threading.Event().wait(PATIENCE)
