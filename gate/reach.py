"""The way into the nodes that the options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.errors import UsageError
from fixtures.reach.lab import LabReach

if TYPE_CHECKING:
    from fixtures.reach.protocol import Reach
    from gate.options import Options


def way_in(options: Options) -> Reach:
    """The way in. UsageError where it does not fit the cluster that is named."""
    if options.kubeconfig is None or not (options.kubeconfig.parent / "state.json").exists():
        raise UsageError(
            "--reach lab goes with a lab's kubeconfig, which lies beside the lab's state",
            "Name it by --kubeconfig .lab/NAME/kubeconfig, or use --lab.",
        )
    return LabReach(options.kubeconfig.parent)
