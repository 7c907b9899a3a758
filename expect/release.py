"""Which Calico release a node runs, and what that alone decides (calico-state: version feature map)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from model.cluster import Cluster, Pod

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")
_NODE_IMAGE = re.compile(r"(?:^|/)(?:calico/)?node(?::|@|$)|calico-node")


class Release(msgspec.Struct, frozen=True, order=True):
    """Major and minor, with the object that told it."""

    major: int
    minor: int
    source: str = ""

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}"

    def at_least(self, minor: int) -> bool:
        """Whether it is v3.MINOR or newer."""
        return (self.major, self.minor) >= (3, minor)


NEWEST = Release(3, 34, "no object names a release: taken for the newest")


def parse(text: str, source: str) -> Release | None:
    """The release in `v3.33.0-87c1590` or `docker.io/calico/node:v3.30.7`; None where there is none."""
    found = _VERSION.match(text)
    return Release(int(found[1]), int(found[2]), source) if found else None


def release_of(cluster: Cluster, node_agent: Pod | None) -> Release:
    """A node's release: its calico-node pod's image, else ClusterInformation; the nodes of an upgrade can differ."""
    if node_agent is not None:
        for image in node_agent.images:
            tag = image.partition("@")[0].rpartition(":")[2]
            found = parse(tag, f"image {image} of pod {node_agent.key}") if _NODE_IMAGE.search(image) else None
            if found:
                return found
    if cluster.information:
        found = parse(cluster.information.calico_version, "ClusterInformation default")
        if found:
            return found
    return NEWEST
