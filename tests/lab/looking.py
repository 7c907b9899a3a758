"""The suite's own observation of a lab, in this process, for tests that read its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.run import judge
from gate.live import observe
from gate.options import Options
from gate.ways.lab import enter

if TYPE_CHECKING:
    from pathlib import Path

    from model.snapshot import Snapshot
    from model.verdict import Result


def look(state_dir: Path, *, packets: bool = True, settle: float = 0.0) -> Snapshot:
    """One observation of the lab whose state lies there, as `pytest --reach lab` makes it."""
    kubeconfig = state_dir / "kubeconfig"
    options = Options(
        out=state_dir,
        kubeconfig=kubeconfig,
        context="lab",
        enter=lambda api: enter(api, kubeconfig),
        packets=packets,
        settle=settle,
    )
    return observe(options, lambda _sentence: None)


def results(state_dir: Path, *, packets: bool = True, settle: float = 0.0) -> list[Result]:
    """Every verdict on such an observation."""
    return list(judge(look(state_dir, packets=packets, settle=settle)))


def findings(judged: list[Result]) -> set[tuple[str, str, str]]:
    """What does not conform: check, node, object."""
    return {(item.check, item.node, difference.object) for item in judged for difference in item.verdict.differences}


def unobserved(judged: list[Result]) -> set[tuple[str, str, str]]:
    """What could not be observed: check, node, object."""
    return {(item.check, item.node, gap.object) for item in judged for gap in item.verdict.unobserved}
