"""A lab comes up and goes away: what is made, in which order, and how nothing of it is left."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from . import bird, cgroups, felix, network, pods
from .apiserver import TOPOLOGY, start_api, wait_api
from .processes import end, marked, start_keepers
from .state import Lab, NodeRun, State, locked, write_whole
from .tools import NETNS_DIR, LabError, ip_batch, write_sysctls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from .topology import LabNode, Topology

NEEDED = ("ip", "bird", "nsenter", "unshare", "setpriv", "mount", "umount", "sleep")


class AlreadyUpError(LabError):
    """A lab of that name is up and was not asked to go."""


def up(lab: Lab, topology: Topology) -> State:
    """Bring the lab up: namespaces, pods, BIRD, the API; returns when every session and route is there.

    What a run of the same name left behind is removed first. Whatever stops this one, SIGTERM too, takes down what it
    has made. LabError: no root, a missing program, a lab that is up, or what the kernel, BIRD or the
    API server said.
    """
    _preflight()
    with locked(lab, wait=False), _terminated_as_interrupt():
        if _is_up(lab):
            raise AlreadyUpError(
                f"lab {lab.name!r} is up already: `python -m lab down --name {lab.name}` takes it down"
            )
        sweep(lab)
        try:
            return _make(lab, topology.placed_in(lab.name))
        except BaseException:
            with _uninterrupted():
                sweep(lab)
            raise


def down(lab: Lab) -> bool:
    """Take the lab down, wholly up or not. Returns whether there was anything to take down."""
    if os.geteuid():
        raise LabError("a lab is made of network namespaces, which takes root")
    with locked(lab), _uninterrupted():
        return sweep(lab)


def sweep(lab: Lab) -> bool:
    """Remove every trace of the lab: processes, cgroups, namespaces, its directory. Returns whether there was any."""
    pids, names = marked(lab.name), netns_names(lab)
    found = bool(pids or names or lab.directory.exists())
    end(pids)
    cgroups.remove(lab.name)
    ip_batch([f"netns del {name}" for name in names])
    shutil.rmtree(lab.directory, ignore_errors=True)
    return found


def netns_names(lab: Lab) -> list[str]:
    """The lab's network namespaces that exist, by its own list: by name alone `a-b-c` may be another's."""
    try:
        owned = (lab.directory / "namespaces").read_text().split()
    except OSError:
        return []
    return [name for name in owned if (NETNS_DIR / name).exists()]


def _is_up(lab: Lab) -> bool:
    """Whether the lab was brought up whole and its nodes are still held: a crashed one is not."""
    if not lab.state_file.exists():
        return False
    alive = set(marked(lab.name))
    return all(node.pid in alive for node in lab.state().nodes.values())


def _preflight() -> None:
    if os.geteuid():
        raise LabError("a lab is made of network namespaces, which takes root: run it as root or with sudo")
    missing = [name for name in NEEDED if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]
    if missing:
        raise LabError(f"the lab needs {', '.join(missing)}, which this machine lacks: run `make setup`")


def _make(lab: Lab, topology: Topology) -> State:
    lab.directory.mkdir(parents=True)
    write_whole(lab.directory / TOPOLOGY, msgspec.json.encode(topology))
    api_pid = start_api(lab)  # it takes as long as everything up to BIRD's sessions, beside it
    wired = [pod for pod in topology.pods if pod.wired]
    names = [network.fabric_netns(lab.name), *(network.node_netns(lab.name, node.name) for node in topology.nodes)]
    pod_names = [network.pod_netns(lab.name, pod.key) for pod in wired]
    write_whole(lab.directory / "namespaces", "\n".join([*names, *pod_names]).encode())  # before there is one
    ip_batch([*(f"netns add {name}" for name in names), *network.uplinks(lab.name, topology)])
    _wire_nodes(lab, topology)
    ip_batch(pods.namespaces(lab, topology, topology.pods))
    pods.wire(lab, topology, topology.pods)
    netns = {node.name: network.node_netns(lab.name, node.name) for node in topology.nodes}
    keepers = start_keepers(lab.name, {name: (netns[name], lab.node_directory(name)) for name in netns})
    nodes = {name: NodeRun(netns=netns[name], pid=pid) for name, pid in keepers.items()}
    state = State(name=lab.name, topology=topology, nodes=nodes, pods={})
    for node in topology.nodes:
        _node_files(lab, topology, node)
        bird.write_config(lab, topology, node.name)
        bird.start(lab, state, node.name)
    bird.start_tor(lab, topology)
    runs = pods.start(lab, nodes, topology.pods)
    state = State(name=lab.name, topology=topology, nodes=nodes, pods=runs, api_pid=api_pid)
    lab.write(state)
    wait_api(lab, api_pid)
    felix.sync(lab)
    bird.wait_converged(lab)
    return state


def _wire_nodes(lab: Lab, topology: Topology) -> None:
    fabric = network.fabric_netns(lab.name)
    write_sysctls(fabric, {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"})
    ip_batch(network.fabric(topology), fabric)
    for node in topology.nodes:
        netns = network.node_netns(lab.name, node.name)
        write_sysctls(netns, network.node_sysctls(topology))
        ip_batch(network.node_addresses(topology, node), netns)


CNI_CONFIG = """{
  "name": "k8s-pod-network",
  "cniVersion": "1.0.0",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "log_file_path": "/var/log/calico/cni/cni.log",
      "datastore_type": "kubernetes",
      "nodename": "%s",
      "mtu": 0,
      "ipam": {"type": "calico-ipam"},
      "policy": {"type": "k8s"},
      "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"}
    },
    {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}
  ]
}
"""


def _node_files(lab: Lab, topology: Topology, node: LabNode) -> None:
    """What calico-node writes on a node: the CNI configuration, its name, and the MTU that Felix found."""
    folder = lab.node_directory(node.name)
    (folder / "cni" / "10-calico.conflist").write_text(CNI_CONFIG % node.name)
    (folder / "lib" / "nodename").write_text(node.name)
    (folder / "lib" / "mtu").write_text(str(network.mtu(topology)))


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end the body as Ctrl-C does, so that it can clean up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handlers(interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Cleaning up takes a moment and is worth it: signals that would end it are ignored meanwhile."""
    with _handlers(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _handlers(handler: object, *numbers: signal.Signals) -> Iterator[None]:
    try:
        before = {number: signal.signal(number, handler) for number in numbers}  # type: ignore[arg-type]
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
