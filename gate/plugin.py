"""The pytest plugin: it observes once, in the controller, and hands each item to its check.

Workers get the snapshot's path and never talk to a cluster: so all of them collect the same items, and any number of
them says the same.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from checks.run import Bench, catalogue
from fixtures.errors import ToldError, UsageError
from gate import items as gate_items
from gate import signals, terminal
from gate.allure_files import AllureFiles
from gate.finish import Controller, give_up, interrupted, prepare_folder, tool_error
from gate.narrow import open_narrowed
from gate.options import Options, add_options, default_out, read_options
from gate.private import forget
from gate.selection import check_selection, name_suite
from gate.source import take
from gate.verdicts import conclude
from model.snapshot import Selection
from model.verdict import Severity
from reports.allure import prepare
from reports.values import Trouble

if TYPE_CHECKING:
    from collections.abc import Generator

    from reports.values import Summary

BENCH = pytest.StashKey[Bench]()
OPTIONS = pytest.StashKey[Options]()
GATHERED = pytest.StashKey[bool]()
ENDING = pytest.StashKey[signals.Ending]()
ALLURE = pytest.StashKey[AllureFiles]()
CONTROLLER = "calico-conformance-controller"


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None]:
    """An option that nobody knows is told in the reports, too; pytest tells it on the terminal right after this."""
    if not _is_worker(early_config):
        name_suite(early_config, args)
    yield
    given, unknown = parser.parse_known_and_unknown_args(args, copy.copy(early_config.option))
    if unknown and not (_is_worker(early_config) or given.help or given.version):
        told = UsageError(f"there is no option {' '.join(unknown)}", "`pytest --help` lists them.")
        give_up(default_out(early_config, given.out), Trouble.USAGE, told)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the options; a worker opens the snapshot that the controller took."""
    terminal.quiet(config)
    config.stash[ALLURE] = AllureFiles()
    config.stash[ALLURE].take_over()
    if _is_worker(config):
        signals.ignore()
        given = config.workerinput  # type: ignore[attr-defined]
        config.stash[OPTIONS] = Options(out=Path(), threshold=Severity(given["threshold"]))
        config.option.allure_report_dir = given["allure"]
        selection = msgspec.json.decode(given["selection"], type=Selection)
        _open(config, Path(given["snapshot"]), selection, gathered=given["gathered"])
    elif not (config.option.help or config.option.version or config.option.showfixtures or config.option.markers):
        try:
            config.stash[OPTIONS] = read_options(config)
            prepare_folder(config.stash[OPTIONS].out)
            terminal.place_allure(config, config.stash[OPTIONS].out)
        except UsageError as error:
            give_up(default_out(config, config.getoption("--out")), Trouble.USAGE, error)
            raise pytest.UsageError(str(error)) from None
        config.stash[ENDING] = signals.Ending(lambda sentence: terminal.teller(config)(sentence))
        config.stash[ENDING].take_over()


def pytest_unconfigure(config: pytest.Config) -> None:
    if ALLURE in config.stash:
        config.stash[ALLURE].give_back()
    if ENDING in config.stash:
        config.stash[ENDING].give_back()


def _open(config: pytest.Config, path: Path, selection: Selection, *, gathered: bool | None) -> Bench:
    catalogue()
    bench = Bench(open_narrowed(path, selection))
    config.stash[BENCH] = bench
    config.stash[GATHERED] = gate_items.by_node(bench, config.stash[OPTIONS].items) if gathered is None else gathered
    return bench


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None]:
    """Observe, before any worker starts."""
    config = session.config
    if _is_worker(config) or OPTIONS not in config.stash:
        return (yield)
    out = config.stash[OPTIONS].out
    try:
        _begin(config)
        return (yield)
    except KeyboardInterrupt:
        terminal.show(config, interrupted(out))
        raise
    except (UsageError, pytest.UsageError) as error:
        give_up(out, Trouble.USAGE, error if isinstance(error, UsageError) else UsageError(str(error)))
        raise pytest.UsageError(str(error)) from None
    except ToldError as error:
        _stop(config, give_up(out, Trouble.UNOBSERVED, error))
    except Exception as error:  # the tool's own fault: told in one line, its traceback kept in a file
        _stop(config, give_up(out, Trouble.TOOL, tool_error(out, error)))


def _begin(config: pytest.Config) -> None:
    check_selection(config)
    options = config.stash[OPTIONS]
    path, selection = take(options, terminal.teller(config))
    forget(os.environ)
    bench = _open(config, path, selection, gathered=None)
    if config.stash[GATHERED]:
        terminal.teller(config)("one item a node: each lists its pods (--items pod for one a pod)")
    planned = gate_items.planned(bench, gathered=config.stash[GATHERED])
    config.pluginmanager.register(Controller(options, path, selection, planned, config.stash[ALLURE]), CONTROLLER)


def _stop(config: pytest.Config, summary: Summary) -> NoReturn:
    terminal.show(config, summary)
    code = int(summary.exit_code)
    raise pytest.exit.Exception(f"no verdict, exit code {code}", returncode=code) from None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The reports are being written: an interrupt comes too late to change them."""
    if _is_worker(session.config):
        session.config.workeroutput["allure"] = session.config.stash[ALLURE].trouble  # type: ignore[attr-defined]
    if ENDING in session.config.stash:
        session.config.stash[ENDING].begin()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """xdist: what a worker needs to judge, and nothing that leads to the cluster."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    controller: Controller = config.pluginmanager.getplugin(CONTROLLER)
    node.workerinput |= {  # type: ignore[attr-defined]
        "snapshot": str(controller.snapshot.absolute()),
        "selection": msgspec.json.encode(controller.selection).decode(),
        "gathered": config.stash[GATHERED],
        "allure": getattr(config.option, "allure_report_dir", None),
        "threshold": str(config.stash[OPTIONS].threshold),
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    check = gate_items.check_of(metafunc.function.__name__)
    if check is None or BENCH not in metafunc.config.stash:
        return
    bench, gathered = metafunc.config.stash[BENCH], metafunc.config.stash[GATHERED]
    subjects = gate_items.subjects(bench, check.scope, gathered=gathered)
    metafunc.parametrize(str(check.scope), subjects, ids=[subject.id for subject in subjects])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Node by node, so that a worker decodes each node's facts once. A check without any subject is no item."""
    items[:] = [item for item in items if _subject(item) or not _declares(item)]
    items.sort(key=lambda item: subject.node if (subject := _subject(item)) else "")


def _declares(item: pytest.Item) -> bool:
    """Whether the item is of a check. pytest makes an item to skip of a function that is given no parameter at all."""
    return isinstance(item, pytest.Function) and gate_items.check_of(item.function.__name__) is not None


def _subject(item: pytest.Item) -> gate_items.Subject | None:
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec else ()
    return next((value for value in values if isinstance(value, gate_items.Subject)), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item):  # type: ignore[no-untyped-def]
    """Give Allure the subject in place of the parameter, before it makes the item's history of it."""
    subject = _subject(item)
    if subject is not None:
        prepare(item.callspec.params, subject.id)  # type: ignore[attr-defined]
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a check: its verdict becomes the item's outcome, and travels to the controller as a property."""
    subject = _subject(pyfuncitem)
    check = gate_items.check_of(pyfuncitem.function.__name__)
    if subject is None or check is None:
        return None
    results = gate_items.run(pyfuncitem.config.stash[BENCH], check, subject)
    conclude(pyfuncitem, check, results, pyfuncitem.config.stash[OPTIONS].threshold)
    return True


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """No letter an item: the report at the end has a line a check."""
    if config.option.verbose > 0 or report.when != "call":
        return None
    return report.outcome, "", ""
