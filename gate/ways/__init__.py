"""The ways into the nodes, as the command line offers them: one module each, with its options and its factory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.ways import calico_node, kube, lab, ssh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Protocol

    import pytest

    from fixtures.api import Api
    from fixtures.reach.protocol import Reach

    Enter = Callable[[Api], Reach]

    class Way(Protocol):
        """A module of this package."""

        def add(self, group: pytest.OptionGroup) -> None:
            """Declare the options that only this way in has."""
            ...

        def read(self, config: pytest.Config, kubeconfig: Path | None, /) -> Enter:
            """What makes the way in, once the cluster is connected to. UsageError: its options make no sense."""
            ...


DEFAULT = "kube"
WAYS: Mapping[str, Way] = {"kube": kube, "calico-node": calico_node, "ssh": ssh, "lab": lab}
