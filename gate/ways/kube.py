"""`--reach kube`: a DaemonSet of the tool's own. The default."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from fixtures.deploy.settings import IMAGE, NAMESPACE, PRIORITY_CLASS, PULL_POLICIES, ProbeSettings, checked
from fixtures.errors import UsageError
from fixtures.reach.kube import KubeReach

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gate.ways import Enter

KEPT_SECONDS = 1800  # how long a probe that is kept lasts without use
SELECTING = ("--nodes", "--sample")


def add(group: pytest.OptionGroup) -> None:
    """As `gate.ways.Way.add`."""
    group.addoption(
        "--probe-namespace",
        metavar="NAME",
        default=NAMESPACE,
        help=f"kube: where the probe's pods run; made if it is not there, and removed then (default: {NAMESPACE})",
    )
    group.addoption(
        "--probe-image", metavar="IMAGE", default=IMAGE, help=f"kube: any image with a python3 (default: {IMAGE})"
    )
    group.addoption("--probe-registry", metavar="HOST[/PATH]", help="kube: the registry in place of the image's")
    group.addoption("--probe-pull-secret", metavar="NAME", help="kube: a Secret of the namespace to pull with")
    group.addoption(
        "--probe-pull-policy",
        metavar="|".join(PULL_POLICIES),
        default="IfNotPresent",
        help="kube: when the image is pulled (default: IfNotPresent)",
    )
    group.addoption(
        "--probe-priority-class",
        metavar="NAME",
        default=PRIORITY_CLASS,
        help=f"kube: the pods' priority class, '' for none (default: {PRIORITY_CLASS})",
    )
    group.addoption(
        "--probe-ready-seconds",
        metavar="S",
        default="120",
        help="kube: how long the pods may take to start (default: 120)",
    )
    group.addoption("--openshift", action="store_true", help="kube: bind the pods to OpenShift's constraint privileged")
    group.addoption(
        "--keep-probe", action="store_true", help="kube: leave the pods for the next run; they end when none comes"
    )
    group.addoption(
        "--print-images", action="store_true", help="print the images that are pulled, a line each, and end"
    )
    group.addoption(
        "--dry-run", action="store_true", help="print what would be made, asked and run; make nothing, judge nothing"
    )


def read(config: pytest.Config, kubeconfig: Path | None) -> Enter:
    """As `gate.ways.Way.read`."""
    settings = read_settings(config)
    selected = any(config.getoption(name, None) for name in SELECTING)
    return lambda api: KubeReach(api, settings, kubeconfig=kubeconfig, selected=selected)


def read_settings(config: pytest.Config) -> ProbeSettings:
    """The options as a value. UsageError: Kubernetes could not take one of them."""

    def text(name: str) -> str:
        return str(config.getoption(name) or "")

    keep = bool(config.getoption("--keep-probe"))
    settings = ProbeSettings(
        namespace=text("--probe-namespace"),
        image=text("--probe-image"),
        registry=text("--probe-registry"),
        pull_secret=text("--probe-pull-secret"),
        pull_policy=text("--probe-pull-policy"),
        priority_class=text("--probe-priority-class"),
        openshift=bool(config.getoption("--openshift")),
        keep=keep,
        packets=text("--packets") != "off",
        ready_seconds=_seconds(text("--probe-ready-seconds")),
    )
    return checked(_kept(settings) if keep else settings)


def _kept(settings: ProbeSettings) -> ProbeSettings:
    return msgspec.structs.replace(settings, idle_seconds=KEPT_SECONDS)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise UsageError(f"--probe-ready-seconds takes a number of seconds, above 0, not {text!r}")
    return seconds
