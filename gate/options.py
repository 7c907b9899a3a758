"""The command line, as a value."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fixtures.errors import UsageError
from gate.choose import Wanted
from gate.patterns import HELP, patterns
from gate.sample import read_sample
from gate.ways import DEFAULT, WAYS
from model.verdict import Severity

if TYPE_CHECKING:
    import pytest

    from gate.ways import Enter  # noqa: TC004  # never decoded: msgspec does not resolve it

LAB_STATE = Path(".lab") / "lab"
LAB_CONTEXT = "lab"
_SETTLE_LAB = 5.0
_SETTLE = 120.0  # Felix refreshes every 90 s
_THRESHOLDS = {"broken": Severity.BROKEN, "wrong": Severity.WRONG}


class Options(msgspec.Struct, frozen=True):
    """What one run is asked to do. Either `replay` is set, or `kubeconfig` (None: the client's own search) and
    `enter`, which makes the way in."""

    out: Path
    replay: Path | None = None
    record: Path | None = None
    anonymise: bool = False
    kubeconfig: Path | None = None
    context: str | None = None
    enter: Enter | None = None
    settle: float = 0.0
    packets: bool = True
    items: str = "auto"
    threshold: Severity = Severity.WRONG
    parallel: int = 32
    node_seconds: float = 60.0
    total_seconds: float = 1800.0
    wanted: Wanted = Wanted()


def add_options(parser: pytest.Parser) -> None:
    """Declare the options. Their values are judged by `read_options`: what argparse refuses comes to no report."""
    group = parser.getgroup("calico-conformance", "which cluster, how to look, what to keep")
    group.addoption(
        "--kubeconfig", metavar="FILE", help="the cluster's kubeconfig (default: KUBECONFIG, ~/.kube/config)"
    )
    group.addoption("--context", metavar="NAME", help="the kubeconfig's context (default: its current one)")
    group.addoption("--reach", metavar="|".join(WAYS), help=f"the way into the nodes (default: {DEFAULT})")
    group.addoption("--lab", action="store_true", help="the embedded lab that is up: its kubeconfig, its way in")
    group.addoption(
        "--replay", metavar="PATH", help="judge a snapshot, or a folder of plain dumps, without any cluster"
    )
    group.addoption("--record", metavar="FILE", help="keep the snapshot of this run in FILE")
    group.addoption(
        "--anonymise",
        action="store_true",
        help="with --record: other names and addresses in FILE, and the same verdict; also of a --replay",
    )
    for option, things in (("--nodes", "look at these nodes only"), ("--namespaces", "judge their pods only")):
        group.addoption(option, metavar="WHICH", action="append", help=f"{things}: {HELP}; repeatable")
    group.addoption(
        "--pools", metavar="WHICH", action="append", help="judge what has addresses of these IP pools only; as --nodes"
    )
    group.addoption(
        "--sample", metavar="N[:SEED]", help="look at N of the nodes, spread over roles, zones and pools by a seed"
    )
    group.addoption(
        "--settle",
        metavar="SECONDS",
        help="look again at what fails until it is certain, at most for so long (120; lab: 5, replay: 0; 0: off)",
    )
    group.addoption(
        "--packets",
        metavar="off|safe",
        default="safe",
        help="drop trials: off, or safe (default): a few packets whose TTL ends at the block's owner",
    )
    group.addoption(
        "--items",
        metavar="auto|pod|node",
        default="auto",
        help="one test item a pod, or one a node (default: auto)",
    )
    group.addoption(
        "--threshold",
        metavar="broken|wrong",
        default="wrong",
        help="what fails the run: broken, or also what is wrong but working (default: wrong)",
    )
    group.addoption("--parallel", default="32", metavar="N", help="how many nodes are looked at at once (default: 32)")
    group.addoption(
        "--node-seconds", default="60", metavar="S", help="how long one node may take to answer (default: 60)"
    )
    group.addoption(
        "--total-seconds",
        default="1800",
        metavar="S",
        help="how long the whole look may take: what is not done by then could not be observed (default: 1800)",
    )
    for way in WAYS.values():
        way.add(group)
    group.addoption("--out", metavar="DIR", help="the reports' folder (default: reports/out)")


def default_out(config: pytest.Config, given: str | None) -> Path:
    """The reports' folder: what --out names, or reports/out in the project."""
    return Path(given) if given else config.rootpath / "reports" / "out"


def read_options(config: pytest.Config) -> Options:
    """The options of this run. UsageError where they contradict each other or name no cluster."""
    get = config.getoption
    settle = _SETTLE_LAB if get("--lab") or get("--reach") == "lab" else _SETTLE
    common = Options(
        out=default_out(config, get("--out")),
        record=Path(get("--record")) if get("--record") else None,
        anonymise=get("--anonymise"),
        settle=_number(get("--settle"), "--settle") if get("--settle") else settle,
        packets=_choice(get("--packets"), "--packets", ("off", "safe")) == "safe",
        items=_choice(get("--items"), "--items", ("auto", "pod", "node")),
        threshold=_THRESHOLDS[_choice(get("--threshold"), "--threshold", tuple(_THRESHOLDS))],
        parallel=_count(get("--parallel"), "--parallel"),
        node_seconds=_number(get("--node-seconds"), "--node-seconds", above=True),
        total_seconds=_number(get("--total-seconds"), "--total-seconds", above=True),
        wanted=Wanted(
            nodes=patterns(get("--nodes") or (), "--nodes"),
            namespaces=patterns(get("--namespaces") or (), "--namespaces"),
            pools=patterns(get("--pools") or (), "--pools"),
            sample=None if get("--sample") is None else read_sample(get("--sample")),
        ),
    )
    if common.anonymise and not common.record:
        raise UsageError("--anonymise is for the file that --record names", "Add --record FILE.")
    named = [name for name in ("--lab", "--replay", "--kubeconfig") if get(name)]
    if get("--replay") and (len(named) > 1 or get("--reach") or get("--context")):
        raise UsageError(
            "--replay judges what was recorded: it goes with no cluster's options", "Leave the others out."
        )
    if get("--replay"):
        return msgspec.structs.replace(common, replay=Path(get("--replay")), settle=0.0)
    if get("--lab"):
        return _lab(config, common, named)
    return _cluster(config, common)


def _choice(text: str, option: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise UsageError(f"{option} does not know {text!r}", f"It takes {' or '.join(allowed)}.")
    return text


def _count(text: str, option: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text)):
        raise UsageError(f"{option} takes a whole number from 1 on, not {text!r}")
    return int(text)


def _number(text: str, option: str, *, above: bool = False) -> float:
    """A number of seconds: 0 or more, or `above` 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0) or (above and not seconds):
        raise UsageError(f"{option} takes a number of seconds, {'above 0' if above else '0 or more'}, not {text!r}")
    return seconds


def _lab(config: pytest.Config, common: Options, named: list[str]) -> Options:
    if len(named) > 1 or config.getoption("--reach") or config.getoption("--context"):
        raise UsageError("--lab names a cluster, a context and a way in by itself", "Leave the other options out.")
    state = config.rootpath / LAB_STATE
    if not (state / "kubeconfig").exists():
        raise UsageError("the lab is not up", "Bring it up with `python -m lab up`, or run `make demo`.")
    kubeconfig = state / "kubeconfig"
    enter = WAYS["lab"].read(config, kubeconfig)
    return msgspec.structs.replace(common, kubeconfig=kubeconfig, context=LAB_CONTEXT, enter=enter)


def _cluster(config: pytest.Config, common: Options) -> Options:
    given = config.getoption("--kubeconfig")
    default = os.environ.get("KUBECONFIG") or ""
    if not given and not any(Path(part).exists() for part in default.split(os.pathsep) if part):
        home = Path.home() / ".kube" / "config"
        if not home.exists():
            raise UsageError(
                "no cluster is named, and there is no current kubeconfig",
                "Name one: `pytest --kubeconfig FILE --context NAME`; try the suite without a cluster, on "
                "the embedded lab: `make demo`; or judge a recording: `pytest --replay PATH`.",
            )
    reach = config.getoption("--reach") or DEFAULT
    kubeconfig = Path(given) if given else None
    enter = WAYS[_choice(reach, "--reach", tuple(WAYS))].read(config, kubeconfig)
    return msgspec.structs.replace(common, kubeconfig=kubeconfig, context=config.getoption("--context"), enter=enter)
