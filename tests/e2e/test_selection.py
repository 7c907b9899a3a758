"""A selection on the command line: what is left out is said everywhere, and a replay of its record says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.suite import judged, run

if TYPE_CHECKING:
    from pathlib import Path

    from lab.state import Lab


def test_what_is_left_out_is_in_every_report(faulty: str, tmp_path: Path) -> None:
    done = judged(run(tmp_path, faulty, "--nodes=worker1", "-n2"), 1, "2 of 3 nodes and", "left out by --nodes worker1")
    assert {finding["node"] for finding in done.document["findings"]} <= {"worker1", ""}
    assert done.document["header"]["selection"] == ["--nodes worker1"]
    assert done.document["unasked"][0]["reason"].endswith("are left out by --nodes worker1")
    assert "left out by --nodes worker1" in done.verdict
    (said,) = done.junit.iterfind(".//testsuite/properties/property[@name='selection']")
    assert said.get("value") == "--nodes worker1"
    assert "left out by --nodes worker1" in (tmp_path / "allure" / "environment.properties").read_text()
    again = judged(run(tmp_path / "one", faulty, "--nodes=worker1", "-n0"), 1)
    assert again.findings_bytes == done.findings_bytes


def test_a_sample_says_how_to_draw_it_again(healthy: str, tmp_path: Path) -> None:
    first = judged(run(tmp_path / "first", healthy, "--sample=1"), 0, "2 of 3 nodes and")
    (drawn,) = first.document["header"]["selection"]
    again = judged(run(tmp_path / "again", healthy, *drawn.split()), 0)
    assert again.findings_bytes == first.findings_bytes


def test_a_recorded_selection_replays_as_it_was(lab: Lab, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zst"
    cluster = (f"--kubeconfig={lab.kubeconfig}", "--context=lab", "--reach=lab", f"--record={kept}")
    done = judged(run(tmp_path / "live", *cluster, "--nodes=worker1,worker2", "--namespaces=yaobank"), 0)
    assert "looking at 2 of 3 nodes (--nodes worker1,worker2 --namespaces yaobank)" in done.said
    again = judged(run(tmp_path / "again", f"--replay={kept}"), 0, "1 of 3 nodes and")
    assert again.findings_bytes == done.findings_bytes
    judged(run(tmp_path / "wider", f"--replay={kept}", "--nodes=host1"), 4, "--nodes host1 matches none of the 2 nodes")
