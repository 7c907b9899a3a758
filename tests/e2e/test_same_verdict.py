"""The verdict is the same bytes for any number of workers, any order and any grouping of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.suite import RECORDINGS, judged, run

if TYPE_CHECKING:
    from pathlib import Path

WAYS = {
    "alone": ("-n0",),
    "two": ("-n2", "--items=pod"),
    "auto": ("-n", "auto", "--dist=loadfile"),
    "backwards": ("-n0", "-p", "e2e_trouble", "--trouble=shuffle"),
    "by-node": ("-n0", "--items=node"),
}


@pytest.mark.parametrize(
    ("name", "code", "ways"), [("healthy", 0, ("alone", "two", "auto")), ("faulty", 1, tuple(WAYS))]
)
def test_workers_order_and_grouping_do_not_matter(
    name: str, code: int, ways: tuple[str, ...], snapshots: Path, tmp_path: Path
) -> None:
    runs = {way: judged(run(tmp_path / way, f"--replay={snapshots / name}.zst", *WAYS[way]), code) for way in ways}
    first = runs["alone"]
    assert bool(first.ids) == bool(code)
    for way, done in runs.items():
        assert done.findings_bytes == first.findings_bytes, way
        assert (done.out / "junit.xml").read_bytes() == (first.out / "junit.xml").read_bytes(), way


def test_recording_and_its_snapshot_say_the_same(healthy: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zst"
    dumps = run(tmp_path / "dumps", f"--replay={RECORDINGS / 'noencap.tar.xz'}", f"--record={kept}")
    again = judged(run(tmp_path / "again", f"--replay={kept}"), 0)
    assert dumps.findings_bytes == again.findings_bytes == run(tmp_path / "own", healthy).findings_bytes
    assert kept.stat().st_mode & 0o777 == 0o600
