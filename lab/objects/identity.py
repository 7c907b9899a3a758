"""Names, identifiers and times, computed from names alone: whoever builds the network side computes the same ones."""

from __future__ import annotations

import base64
import hashlib
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lab.objects.kinds import Json, Kind, kind_of

if TYPE_CHECKING:
    from datetime import datetime

_SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "lab.calico-conformance")
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # the alphabet of generated names (apimachinery util/rand)
NETWORK = "k8s-pod-network"  # the CNI network's name in Calico's manifests


def uid(kind: str, namespace: str, name: str) -> str:
    """The UID of an object, the same in every lab; a pod's is its own (LabPod.uid)."""
    return str(uuid.uuid5(_SPACE, f"{kind}/{namespace}/{name}"))


def container_id(namespace: str, name: str, container: str = "") -> str:
    """64 hex digits. Without `container`: the pod's sandbox, which CNI sees and IPAM handles are named after."""
    return hashlib.sha256(f"{namespace}/{name}/{container}".encode()).hexdigest()


def handle_id(namespace: str, name: str) -> str:
    """The IPAM handle of a pod's addresses (cni-plugin/internal/pkg/utils: `<network>.<container id>`)."""
    return f"{NETWORK}.{container_id(namespace, name)}"


def suffix(text: str, length: int = 5) -> str:
    """What a generated name ends in."""
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_SUFFIX[byte % len(_SUFFIX)] for byte in digest[:length])


def hostname_hash(node: str) -> str:
    """The label `projectcalico.org/hostname-hash` of an affinity, as recorded: SHA3-256, base32 without padding."""
    return base64.b32encode(hashlib.sha3_256(node.encode()).digest()).decode().rstrip("=")


def cidr_name(cidr: str) -> str:
    """`10.48.0.64/26` → `10-48-0-64-26` (libcalico names.CIDRToName)."""
    return cidr.replace(".", "-").replace(":", "-").replace("/", "-")


@lru_cache(maxsize=1024)
def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as metav1.Time is written."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def go_stamp(moment: datetime) -> str:
    """Go's time.String() in UTC, which IPAM attributes carry: `2026-11-22 21:24:10.180818 +0000 UTC`."""
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def metadata(kind: Kind, name: str, created: datetime, namespace: str = "") -> Json:
    """The metadata that every object has but the resourceVersion, which the store gives."""
    named: Json = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return named | {"uid": uid(kind.kind, namespace, name), "creationTimestamp": stamp(created)}


def new(plural: str, name: str, created: datetime, *, namespace: str = "", **fields: Any) -> Json:
    """An object: its type, its metadata, then the fields given (`spec=…`, `status=…`); `generation`, `labels`,
    `annotations`, `ownerReferences` and `generateName` go into the metadata."""
    kind = kind_of(plural)
    meta = metadata(kind, name, created, namespace)
    for field in ("generateName", "generation", "labels", "annotations", "ownerReferences"):
        if fields.get(field):
            meta[field] = fields[field]
        fields.pop(field, None)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **fields}
