"""The suite on the lab, as a user runs it: healthy passes, also while pods come and go; a lost node is one line."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lab import faults
from lab.api.control import Control
from lab.change import add_pod, remove_pod
from lab.topology import LabPod
from tests.e2e.suite import Run, finished, judged, run, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.state import Lab

RUNS = 5


def _options(lab: Lab) -> tuple[str, ...]:
    return f"--kubeconfig={lab.kubeconfig}", "--context=lab", "--reach=lab"


def _look(lab: Lab, out: Path, *options: str) -> Run:
    return run(out, *_options(lab), *options)


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
    """Pods come and go, one of them with a borrowed address, as IPAM gives them; each is named when it has come."""
    control = Control(lab.directory)
    while not stop.is_set():
        here, borrowed, *_ = control.free_addresses("worker1")
        there = control.free_addresses("worker2")[0]
        pods = (
            LabPod(namespace="churn", name="one", node="worker1", addresses=(here,)),
            LabPod(namespace="churn", name="two", node="worker2", addresses=(there,)),
            LabPod(namespace="churn", name="guest", node="worker2", addresses=(borrowed,)),
        )
        for pod in pods:
            add_pod(lab, pod)
            yield pod.key
        for pod in pods:
            remove_pod(lab, pod.key)


def test_pods_that_come_and_go_are_never_accused(lab: Lab, tmp_path: Path) -> None:
    stop = threading.Event()
    came: list[str] = []
    thread = threading.Thread(target=lambda: came.extend(_churn(lab, stop)), name="churn")
    thread.start()
    try:
        counts = []
        for number in range(RUNS):
            before = len(came)
            done = judged(_look(lab, tmp_path / f"{number}"), 0, "The cluster conforms")
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
    with faults.broken(lab, "F15") as pod:
        process = started(tmp_path, *_options(lab), "--settle=6", "--packets=off")
        assert process.stdout is not None
        said = process.stdout.readline()  # the first look has seen them all
    assert said == b"looked at 3 nodes\n"
    done = judged(finished(process, tmp_path), 0, "looking again in 3 s", "1 finding healed while it was looked at")
    (healed,) = done.document["healed"]
    assert healed["id"].startswith(f"host_interface_answers_arp_and_forwards/worker1/{pod}/")
    assert done.ids == set()
