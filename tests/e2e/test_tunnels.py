"""The drop trials through VXLAN, as a user sees them: announced, tried from subnet to subnet, recorded, replayed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.snapshot_file import open_snapshot
from lab import faults, topology
from tests.e2e.suite import Run, judged, run
from tests.lab.conftest import lab_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.state import Lab

DROPS = "packets_to_free_addresses_are_dropped"
ACROSS, WITHIN = "10.52.0.64/26", "10.52.0.128/26"  # tried from the other subnet, and from the same


@pytest.fixture(scope="module")
def overlay() -> Iterator[Lab]:
    """Two subnets with a router between, one VXLAN pool with CrossSubnet."""
    with lab_up("tunnel", Path(topology.DEFAULT).with_name("vxlan-crosssubnet.toml")) as lab:
        yield lab


def _look(lab: Lab, out: Path, *options: str) -> Run:
    return run(out, f"--kubeconfig={lab.kubeconfig}", "--context=lab", "--reach=lab", *options)


def test_blocks_across_the_router_are_tried_through_the_tunnel(overlay: Lab, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zst"
    done = _look(overlay, tmp_path / "live", f"--record={kept}")
    judged(done, 0, "The cluster conforms", "4 block(s) (2 of them through the VXLAN tunnel) drop")
    assert done.document["unasked"] == []
    with open_snapshot(kept) as snapshot:
        ways = {trial.block: (trial.carrier, trial.uplink) for trial in snapshot.trials.trials}
    assert ways[ACROSS] == ("VXLAN", "vxlan.calico")
    assert ways[WITHIN] == ("", "ens160")
    again = judged(run(tmp_path / "again", f"--replay={kept}"), 0)
    assert again.findings_bytes == done.findings_bytes


@pytest.mark.parametrize(("block", "owner"), [(ACROSS, "worker1"), (WITHIN, "worker2")], ids=["across", "within"])
def test_a_missing_blackhole_is_found_on_either_way(block: str, owner: str, overlay: Lab, tmp_path: Path) -> None:
    with faults.broken(overlay, "F28", block):
        done = judged(_look(overlay, tmp_path, "--settle=0"), 1, f"{owner}: blackhole {block} is missing")
    found = {finding["id"]: finding["found"] for finding in done.document["findings"]}
    assert len(found) == 2
    said = found[f"{DROPS}/{owner}/{block}"]
    assert f"{owner} answered the packet to" in said
    assert "time exceeded" in said


def test_nothing_is_announced_where_packets_are_off(overlay: Lab, tmp_path: Path) -> None:
    done = judged(_look(overlay, tmp_path, "--packets=off"), 0, "not asked: packets are off")
    assert "through the VXLAN tunnel" not in done.said
