"""Writing the reports: whole files or none, and a clear word when it does not work."""

from __future__ import annotations

import errno
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from reports.summary import summarise
from reports.write import ReportError, write_all, write_file
from tests.unit.report_examples import EVERY, HEADER, PASSED

SUMMARY = summarise(EVERY, HEADER)


def test_every_file_is_written(tmp_path: Path) -> None:
    out, allure = tmp_path / "deep" / "out", tmp_path / "allure"
    paths = write_all(SUMMARY, EVERY, out, pcap=b"pcap", allure_dir=allure)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "deep/out/junit.xml",
        "deep/out/findings.json",
        "deep/out/trials.pcap",
        "allure/environment.properties",
        "allure/categories.json",
    ]
    assert sorted(paths) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert ET.parse(out / "junit.xml").getroot().tag == "testsuites"
    assert json.loads((out / "findings.json").read_text())["exit_code"] == 1
    assert (out / "trials.pcap").read_bytes() == b"pcap"


def test_an_earlier_runs_files_are_replaced_and_its_packets_removed(tmp_path: Path) -> None:
    write_all(SUMMARY, EVERY, tmp_path, pcap=b"pcap")
    write_all(summarise([PASSED], HEADER), [PASSED], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["findings.json", "junit.xml"]
    assert json.loads((tmp_path / "findings.json").read_text())["exit_code"] == 0


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(ReportError) as told:
        write_all(SUMMARY, EVERY, tmp_path / "out")
    assert str(tmp_path / "out" / "junit.xml") in told.value.reason
    assert told.value.remedy


@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_full_disk_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "findings.json"
    write_file(path, b"old")

    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open" if step == "write" else "replace", full)
    with pytest.raises(ReportError, match=r"findings\.json could not be written: No space left on device"):
        write_file(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
