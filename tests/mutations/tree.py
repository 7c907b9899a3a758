"""A snapshot as a tree of frozen values: reading and replacing what stands at a path."""

from __future__ import annotations

from typing import TypeVar, cast

import msgspec

Step = str | int
Path = tuple[Step, ...]
Edit = tuple[Path, object]

_T = TypeVar("_T")


def at(value: object, path: Path) -> object:
    """What stands at a path: a struct's field, a tuple's or list's item, a dict's entry."""
    for step in path:
        if isinstance(value, msgspec.Struct):
            value = getattr(value, str(step))
        elif isinstance(value, tuple | list):
            value = value[cast(int, step)]
        elif isinstance(value, dict):
            value = value[step]
        else:
            raise TypeError(f"nothing below {type(value).__name__} at {path}")
    return value


def replaced(value: _T, path: Path, new: object) -> _T:
    """The tree with `new` at a path; everything else is shared with the old one."""
    if not path:
        return cast(_T, new)
    step, rest = path[0], path[1:]
    if isinstance(value, msgspec.Struct):
        changed: object = msgspec.structs.replace(value, **{str(step): replaced(getattr(value, str(step)), rest, new)})
    elif isinstance(value, tuple):
        index = cast(int, step)
        changed = (*value[:index], replaced(value[index], rest, new), *value[index + 1 :])
    elif isinstance(value, list):
        index = cast(int, step)
        changed = [*value[:index], replaced(value[index], rest, new), *value[index + 1 :]]
    elif isinstance(value, dict):
        changed = {**value, step: replaced(value[step], rest, new)}
    else:
        raise TypeError(f"nothing below {type(value).__name__} at {path}")
    return cast(_T, changed)


def edited(value: _T, edits: tuple[Edit, ...]) -> _T:
    """The tree with every edit made, one after the other."""
    for path, new in edits:
        value = replaced(value, path, new)
    return value


def without(container: object, step: Step) -> object:
    """A tuple, list or dict without one of its items."""
    if isinstance(container, tuple):
        return tuple(item for index, item in enumerate(container) if index != step)
    if isinstance(container, list):
        return [item for index, item in enumerate(container) if index != step]
    if isinstance(container, dict):
        return {key: item for key, item in container.items() if key != step}
    raise TypeError(f"{type(container).__name__} holds no items")
