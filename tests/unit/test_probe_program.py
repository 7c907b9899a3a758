"""The probe as one text: Python 3.6, modules that do not get in each other's way, and any request as data."""

from __future__ import annotations

import ast
import builtins
import os
import subprocess
import sys
import zlib
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from fixtures.errors import UnreachableError
from fixtures.probe_program import BOOTSTRAP, FACTS, FOLDER, modules, payload, program
from fixtures.probe_reply import frames, node_facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model.node import NodeFacts

ALL = modules({"do": "watch"})
HOSTILE = 'it\'s "a" \\ $(id) `id` %s {x}\n\'\'\'"""\u2028\U0001f600'


def run(request: Mapping[str, object], *before: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *BOOTSTRAP], input=b"".join(before) + payload(request), check=False, capture_output=True
    )


def observe(request: Mapping[str, object]) -> NodeFacts:
    done = run({"do": "observe", **request})
    assert (done.returncode, done.stderr) == (0, b"")
    return node_facts(str(request.get("node", "")), [done.stdout])


def test_every_module_is_in_the_program() -> None:
    assert set(ALL) == {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}


def test_the_program_is_python_3_6() -> None:
    ast.parse(program(ALL), feature_version=(3, 6))
    for name in ALL:
        ast.parse((FOLDER / f"{name}.py").read_text(), feature_version=(3, 6))


def test_no_name_is_defined_twice() -> None:
    """The modules share one set of names once they are joined."""
    found: Counter[str] = Counter()
    for name in ALL:
        names: set[str] = set()
        for node in ast.parse(program((name,))).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names |= {leaf.id for target in node.targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
        found.update(names - {"READERS", "EXTRAS", "HANDLERS"} if name != "main" else names)
    assert {name for name, count in found.items() if count > 1} == set()


@pytest.mark.parametrize(
    "request_",
    [{"do": "observe"}, {"do": "watch"}, *({"do": "observe", "facts": [fact]} for fact in FACTS)],
    ids=lambda request: "-".join([str(request["do"]), *request.get("facts", ())]),
)
def test_every_name_is_defined(request_: dict[str, object]) -> None:
    """What a request leaves out is not needed by what it takes along."""
    tree = ast.parse(program(modules(request_)))
    defined = set(dir(builtins)) | {"__name__", "__doc__"}
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            defined.add(node.name)
        elif isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
    assert used - defined == set()


def test_only_the_standard_library_is_imported() -> None:
    imported = set()
    for node in ast.walk(ast.parse(program(ALL))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert imported <= sys.stdlib_module_names
    assert "typing" not in imported


def test_no_docstring_and_no_annotation_travels() -> None:
    assert '"""' not in program(ALL)
    assert not any(
        (isinstance(node, ast.arg) and node.annotation) or (isinstance(node, ast.FunctionDef) and node.returns)
        for node in ast.walk(ast.parse(program(ALL)))
    )


def test_an_import_that_cannot_be_joined_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.probe_program.FOLDER", tmp_path)
    for text in ("from . import links\n", "from .links import Names as N\n", "from ..errors import ToldError\n"):
        (tmp_path / "bad.py").write_text(text)
        program.cache_clear()
        with pytest.raises(ValueError, match=r"bad\.py line 1"):
            program(("bad",))
    program.cache_clear()


def test_no_data_is_in_the_command_line() -> None:
    first, second = payload({"do": "observe", "node": "a"}), payload({"do": "observe", "node": HOSTILE})
    assert first != second
    assert all(isinstance(word, str) and word.isascii() for word in BOOTSTRAP)
    length, _, body = second.partition(b"\n")
    assert int(length) == len(body)
    assert zlib.decompress(body).endswith(b"})\n")


@pytest.mark.parametrize("request_", [{"node": float("nan")}, {"node": b"x"}, {"node": object()}])
def test_a_request_that_is_no_json_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        payload(request_)


def test_a_hostile_node_name_comes_back_as_it_went() -> None:
    facts = observe({"node": HOSTILE, "facts": ["addresses"]})
    assert facts.name == HOSTILE
    assert facts.host.link("lo") is not None


def test_the_answer_comes_while_standard_input_stays_open() -> None:
    with subprocess.Popen([sys.executable, *BOOTSTRAP], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(payload({"do": "observe", "node": "n", "facts": ["addresses"]}))
        process.stdin.flush()
        chunks = iter(partial(os.read, process.stdout.fileno(), 4096), b"")
        assert node_facts("n", chunks).host.links


def test_an_unknown_request_is_refused_with_its_name() -> None:
    with pytest.raises(UnreachableError, match="cannot do 'dance'"):
        list(frames([run({"do": "dance"}).stdout]))


def test_a_failure_inside_the_probe_is_told() -> None:
    with pytest.raises(UnreachableError, match="the probe failed: ValueError"):
        list(frames([run({"do": "observe", "bird": [["four", "/x"]]}).stdout]))


def test_a_program_that_arrives_cut_says_so_and_answers_nothing() -> None:
    whole = payload({"do": "observe"})
    done = subprocess.run(
        [sys.executable, *BOOTSTRAP], input=whole[: len(whole) // 2], check=False, capture_output=True
    )
    assert done.returncode == 1
    assert b"zlib.error" in done.stderr
    assert done.stdout == b""


def test_it_ends_quietly_when_nobody_listens() -> None:
    with subprocess.Popen(
        [sys.executable, *BOOTSTRAP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(payload({"do": "observe"}))
        process.stdin.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""


def test_it_ends_by_itself() -> None:
    """`seconds` of the request is the program's own limit: SIGALRM ends it, whatever it waits for."""
    from fixtures.probe import main

    assert main.SECONDS > 0
    text = payload({"do": "wait", "seconds": 1})
    waiting = zlib.decompress(text.partition(b"\n")[2]).replace(
        b"main({", b"HANDLERS['wait'] = lambda *_: os.read(0, 1)\nmain({"
    )
    packed = zlib.compress(waiting)
    with subprocess.Popen([sys.executable, *BOOTSTRAP], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"%d\n" % len(packed) + packed)
        process.stdin.flush()
        assert process.wait(30) == -14


def test_what_cannot_be_read_is_a_problem_and_not_an_exception() -> None:
    facts = observe(
        {
            "node": "n",
            "bird": [["4", "/nonexistent/bird.ctl"]],
            "cni_dir": "/nonexistent",
            "mtu_file": "/nonexistent/mtu",
        }
    )
    told = {(problem.fact, problem.where) for problem in facts.problems}
    assert told >= {("bird", "/nonexistent/bird.ctl"), ("cni_config", "/nonexistent"), ("mtu_file", "/nonexistent/mtu")}
    assert (facts.birds, facts.cni_config, facts.mtu_file) == ((), None, None)
    assert facts.boot_time is not None
    assert facts.kernel
    assert facts.finished >= facts.started > facts.boot_time
