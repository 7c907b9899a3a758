"""Runs the suite as a user does, and reads what it leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
RECORDINGS = PROJECT / "tests" / "recordings"
PLUGINS = Path(__file__).with_name("plugins")
SECONDS = 90.0
TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^\s*File \"[^\"]+\", line \d+", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One run that has ended: its exit code, everything it said, and its reports' folder."""

    code: int
    said: str
    out: Path

    @property
    def junit(self) -> ET.Element:
        return ET.fromstring((self.out / "junit.xml").read_bytes())

    @property
    def red(self) -> bool:
        """Whether CI shows the JUnit file as failed."""
        return self.junit.find(".//failure") is not None or self.junit.find(".//error") is not None

    @property
    def findings_bytes(self) -> bytes:
        return (self.out / "findings.json").read_bytes()

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.findings_bytes)
        return document

    @property
    def ids(self) -> set[str]:
        """The findings' ids."""
        return {finding["id"] for finding in self.document["findings"]}

    @property
    def verdict(self) -> str:
        return str(self.document["verdict"])


def environment() -> dict[str, str]:
    """A user's environment in which no cluster is named, and nothing of this test run is inherited."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {"PYTHONPATH": str(PLUGINS), "HOME": "/nonexistent", "COLUMNS": "120"}


def unprintable(text: str) -> set[str]:
    """The characters but line ends that a terminal does not show as they are: controls, overrides, surrogates."""
    return {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}} - {"\n"}


def run(out: Path, *args: str | Path, cwd: Path = PROJECT) -> Run:
    """Run the suite with these arguments and `--out`, to its end."""
    return finished(started(out, *args, cwd=cwd), out)


def started(out: Path, *args: str | Path, cwd: Path = PROJECT) -> subprocess.Popen[bytes]:
    """Start such a run, in a session of its own; both outputs come by one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *map(str, args), f"--out={out}"],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[bytes], out: Path) -> Run:
    """Wait for the end. Whatever it was, the user has seen no traceback, and the files agree with the exit code."""
    try:
        said = process.communicate(timeout=SECONDS)[0].decode()
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    done = Run(process.returncode, said, out)
    assert not TRACEBACK.search(said), said
    return done


def judged(done: Run, code: int, *words: str) -> Run:
    """Assert exit code and words, and that every report says the same: JUnit is red exactly where the code is not 0."""
    assert done.code == code, done.said
    for text in words:
        assert text in done.said, done.said
    assert done.document["exit_code"] == code
    assert done.red == (code != 0)
    return done
