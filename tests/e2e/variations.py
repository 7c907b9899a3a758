"""Folders of dumps that differ from a recorded one in a named way, made by editing its JSON."""

from __future__ import annotations

import json
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

from tests.e2e.suite import RECORDINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POD = "customer-567d7d75c-gbwlx"  # of namespace yaobank, on worker1
ADDRESS = "10.48.235.173"


def unpacked(to: Path, name: str = "noencap") -> Path:
    """The recording as a folder in `to`."""
    with tarfile.open(RECORDINGS / f"{name}.tar.xz") as tar:
        tar.extractall(to, filter="data")
    return to / name.rpartition("/")[2]


def change(path: Path, edit: Callable[[Any], object]) -> None:
    """Let `edit` change the JSON of a file in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def wrong_but_working(folder: Path) -> None:
    """A pod has a route more, by another gateway that the host answers for as well."""
    (netns,) = (
        path
        for path in (folder / "nodes" / "worker1" / "netns").iterdir()
        if any(
            address.get("local") == "10.48.235.173"
            for link in json.loads(path.read_text())["addr"]
            for address in link["addr_info"]
        )
    )
    change(
        netns,
        lambda dump: dump["route"].append({"dst": "10.0.0.0/8", "gateway": "169.254.1.2", "dev": "eth0", "flags": []}),
    )


def housekeeping(folder: Path) -> None:
    """A host interface is left of a pod that is gone."""

    def add(links: list[dict[str, Any]]) -> None:
        last = max(link["ifindex"] for link in links)
        (some, *_) = (link for link in links if link["ifname"].startswith("cali"))
        links.append({**some, "ifindex": last + 1, "ifname": "cali0123456789a", "link_netnsid": 99})

    change(folder / "nodes" / "worker1" / "link.json", add)


def node_missing(folder: Path) -> None:
    """A node of the API was not dumped."""
    shutil.rmtree(folder / "nodes" / "worker3")


def empty(folder: Path) -> None:
    """A cluster without nodes, pods and blocks."""
    shutil.rmtree(folder / "nodes")
    for path in (folder / "api").glob("*.json"):
        change(path, lambda listed: listed.update(items=[]))


def node_missing_and_wrong(folder: Path) -> None:
    """A node was not dumped, and on another a pod has a route too many."""
    node_missing(folder)
    wrong_but_working(folder)
