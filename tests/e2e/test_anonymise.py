"""`--anonymise`: the file has other names and addresses and the same verdict; the run itself keeps the true ones."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import zstandard

from tests.e2e.suite import RECORDINGS, judged, run

if TYPE_CHECKING:
    from pathlib import Path

    from lab.state import Lab

NAMES = ("worker1", "worker2", "yaobank", "10.48.189.64", "10.0.0.12", "base-borrow", "fault-15")


def unpacked(path: Path) -> str:
    raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True).read()
    return raw.decode()


@pytest.mark.parametrize("given", ["recording", "snapshot"])
def test_a_replay_is_anonymised_and_judged_alike(given: str, faulty: str, tmp_path: Path) -> None:
    recording = RECORDINGS / "labelled" / "fault-15-bgp-session-disabled.tar.xz"
    source = faulty if given == "snapshot" else f"--replay={recording}"
    kept = tmp_path / "public.zst"
    first = judged(run(tmp_path / "one", source, f"--record={kept}", "--anonymise"), 1, "has other names and addresses")
    again = judged(run(tmp_path / "two", f"--replay={kept}"), 1, "node-1", "node-2")

    assert "worker1" in first.said
    assert [name for name in NAMES if name in unpacked(kept) or name in again.said] == []
    assert [name for name in NAMES if name.encode() in again.findings_bytes] == []
    assert len(again.ids) == len(first.ids) == 7
    for part in ("checks", "results", "planned", "exit_code"):
        assert again.document[part] == first.document[part]


def test_it_needs_a_file_of_its_own(faulty: str, tmp_path: Path) -> None:
    snapshot = faulty.partition("=")[2]
    judged(run(tmp_path / "one", faulty, "--anonymise"), 4, "--anonymise is for the file that --record names")
    judged(run(tmp_path / "two", faulty, f"--record={snapshot}", "--anonymise"), 4, "would replace the snapshot")
    judged(run(tmp_path / "three", faulty, f"--record={tmp_path / 'x.zst'}"), 4, "is kept already")


def test_a_live_run_keeps_the_true_names_and_records_others(lab: Lab, tmp_path: Path) -> None:
    kept = tmp_path / "public.zst"
    where = (f"--kubeconfig={lab.kubeconfig}", "--context=lab", "--reach=lab")
    live = judged(run(tmp_path / "one", *where, f"--record={kept}", "--anonymise"), 0, "has other names and addresses")
    again = judged(run(tmp_path / "two", f"--replay={kept}"), 0)

    assert "yaobank" in unpacked(live.out / "snapshot.zst")
    known = {*lab.state().nodes, "yaobank"}
    assert [name for name in known if name in unpacked(kept) or name in again.said] == []
    assert again.document["checks"] == live.document["checks"]
    assert (live.out / "trials.pcap").exists()
    assert not (again.out / "trials.pcap").exists()
