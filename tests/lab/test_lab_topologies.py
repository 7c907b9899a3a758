"""The lab's other topologies are what their names say: pods reach each other the way that the kernel tables say."""

from __future__ import annotations

import itertools
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import bird, felix, topology
from lab.api.control import Control
from lab.change import add_pod, remove_pod
from lab.objects import build
from lab.tools import in_netns, ip_batch, run
from lab.topology import LabPod
from model import ip
from tests.lab.lab_view import command
from tests.lab.topology_cases import CASES, FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.state import Lab

pytestmark = pytest.mark.root

KINDS = {4: socket.AF_INET, 6: socket.AF_INET6}
SECONDS = 5.0


def _socket(netns: str, address: str) -> socket.socket:
    def opened() -> socket.socket:
        made = socket.socket(KINDS[ip.family(address)], socket.SOCK_DGRAM)
        made.bind((address, 0))
        made.settimeout(SECONDS)
        return made

    return in_netns(netns, opened)


def _exchange(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A datagram from one namespace's address to another's, and one back; TimeoutError if one is lost."""
    with _socket(*one) as near, _socket(*other) as far:
        near.sendto(b"there", far.getsockname())
        told, came_from = far.recvfrom(16)
        assert (told, came_from[0]) == (b"there", one[1])
        far.sendto(b"back", came_from)
        assert near.recv(16) == b"back"


@pytest.mark.parametrize("name", CASES)
def test_every_pod_reaches_every_other_and_every_node_reaches_every_pod(labs: Callable[[str], Lab], name: str) -> None:
    state = labs(name).state()
    ends = [
        (state.pods[pod.key].netns, address) for pod in state.topology.pods if pod.wired for address in pod.addresses
    ]
    pairs = [(one, other) for one, other in itertools.combinations(ends, 2) if ip.family(one[1]) == ip.family(other[1])]
    assert len(pairs) >= 3
    for node in state.topology.nodes:
        from_node = [(state.nodes[node.name].netns, uplink.address) for uplink in node.uplinks]
        pairs += [(end, own) for end in ends for own in from_node if ip.family(end[1]) == ip.family(own[1])]
    for one, other in pairs:
        _exchange(one, other)


def test_every_topology_file_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == {*CASES, "seed", "seed-v3.32"}
    releases = {topology.load(path).minor for path in FOLDER.glob("*.toml")}
    assert releases >= {30, 31, 32, 33}


def test_command_line_brings_up_any_of_them(labs: Callable[[str], Lab]) -> None:
    shown = command("status", "--name", labs("route-reflector").name).stdout
    assert "node host1  10.0.0.10: Node_10_0_0_11 up, Node_10_0_0_12 up" in shown
    assert "node worker1  10.0.0.11: Node_10_0_0_10 up" in shown


def _tables(lab: Lab, node: str) -> dict[str, list[str]]:
    """What Felix programs: routes of both families, forwarding entries and neighbours, in order."""
    netns = lab.node(node).netns
    asked = {
        "routes": ["ip", "-n", netns, "-4", "route", "show"],
        "routes6": ["ip", "-n", netns, "-6", "route", "show"],
        "neighbours": ["ip", "-n", netns, "neigh", "show", "nud", "permanent"],
        "forwarding": ["bridge", "-n", netns, "fdb", "show"],
    }
    return {name: sorted(line.strip() for line in run(argv).splitlines()) for name, argv in asked.items()}


DAMAGE = {
    "vxlan": (
        "route del 10.51.0.128/26",
        "route del blackhole 10.51.0.64/26",
        "route del 10.51.0.66",
        "route add 10.51.0.192/26 via 10.51.0.128 dev vxlan.calico onlink",
        "route add blackhole 10.51.1.0/26 proto 80",
        "neigh del 10.51.0.128 dev vxlan.calico",
        "neigh add 10.51.0.200 lladdr 66:00:00:00:00:01 dev vxlan.calico nud permanent",
        "addr del 10.51.0.64/32 dev vxlan.calico",
    ),
    "dual": (
        "route del fd00:10:51::80/122",
        "route add blackhole fd00:10:51:1::/122 proto 80",
        "link del vxlan-v6.calico",
    ),
    "felix-noencap": ("route del 10.48.0.128/26", "route add 10.48.5.0/26 via 10.0.0.12 dev ens160 proto 80 onlink"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_felix_mends_what_it_programs(labs: Callable[[str], Lab], name: str) -> None:
    lab = labs(name)
    before = _tables(lab, "worker1")
    ip_batch(DAMAGE[name], lab.node("worker1").netns)
    assert _tables(lab, "worker1") != before
    felix.sync(lab)
    assert _tables(lab, "worker1") == before


@pytest.mark.parametrize(
    ("name", "address", "route"),
    [
        ("vxlan", "10.51.0.140", "10.51.0.140 via 10.51.0.64 dev vxlan.calico onlink mtu 1450"),
        ("vxlan-crosssubnet", "10.52.0.140", "10.52.0.140 via 10.52.0.64 dev vxlan.calico onlink"),
        ("felix-noencap", "10.48.0.140", "10.48.0.140 via 10.0.0.11 dev ens160 proto 80 onlink"),
        ("dual", "fd00:10:48::90", "fd00:10:48::90 via fd00:10::11 dev ens160 proto bird metric 1024 pref medium"),
    ],
)
def test_a_borrowed_address_is_routed_while_its_pod_is_there(
    labs: Callable[[str], Lab], name: str, address: str, route: str
) -> None:
    lab = labs(name)
    before = _tables(lab, "worker2")
    pod = LabPod(namespace="churn", name="borrower", node="worker1", addresses=(address,))
    add_pod(lab, pod)
    try:
        held = _tables(lab, "worker2")
        assert route in held["routes"] + held["routes6"]
    finally:
        remove_pod(lab, pod.key)
    assert _tables(lab, "worker2") == before


def test_tunnel_addresses_are_allocated(labs: Callable[[str], Lab]) -> None:
    control = Control(labs("vxlan").directory)
    assert control.get("ipamhandles", "vxlan-tunnel-addr-host1")["spec"]["block"] == {"10.51.0.64/26": 1}
    spec = control.get("ipamblocks", "10-51-0-64-26")["spec"]
    holder = spec["attributes"][spec["allocations"][2]]
    assert holder == {
        "handle_id": "vxlan-tunnel-addr-host1",
        "secondary": {"node": "host1", "type": "vxlanTunnelAddress"},
    }
    notes = control.get("nodes", "host1")["metadata"]["annotations"]
    assert notes["projectcalico.org/IPv4VXLANTunnelAddr"] == "10.51.0.66"


def test_two_daemons_answer_for_two_families(labs: Callable[[str], Lab]) -> None:
    lab = labs("dual")
    sessions = bird.sessions(lab, "host1")
    assert sessions == dict.fromkeys(["Mesh_10_0_0_11", "Mesh_10_0_0_12", "Mesh_fd00_10__11", "Mesh_fd00_10__12"], True)
    pids = [int((bird.control_directory(lab, "host1") / f"{stem}.pid").read_text()) for stem in ("bird", "bird6")]
    assert len(set(pids)) == 2


def test_no_bird_runs_where_the_backend_starts_none(labs: Callable[[str], Lab]) -> None:
    lab = labs("vxlan-crosssubnet")
    assert list(bird.control_directory(lab, "worker1").glob("*.ctl")) == []
    information = Control(lab.directory).get("clusterinformations", "default")["spec"]
    assert information["clusterType"] == "k8s,kdd"


def test_a_tunnel_address_out_of_no_block_is_refused() -> None:

    given = topology.load(FOLDER / "vxlan.toml")
    node = msgspec.structs.replace(given.nodes[0], vxlan="10.51.7.7")
    wrong = msgspec.structs.replace(given, nodes=(node, *given.nodes[1:]))
    with pytest.raises(ValueError, match=r"host1 has tunnel address 10\.51\.7\.7, which is in no block"):
        build(wrong, datetime.now(UTC))
