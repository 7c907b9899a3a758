"""What a cluster's objects, files and errors hold of secrets reaches no snapshot, plain or anonymised."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from msgspec import structs

from fixtures.dumps import read_dumps
from fixtures.redact import kept_sysctls, redact_users
from fixtures.snapshot_file import write_snapshot
from gate.anonymise import Anonymised
from model.node import Absent, Problem
from model.snapshot import NodeRecord, Snapshot
from model.trial import Untried

if TYPE_CHECKING:
    from model.snapshot import Observation

RECORDING = Path(__file__).parents[1] / "recordings" / "labelled" / "base-borrow.tar.xz"
MARK = "cAnArY"  # in everything that must not be there
TOKEN = f"eyJ{MARK}IUzI1NiJ9.eyJ{MARK}.c2ln"

METADATA: dict[str, Any] = {
    "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": f'{{"env": "{MARK}"}}',
        "acme.com/owner": f"{MARK}@acme.com",
    },
    "managedFields": [{"manager": MARK, "fieldsV1": {f"f:{MARK}": {}}}],
    "finalizers": [MARK],
}
POD: dict[str, Any] = {
    "serviceAccountName": MARK,
    "imagePullSecrets": [{"name": MARK}],
    "hostname": MARK,
    "volumes": [{"name": "v", "secret": {"secretName": MARK}, "hostPath": {"path": f"/home/{MARK}"}}],
}
CONTAINER: dict[str, Any] = {
    "name": MARK,
    "command": ["sh", "-c", MARK],
    "args": [f"--token={MARK}"],
    "env": [{"name": "DB_PASSWORD", "value": MARK}, {"name": MARK, "valueFrom": {"secretKeyRef": {"name": MARK}}}],
    "envFrom": [{"secretRef": {"name": MARK}}],
    "volumeMounts": [{"mountPath": f"/{MARK}"}],
}
CNI: dict[str, Any] = {
    "etcd_key": MARK,
    "etcd_endpoints": f"https://root:{MARK}@10.0.0.1:2379",
    "kubernetes": {"kubeconfig": f"/home/{MARK}/.kube/config", "k8s_auth_token": TOKEN},
    "policy": {"type": "k8s", "k8s_auth_token": TOKEN},
    "log_file_path": f"/{MARK}.log",
}
SYSCTLS = {"kernel.hostname": MARK, "net.ipv6.conf.all.stable_secret": f"fd00::{MARK}", "kernel.domainname": MARK}
SPECS: dict[str, dict[str, Any]] = {
    "bgppeers": {"peerIP": "10.0.0.254", "asNumber": 64999, "password": MARK, "authToken": TOKEN},
    "felixconfigurations": {"prometheusPassword": MARK, "usageReportingURL": f"https://me:{MARK}@acme.com/"},
    "bgpconfigurations": {"nodeMeshPassword": {"value": MARK}},
}


def planted(tmp_path: Path) -> Path:
    """A recording's folder with the mark in every place where a cluster has something to hide."""
    folder = tmp_path / "recording"
    with tarfile.open(RECORDING) as tar:
        tar.extractall(folder, filter="data")
    root = next(path.parent.parent for path in folder.rglob("api/pods.json"))
    for path in (root / "api").glob("*.json"):
        listed = json.loads(path.read_text())
        if path.stem == "bgppeers":
            listed["items"] = [{"metadata": {"name": "tor"}, "spec": {}}]
        for item in listed.get("items") or []:
            _plant(path.stem.removesuffix("-after"), item)
        path.write_text(json.dumps(listed))
    for path in root.glob("nodes/*/cni.conflist"):
        conf = json.loads(path.read_text())
        conf.update(CNI)
        conf["plugins"][0].update(CNI)
        path.write_text(json.dumps(conf))
    for path in root.glob("nodes/*/sysctl.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | SYSCTLS))
    (root / "kubeconfig").write_text(MARK)
    meta = json.loads((root / "meta.json").read_text())
    (root / "meta.json").write_text(json.dumps(meta | {"user": MARK, "kubeconfig": f"/home/{MARK}/.kube/config"}))
    return root


def _plant(plural: str, item: dict[str, Any]) -> None:
    metadata = item["metadata"]
    metadata["annotations"] = metadata.get("annotations", {}) | METADATA["annotations"]
    metadata.update({key: value for key, value in METADATA.items() if key != "annotations"})
    if plural == "pods":
        item["spec"].update(POD)
        for container in item["spec"].setdefault("containers", []):
            container.update(CONTAINER)
    if plural in SPECS:
        item["spec"] = item.get("spec", {}) | SPECS[plural]


def spoken(snapshot: Snapshot) -> Snapshot:
    """The snapshot with reasons that quote what ssh, an API server and a proxy said."""
    said = f"ssh: {MARK}@bastion: denied; /home/{MARK}/.ssh/id: bad; Bearer {MARK}1234; via http://u:{MARK}@proxy:3128"
    said += f'; User "{MARK}" cannot list; token={MARK}; -----BEGIN RSA PRIVATE KEY-----\n{MARK}'
    look = snapshot.looks[0]
    name, facts = next(iter(snapshot.node_facts.items()))
    return structs.replace(
        snapshot,
        looks=(structs.replace(look, before=structs.replace(look.before, unlisted={"bgpfilters": said})),),
        nodes=(*snapshot.nodes, NodeRecord("gone", 0, Absent("gone", said, said))),
        node_facts=snapshot.node_facts | {name: structs.replace(facts, problems=(Problem("bird", said),))},
        trials=structs.replace(snapshot.trials, reason=said, untried=(Untried("10.48.0.0/26", name, said),)),
    )


def unpacked(path: Path, observation: Observation) -> str:
    write_snapshot(path, observation)
    raw = path.read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw), read_across_frames=True).read().decode()


def test_what_is_planted_everywhere_is_in_no_snapshot(tmp_path: Path) -> None:
    root = planted(tmp_path)
    assert sum(MARK in path.read_text() for path in root.rglob("*") if path.is_file()) > 15
    snapshot = spoken(read_dumps(root))
    plain = unpacked(tmp_path / "plain.zst", snapshot)
    other = unpacked(tmp_path / "other.zst", Anonymised(snapshot))
    assert "worker1" in plain  # so that the mark would be seen, too
    assert "node-1" in other
    assert "10.0.0.254" in plain
    assert "acme.com" not in other
    for text in (plain, other):
        found = [text[at.start() - 60 : at.end() + 10] for at in re.finditer(MARK, text, re.IGNORECASE)]
        assert found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane@10.0.0.11 accepts none of this user's keys", "(removed)@10.0.0.11 accepts none of this user's keys"),
        ("/home/jane/.ssh/config: line 3", "/home/(removed)/.ssh/config: line 3"),
        ('User "jane" cannot list', 'User "(removed)" cannot list'),
        ("/var/run/calico/bird.ctl: no such file", "/var/run/calico/bird.ctl: no such file"),
        ("password=hunter22", "password=(removed)"),
    ],
)
def test_reasons_name_no_user(text: str, expected: str) -> None:
    assert redact_users(text) == expected


def test_only_the_networks_numbers_of_the_sysctls_are_kept() -> None:
    numbers = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_local_port_range": "32768\t60999"}
    assert kept_sysctls(numbers | SYSCTLS) == numbers
