"""The calico-node way in against the probe: on the host side both say the same, of every topology and of one of
everything."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.api import connect, list_cluster
from fixtures.api.exec_words import ExecError
from fixtures.errors import UnreachableError
from fixtures.observe import BIRD_SOCKETS, CNI_FOLDER, MTU_FILE
from fixtures.reach import calico_node
from fixtures.reach.calico_node import CalicoNodeReach
from fixtures.reach.calico_node_facts import node_facts
from fixtures.reach.calico_node_script import COMMAND, SCRIPT
from fixtures.reach.lab import LabReach
from lab.api.control import Control
from lab.api.trouble import Trouble
from model.net import FAMILY_BRIDGE, NUD_PERMANENT
from tests.lab.probe_spaces import inside, observe, spaces
from tests.lab.test_probe_decode import HOSTILE, furnish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.state import Lab
    from model.net import Namespace, Neighbour
    from model.node import Bird, NodeFacts

pytestmark = pytest.mark.root

SECONDS = 30.0
MOMENTS = 40  # looks until nothing changed between two: ARP entries age, BGP sessions come up


def comparable(host: Namespace) -> dict[str, Any]:
    """A namespace without what differs by nature: the order of dumps, and the second state of a forwarding entry, of
    which bridge(8) shows but one word."""

    def plain(entry: Neighbour) -> Neighbour:
        if entry.family == FAMILY_BRIDGE and entry.state & NUD_PERMANENT:
            return msgspec.structs.replace(entry, state=NUD_PERMANENT)
        return entry

    lists = ("links", "addresses", "routes", "rules")
    found: dict[str, Any] = {name: sorted(getattr(host, name), key=repr) for name in lists}
    found["neighbours"] = sorted((plain(entry) for entry in host.neighbours), key=repr)
    return found | {"sysctls": host.sysctls}


def daemons(facts: NodeFacts) -> list[Bird]:
    """BIRD without its times, which it works out anew for each answer, to the millisecond and not always the same."""
    return [
        msgspec.structs.replace(
            bird, protocols=tuple(msgspec.structs.replace(entry, since="") for entry in bird.protocols)
        )
        for bird in facts.birds
    ]


def between(probe: Callable[[], NodeFacts], other: Callable[[], NodeFacts]) -> tuple[NodeFacts, NodeFacts]:
    """One look of each, with nothing changed meanwhile."""
    before = probe()
    for _ in range(MOMENTS):
        found, after = other(), probe()
        if (comparable(before.host), daemons(before)) == (comparable(after.host), daemons(after)):
            return after, found
        before = after
    raise AssertionError("the node never stood still")


def opened(lab: Lab) -> CalicoNodeReach:
    api = connect(lab.kubeconfig, "lab")
    reach = CalicoNodeReach(api)
    reach.open(list_cluster(api).nodes, lambda _sentence: None)
    return reach


@pytest.mark.parametrize("name", ["seed", "metrics", "vxlan", "dual", "v6only"])
def test_it_says_of_the_host_what_the_probe_says(labs: Callable[[str], Lab], name: str) -> None:
    lab = labs(name)
    way, probe = opened(lab), LabReach(lab.directory)
    sockets = [list(socket) for socket in BIRD_SOCKETS]
    for node in lab.state().nodes:
        request = {"do": "observe", "seconds": 30, "node": node, "pod_uids": [], "bird": sockets}
        request |= {"cni_dir": CNI_FOLDER, "mtu_file": MTU_FILE}

        def seen(node: str = node, request: dict[str, Any] = request) -> NodeFacts:
            return probe.look(node, request, SECONDS)

        def told(node: str = node) -> NodeFacts:
            return way.look(node, {}, SECONDS)

        wanted, found = between(seen, told)
        assert comparable(found.host) == comparable(wanted.host)
        assert daemons(found) == daemons(wanted)
        assert any(bird.running for bird in found.birds)
        for field in ("name", "cni_config", "kernel", "boot_time", "mtu_file", "problems"):
            assert getattr(found, field) == getattr(wanted, field), field
        assert found.mtu_file_time == pytest.approx(wanted.mtu_file_time, abs=0.001)
        assert found.pods == ()


def test_one_of_everything() -> None:
    """Every kind of link, route, rule and neighbour, and names that are no words."""
    with spaces("cnode", "cpod") as (node, pod):
        furnish(node, pod)
        inside(
            node, "bridge", "fdb", "append", "66:00:00:00:00:01", "dev", "vxlan.calico", "dst", "10.0.0.12", "permanent"
        )

        def written() -> NodeFacts:
            argv = ["nsenter", f"--net=/run/netns/{node}", *COMMAND, "mark"]
            done = subprocess.run(argv, input=SCRIPT.encode(), check=True, stdout=subprocess.PIPE)
            return node_facts(node, done.stdout, "mark")

        wanted, found = between(lambda: observe(node), written)
        assert comparable(found.host) == comparable(wanted.host)
        assert {link.name for link in found.host.links} >= set(HOSTILE)
        assert len(found.host.rules) > 20


@pytest.fixture
def control(seed_lab: Lab) -> Iterator[Control]:
    door = Control(seed_lab.directory)
    yield door
    door.well()


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("exec-drop", {"after": 1000}, "the connection was cut before the command's end was told"),
        ("exec-truncate", {"after": 1000}, "it was closed with code 1000"),
        ("exec-exit", {"code": 126, "text": "no"}, "sh ended with exit status 126"),
        ("exec-hang", {"after": 1000}, "gave no whole answer within 1.5 s"),
        ("exec-trickle", {"after": 1, "seconds": 0.01}, "gave no whole answer within 1.5 s"),
        ("exec-endless", {"after": 1000}, "nothing was kept"),
        ("exec-garbage", {"after": 3000}, "not the output of ip -j"),
        ("hang", {"path": "*/exec"}, "gave no whole answer within 1.5 s"),
        ("status", {"path": "*/exec", "code": 403, "text": "no"}, "exec is not allowed (403): no"),
    ],
)
def test_what_goes_wrong_on_the_way_is_told_and_passes(
    seed_lab: Lab,
    control: Control,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    options: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.setattr(calico_node, "TOTAL_CAP", 1 << 20)
    reach = opened(seed_lab)
    control.trouble(Trouble(kind, **options))
    with pytest.raises(UnreachableError) as error:
        reach.look("worker1", {}, 1.5)
    assert reason in error.value.reason
    assert reach.look("worker1", {}, SECONDS).problems == ()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"code": 429, "retry_after": 0}),
        ("status", {"code": 503}),
        ("drop", {}),
        ("delay", {"seconds": 0.2}),
    ],
)
def test_what_comes_before_the_upgrade_is_tried_again(
    seed_lab: Lab, control: Control, kind: Any, options: dict[str, Any]
) -> None:
    reach = opened(seed_lab)
    control.trouble(Trouble(kind, "*/exec", **options))
    assert reach.look("worker1", {}, SECONDS).problems == ()


@pytest.mark.parametrize("on_channel", [False, True])
def test_a_kubelet_that_is_gone_is_named(seed_lab: Lab, control: Control, *, on_channel: bool) -> None:
    reach = opened(seed_lab)
    control.kubelet("worker1", dead=True, on_channel=on_channel)
    with pytest.raises(ExecError) as error:
        reach.look("worker1", {}, 1.5)
    assert "the API server cannot reach the node's kubelet" in error.value.reason
    assert "TCP port 10250" in error.value.remedy
    assert reach.look("worker2", {}, SECONDS).problems == ()
