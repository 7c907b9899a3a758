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
from fixtures.permissions import BY_LABEL, MAKES_NAMESPACE, OPENSHIFT, NotAllowedError, asked, reading
from fixtures.probe_program import BOOTSTRAP
from gate.choose import choose
from gate.options import read_options
from gate.rights import whole
from gate.ways.kube import read_settings
from model.cluster import Look
from model.snapshot import Selection
from model.text import printable, printable_lines
from reports.values import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fixtures.api import Api
    from fixtures.deploy.settings import ProbeSettings
    from fixtures.reach.protocol import Reach
    from gate.options import Options
    from model.cluster import Cluster, Node

_PROBE = " ".join(["python3", *BOOTSTRAP])
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
    api = connect(options.kubeconfig, options.context)
    assert options.enter is not None  # there is no kubeconfig without a way in
    reach = options.enter(api)
    try:
        seen = _read(options, api, reach)
        if reach.name == "kube":
            _may(api, reach)
            _print_objects(seen, read_settings(config), selected=len(seen.nodes) < len(observable(seen.cluster)))
        else:
            reach.open(seen.nodes, lambda sentence: _print(f"# {sentence}"))  # which makes nothing in the other ways
        for line in (*_asked(reach.name, config, seen), *_run(reach, seen)):
            _print(line)
    finally:
        reach.close()
    _print("# nothing was made, and nothing judged: a dry run ends with exit code 5")
    return int(ExitCode.NOTHING)


def _may(api: Api, reach: Reach) -> None:
    lacking = reach.lacking()
    if any(one.entries for one in lacking):
        raise NotAllowedError(api.context_name, *lacking)


def _read(options: Options, api: Api, reach: Reach) -> _Seen:
    try:
        cluster = list_cluster(api)
    except NotAllowedError as error:
        raise whole(error, api, reach, options.wanted) from None
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
    if find_namespace(seen.api, settings.namespace) is None:
        wanted.insert(0, space)
    _print("# what would be made, and removed at the end; RUN stands for the id that a run gives itself")
    for document in wanted:
        plain = json.loads(json.dumps(document))  # what two places share is written out in both
        _print("---\n" + yaml.safe_dump(plain, sort_keys=False, width=120).rstrip())


def _asked(way: str, config: pytest.Config, seen: _Seen) -> Iterator[str]:
    circumstances = [OPENSHIFT] if config.getoption("--openshift") else []
    labels = read_options(config).wanted.by_namespace_labels
    group = seen.cluster.api_group.partition("/")[0]
    yield "---\n# what is asked of the API"
    for entry in (*reading(), *asked(way, MAKES_NAMESPACE, *circumstances)):
        if (entry.when != BY_LABEL or labels) and (entry.group == group or "projectcalico" not in entry.group):
            yield f"# {'/'.join(entry.verbs)} {entry.resource}{f'.{entry.group}' if entry.group else ''}: {entry.why}"


def _run(reach: Reach, seen: _Seen) -> Iterator[str]:
    from fixtures.reach.calico_node import CalicoNodeReach  # late: only two ways in need them
    from fixtures.reach.calico_node_script import SCRIPT
    from fixtures.reach.ssh import SshReach

    scripted = isinstance(reach, CalicoNodeReach)
    yield f"# what is run on each node, {'this script' if scripted else 'the probe'} on its standard input"
    for node in seen.nodes:
        shown = reach.shown(node.name) if isinstance(reach, CalicoNodeReach | SshReach) else _PROBE
        yield f"# {printable(node.name)}: {printable(shown)}"
    if scripted:
        yield from (f"#   {line}".rstrip() for line in SCRIPT.strip().splitlines())
