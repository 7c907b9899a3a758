"""The lab's command line: `python -m lab up | down | status | exec | exec-pod | faults | inject | undo | demo`.

Exit codes: 0 done; 1 it could not be done; 2 wrong usage of the command line; 4 what was named does not exist; 130
interrupted. `exec` and `exec-pod` end with the code of the program that they ran.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import bird, demo, faults, lifecycle, topology
from .processes import MARK, alive
from .state import DEFAULT_NAME, lab
from .tools import SYSTEM_PATH, LabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .state import Lab

FAILED, MISUSED, INTERRUPTED = 1, 4, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; what goes wrong is told in a sentence on standard error. Returns the exit code."""
    arguments, program = _split(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    asked = parser.parse_args(arguments)
    if program and asked.command not in {"exec", "exec-pod"}:
        parser.error(f"{asked.command} runs no program: {' '.join(program)}")
    try:
        return int(asked.work(lab(asked.name), asked, program) or 0)
    except UsageError as error:
        print(f"lab: {error}", file=sys.stderr)
        return MISUSED
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads; the interpreter flushes once more at its end
        return FAILED
    except KeyboardInterrupt:
        print("lab: interrupted; what was made is taken down", file=sys.stderr)
        return INTERRUPTED


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command line before the first `--`, and the program after it."""
    words = list(argv)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="A Calico cluster to look at, on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, work: object, told: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=told, description=told)
        added.add_argument("--name", default=DEFAULT_NAME, help="which lab (default: %(default)s)")
        added.set_defaults(work=work)
        return added

    up = command("up", _up, "Bring the lab up.")
    up.add_argument("--topology", type=Path, default=topology.DEFAULT, metavar="FILE", help="the lab as data (TOML)")
    command("down", _down, "Take the lab down; fine if there is none.")
    command("status", _status, "Show what runs: nodes, sessions, pods, injected faults.")
    exec_node = command("exec", _exec, "Run a program on a node (default: a shell): exec NODE -- PROGRAM …")
    exec_node.add_argument("node")
    exec_pod = command("exec-pod", _exec_pod, "Run a program in a pod's network: exec-pod NAMESPACE/POD -- PROGRAM …")
    exec_pod.add_argument("pod")
    command("faults", _faults, "List the faults that can be injected.")
    for name, work, told in (("inject", _inject, "Break something."), ("undo", _undo, "Mend what was broken.")):
        added = command(name, work, told)
        added.add_argument("fault")
        added.add_argument("--on", metavar="OBJECT", help="the node, pod or block that it strikes")
    command("demo", demo.run, "Bring the lab up, run the suite on it, take it down.")
    return parser


def _up(which: Lab, asked: argparse.Namespace, _: Sequence[str]) -> None:
    try:
        chosen = topology.load(asked.topology)
    except ValueError as error:
        raise UsageError(str(error)) from None
    began = time.monotonic()
    state = lifecycle.up(which, chosen)
    took = time.monotonic() - began
    print(f"lab {which.name!r} is up in {took:.1f} s: {len(state.nodes)} nodes, {len(state.topology.pods)} pods")
    print(f"  kubeconfig  {which.kubeconfig}")


def _down(which: Lab, _: argparse.Namespace, __: Sequence[str]) -> None:
    print(f"lab {which.name!r} is gone" if lifecycle.down(which) else f"no lab {which.name!r} was up")


def _status(which: Lab, _: argparse.Namespace, __: Sequence[str]) -> None:
    state = which.state()
    print(f"lab {which.name!r}, Calico {state.topology.release}")
    print(f"  API server  {'running' if state.api_pid and alive(state.api_pid) else 'not running'}  {which.kubeconfig}")
    for name, node in state.nodes.items():
        try:
            sessions = bird.sessions(which, name)
            told = ", ".join(f"{peer} {'up' if up else 'down'}" for peer, up in sorted(sessions.items()))
        except LabError:
            told = "BIRD does not answer"
        held = "" if alive(node.pid) else " (its keeper is gone: it cannot be entered)"
        print(f"  node {name}  {state.topology.node(name).address}{held}: {told}")
    for pod in state.topology.pods:
        print(f"  pod {pod.key}  {pod.state}  {pod.node or '-'}  {', '.join(pod.addresses) or '-'}")
    for fault, on in faults.injected(which):
        print(f"  fault {fault} on {on}")


def _exec(which: Lab, asked: argparse.Namespace, program: Sequence[str]) -> None:
    node = which.node(asked.node)
    if not alive(node.pid):
        raise LabError(f"node {asked.node} cannot be entered: its keeper is gone")
    _replace(which, ["nsenter", "-t", str(node.pid), "-m", "-n", "--"], program)


def _exec_pod(which: Lab, asked: argparse.Namespace, program: Sequence[str]) -> None:
    """In the pod's network, with its node's files: the names of this machine's namespaces are not to be seen there."""
    ran = which.pod_run(asked.pod)
    node = which.node(ran.node)
    if not alive(ran.pid) or not alive(node.pid):
        raise LabError(f"pod {asked.pod} cannot be entered: its process, or its node's keeper, is gone")
    _replace(which, ["nsenter", "-t", str(node.pid), "-m", f"--net=/proc/{ran.pid}/ns/net", "--"], program)


def _replace(which: Lab, inside: Sequence[str], program: Sequence[str]) -> None:
    """Become the program, which is thereby one of the lab's processes: `down` ends it, too."""
    argv = [*inside, *(program or [os.environ.get("SHELL", "/bin/sh")])]
    sys.stdout.flush()
    found = shutil.which(argv[0], path=SYSTEM_PATH)
    if found is None:
        raise LabError(f"there is no program {argv[0]!r} on this machine: run `make setup`")
    os.execve(found, argv, {**os.environ, "PATH": SYSTEM_PATH, MARK: which.name})


def _faults(_: Lab, __: argparse.Namespace, ___: Sequence[str]) -> None:
    for fault in faults.FAULTS.values():
        print(f"{fault.name:<18} {fault.summary}")


def _inject(which: Lab, asked: argparse.Namespace, _: Sequence[str]) -> None:
    print(f"{asked.fault} injected on {faults.inject(which, asked.fault, asked.on)}")


def _undo(which: Lab, asked: argparse.Namespace, _: Sequence[str]) -> None:
    print(f"{asked.fault} undone on {faults.undo(which, asked.fault, asked.on)}")
