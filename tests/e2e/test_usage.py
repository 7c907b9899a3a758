"""A call that cannot be carried out: exit code 4, a sentence that says why and what to do, and red reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.snapshot_format import Writer
from tests.e2e.suite import PROJECT, RECORDINGS, judged, run

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "far", "cluster": {"server": "https://192.0.2.1:6443"}}],
    "users": [{"name": "far", "user": {"token": "t0ken"}}],
    "contexts": [{"name": "far", "context": {"cluster": "far", "user": "far"}}],
    "current-context": "far",
}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("no cluster is named", "--kubeconfig FILE", "make demo", "--replay PATH")),
        (("--no-such-option",), ("unrecognized arguments: --no-such-option",)),
        (("--kubeconfig={}/serverless",), ("leads to no server",)),
        (("--kubeconfig={}/good", "--probe-namespace=Not/One"), ("--probe-namespace takes no 'Not/One'",)),
        (("--kubeconfig={}/good", "--probe-pull-policy=Sometimes"), ("It takes Always or IfNotPresent or Never",)),
        (("--kubeconfig={}/good", "--probe-ready-seconds=soon"), ("takes a number of seconds, above 0, not 'soon'",)),
        (
            ("--kubeconfig={}/good", "--reach=telnet"),
            ("--reach does not know 'telnet'", "It takes kube or calico-node or ssh or lab"),
        ),
        (
            ("--kubeconfig={}/good", "--reach=lab"),
            ("goes with a lab's kubeconfig", "--kubeconfig .lab/NAME/kubeconfig"),
        ),
        (("--kubeconfig={}/good", "--reach=lab", "--context=near"), ("has no context 'near'", "It has: far")),
        (("--kubeconfig={}/nowhere", "--reach=lab"), ("nowhere: no such file", "Name a cluster")),
        (("--kubeconfig={}/torn", "--reach=lab"), ("is not YAML, line",)),
        (("--kubeconfig={}/void", "--reach=lab"), ("is empty or no kubeconfig",)),
        (("--kubeconfig={}/serverless", "--reach=lab"), ("leads to no server", "https://HOST:PORT")),
        (("--lab", "--replay={}/good"), ("goes with no cluster's options",)),
        (("--replay={}/nowhere",), ("nowhere: no such file or folder",)),
        (("--replay={}/folder",), ("not a recording: neither api/*.json nor nodes/<node>/ in it",)),
        (("--replay={}/good",), ("good: ",)),
    ],
)
def test_wrong_call_says_what_to_do(options: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "good").write_text(json.dumps(CONFIG))
    (tmp_path / "torn").write_text("clusters: [\n- {")
    (tmp_path / "void").write_text("")
    (tmp_path / "serverless").write_text(json.dumps({**CONFIG, "clusters": [{"name": "far", "cluster": {}}]}))
    (tmp_path / "folder" / "api").mkdir(parents=True)
    out = tmp_path / "out"
    out.mkdir()
    (out / "junit.xml").write_text("<testsuites/>")  # an earlier run's, green
    judged(run(out, *(option.format(tmp_path) for option in options)), 4, *words)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--settle=-1", "--settle takes a number of seconds, 0 or more, not '-1'"),
        ("--settle=soon", "--settle takes a number of seconds"),
        ("--settle=nan", "--settle takes a number of seconds"),
        ("--parallel=0", "--parallel takes a whole number from 1 on, not '0'"),
        ("--node-seconds=0", "--node-seconds takes a number of seconds, above 0"),
        ("--total-seconds=0", "--total-seconds takes a number of seconds, above 0"),
        ("--nodes=wroker1", "--nodes wroker1 matches none of the 3 nodes"),
        ("--pools=a=b=c", "--pools cannot read 'a=b=c' as a term of a label selector"),
        ("--namespaces=team=a", "a recording holds none of namespaces"),
        ("--sample=few", "--sample takes a number of nodes"),
        ("--packets=all", "--packets does not know 'all'"),
        ("--items=each", "It takes auto or pod or node"),
        ("--threshold=none", "It takes broken or wrong"),
        ("no/such/test.py", "file or directory not found: no/such/test.py"),
        ("-kand", "Wrong expression passed to '-k'"),
        ("-mslow", "Unknown marker(s) in '-m' expression: slow"),
    ],
)
def test_wrong_value_is_told_before_anything_is_read(healthy: str, option: str, words: str, tmp_path: Path) -> None:
    done = judged(run(tmp_path, healthy, option, "-n2"), 4, words)
    assert done.document["header"] is None


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_check_that_does_not_exist_is_a_wrong_call(healthy: str, workers: str, tmp_path: Path) -> None:
    done = judged(run(tmp_path, healthy, "checks/test_bgp.py::test_no_such_check", workers), 4)
    assert "pytest cannot carry out this command line" in done.verdict


def _newer(path: Path) -> None:
    with path.open("wb") as file:
        writer = Writer(file)
        writer.add("header", "", {"format": 99})
        writer.finish()


def test_damaged_snapshot_is_told_and_never_judged(snapshots: Path, tmp_path: Path) -> None:
    whole = (snapshots / "healthy.zst").read_bytes()
    middle = len(whole) // 2
    damaged = {
        "cut.zst": whole[:-100],
        "half.zst": whole[:middle],
        "flipped.zst": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "empty.zst": b"",
        "text.zst": b"not a snapshot at all\n",
        "cut.tar.xz": (RECORDINGS / "noencap.tar.xz").read_bytes()[:5000],
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
    _newer(tmp_path / "newer.zst")
    for name in (*damaged, "newer.zst"):
        done = judged(run(tmp_path / "out", f"--replay={tmp_path / name}"), 4, name)
        assert done.document["results"] == 0, name
    assert "a snapshot of format 99; this version reads up to" in done.said


@pytest.mark.parametrize("place", ["/proc/nothing/here", "/dev/null", "{}/file/below"])
def test_unwritable_reports_folder_is_told_at_once(healthy: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run(Path(place.format(tmp_path)), healthy)
    assert done.code == 4
    assert "the reports cannot be written to" in done.said
    assert "--out DIR" in done.said


def test_record_replaces_a_file_whole_or_not_at_all(snapshots: Path, tmp_path: Path) -> None:
    replay = f"--replay={RECORDINGS / 'noencap.tar.xz'}"
    kept = tmp_path / "kept.zst"
    kept.write_text("an older file")
    judged(run(tmp_path / "out", replay, f"--record={kept}"), 0, str(kept))
    assert kept.read_bytes() == (snapshots / "healthy.zst").read_bytes()
    for place in ("/proc/nothing/kept.zst", str(tmp_path)):
        judged(run(tmp_path / "out", replay, f"--record={place}"), 4, f"{place}: cannot be written")
    judged(run(tmp_path / "out", f"--replay={kept}", f"--record={tmp_path / 'other'}"), 4, "is kept already")
    assert not (tmp_path / "other").exists()


def test_file_options_work_in_both_forms_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "noencap.tar.xz").write_bytes((RECORDINGS / "noencap.tar.xz").read_bytes())
    absolute = str(tmp_path / "noencap.tar.xz")
    for number, (folder, options) in enumerate(
        (
            (PROJECT, ("--replay", absolute)),
            (PROJECT / "docs", ("--replay", absolute)),
            (tmp_path, ("--replay", "noencap.tar.xz")),
            (tmp_path, ("--replay=noencap.tar.xz", "-n2", "-kinterface")),
            (tmp_path, (str(PROJECT), "--replay", "noencap.tar.xz", "-kinterface")),
            (tmp_path, ("-c", str(PROJECT / "pytest.ini"), "--replay", "noencap.tar.xz")),
        )
    ):
        done = judged(run(tmp_path / f"{number}", *options, cwd=folder), 0, "The cluster conforms")
        assert done.document["results"] > 20


def test_help_and_version_ask_for_no_cluster(tmp_path: Path) -> None:
    told = run(tmp_path, "--help")
    assert told.code == 0
    assert "--replay=PATH" in told.said
    assert "--settle=SECONDS" in told.said
    assert run(tmp_path, "--version").code == 0
    assert list(tmp_path.iterdir()) == []


def test_collecting_alone_judges_nothing(healthy: str, tmp_path: Path) -> None:
    done = run(tmp_path, healthy, "--collect-only", "-q")
    assert done.code == 0
    assert "test_node_forwards_packets[worker1]" in done.said
    assert "conforms" not in done.said
    assert not (tmp_path / "junit.xml").exists()


@pytest.mark.parametrize("plugin", ["no:allure_pytest", "no:terminal"])
def test_pytest_without_a_plugin_still_judges(healthy: str, plugin: str, tmp_path: Path) -> None:
    judged(run(tmp_path, healthy, "-p", plugin), 0)
