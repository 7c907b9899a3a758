"""`--reach calico-node`: nothing is deployed; the host side only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from fixtures.api import Api
    from fixtures.reach.protocol import Reach
    from gate.ways import Enter


def add(group: pytest.OptionGroup) -> None:
    """This way in has no option of its own."""


def read(_config: pytest.Config, _kubeconfig: Path | None) -> Enter:
    """As `gate.ways.Way.read`."""
    return enter


def enter(api: Api) -> Reach:
    """The calico-node pods of the cluster."""
    from fixtures.reach.calico_node import CalicoNodeReach  # late: only this way in needs it

    return CalicoNodeReach(api)
