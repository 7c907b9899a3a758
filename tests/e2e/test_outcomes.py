"""What a cluster is like decides the exit code, and every report says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e import variations
from tests.e2e.suite import judged, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POD_ROUTE = "nothing_else_diverts_the_pods_traffic/worker1/yaobank/customer-567d7d75c-gbwlx/10.0.0.0/8"
LEFT_LINK = "every_pod_interface_belongs_to_a_pod/worker1/cali0123456789a"


@pytest.mark.parametrize(
    ("edit", "options", "code", "ids", "words"),
    [
        (variations.wrong_but_working, (), 1, {POD_ROUTE}, ("does not conform: 1 finding (1 wrong but working)",)),
        (
            variations.wrong_but_working,
            ("--threshold=broken",),
            0,
            {POD_ROUTE},
            ("The cluster conforms", "1 finding (1 wrong but working)", "1 finding of no weight"),
        ),
        (
            variations.housekeeping,
            (),
            0,
            {LEFT_LINK},
            ("The cluster conforms", "1 finding (1 housekeeping)", "cali0123456789a is not expected"),
        ),
        (
            variations.node_missing,
            (),
            6,
            set(),
            ("Nothing wrong was seen", "worker3: the recording has no folder nodes/worker3"),
        ),
        (variations.node_missing_and_wrong, (), 1, {POD_ROUTE}, ("could not be observed: worker3",)),
        (variations.empty, (), 5, set(), ("There was nothing to examine",)),
    ],
)
def test_what_the_cluster_is_like_decides(
    edit: Callable[[Path], None],
    options: tuple[str, ...],
    code: int,
    ids: set[str],
    words: tuple[str, ...],
    tmp_path: Path,
) -> None:
    folder = variations.unpacked(tmp_path)
    edit(folder)
    done = judged(run(tmp_path / "out", f"--replay={folder}", *options), code, *words)
    assert done.ids == ids


def test_missing_node_is_one_line_and_no_other_nodes_trouble(tmp_path: Path) -> None:
    folder = variations.unpacked(tmp_path)
    variations.node_missing(folder)
    done = judged(run(tmp_path / "out", f"--replay={folder}", "-n2"), 6)
    assert done.document["unreachable"] == ["worker3"]
    assert [gap["node"] for gap in done.document["unobserved"]] == ["worker3"]
    assert sum(line.startswith("  worker3: ") for line in done.said.splitlines()) == 1
    counts = done.document["checks"]
    assert [check["check"] for check in counts if check["unobserved"]] == ["every_node_was_observed"]
    assert not any(check["failed"] for check in counts)


def test_selection_is_counted_and_changes_no_exit_code(healthy: str, faulty: str, tmp_path: Path) -> None:
    whole = len(run(tmp_path / "whole", healthy, "--collect-only", "-q").said.split("\n\n")[0].splitlines())
    for number, selected in enumerate((("-k", "forwards_packets"), ("checks/test_forwarding.py", "-n2"))):
        done = judged(run(tmp_path / f"{number}", healthy, *selected), 0, f"{whole - 3} of {whole} items were left out")
        assert done.document["results"] == 3
    judged(run(tmp_path / "right", faulty, "-k", "sessions"), 1, "were left out by the selection")
    judged(run(tmp_path / "elsewhere", faulty, "-k", "forwards_packets"), 0, "were left out by the selection")
    judged(run(tmp_path / "nothing", healthy, "-k", "no_such_check"), 5, f"{whole} of {whole} items were left out")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_stopping_at_the_first_failure_is_a_failure(faulty: str, workers: str, tmp_path: Path) -> None:
    done = judged(run(tmp_path, faulty, "-x", workers), 1, "asked to stop at the first failures")
    assert done.ids
