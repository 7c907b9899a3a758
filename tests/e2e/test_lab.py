"""The suite on the lab, as a user runs it: healthy passes, also while pods come and go; a lost node is one line."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lab import faults
from lab.change import add_pod, remove_pod
from lab.topology import LabPod
from tests.e2e.suite import Run, judged, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.state import Lab

RUNS = 5


def _look(lab: Lab, out: Path, *options: str) -> Run:
    return run(out, f"--kubeconfig={lab.kubeconfig}", "--context=lab", "--reach=lab", *options)


def test_healthy_lab_conforms_and_its_record_says_the_same(lab: Lab, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zst"
    done = judged(_look(lab, tmp_path / "live", "-n2", f"--record={kept}"), 0, "The cluster conforms", "by way of lab")
    assert done.ids == set()
    assert done.document["unasked"] == []
    assert all(check["examined"] for check in done.document["checks"] if check["passed"])
    assert (done.out / "trials.pcap").stat().st_size > 24
    again = judged(run(tmp_path / "again", f"--replay={kept}"), 0)
    assert again.findings_bytes == done.findings_bytes


def test_packets_off_is_named_and_weighs_nothing(lab: Lab, tmp_path: Path) -> None:
    done = judged(_look(lab, tmp_path, "--packets=off"), 0, "not asked: packets are off (--packets off)")
    assert not (done.out / "trials.pcap").exists()


def _churn(lab: Lab, stop: threading.Event) -> Iterator[str]:
    """Pods come and go, one with a borrowed address, until told to stop; each is named when it came."""
    pods = (
        LabPod(namespace="churn", name="one", node="worker1", addresses=("10.48.0.90",), lab=lab.name),
        LabPod(namespace="churn", name="two", node="worker2", addresses=("10.48.0.150",), lab=lab.name),
        LabPod(namespace="churn", name="guest", node="worker2", addresses=("10.48.0.91",), lab=lab.name),
    )
    while not stop.is_set():
        for pod in pods:
            add_pod(lab, pod)
            yield pod.key
        for pod in pods:
            remove_pod(lab, pod.key)


def test_pods_that_come_and_go_are_never_accused(lab: Lab, tmp_path: Path) -> None:
    stop, came = threading.Event(), [""] * 0
    thread = threading.Thread(target=lambda: came.extend(_churn(lab, stop)), name="churn")
    thread.start()
    try:
        counts = []
        for number in range(RUNS):
            before = len(came)
            done = judged(_look(lab, tmp_path / f"{number}", "--settle=0"), 0, "The cluster conforms")
            assert done.ids == set()
            counts.append(len(came) - before)
    finally:
        stop.set()
        thread.join()
    assert all(counts), "nothing changed while it looked, so that nothing was shown"
    judged(_look(lab, tmp_path / "after"), 0)


def test_node_that_cannot_be_entered_is_one_line_and_hides_no_fault_elsewhere(lab: Lab, tmp_path: Path) -> None:
    with faults.broken(lab, "node-unreachable", "worker2"):
        done = judged(_look(lab, tmp_path / "alone", "--settle=1"), 6, "worker2: node worker2 cannot be entered")
        assert done.document["unreachable"] == ["worker2"]
        assert done.ids == set()
        with faults.broken(lab, "F15"):
            both = judged(_look(lab, tmp_path / "both", "--settle=0"), 1, "could not be observed: worker2")
            assert {finding["node"] for finding in both.document["findings"]} == {"worker1"}
    judged(_look(lab, tmp_path / "mended"), 0)


def test_fault_that_heals_is_told_as_healed(lab: Lab, tmp_path: Path) -> None:
    faults.inject(lab, "F15")
    first = threading.Event()
    kept = tmp_path / "out"

    def mend() -> None:
        first.wait(30.0)
        faults.undo(lab, "F15")

    thread = threading.Thread(target=mend, name="mend")
    thread.start()
    try:
        first.set()
        done = judged(_look(lab, kept, "--settle=20"), 0)
    finally:
        first.set()
        thread.join()
    assert done.ids == set()
