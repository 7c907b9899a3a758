"""The API objects of a lab, computed from its topology: what Kubernetes and Calico would hold."""

from lab.objects.build import (
    build,
    free_addresses,
    with_addresses,
    with_block,
    with_pod,
    without_addresses,
    without_pod,
)
from lab.objects.identity import container_id, handle_id
from lab.objects.kinds import KINDS, Json, Key, Kind, Objects, key, key_of, kind_of
from lab.objects.pods import pod_object

__all__ = [
    "KINDS",
    "Json",
    "Key",
    "Kind",
    "Objects",
    "build",
    "container_id",
    "free_addresses",
    "handle_id",
    "key",
    "key_of",
    "kind_of",
    "pod_object",
    "with_addresses",
    "with_block",
    "with_pod",
    "without_addresses",
    "without_pod",
]
