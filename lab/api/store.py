"""The objects with their history, the way etcd keeps them: one revision for everything, old revisions until compaction.

A list that is read in pages shows the revision of its first page, whatever has changed since.
"""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING

import msgspec

from lab.objects import Json, Key, Objects, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Wanted = Callable[[Json], bool]
    Listener = Callable[[Key, Json | None, Json | None], None]

_KEPT = 5000  # revisions that survive an automatic compaction; etcd keeps five minutes' worth
_LISTS = 8  # remembered at once


class ExistsError(Exception):
    """The object is there already."""


class MissingError(Exception):
    """There is no such object."""


class _Version:
    """One object at one revision, or its absence; encoded for lists when it is first asked for."""

    __slots__ = ("_encoded", "obj", "revision")

    def __init__(self, revision: int, obj: Json | None) -> None:
        self.revision = revision
        self.obj = obj
        self._encoded: bytes | None = None

    def encoded(self, custom: bool) -> bytes:
        """As an item of a list: those of built-in kinds do without `kind` and `apiVersion`."""
        if self._encoded is None:
            shown = self.obj or {}
            if not custom:
                shown = {name: value for name, value in shown.items() if name not in ("kind", "apiVersion")}
            self._encoded = msgspec.json.encode(shown)
        return self._encoded


class Page(msgspec.Struct, frozen=True):
    """Part of a list: encoded items, the path of the last one if more follow, and how many do (None: not counted)."""

    items: tuple[bytes, ...]
    last: str | None = None
    remaining: int | None = None


class Store:
    """All objects and their past. Not shared between threads: the server's event loop owns it."""

    def __init__(self, objects: Objects) -> None:
        self._history: dict[Key, list[_Version]] = {}
        self._paths: dict[tuple[str, str], list[str]] = {}  # per resource, sorted as etcd sorts: by `namespace/name`
        self._live: dict[Key, Json] = {}
        self._lists: dict[tuple[tuple[str, str], int, str], list[tuple[str, _Version]]] = {}
        self.listeners: list[Listener] = []  # told of every change: the key, the object before, the object after
        self.revision = max((int(obj["metadata"]["resourceVersion"]) for obj in objects.values()), default=0)
        self.compacted = self.revision
        for at, obj in objects.items():
            self._history[at] = [_Version(int(obj["metadata"]["resourceVersion"]), obj)]
            self._paths.setdefault((at.group, at.plural), []).append(_path(at))
            self._live[at] = obj
        for paths in self._paths.values():
            paths.sort()

    @property
    def objects(self) -> Objects:
        """What there is now. The caller must not keep it across a change."""
        return self._live

    def of(self, group: str, plural: str, namespace: str = "") -> list[Json]:
        """The objects of a resource that there are now, of one namespace if it is given."""
        found = []
        for path in self._paths.get((group, plural), ()):
            home, _, name = path.rpartition("/")
            obj = self._live.get(Key(group, plural, home, name)) if namespace in ("", home) else None
            if obj is not None:
                found.append(obj)
        return found

    def create(self, at: Key, obj: Json) -> Json:
        """Add an object; the answer carries its resourceVersion. ExistsError if it is there."""
        if at in self._live:
            raise ExistsError(at)
        return self._write(at, obj)

    def replace(self, at: Key, obj: Json) -> Json:
        """Put an object in the place of what is there. MissingError if nothing is."""
        if at not in self._live:
            raise MissingError(at)
        return self._write(at, obj)

    def delete(self, at: Key) -> None:
        """Take an object away. MissingError if it is not there."""
        if at not in self._live:
            raise MissingError(at)
        self.revision += 1
        self._history[at].append(_Version(self.revision, None))
        before = self._live.pop(at)
        self._compact_sometimes()
        self._tell(at, before, None)

    def apply(self, objects: Objects) -> None:
        """Make the store hold exactly these: what is not the very same value is written, what is gone deleted."""
        for at in [at for at in self._live if at not in objects]:
            self.delete(at)
        for at, obj in objects.items():
            if self._live.get(at) is not obj:
                self._write(at, obj)

    def compact(self) -> None:
        """Forget everything but the present: lists begun before can no longer be continued."""
        self._forget(self.revision)

    def page(
        self, resource: tuple[str, str], *, revision: int, prefix: str, after: str, limit: int, wanted: Wanted | None
    ) -> Page:
        """At most `limit` (0: all) objects under the path `prefix` and behind the path `after`, as they were then."""
        custom = kind_of(resource[1], resource[0]).custom
        rows = self._as_of(resource, revision, prefix)
        begin = bisect.bisect_left(rows, after, key=lambda row: row[0])
        if wanted is None:
            chosen = rows[begin : begin + limit] if limit else rows[begin:]
            remaining = len(rows) - begin - len(chosen)
            items = tuple(version.encoded(custom) for _, version in chosen)
            return Page(items, chosen[-1][0], remaining) if remaining else Page(items)
        # The server does not count on when it has to try every object.
        found = (row for row in rows[begin:] if row[1].obj is not None and wanted(row[1].obj))
        chosen = list(itertools.islice(found, limit or None))
        items = tuple(version.encoded(custom) for _, version in chosen)
        more = limit and next(found, None) is not None
        return Page(items, chosen[-1][0]) if more else Page(items)

    def _as_of(self, resource: tuple[str, str], revision: int, prefix: str) -> list[tuple[str, _Version]]:
        """The objects of a resource at a revision with their paths, in order; kept, because pages ask for it again."""
        asked = (resource, revision, prefix)
        if asked not in self._lists:
            if len(self._lists) >= _LISTS:
                del self._lists[next(iter(self._lists))]
            paths = self._paths.get(resource, [])
            rows: list[tuple[str, _Version]] = []
            for path in itertools.takewhile(
                lambda path: path.startswith(prefix), paths[bisect.bisect_left(paths, prefix) :]
            ):
                namespace, _, name = path.rpartition("/")
                version = _present(self._history[Key(*resource, namespace, name)], revision)
                if version is not None and version.obj is not None:
                    rows.append((path, version))
            self._lists[asked] = rows
        return self._lists[asked]

    def _write(self, at: Key, obj: Json) -> Json:
        self.revision += 1
        kept = obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.revision)}}
        if at not in self._history:
            self._history[at] = []
            bisect.insort(self._paths.setdefault((at.group, at.plural), []), _path(at))
        self._history[at].append(_Version(self.revision, kept))
        before = self._live.get(at)
        self._live[at] = kept
        self._compact_sometimes()
        self._tell(at, before, kept)
        return kept

    def _tell(self, at: Key, before: Json | None, after: Json | None) -> None:
        for listener in self.listeners:
            listener(at, before, after)

    def _compact_sometimes(self) -> None:
        if self.revision - self.compacted > 2 * _KEPT:
            self._forget(self.revision - _KEPT)

    def _forget(self, revision: int) -> None:
        self.compacted = revision
        for at, versions in list(self._history.items()):
            kept = [version for version in versions if version.revision > revision]
            present = _present(versions, revision)
            if present is not None and present.obj is not None:
                kept.insert(0, present)
            self._history[at] = kept
            if not kept:
                del self._history[at]
                paths = self._paths[at.group, at.plural]
                del paths[bisect.bisect_left(paths, _path(at))]


def _path(at: Key) -> str:
    return f"{at.namespace}/{at.name}" if at.namespace else at.name


def _present(versions: list[_Version], revision: int) -> _Version | None:
    for version in reversed(versions):
        if version.revision <= revision:
            return version
    return None
