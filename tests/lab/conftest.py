"""Labs that the tests share: each is brought up when it is first asked for, and stays up for the session."""

from __future__ import annotations

import errno
import itertools
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import lifecycle, state, topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHORT = 12  # of a lab's name, which prefixes those of its namespaces
METRICS = Path(topology.DEFAULT).with_name("seed-v3.32.toml")


@contextmanager
def own_lab(name: str) -> Iterator[state.Lab]:
    """A lab's name that no other test process of this machine uses at the same time, clear of what an earlier one left.

    Who uses it holds a socket of that name, in whatever checkout: it ends with its holder, and leaves no file.
    """
    for number in itertools.count(1):
        with socket.socket(socket.AF_UNIX) as held:
            try:
                held.bind(f"\0calico-conformance/t-{name}-{number}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            lab = state.lab(f"t-{name}-{number}")
            lifecycle.down(lab)
            try:
                yield lab
            finally:
                lifecycle.down(lab)
            return


@contextmanager
def lab_up(name: str, path: Path) -> Iterator[state.Lab]:
    """A lab that is up for as long as the body runs."""
    with own_lab(name) as lab:
        lifecycle.up(lab, topology.load(path))
        yield lab


@pytest.fixture(scope="session")
def seed_lab() -> Iterator[state.Lab]:
    """The default topology, v3.30: routes without metrics."""
    with lab_up("seed", topology.DEFAULT) as lab:
        yield lab


@pytest.fixture(scope="session")
def metrics_lab() -> Iterator[state.Lab]:
    """The same cluster in v3.32: routes with metrics."""
    with lab_up("metrics", METRICS) as lab:
        yield lab


@pytest.fixture(scope="session")
def labs(seed_lab: state.Lab, metrics_lab: state.Lab) -> Iterator[Callable[[str], state.Lab]]:
    """Any topology's lab by the name of its file, or `seed` and `metrics`."""
    known = {"seed": seed_lab, "metrics": metrics_lab}
    with ExitStack() as stack:

        def lab_of(name: str) -> state.Lab:
            if name not in known:
                path = Path(topology.DEFAULT).with_name(f"{name}.toml")
                known[name] = stack.enter_context(lab_up(name[:SHORT], path))
            return known[name]

        yield lab_of
