"""A real sshd in the namespaces of each of a lab's nodes, and a client that is configured to reach them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.network import fabric_netns
from lab.state import Lab
from lab.tools import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

# operator may use sudo without a password, plain may not; sshd is its own unprivileged user
USERS = {"root": 0, "sshd": 101, "operator": 4711, "plain": 4712}
SSHD = """
Port 22
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
{more}
"""
CLIENT = """
Host *
  IdentityFile {folder}/client_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
  ProxyCommand nsenter --net=/run/netns/{fabric} {python} -S -I {folder}/relay.py %h %p
"""
RELAY = """
import os, select, socket, sys
link = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
ends = {0: link.fileno(), link.fileno(): 1}
while ends:
    for end in select.select(list(ends), [], [])[0]:
        data = os.read(end, 65536)
        if not data:
            sys.exit()
        while data:
            data = data[os.write(ends[end], data):]
"""


class Doors(msgspec.Struct, frozen=True):
    """Where the client's files are, and the lab behind."""

    lab: Lab
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    def enter(self, node: str) -> list[str]:
        """The start of a command that runs in a node's mount and network namespaces."""
        return ["nsenter", "-t", str(self.lab.state().nodes[node].pid), "-m", "-n", "--"]

    @contextmanager
    def over(self, node: str, path: str, source: Path | str) -> Iterator[None]:
        """Another file in the place of one of the node's, as that node alone sees it."""
        subprocess.run([*self.enter(node), "mount", "--bind", str(source), path], check=True)
        try:
            yield
        finally:
            subprocess.run([*self.enter(node), "umount", "--lazy", path], check=True)


@contextmanager
def doors(lab: Lab, folder: Path, more: str = "") -> Iterator[Doors]:
    """All nodes of the lab with an sshd each (`more`: further lines of its configuration)."""
    folder.chmod(0o755)
    for name in ("host_key", "client_key"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"* {host_key}\n")
    (folder / "relay.py").write_text(RELAY)
    settings = {"folder": folder, "fabric": fabric_netns(lab.name), "python": sys.executable}
    (folder / "ssh_config").write_text(CLIENT.format(**settings))
    (folder / "sshd_config").write_text(SSHD.format(folder=folder, more=more))
    (folder / "passwd").write_text("".join(f"{name}:*:{uid}:{uid}::/:/bin/sh\n" for name, uid in USERS.items()))
    (folder / "shadow").write_text("".join(f"{name}:*:20000:0:99999:7:::\n" for name in USERS))
    (folder / "sudoers").write_text("operator ALL=(ALL) NOPASSWD: ALL\nplain ALL=(ALL) ALL\n")
    (folder / "sudoers").chmod(0o440)
    found = Doors(lab, folder)
    with ExitStack() as stack:
        for name in lab.state().nodes:
            for file in ("passwd", "shadow", "sudoers"):
                stack.enter_context(found.over(name, f"/etc/{file}", folder / file))
            stack.enter_context(_listening(found, name))
        yield found


@contextmanager
def _listening(door: Doors, node: str) -> Iterator[None]:
    subprocess.run([*door.enter(node), "mkdir", "-p", "-m", "755", "/run/sshd"], check=True)  # as its service does
    command = [*door.enter(node), "/usr/sbin/sshd", "-D", "-e", "-f", str(door.folder / "sshd_config")]
    with (door.folder / f"sshd-{node}.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_until(f"sshd on {node}", lambda: _listens(door, node), 10.0)
            yield
        finally:
            process.terminate()


def _listens(door: Doors, node: str) -> bool:
    said = subprocess.run([*door.enter(node), "ss", "-Hltn", "sport = :22"], check=True, capture_output=True).stdout
    return b":22" in said
