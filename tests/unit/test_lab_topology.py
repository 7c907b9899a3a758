"""A topology file becomes a topology, or a sentence about the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import topology
from lab.state import lab
from lab.tools import UsageError

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = """
release = "v3.33.0"
[[nodes]]
name = "a"
address = "10.0.0.1"
[[pools]]
name = "p"
cidr = "10.48.0.0/16"
[[blocks]]
cidr = "10.48.0.0/26"
node = "a"
[[pods]]
namespace = "n"
name = "one"
node = "a"
addresses = ["10.48.0.1"]
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lab.toml"
    path.write_text(text)
    return path


def test_seed() -> None:
    seed = topology.load()
    customer = next(pod for pod in seed.pods if pod.name.startswith("customer"))
    assert customer.host_interface == "calie965c96dc90"
    assert (seed.minor, seed.node("worker1").address) == (30, "10.0.0.11")
    assert {pod.state for pod in seed.pods} == {"running", "completed", "terminating", "pending", "host-network"}
    assert [pod.key for pod in seed.pods if pod.wired and pod.node and seed.borrowed(pod.addresses[0], pod.node)] == [
        "borrow/lodger"
    ]


def test_a_lab_keeps_its_topology_as_json(tmp_path: Path) -> None:
    seed = topology.load()
    path = tmp_path / "topology.json"
    path.write_bytes(msgspec.json.encode(seed))
    assert topology.load(path) == seed


def test_extends_takes_what_is_not_given(tmp_path: Path) -> None:
    _file(tmp_path, MINIMAL)
    other = tmp_path / "other.toml"
    other.write_text('extends = "lab.toml"\nrelease = "v3.26.1"\n')
    loaded = topology.load(other)
    assert (loaded.minor, [node.name for node in loaded.nodes]) == (26, ["a"])


BAD = [
    ("release = 3", "Expected `str`"),
    (MINIMAL + '[[peers]]\nname = "x"\npeer_ip = "10.0.0.9"\n', "BGPPeer x needs a peer_selector, or peer_ip and"),
    (MINIMAL + '[[peers]]\nname = "x"\npeer_selector = "a in {\'b\'}"\n', "does not read the selector"),
    ("nodes = [", "Invalid value"),
    (MINIMAL.replace("v3.33.0", "newest"), "release 'newest' is not like v3.30.7"),
    (MINIMAL.replace('name = "a"', 'name = "A b"'), "a node cannot be called 'A b'"),
    (MINIMAL.replace('name = "a"', 'name = "fabric"'), "a node cannot be called 'fabric'"),
    (MINIMAL.replace('node = "a"\naddresses', 'node = "b"\naddresses'), "there is no node 'b'"),
    (MINIMAL.replace("10.48.0.0/26", "10.48.0.0/99"), "'10.48.0.0/99'"),
    (MINIMAL.replace("10.48.0.1", "10.48.0.x"), "'10.48.0.x'"),
    (MINIMAL + '[[nodes]]\nname = "a"\naddress = "10.0.0.2"\n', "there are two of the node a"),
    (MINIMAL + 'colour = "red"\n', "unknown field `colour`"),
    ('extends = "nowhere.toml"', "No such file"),
    ('extends = "lab.toml"', "recursion"),
    ("extends = 7", "extends must name a file"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_bad_files_are_told(tmp_path: Path, text: str, reason: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(ValueError, match="is no topology") as told:
        topology.load(path)
    assert str(path) in str(told.value)
    assert reason in str(told.value)


@pytest.mark.parametrize("name", ["", "-a", "a/b", "A", "a" * 21, "..", "a b"])
def test_names_that_no_lab_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="a lab cannot be called"):
        lab(name)
