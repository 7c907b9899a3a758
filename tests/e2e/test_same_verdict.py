"""The verdict is the same bytes for any number of workers, any order and any grouping of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.suite import RECORDINGS, judged, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("name", "code"), [("healthy", 0), ("faulty", 1)])
def test_workers_order_and_grouping_do_not_matter(name: str, code: int, snapshots: Path, tmp_path: Path) -> None:
    replay = f"--replay={snapshots / name}.zst"
    ways = {
        "alone": ("-n0",),
        "two": ("-n2",),
        "auto": ("-n", "auto"),
        "by-file": ("-n2", "--dist=loadfile"),
        "backwards": ("-n0", "-p", "e2e_trouble", "--trouble=shuffle"),
        "by-node": ("-n0", "--items=node"),
        "by-pod": ("-n2", "--items=pod"),
    }
    runs = {way: judged(run(tmp_path / way, replay, *options), code) for way, options in ways.items()}
    written = {done.findings_bytes for done in runs.values()}
    assert len(written) == 1, {way: done.verdict for way, done in runs.items()}
    assert {(done.out / "junit.xml").read_bytes() for done in runs.values()} == {
        (tmp_path / "alone" / "junit.xml").read_bytes()
    }
    assert bool(runs["alone"].ids) == bool(code)


def test_recording_and_its_snapshot_say_the_same(healthy: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zst"
    dumps = run(tmp_path / "dumps", f"--replay={RECORDINGS / 'noencap.tar.xz'}", f"--record={kept}")
    again = run(tmp_path / "again", f"--replay={kept}")
    assert dumps.findings_bytes == again.findings_bytes == run(tmp_path / "own", healthy).findings_bytes
    assert kept.stat().st_mode & 0o777 == 0o600
