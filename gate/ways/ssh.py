"""`--reach ssh`: the system's OpenSSH."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.errors import UsageError
from fixtures.reach.ssh import SshReach, SshSettings
from fixtures.reach.ssh_map import is_destination, read_map

if TYPE_CHECKING:
    import pytest

    from gate.ways import Enter

ADDRESSES = ("internal", "external", "name")


def add(group: pytest.OptionGroup) -> None:
    """As `gate.ways.Way.add`."""
    group.addoption(
        "--ssh-map", metavar="FILE", help="ssh: which destination leads to which node, a line each: NODE [USER@]HOST"
    )
    group.addoption(
        "--ssh-address",
        metavar="|".join(ADDRESSES),
        default=ADDRESSES[0],
        help="ssh: the other nodes' destination: the Node's InternalIP (default), its ExternalIP, or its name",
    )
    group.addoption("--ssh-user", metavar="NAME", help="ssh: the user to log in as (default: as ssh's configuration)")
    group.addoption("--ssh-config", metavar="FILE", help="ssh: its configuration (default: ~/.ssh/config)")


def read(config: pytest.Config, _kubeconfig: Path | None) -> Enter:
    """As `gate.ways.Way.read`."""
    address, user, file = (config.getoption(f"--ssh-{name}") for name in ("address", "user", "config"))
    if address not in ADDRESSES:
        raise UsageError(f"--ssh-address does not know {address!r}", f"It takes {' or '.join(ADDRESSES)}.")
    if user and (not is_destination(user) or "@" in user):
        raise UsageError(f"--ssh-user: {user!r} is no user's name")
    if file and not Path(file).is_file():
        raise UsageError(f"--ssh-config {file}: no such file")
    mapping = config.getoption("--ssh-map")
    settings = SshSettings(
        destinations=read_map(Path(mapping)) if mapping else {},
        address=address,
        user=user or "",
        config=Path(file) if file else None,
    )
    return lambda _api: SshReach(settings)
