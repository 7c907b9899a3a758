"""An API that refuses or does not answer: exit code 6, the cause and its remedy, and nothing that looks like a pass."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from lab.api.trouble import Trouble
from lab.tools import wait_until
from tests.e2e.suite import PROJECT, Run, finished, judged, run, started, unprintable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.api.control import Control


def _look(api: Control, out: Path, *options: str) -> Run:
    """A run against the server, whose nodes nobody can enter."""
    return run(out, f"--kubeconfig={api.state_dir / 'kubeconfig'}", "--reach=lab", "--settle=0", *options)


def _altered(api: Control, to: Path, alter: Callable[[dict[str, Any]], object]) -> Path:
    """The server's kubeconfig, altered, beside a lab's state."""
    config = json.loads((api.state_dir / "kubeconfig").read_text())
    alter(config)
    (to / "kubeconfig").write_text(json.dumps(config))
    (to / "state.json").write_text((api.state_dir / "state.json").read_text())
    return to / "kubeconfig"


def test_forbidden_lists_are_named_with_the_rules_to_add(api: Control, tmp_path: Path) -> None:
    api.deny("", "pods")
    api.deny("crd.projectcalico.org", "ipamblocks")
    done = judged(_look(api, tmp_path, "--context=lab-restricted"), 6, "not allowed to list pods, ipamblocks")
    problem = done.document["problem"]
    assert problem["trouble"] == "could not be observed"
    for rule in (
        '- {apiGroups: [""], resources: ["pods"], verbs: ["list"]}',
        '- {apiGroups: ["crd.projectcalico.org"], resources: ["ipamblocks"], verbs: ["list"]}',
    ):
        assert rule in problem["remedy"]
    assert done.document["findings"] == []


def test_rejected_credentials_are_told(api: Control, tmp_path: Path) -> None:
    kubeconfig = _altered(
        api, tmp_path, lambda config: [user["user"].update(token="stale") for user in config["users"]]
    )
    done = run(tmp_path / "out", f"--kubeconfig={kubeconfig}", "--context=lab", "--reach=lab")
    judged(done, 6, "does not accept the credentials (401)", "Log in again")


def test_answers_that_are_none_are_told(api: Control, tmp_path: Path) -> None:
    api.trouble(Trouble("garbage", times=0))
    judged(_look(api, tmp_path), 6, "was answered with something else than a list of resources")


def test_api_that_does_not_answer_is_told(api: Control, tmp_path: Path) -> None:
    def away(config: dict[str, Any]) -> None:
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"

    kubeconfig = _altered(api, tmp_path, away)
    done = run(tmp_path / "out", f"--kubeconfig={kubeconfig}", "--reach=lab")
    judged(done, 6, "https://127.0.0.1:1 gave no answer", "5 attempts: Connection refused", "kubectl get --raw /readyz")


def test_nodes_that_cannot_be_entered_are_each_one_line(api: Control, tmp_path: Path) -> None:
    done = judged(_look(api, tmp_path, "-n2"), 6, "looked at 3 nodes, of which 3 could not be observed")
    assert done.document["unreachable"] == ["host1", "worker1", "worker2"]
    assert [gap["node"] for gap in done.document["unobserved"]] == ["host1", "worker1", "worker2"]
    assert done.document["findings"] == []
    assert done.document["results"] == done.document["planned"]


def test_hostile_node_name_is_shown_and_nothing_more(api: Control, tmp_path: Path) -> None:
    trap = PROJECT / "e2e-trap"  # without a slash: the run's folder is the project
    name = "w 'x' $(touch e2e-trap)`touch e2e-trap`\x1b[31m\n; touch e2e-trap"
    node = api.get("nodes", "worker2")
    api.create({**node, "metadata": {**node["metadata"], "name": name, "uid": "evil"}})
    try:
        done = judged(_look(api, tmp_path / "out"), 6)
    finally:
        api.delete("nodes", name)
    assert not trap.exists()
    assert len(done.document["unreachable"]) == 4
    assert not unprintable(done.said)


def test_interrupt_while_it_observes_is_told_in_every_report(api: Control, tmp_path: Path) -> None:
    api.trouble(Trouble("delay", path="*/pods", times=0, seconds=3.0))
    seen = len(api.served())
    kubeconfig = f"--kubeconfig={api.state_dir / 'kubeconfig'}"
    process = started(tmp_path, kubeconfig, "--context=lab", "--reach=lab")
    wait_until("the first lists", lambda: len(api.served()) > seen + 3, 30.0)
    process.send_signal(signal.SIGTERM)
    done = judged(
        finished(process, tmp_path), 2, "SIGTERM: ending in good order", "Interrupted, so there is no verdict"
    )
    assert done.document["interrupted"]


def test_unwritable_record_is_told_before_the_look(api: Control, tmp_path: Path) -> None:
    done = judged(_look(api, tmp_path, "--record=/proc/nothing/kept.zst"), 4, "is no folder that can be written to")
    assert "looked at" not in done.said
