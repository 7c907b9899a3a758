"""Three namespaces for the drop trials: a sender, an owner of a block with one live pod, and what lies between them.

The names are unique to the process, and everything is gone when the context ends.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from fixtures.errors import UnreachableError
from fixtures.probe_program import BOOTSTRAP, payload
from fixtures.probe_reply import node_facts
from model.cluster import BlockAffinity, Cluster, IPAMBlock, IPPool, Look, Node, Pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.node import NodeFacts

_NUMBERS = itertools.count()
BLOCK, BLOCK6 = "10.49.0.64/26", "fd49::40/122"
GATEWAY_MAC = "02:00:00:00:08:fe"
TUNNELS = {"owner": ("10.49.0.1", "fd49::1"), "sender": ("10.49.1.1", "fd49::1:1")}  # their tunnel addresses
DEVICES = ("vxlan.calico", "vxlan-v6.calico")
TUNNEL_MACS = {
    "owner": ("66:00:00:00:00:11", "66:00:00:00:06:11"),
    "sender": ("66:00:00:00:00:12", "66:00:00:00:06:12"),
}
LIVE, LIVE6 = "10.49.0.67", "fd49::43"


class NetnsReach:
    """Runs the probe in the namespaces of a TrialLab."""

    name = "netns"

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.runs: list[str] = []

    def run(self, node: str, payload: bytes, seconds: float) -> Iterator[bytes]:
        self.runs.append(node)
        enter = ["nsenter", f"--net=/run/netns/{self._prefix}-{node}", sys.executable, *BOOTSTRAP]
        with subprocess.Popen(enter, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            limit = threading.Timer(seconds, process.kill)
            limit.start()
            try:
                process.stdin.write(payload)
                process.stdin.flush()
                while chunk := os.read(process.stdout.fileno(), 65536):
                    yield chunk
                if process.wait():
                    raise UnreachableError(f"{node}: {process.stderr.read().decode()[-500:]}")
            finally:
                limit.cancel()
                process.kill()

    def close(self) -> None:
        """Nothing is kept."""


class TrialLab:
    """The nodes are sender, owner and middle. `routed`: the middle is a router between two subnets, else a bridge.
    `tunnelled`: sender and owner are joined by VXLAN in both families, as Felix does it."""

    def __init__(self, *, routed: bool, tunnelled: bool = False) -> None:
        self.tunnelled = tunnelled
        self.prefix = f"cctrial{os.getpid()}x{next(_NUMBERS)}"
        self.routed = routed
        self.reach = NetnsReach(self.prefix)
        self.sender4, self.sender6 = ("10.8.0.12", "fd08::12") if routed else ("10.9.0.12", "fd09::12")

    def ip(self, node: str, *words: str) -> None:
        """`ip` in a node's namespace."""
        self.tool(node, "ip", *words)

    def tool(self, node: str, *words: str) -> None:
        """A command in a node's namespace; a failure is an error."""
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.prefix}-{node}", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{node}: {' '.join(words)}: {done.stderr}"

    def sysctl(self, node: str, key: str, value: str) -> None:
        self.tool(node, "sysctl", "-qw", f"{key}={value}")

    def facts(self, node: str) -> NodeFacts:
        asked = {"pod_uids": [], "bird": [], "cni_dir": "/nowhere", "mtu_file": "/nowhere"}
        request = {"do": "observe", "node": node, **asked}
        return node_facts(node, self.reach.run(node, payload(request), 20))

    def __enter__(self) -> TrialLab:
        try:
            for node in ("sender", "owner", "middle"):
                subprocess.run(["ip", "netns", "add", f"{self.prefix}-{node}"], check=True)
                self.ip(node, "link", "set", "lo", "up")
            self._wire()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in ("sender", "owner", "middle"):
            with contextlib.suppress(subprocess.CalledProcessError):
                subprocess.run(["ip", "netns", "del", f"{self.prefix}-{node}"], check=True, capture_output=True)

    def _wire(self) -> None:
        for node in ("middle", "owner", "sender"):
            self.sysctl(node, "net.ipv6.conf.default.accept_dad", "0")
        self.sysctl("middle", "net.ipv4.ip_forward", "1")
        self.sysctl("middle", "net.ipv6.conf.all.forwarding", "1")
        for node in ("sender", "owner"):
            peer = f"{self.prefix}-middle"
            self.ip(node, "link", "add", "ens160", "type", "veth", "peer", "name", f"to-{node}", "netns", peer)
            self.ip(node, "link", "set", "ens160", "up")
            self.ip("middle", "link", "set", f"to-{node}", "up")
        if self.routed:
            self._address("middle", "to-owner", "10.9.0.254/24", "fd09::254/64")
            self._address("middle", "to-sender", "10.8.0.254/24", "fd08::254/64")
            self.ip("middle", "route", "add", BLOCK, "via", "10.9.0.11")
            self.ip("middle", "route", "add", BLOCK6, "via", "fd09::11")
        else:
            self.ip("middle", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
            self.ip("middle", "link", "set", "br0", "up")
            for node in ("sender", "owner"):
                self.ip("middle", "link", "set", f"to-{node}", "master", "br0")
            self._address("middle", "br0", "10.9.0.254/24", "fd09::254/64")
        self._address("sender", "ens160", f"{self.sender4}/24", f"{self.sender6}/64")
        self._address("owner", "ens160", "10.9.0.11/24", "fd09::11/64")
        gateway = ("10.8.0.254", "fd08::254") if self.routed else ("10.9.0.254", "fd09::254")
        self._default("sender", *gateway)
        self._default("owner", "10.9.0.254", "fd09::254")
        self.sysctl("owner", "net.ipv4.ip_forward", "1")
        self.sysctl("owner", "net.ipv6.conf.all.forwarding", "1")
        self.ip("owner", "link", "add", "cali1", "type", "veth", "peer", "name", "pod1")
        self.ip("owner", "link", "set", "pod1", "up")
        self.ip("owner", "link", "set", "cali1", "up")
        self.ip("owner", "route", "add", LIVE, "dev", "cali1", "scope", "link")
        self.ip("owner", "route", "add", LIVE6, "dev", "cali1")
        self.ip("owner", "route", "add", "blackhole", BLOCK, "proto", "bird")
        self.ip("owner", "route", "add", "blackhole", BLOCK6, "proto", "bird")
        if self.tunnelled:
            self._tunnel("sender", "owner", (self.sender4, self.sender6), ("10.9.0.11", "fd09::11"))
            self._tunnel("owner", "sender", ("10.9.0.11", "fd09::11"), (self.sender4, self.sender6))
        if self.routed:
            self.ip("middle", "link", "set", "to-sender", "address", GATEWAY_MAC)
            entry = ("lladdr", GATEWAY_MAC, "dev", "ens160", "nud", "permanent")
            for address in gateway:
                self.ip("sender", "neigh", "replace", address, *entry)

    def _tunnel(self, node: str, other: str, own: tuple[str, str], remote: tuple[str, str]) -> None:
        """One end: the device, its address, and what it knows of the other end (felix vxlan_fdb.go, route_mgr.go)."""
        for at, dev in enumerate(DEVICES):
            kind = ("id", "4096", "dstport", "4789", "local", own[at], "dev", "ens160", "nolearning")
            self.ip(node, "link", "add", dev, "address", TUNNEL_MACS[node][at], "mtu", "1430", "type", "vxlan", *kind)
            self.ip(node, "link", "set", dev, "up")
            self.ip(node, "address", "add", TUNNELS[node][at], "dev", dev)
            mac, address = TUNNEL_MACS[other][at], TUNNELS[other][at]
            self.tool(node, "bridge", "fdb", "add", mac, "dev", dev, "dst", remote[at], "self", "permanent")
            self.ip(node, "neigh", "replace", address, "lladdr", mac, "dev", dev, "nud", "permanent")
            self.ip(node, "route", "add", address, "dev", dev)
        if node == "sender":
            self.ip(node, "route", "add", BLOCK, "via", TUNNELS[other][0], "dev", DEVICES[0], "onlink")
            self.ip(node, "route", "add", BLOCK6, "via", TUNNELS[other][1], "dev", DEVICES[1], "onlink")

    def _address(self, node: str, dev: str, *addresses: str) -> None:
        for address in addresses:
            self.ip(node, "address", "add", address, "dev", dev)

    def _default(self, node: str, gateway4: str, gateway6: str) -> None:
        self.ip(node, "route", "add", "default", "via", gateway4)
        self.ip(node, "-6", "route", "add", "default", "via", gateway6)

    def look(self, *blocks: IPAMBlock, pods: tuple[Pod, ...] | None = None, vxlan: str = "Never") -> Look:
        """The datastore of this lab, unchanged in between; `vxlan` is the mode of its pools."""
        every = blocks or (block(BLOCK),)
        live = Pod("test", "live", "u1", "1", "owner", False, "Running", (LIVE, LIVE6), ready=True)
        known = (live,) if pods is None else pods
        cluster = Cluster(
            nodes=(
                self._node("owner", "10.9.0.11", "fd09::11"),
                self._node("sender", self.sender4, self.sender6),
            ),
            pods=known,
            pools=(
                IPPool("four", "10.49.0.0/16", 26, vxlan_mode=vxlan),
                IPPool("six", "fd49::/48", 122, vxlan_mode=vxlan),
            ),
            blocks=every,
            affinities=tuple(BlockAffinity(b.name, "owner", b.cidr, "confirmed") for b in every),
        )
        return Look(cluster, known, every, cluster.affinities, cluster.nodes)

    def _node(self, name: str, address: str, address6: str) -> Node:
        tunnels = TUNNELS[name] if self.tunnelled else (None, None)
        return Node(
            name,
            name,
            "1",
            bgp_ipv4=f"{address}/24",
            bgp_ipv6=f"{address6}/64",
            vxlan_tunnel=tunnels[0],
            vxlan_tunnel_v6=tunnels[1],
        )


def block(cidr: str) -> IPAMBlock:
    """A block of `owner` in which the fourth address is taken."""
    allocations = tuple(0 if ordinal == 3 else None for ordinal in range(64))
    free = tuple(ordinal for ordinal in range(64) if ordinal != 3)
    return IPAMBlock(cidr, cidr, "1", "host:owner", allocations, (), unallocated=free)
