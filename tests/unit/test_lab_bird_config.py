"""BIRD's configuration is what confd's templates say for a node, in each release."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.bird_config import Twist, bird_config
from lab.bird_peers import peer_name
from lab.bird_routes import expected_routes
from lab.topology import LabBlock, LabNode, LabPod, LabPool, Topology

if TYPE_CHECKING:
    from pathlib import Path

NODES = (LabNode("a", "10.0.0.9"), LabNode("b", "10.0.0.10"), LabNode("c", "10.0.0.11", as_number=65001))


def _topology(release: str = "v3.30.7", **fields: object) -> Topology:
    given: dict[str, object] = {
        "nodes": NODES,
        "pools": (LabPool("one", "10.48.0.0/16"),),
        "blocks": (LabBlock("10.48.0.64/26", "b"), LabBlock("10.48.0.128/32", "b"), LabBlock("10.48.1.0/26", "c")),
        "pods": (LabPod("x", "lodger", "c", ("10.48.0.70",)),),
        "release": release,
    }
    return Topology(**(given | fields))  # type: ignore[arg-type]


def _section(text: str, opening: str) -> str:
    """The lines between an opening and its closing brace."""
    return text.partition(opening + " {\n")[2].partition("\n}")[0]


def _passive(topology: Topology, node: str) -> set[str]:
    text = bird_config(topology, node)
    sessions = re.findall(r"neighbor (\S+) as \d+;\n(  passive on;)?", text)
    return {address for address, passive in sessions if passive}


def test_own_blocks_and_no_host_prefixes_are_blackholed() -> None:
    assert re.findall(r"route (\S+) blackhole;", bird_config(_topology(), "b")) == ["10.48.0.64/26"]
    assert "protocol static" not in bird_config(_topology(), "a")


def test_exactly_one_side_of_each_session_waits_by_the_order_of_text() -> None:
    """As text, 10.0.0.10 < 10.0.0.11 < 10.0.0.9: the side whose peer is the larger one is passive."""
    topology = _topology()
    assert _passive(topology, "a") == set()
    assert _passive(topology, "b") == {"10.0.0.11", "10.0.0.9"}
    assert _passive(topology, "c") == {"10.0.0.9"}


def test_sessions_are_named_after_the_peer() -> None:
    text = bird_config(_topology(), "c")
    assert re.findall(r"protocol bgp (\S+) from", text) == ["Mesh_10_0_0_9", "Mesh_10_0_0_10"]
    assert "local 10.0.0.11 as 65001;" in text
    assert "neighbor 10.0.0.9 as 64512;" in text
    assert peer_name("fd00::9") == "Mesh_fd00__9"


def test_blocks_are_announced_and_what_lies_beneath_is_not() -> None:
    lines = _section(bird_config(_topology(), "c"), "function calico_aggr()").splitlines()
    assert lines == ["  if ( net = 10.48.1.0/26 ) then { accept; }", "  if ( net ~ 10.48.1.0/26 ) then { reject; }"]


@pytest.mark.parametrize(("release", "metrics"), [("v3.26.0", False), ("v3.31.9", False), ("v3.32.0", True)])
def test_metrics_come_with_v3_32(release: str, metrics: bool) -> None:
    text = bird_config(_topology(release), "b")
    assert ("krt_metric = 2147483647 - bgp_local_pref" in text) is metrics
    assert ("bgp_local_pref = 2147482623" in text) is metrics
    assert ("krt_metric < 1024" in text) is metrics
    assert "metric 0;" in _section(text, "protocol kernel kernel1")


def test_pools_decide_what_is_announced_and_programmed() -> None:
    pools = (
        LabPool("hidden", "10.48.0.0/16", disable_bgp_export=True),
        LabPool("v", "10.49.0.0/16", vxlan_mode="Always"),
    )
    text = bird_config(_topology(pools=pools), "b")
    exported = _section(text, "filter calico_export_to_bgp_peers")
    programmed = _section(text, "filter calico_kernel_programming")
    assert "( net ~ 10.48.0.0/16 ) then { reject; }" in exported
    assert "( net ~ 10.49.0.0/16 ) then { accept; }" in exported
    assert "( net ~ 10.48.0.0/16 ) then { accept; }" in programmed
    assert "( net ~ 10.49.0.0/16 ) then { reject; }" in programmed


def test_twists_stand_before_all_else() -> None:
    twist = Twist(static=("10.48.9.0/26 unreachable",), without=("10.48.0.64/26",), kernel=("K;",), export=("E;",))
    text = bird_config(_topology(), "b", [twist])
    assert _section(text, "protocol static static1").split() == ["ipv4;", "route", "10.48.9.0/26", "unreachable;"]
    assert _section(text, "filter calico_kernel_programming").split()[0] == "K;"
    assert _section(text, "filter calico_export_to_bgp_peers").split()[0] == "E;"


@pytest.mark.parametrize("release", ["v3.30.7", "v3.33.0"])
@pytest.mark.parametrize("node", ["a", "b", "c"])
def test_bird_accepts_it(tmp_path: Path, release: str, node: str) -> None:
    bird = shutil.which("bird", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert bird, "bird2 is needed: make setup"
    (tmp_path / "bird.cfg").write_text(bird_config(_topology(release), node))
    done = subprocess.run([bird, "-p", "-c", str(tmp_path / "bird.cfg")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_expected_routes() -> None:
    topology = _topology()
    assert expected_routes(topology, "a") == {
        "10.48.0.64/26 via 10.0.0.10",
        "10.48.1.0/26 via 10.0.0.11",
        "10.48.0.70 via 10.0.0.11",
    }
    assert expected_routes(topology, "b") == {
        "blackhole 10.48.0.64/26",
        "10.48.1.0/26 via 10.0.0.11",
        "10.48.0.70 via 10.0.0.11",
    }
    assert expected_routes(topology, "c") == {"10.48.0.64/26 via 10.0.0.10", "blackhole 10.48.1.0/26"}
