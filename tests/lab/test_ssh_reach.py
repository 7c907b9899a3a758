"""The way in by ssh: real sshds in the lab's nodes, and everything that keeps one out."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.api import connect
from fixtures.api.listing import list_cluster
from fixtures.errors import UnreachableError
from fixtures.observe import observable, observe_nodes
from fixtures.reach.lab import LabReach
from fixtures.reach.ssh import SshReach, SshSettings
from tests.e2e.suite import finished, judged, run, started
from tests.lab.ssh_nodes import Doors, doors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.reach.protocol import Reach
    from lab.state import Lab
    from model.cluster import Cluster
    from model.node import NodeFacts

NODES = {"host1": "10.0.0.10", "worker1": "10.0.0.11", "worker2": "10.0.0.12"}


@pytest.fixture(scope="module")
def open_doors(seed_lab: Lab) -> Iterator[Doors]:
    with tempfile.TemporaryDirectory(prefix="cc-test-ssh-") as folder, doors(seed_lab, Path(folder)) as found:
        yield found


@pytest.fixture(scope="module")
def cluster(seed_lab: Lab) -> Cluster:
    return list_cluster(connect(seed_lab.kubeconfig, None))


@contextmanager
def entered(cluster: Cluster, settings: SshSettings) -> Iterator[SshReach]:
    reach = SshReach(settings)
    try:
        reach.open(cluster.nodes, lambda _sentence: None)
        yield reach
    finally:
        reach.close()


def _program(text: str) -> bytes:
    packed = zlib.compress(text.encode())
    return b"%d\n" % len(packed) + packed


def _facts(cluster: Cluster, reach: Reach) -> dict[str, NodeFacts]:
    seen = observe_nodes(cluster, observable(cluster), reach, parallel=4, seconds=30)
    assert not seen.absent
    return {node.name: node for node in seen.facts}


def _refused(reach: SshReach, seconds: float = 20.0, node: str = "worker1") -> UnreachableError:
    with pytest.raises(UnreachableError) as told:
        b"".join(reach.run(node, _program("print('in')"), seconds))
    return told.value


@pytest.mark.parametrize("user", ["root", "operator"])
def test_sees_what_the_labs_own_way_in_sees(open_doors: Doors, cluster: Cluster, user: str) -> None:
    with entered(cluster, SshSettings(user=user, config=open_doors.config)) as reach:
        by_ssh = _facts(cluster, reach)
    by_lab = _facts(cluster, LabReach(open_doors.lab.directory))
    for name, facts in by_lab.items():
        assert facts.host.links == by_ssh[name].host.links
        assert facts.host.routes == by_ssh[name].host.routes
        assert facts.pods == by_ssh[name].pods
        assert len(facts.host.routes) > 5


def test_one_login_serves_all_looks_and_ends_with_the_run(open_doors: Doors, cluster: Cluster) -> None:
    log = open_doors.folder / "sshd-worker1.log"
    before = log.read_text().count("Accepted publickey")
    with entered(cluster, SshSettings(user="root", config=open_doors.config)) as reach:
        for _ in range(3):
            assert b"".join(reach.run("worker1", _program("print('in')"), 20)) == b"in\n"
        sockets = Path(reach._sockets.name)
        masters = subprocess.run(["pgrep", "-f", str(sockets)], capture_output=True, check=False).stdout.split()
        assert len(masters) == 1
    assert log.read_text().count("Accepted publickey") == before + 1
    assert not sockets.exists()
    assert subprocess.run(["pgrep", "-f", str(sockets)], capture_output=True, check=False).returncode == 1


def test_a_mapping_goes_before_the_nodes_address(open_doors: Doors, cluster: Cluster) -> None:
    settings = SshSettings(
        destinations={"worker1": "ssh://operator@10.0.0.12:22", "gone": "nowhere"},
        config=open_doors.config,
        user="root",
    )
    said: list[str] = []
    reach = SshReach(settings)
    try:
        reach.open(cluster.nodes, said.append)
        whose = "import os,subprocess; print(open('/proc/sys/net/ipv4/ip_forward').read(), os.environ['SUDO_USER'])"
        answer = b"".join(reach.run("worker1", _program(whose), 20)).split()
    finally:
        reach.close()
    assert answer == [b"1", b"operator"]
    assert said == ["the ssh mapping names gone, which is no node to look at"]


def _with(doors: Doors, name: str, text: str, **replaced: str) -> Path:
    """A client's configuration of its own, with lines that go before the common ones."""
    path = doors.folder / name
    body = doors.config.read_text()
    for old, new in replaced.items():
        body = body.replace(str(doors.folder / old), new)
    path.write_text(text + body)
    return path


def test_a_wrong_key_is_told(open_doors: Doors, cluster: Cluster) -> None:
    key = open_doors.folder / "other_key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    config = _with(open_doors, "wrong_key", "", client_key=str(key))
    with entered(cluster, SshSettings(user="root", config=config)) as reach:
        error = _refused(reach)
    assert error.reason == "node worker1: 10.0.0.11 accepts none of this user's keys"
    assert "--ssh-user" in error.remedy
    assert "Permission denied (publickey)" in error.remedy


def test_an_unknown_host_key_is_never_accepted(open_doors: Doors, cluster: Cluster) -> None:
    empty = open_doors.folder / "no_known_hosts"
    empty.write_text("")
    lenient = "StrictHostKeyChecking accept-new\n"  # the user's own configuration must not weaken it
    config = _with(open_doors, "unknown_key", lenient, known_hosts=str(empty))
    with entered(cluster, SshSettings(user="root", config=config)) as reach:
        error = _refused(reach)
    assert error.reason == "node worker1: the host key of 10.0.0.11 is not known, and none is accepted unseen"
    assert empty.read_text() == ""


def test_another_host_key_is_told(open_doors: Doors, cluster: Cluster) -> None:
    other = open_doors.folder / "other_known_hosts"
    other.write_text("* " + (open_doors.folder / "client_key.pub").read_text())
    config = _with(open_doors, "changed_key", "", known_hosts=str(other))
    with entered(cluster, SshSettings(user="root", config=config)) as reach:
        error = _refused(reach)
    assert error.reason == "node worker1: the host key of 10.0.0.11 is not the one that known_hosts has"


def test_a_user_who_may_not_become_root_is_told(open_doors: Doors, cluster: Cluster) -> None:
    with entered(cluster, SshSettings(user="plain", config=open_doors.config)) as reach:
        error = _refused(reach)
    assert error.reason == "node worker1: sudo on 10.0.0.11 asks for a password or a terminal"
    assert "NOPASSWD" in error.remedy


@pytest.mark.parametrize(
    ("programs", "user", "reason"),
    [
        (("/usr/bin/python3",), "root", "there is neither python3 nor platform-python on 10.0.0.11"),
        (("/usr/bin/sudo",), "operator", "the user on 10.0.0.11 is not root, and there is no sudo"),
    ],
)
def test_a_node_without_what_it_takes_is_told(
    open_doors: Doors, cluster: Cluster, programs: tuple[str, ...], user: str, reason: str
) -> None:
    assert shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") == programs[0] or user != "root"
    missing = open_doors.folder / "missing"
    missing.write_text("")
    missing.chmod(0o644)
    with (
        open_doors.over("worker1", programs[0], missing),
        entered(cluster, SshSettings(user=user, config=open_doors.config)) as reach,
    ):
        error = _refused(reach)
        assert b"".join(reach.run("worker2", _program("print('in')"), 20)) == b"in\n"
    assert error.reason == f"node worker1: {reason}"


def test_what_a_login_prints_first_is_passed_over(open_doors: Doors, cluster: Cluster) -> None:
    profile = open_doors.folder / "rc"
    profile.write_text("echo welcome to the machine\n")
    ssh = open_doors.folder / "ssh"
    ssh.mkdir(exist_ok=True)
    shutil.copy(profile, ssh / "sshrc")
    with (
        open_doors.over("worker1", "/etc/ssh", ssh),
        entered(cluster, SshSettings(user="root", config=open_doors.config)) as reach,
    ):
        assert "worker1" in _facts(cluster, reach)


@pytest.mark.parametrize("endless", ["yes welcome", "head -c 3G /dev/zero"])
def test_an_endless_greeting_ends_in_a_clear_error(open_doors: Doors, cluster: Cluster, endless: str) -> None:
    ssh = open_doors.folder / "endless"
    ssh.mkdir(exist_ok=True)
    (ssh / "sshrc").write_text(f"{endless}\n")
    with (
        open_doors.over("worker1", "/etc/ssh", ssh),
        entered(cluster, SshSettings(user="root", config=open_doors.config)) as reach,
    ):
        seen = observe_nodes(cluster, ["worker1"], reach, parallel=1, seconds=60)
    assert not seen.facts
    assert "no probe" in seen.absent[0].reason  # and not that its time was over: what comes is limited, too
    assert " within " not in seen.absent[0].reason


def test_a_server_that_greets_without_end_before_the_login_is_given_up(open_doors: Doors, cluster: Cluster) -> None:
    config = _with(open_doors, "babble", "Host *\n  ProxyCommand yes not-ssh-at-all\n")
    with entered(cluster, SshSettings(user="root", config=config)) as reach:
        error = _refused(reach)
    assert error.reason.startswith("node worker1: ")
    assert "10.0.0.11" in error.reason


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("ProxyCommand sleep 60", "gave no whole answer within 2 s"),
        ("ProxyCommand false", "10.0.0.11 ended the connection before the login"),
    ],
)
def test_a_node_that_does_not_answer_is_given_up(open_doors: Doors, cluster: Cluster, proxy: str, reason: str) -> None:
    config = _with(open_doors, "dead", f"Host *\n  {proxy}\n")
    with entered(cluster, SshSettings(user="root", config=config)) as reach:
        error = _refused(reach, seconds=2.0)
    assert reason in error.reason


def test_a_node_without_the_chosen_address_is_told(open_doors: Doors, cluster: Cluster) -> None:
    settings = SshSettings(destinations={"host1": "10.0.0.10"}, address="external", config=open_doors.config)
    with entered(cluster, settings) as reach:
        error = _refused(reach)
    assert error.reason == "node worker1 has no address of the kind external"
    assert "--ssh-map" in error.remedy


def test_a_dry_run_shows_each_nodes_command_and_enters_none(open_doors: Doors, tmp_path: Path) -> None:
    cluster = (f"--kubeconfig={open_doors.lab.kubeconfig}", "--context=lab", "--dry-run", "--nodes=worker1")
    door = ("--reach=ssh", f"--ssh-config={open_doors.config}", "--ssh-user=operator")
    done = finished(started(tmp_path, *cluster, *door), tmp_path)
    assert done.code == 5, done.said
    (line,) = [line for line in done.said.splitlines() if line.startswith("# worker1: ")]
    assert "-o BatchMode=yes" in line
    assert "-l operator -- 10.0.0.11 " in line
    assert "sudo -n" in line
    none = finished(started(tmp_path, *cluster, *door, "--ssh-address=external"), tmp_path)
    assert (none.code, "no node has an address of the kind external" in none.said) == (6, True), none.said


def test_the_whole_suite_by_ssh_drops_included(open_doors: Doors, tmp_path: Path) -> None:
    cluster = (f"--kubeconfig={open_doors.lab.kubeconfig}", "--context=lab", "--settle=5")
    door = ("--reach=ssh", f"--ssh-config={open_doors.config}", "--ssh-user=operator")
    done = judged(run(tmp_path / "out", *cluster, *door), 0, "conforms")
    assert done.document["header"]["reach"] == "ssh"
    assert (tmp_path / "out" / "trials.pcap").stat().st_size > 24
