"""A disk that is full, or a place where no file can be: one sentence tells it, and what can be written is written."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.suite import RECORDINGS, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root
REPLAY = f"--replay={RECORDINGS / 'noencap.tar.xz'}"


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_no_room_for_the_snapshot_is_a_wrong_call_with_a_red_junit(tmp_path: Path) -> None:
    with disk(tmp_path / "full", "8k") as full:
        done = run(full, REPLAY)
        assert done.code == 4
        assert "cannot be written: No space left on device" in done.said
        assert "--out DIR" in done.said
        assert done.red
        recorded = run(tmp_path / "out", REPLAY, f"--record={full / 'kept.zst'}")
        assert (recorded.code, recorded.red) == (4, True)
        assert f"{full / 'kept.zst'}: cannot be written: No space left on device" in recorded.said


def test_no_room_for_allures_files_costs_neither_the_verdict_nor_junit(tmp_path: Path) -> None:
    with disk(tmp_path / "full", "256k") as full:
        done = run(full, REPLAY, "-n2")
        assert done.code == 3
        assert "The cluster conforms" in done.said
        assert f"the report {full / 'allure'} could not be written: No space left on device. The verdict" in done.said
        assert not list((full / "allure").glob("*-result.json*"))
        assert (done.document["exit_code"], done.red) == (0, False)
        assert "internal error" not in done.said


@pytest.mark.parametrize("place", ["/dev/null", "{}/fifo"])
def test_what_is_no_file_is_never_replaced_by_a_record(place: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    target = Path(place.format(tmp_path))
    done = run(tmp_path / "out", REPLAY, f"--record={target}")
    assert (done.code, done.red) == (4, True)
    assert f"{target}: cannot be written: it is no plain file" in done.said
    assert not target.is_file()


def test_allures_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run(tmp_path / "out", REPLAY, f"--alluredir={tmp_path / 'file' / 'below'}")
    assert (done.code, done.red) == (4, True)
    assert "Allure's results cannot be written to" in done.said
