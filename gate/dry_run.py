"""`--dry-run` and `--print-images`: what a run would make, ask and run, printed; nothing is made and nothing judged."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from fixtures.api import connect, list_cluster
from fixtures.api.namespaces import namespace_labels
from fixtures.deploy.create import find_namespace
from fixtures.deploy.manifests import lease, namespace, owner_of
from fixtures.deploy.plan import objects, plan
from fixtures.errors import ToldError, UsageError
from fixtures.observe import observable
from fixtures.permissions import MAKES_NAMESPACE, OPENSHIFT, asked, reading
from fixtures.preflight import preflight
from fixtures.probe_program import BOOTSTRAP
from gate.choose import choose
from gate.options import read_options
from gate.ways import DEFAULT
from gate.ways.kube import read_settings
from model.cluster import Look
from model.snapshot import Selection
from model.text import printable, printable_lines
from reports.values import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fixtures.api import Api
    from fixtures.deploy.settings import ProbeSettings
    from gate.options import Options
    from model.cluster import Cluster, Node

RUN = "RUN"  # stands for the id that a run gives itself


class _Seen(NamedTuple):
    """What a dry run has read."""

    api: Api
    cluster: Cluster
    nodes: Sequence[Node]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """In place of the whole run, if one of the two is asked for."""
    option = config.option
    if hasattr(config, "workerinput") or not (option.print_images or option.dry_run):
        return None
    try:
        if option.print_images:
            _print(read_settings(config).image_name)
            return int(ExitCode.CONFORMS)
        return _dry(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    except ToldError as error:
        _print(f"ERROR: {error}")
        return int(ExitCode.UNOBSERVED)


def _print(text: str) -> None:
    sys.stdout.write(f"{printable_lines(text)}\n")


def _dry(config: pytest.Config) -> int:
    options = read_options(config)
    if options.replay is not None:
        raise UsageError(
            "--dry-run says what would be done on a cluster: a replay needs none", "Leave one of them out."
        )
    seen = _read(options)
    way = "lab" if config.getoption("--lab") else config.getoption("--reach") or DEFAULT
    if way == "kube":
        _print_objects(seen, read_settings(config), selected=len(seen.nodes) < len(observable(seen.cluster)))
    for line in _lines(way, config, seen):
        _print(line)
    _print("# nothing was made, and nothing judged: a dry run ends with exit code 5")
    return int(ExitCode.NOTHING)


def _read(options: Options) -> _Seen:
    api = connect(options.kubeconfig, options.context)
    cluster = list_cluster(api)
    chosen = choose(options.wanted, Look(cluster, cluster.pods), lambda: namespace_labels(api), Selection())
    names = set(observable(cluster) if chosen.nodes is None else chosen.nodes) & set(observable(cluster))
    return _Seen(api, cluster, [node for node in cluster.nodes if node.name in names])


def _print_objects(seen: _Seen, settings: ProbeSettings, *, selected: bool) -> None:
    import yaml  # type: ignore[import-untyped]  # of the kubernetes client

    made = plan(seen.api, seen.nodes, selected=selected)
    space = namespace(settings, RUN)
    owner = lease(settings, RUN)
    wanted = [
        owner,
        *objects(settings, RUN, made, owner_of({"metadata": owner["metadata"] | {"uid": "UID-OF-THE-JOB"}})),
    ]
    circumstances = [OPENSHIFT] if settings.openshift else []
    if find_namespace(seen.api, settings.namespace) is None:
        wanted.insert(0, space)
        circumstances.append(MAKES_NAMESPACE)
    preflight(seen.api, asked("kube", *circumstances), settings.namespace)
    _print("# what would be made, and removed at the end; RUN stands for the id that a run gives itself")
    for document in wanted:
        plain = json.loads(json.dumps(document))  # what two places share is written out in both
        _print("---\n" + yaml.safe_dump(plain, sort_keys=False, width=120).rstrip())


def _lines(way: str, config: pytest.Config, seen: _Seen) -> Iterator[str]:
    circumstances = [OPENSHIFT] if config.getoption("--openshift") else []
    group = seen.cluster.api_group.partition("/")[0]
    yield "---\n# what is asked of the API"
    for entry in (*reading(), *asked(way, MAKES_NAMESPACE, *circumstances)):
        if entry.group in ("", group) or "projectcalico" not in entry.group:
            yield f"# {'/'.join(entry.verbs)} {entry.resource}{f'.{entry.group}' if entry.group else ''}: {entry.why}"
    yield "# what is run on each node, the program on its standard input"
    program = "ip and birdcl" if way == "calico-node" else " ".join(["python3", *BOOTSTRAP])
    for node in seen.nodes:
        yield f"# {printable(node.name)}: {program}"
