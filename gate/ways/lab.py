"""`--reach lab`: the namespaces of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.errors import UsageError
from fixtures.reach.lab import LabReach

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from fixtures.api import Api
    from gate.ways import Enter


def add(group: pytest.OptionGroup) -> None:
    """The lab has no option of its own."""


def read(_config: pytest.Config, kubeconfig: Path | None) -> Enter:
    """As `gate.ways.Way.read`."""
    return lambda api: enter(api, kubeconfig)


def enter(_api: Api, kubeconfig: Path | None) -> LabReach:
    """The lab beside the kubeconfig. UsageError where it is no lab's."""
    if kubeconfig is None or not (kubeconfig.parent / "state.json").exists():
        raise UsageError(
            "--reach lab goes with a lab's kubeconfig, which lies beside the lab's state",
            "Name it by --kubeconfig .lab/NAME/kubeconfig, or use --lab.",
        )
    return LabReach(kubeconfig.parent)
