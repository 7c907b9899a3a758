"""BGP as far as routes depend on it: rounds of announcements between speakers until nothing changes any more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LOCAL_PREF = 100
ROUNDS = 24


@dataclass(frozen=True)
class Path:
    """A route as BGP carries it. `origin` is the speaker that brought it into BGP; `source` who told it last."""

    prefix: str
    next_hop: str
    as_path: tuple[int, ...]
    origin: str
    local_pref: int | None = None
    clusters: tuple[str, ...] = ()
    source: str = ""
    internal: bool = False
    from_client: bool = False


class Speaker(Protocol):
    """Somebody with a table: he takes paths in, and says what he tells whom."""

    name: str
    received: dict[tuple[str, str], Path]

    def accept(self, peer: str, path: Path) -> Path | None: ...
    def announce(self) -> Iterable[tuple[str, Path]]: ...


def converge(speakers: dict[str, Speaker]) -> None:
    """Let the speakers talk in turn until nobody has anything new to say. RuntimeError if they never stop.

    In turn and not at once: two nodes that know the same route from Felix would else take it back from each other for
    ever.
    """
    for _ in range(ROUNDS):
        changed = False
        for speaker in speakers.values():
            told: dict[str, dict[tuple[str, str], Path]] = {name: {} for name in speakers}
            for peer, path in speaker.announce():
                taken = speakers[peer].accept(speaker.name, path)
                if taken is not None:
                    told[peer][speaker.name, path.prefix] = taken
            for name, paths in told.items():
                table = speakers[name].received
                before = {key: path for key, path in table.items() if key[0] == speaker.name}
                if before != paths:
                    speakers[name].received = {key: path for key, path in table.items() if key not in before} | paths
                    changed = True
        if not changed:
            return
    raise RuntimeError("the simulated BGP speakers do not converge")


def best(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths that are as good as the best one, which comes first (RFC 4271, 9.1.2; BIRD: bgp_rte_better)."""
    ranked = sorted(paths, key=lambda path: (*_rank(path), path.source))
    return tuple(path for path in ranked if _rank(path) == _rank(ranked[0]))


def _rank(path: Path) -> tuple[int, int, bool]:
    preference = DEFAULT_LOCAL_PREF if path.local_pref is None else path.local_pref
    return -preference, len(path.as_path), path.internal


@dataclass
class Router:
    """A router of the fabric: external to the nodes, connected with every other router."""

    name: str
    address: str
    as_number: int
    announces: tuple[str, ...]
    transit: bool
    nodes: tuple[str, ...]  # those that have a session with it
    routers: tuple[str, ...]
    node_as: dict[str, int]
    received: dict[tuple[str, str], Path] = field(default_factory=dict)

    def accept(self, peer: str, path: Path) -> Path | None:
        """Everything but what has been here before."""
        return None if self.as_number in path.as_path else replace(path, source=peer)

    def announce(self) -> Iterable[tuple[str, Path]]:
        """Its own prefixes; with transit the nodes' routes, too. The next hop is always itself."""
        for prefix in self.announces:
            own = Path(prefix, self.address, (self.as_number,), self.name)
            for node in self.nodes:
                yield node, own
        by_prefix: dict[str, list[Path]] = {}
        for (_, prefix), path in self.received.items():
            by_prefix.setdefault(prefix, []).append(path)
        for paths in by_prefix.values():
            chosen = best(paths)[0]
            told = replace(
                chosen, next_hop=self.address, as_path=(self.as_number, *chosen.as_path), local_pref=None, source=""
            )
            for peer in self.routers if chosen.source not in self.routers else ():
                yield peer, told
            for peer in self.nodes if self.transit else ():
                if peer != chosen.source and self.node_as[peer] not in told.as_path:
                    yield peer, told
