"""What workers are not handed on: they judge a snapshot, and need nothing that leads to the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def forget(environment: MutableMapping[str, str]) -> None:
    """Take the kubeconfig's place, and proxies that are named with a password, out of what child processes inherit."""
    for name, value in [*environment.items()]:
        if name == "KUBECONFIG" or (name.lower() in _PROXIES and "@" in value):
            del environment[name]
