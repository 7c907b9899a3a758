"""What one node was seen to hold: its namespaces, its BIRD, its CNI configuration; and what could not be read."""

from __future__ import annotations

import msgspec

from .net import Namespace


class BirdProtocol(msgspec.Struct, frozen=True):
    """One line of `show protocols all`. `info` of a BGP protocol starts with its BGP state (bird: bgp.c)."""

    name: str
    proto: str
    state: str
    since: str = ""
    info: str = ""
    neighbor: str | None = None  # BGP: Neighbor address
    neighbor_as: int | None = None


class Bird(msgspec.Struct, frozen=True):
    """One BIRD daemon by its control socket. `running` False: the socket is there or expected, and nobody answers."""

    family: int
    running: bool
    version: str = ""
    protocols: tuple[BirdProtocol, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """Something that was asked of a node and could not be read: which fact, why, and what to do about it."""

    fact: str  # links, addresses, routes, rules, neighbours, sysctls, namespaces, bird, …
    reason: str
    where: str = ""  # the namespace or path concerned


class NodeFacts(msgspec.Struct, frozen=True):
    """One look at one node. `pods` are the network namespaces that belong to pods of this node, or may.

    `birds` holds one entry per family whose socket was asked; a family that was not asked has no entry.
    """

    name: str
    host: Namespace
    pods: tuple[Namespace, ...] = ()
    birds: tuple[Bird, ...] = ()
    cni_config: str | None = None  # the text of the first CNI configuration file, None where not read
    started: float = 0.0  # Unix time of the node's own clock
    finished: float = 0.0
    kernel: str = ""
    boot_time: float | None = None
    mtu_file: str | None = None  # /var/lib/calico/mtu
    mtu_file_time: float | None = None
    problems: tuple[Problem, ...] = ()

    def bird(self, family: int) -> Bird | None:
        """BIRD of that family, None where it was not asked."""
        return next((bird for bird in self.birds if bird.family == family), None)


class Absent(msgspec.Struct, frozen=True):
    """A node that could not be observed at all: why, and what to do next."""

    name: str
    reason: str
    remedy: str = ""
