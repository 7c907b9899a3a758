"""A call that cannot be carried out: exit code 4, a sentence that says why and what to do, and red reports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.dumps import read_dumps
from fixtures.snapshot_format import Writer
from tests.e2e.suite import RECORDINGS, judged, run

if TYPE_CHECKING:
    from pathlib import Path

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
        (("--kubeconfig=config",), ("no way into the nodes is chosen", "--reach lab")),
        (("--kubeconfig=config", "--reach=ssh"), ("--reach does not know 'ssh'", "It takes lab")),
        (("--kubeconfig=config", "--reach=lab"), ("goes with a lab's kubeconfig",)),
        (("--kubeconfig=config", "--reach=lab", "--context=near"), ("has no context 'near'", "It has: far")),
        (("--kubeconfig=nowhere", "--reach=lab"), ("kubeconfig nowhere: no such file",)),
        (("--kubeconfig=torn", "--reach=lab"), ("is not YAML, line",)),
        (("--kubeconfig=void", "--reach=lab"), ("is empty or no kubeconfig",)),
        (("--kubeconfig=serverless", "--reach=lab"), ("leads to no server", "https://HOST:PORT")),
        (("--lab", "--replay=x"), ("goes with no cluster's options",)),
        (("--replay=nowhere",), ("nowhere: no such file or folder",)),
        (("--replay=folder",), ("not a recording: neither api/*.json nor nodes/<node>/ in it",)),
        (("--replay=config",), ("config:",)),
    ],
)
def test_wrong_call_says_what_to_do(options: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "config").write_text(json.dumps(CONFIG))
    (tmp_path / "torn").write_text("clusters: [\n- {")
    (tmp_path / "void").write_text("")
    (tmp_path / "serverless").write_text(json.dumps({**CONFIG, "clusters": [{"name": "far", "cluster": {}}]}))
    (tmp_path / "folder" / "api").mkdir(parents=True)
    before = (tmp_path / "out" / "junit.xml",)
    before[0].parent.mkdir()
    before[0].write_text("<testsuites/>")  # an earlier run's, green
    judged(run(tmp_path / "out", *options, cwd=tmp_path, env={"PYTEST_ADDOPTS": PROJECT_INI}), 4, *words)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--settle=-1", "--settle takes a number of seconds, 0 or more, not '-1'"),
        ("--settle=soon", "--settle takes a number of seconds"),
        ("--settle=nan", "--settle takes a number of seconds"),
        ("--parallel=0", "--parallel takes a whole number from 1 on, not '0'"),
        ("--node-seconds=0", "--node-seconds takes a number of seconds, above 0"),
        ("--packets=all", "--packets does not know 'all'"),
        ("--items=each", "It takes auto or pod or node"),
        ("--threshold=none", "It takes broken or wrong"),
        ("no/such/test.py", "file or directory not found: no/such/test.py"),
        ("-kand", "Wrong expression passed to '-k'"),
        ("-mslow", "Unknown marker(s) in '-m' expression: slow"),
    ],
)
@pytest.mark.parametrize("workers", ["-n0"])
def test_wrong_value_is_told_before_anything_is_read(
    healthy: str, option: str, words: str, workers: str, tmp_path: Path
) -> None:
    done = judged(run(tmp_path, healthy, option, workers), 4, words)
    assert not (tmp_path / "snapshot.zst").exists()
    assert done.document["header"] is None
