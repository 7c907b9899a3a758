"""The kubeconfig's credentials reach no report, no snapshot and no worker."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import zstandard

from tests.e2e import suite
from tests.e2e.suite import judged, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from lab.state import Lab


def _secrets(kubeconfig: Path) -> list[bytes]:
    """Tokens and certificates, as they are written and as they may be decoded."""
    config = json.loads(kubeconfig.read_text())
    tokens = [user["user"]["token"].encode() for user in config["users"]]
    authority = config["clusters"][0]["cluster"]["certificate-authority-data"].encode()
    inner = b"".join(line for line in base64.b64decode(authority).splitlines() if not line.startswith(b"-----"))
    found = [*tokens, authority, inner]
    return found + [base64.b64encode(token) for token in tokens]


def _unpacked(snapshot: Path) -> bytes:
    with snapshot.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


def test_credentials_reach_no_report_no_snapshot_and_no_worker(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, known = tmp_path / "out", tmp_path / "known"
    proxy = {"https_proxy": "http://me:proxypassword@127.0.0.1:9", "no_proxy": "127.0.0.1", "HTTP_PROXY": "http://p:9"}
    given = suite.environment() | proxy | {"KUBECONFIG": str(lab.kubeconfig)}
    monkeypatch.setattr(suite, "environment", lambda: given)
    where = (f"--kubeconfig={lab.kubeconfig}", "--context=lab", "--reach=lab")
    spy = ("-p", "e2e_trouble", "--trouble=spy", f"--trouble-file={known}")
    done = judged(run(out, *where, "-n2", "-v", *spy), 0)

    workers = list(tmp_path.glob("known.*"))
    assert len(workers) == 2
    unpacked = _unpacked(out / "snapshot.zst")
    assert b"yaobank" in unpacked  # so that a secret would be seen, too
    told = {path.name: path.read_bytes() for path in (*workers, *out.rglob("*")) if path.is_file()}
    assert {"junit.xml", "findings.json", "environment.properties", "trials.pcap"} <= told.keys()
    told |= {"unpacked": unpacked, "said": done.said.encode()}
    secrets = [*_secrets(lab.kubeconfig), b"proxypassword"]
    assert len(secrets) == 7
    assert [name for name, content in told.items() for secret in secrets if secret in content] == []
    for worker in workers:
        environment = json.loads(worker.read_text())["environment"]
        assert "KUBECONFIG" not in environment
        assert environment["HTTP_PROXY"] == "http://p:9"  # so that the others would be seen, too
