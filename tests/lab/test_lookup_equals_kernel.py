"""The suite's lookup says what `ip route get` says, on every node of every lab, for packets of every origin."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from checks.flows import flows_to
from checks.run import Bench
from expect.fib import Flow
from lab import faults
from lab.tools import SYSTEM_PATH
from model import ip, net
from tests.lab.looking import look
from tests.lab.topology_cases import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checks.cases import NodeCase
    from lab.state import Lab

pytestmark = pytest.mark.root

Answer = tuple[str, str | None, str | None]  # the type, or the kernel's refusal; gateway; interface

REFUSALS = {net.BLACKHOLE: "Invalid argument", net.UNREACHABLE: "No route to host", net.PROHIBIT: "Permission denied"}
# Faults that give the lookup something to decide: by lab, which ones.
DECISIVE = {
    "seed": ("F3", "F23-rule", "F28", "drop-unreachable", "drop-prohibit", "F42"),
    "metrics": ("F23", "F29"),
    "v6only": ("F44", "F39@fd00:10:48::80/122", "F28@fd00:10:48::40/122"),
    "pools": ("F44",),
    "vxlan": ("F41", "F51"),
}


def _kernel(netns: str, flows: list[Flow]) -> list[Answer]:
    """What the kernel answers, all in one process; a refusal is told apart by the number of its line."""
    lines = [
        f"route get {flow.dst}{f' from {flow.src}' if flow.src else ''}{f' iif {flow.iif}' if flow.iif else ''}"
        for flow in flows
    ]
    argv = ["ip", "-n", netns, "-j", "-force", "-batch", "-"]
    done = subprocess.run(
        argv, input="\n".join(lines), capture_output=True, text=True, check=False, env={"PATH": SYSTEM_PATH}
    )
    refused = {
        int(number): text
        for text, number in re.findall(r"RTNETLINK answers: (.*)\nCommand failed -:(\d+)", done.stderr)
    }
    told = iter(json.loads(line)[0] for line in done.stdout.splitlines() if line.strip())
    answers: list[Answer] = []
    for number in range(1, len(flows) + 1):
        if number in refused:
            answers.append((refused[number], None, None))
        else:
            found = next(told)
            kind = found.get("type", "unicast")
            answers.append((kind, found.get("gateway"), found["dev"]) if kind == "unicast" else (kind, None, None))
    assert next(told, None) is None
    return answers


def _suite(node: NodeCase, flow: Flow) -> set[Answer]:
    """What the suite's lookup allows: one answer, or one for each next hop."""
    route = node.fib.lookup(flow)
    if route is None:
        return {("Network is unreachable", None, None), ("No route to host", None, None)}
    if route.type in REFUSALS:
        return {(REFUSALS[route.type], None, None)}
    if route.type != net.UNICAST:
        return {({net.LOCAL_TYPE: "local", net.BROADCAST: "broadcast"}[route.type], None, None)}
    return {("unicast", hop.gateway, hop.dev) for hop in route.hops}


def _flows(node: NodeCase) -> Iterator[Flow]:
    """To every pod, block, tunnel and node: made here, from other nodes, from pools, and from this node's own pods."""
    world = node.world
    targets = {*world.pods_by_address, *world.tunnel_addresses, *world.node_addresses}
    targets |= {point for cidr in world.blocks for point in node.fib.points(cidr)}
    sources = [
        (source, name)
        for name, pod in node.pods_by_interface.items()
        if world.is_networked(pod) and node.facts.host.link(name)
        for source in pod.ips
    ]
    for target in sorted(targets):
        # What claims to come from the node itself is refused as a martian, before any route is asked for.
        yield from (flow for flow in flows_to(node, target) if flow.src not in node.addresses)
        for source, name in sources:
            if ip.family(source) == ip.family(target):
                yield Flow(target, source, name)


def _compare(lab: Lab) -> int:
    bench = Bench(look(lab.directory, packets=False))
    compared = 0
    for name in bench.nodes():
        node = bench.node(name)
        flows = list(_flows(node))
        for flow, answer in zip(flows, _kernel(lab.node(name).netns, flows), strict=True):
            assert answer in _suite(node, flow), f"{name}: {flow}"
            compared += 1
    return compared


@pytest.mark.parametrize("name", ["seed", "metrics", *CASES])
def test_lookup_equals_the_kernels(labs: Callable[[str], Lab], name: str) -> None:
    assert _compare(labs(name)) > 50


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, several in DECISIVE.items() for fault in several])
def test_lookup_equals_the_kernels_where_something_is_broken(labs: Callable[[str], Lab], name: str, fault: str) -> None:
    lab = labs(name)
    kind, _, on = fault.partition("@")
    with faults.broken(lab, kind, on or _default(lab, kind)):
        assert _compare(lab) > 50


def _default(lab: Lab, fault: str) -> str | None:
    """The fault's own object where this lab has it, else the last block."""
    chosen, blocks = faults.fault(fault), [block.cidr for block in lab.state().topology.blocks]
    return blocks[-1] if chosen.kind == "block" and chosen.default not in blocks else None
