"""What the API server says of itself: its version, its groups, their resources. Entries are worded as recorded."""

from __future__ import annotations

import base64
import hashlib

from lab.objects import KINDS, Json, Kind

_BUILT_IN_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_CUSTOM_VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]
_GROUPS = ("apps", "authorization.k8s.io", "batch", "rbac.authorization.k8s.io", "crd.projectcalico.org")

VERSION: Json = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.4",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.8",
    "compiler": "gc",
    "platform": "linux/amd64",
}

_REVIEWS: Json = {
    "name": "selfsubjectaccessreviews",
    "singularName": "selfsubjectaccessreview",
    "namespaced": False,
    "kind": "SelfSubjectAccessReview",
    "verbs": ["create"],
}

_EXEC: Json = {
    "name": "pods/exec",
    "singularName": "",
    "namespaced": True,
    "kind": "PodExecOptions",
    "verbs": ["create", "get"],
}


def document(path: str, address: str) -> Json | None:
    """The document at a path without a resource; `address` is the server's host and port. None if there is none."""
    parts = tuple(part for part in path.split("/") if part)
    documents = {("version",): VERSION, ("api",): _core_versions(address), ("apis",): _group_list()}
    if parts in documents:
        return documents[parts]
    if parts == ("api", "v1"):
        return _resources("", "v1")
    if len(parts) in (2, 3) and parts[0] == "apis" and parts[1] in _GROUPS:
        if len(parts) == 2:
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(parts[1])
        return _resources(parts[1], "v1") if parts[2] == "v1" else None
    return None


def _core_versions(address: str) -> Json:
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def _group(name: str) -> Json:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _group_list() -> Json:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _GROUPS]}


def _resources(group: str, version: str) -> Json:
    listed: list[Json] = [_REVIEWS] if group == "authorization.k8s.io" else []
    for kind in KINDS:
        if kind.group == group:
            listed.append(_resource(kind))
            listed += [_EXEC] if kind.plural == "pods" else []
            listed += [_status_of(kind)] if kind.status else []
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _resource(kind: Kind) -> Json:
    # apiserver pkg/endpoints/discovery.StorageVersionHash
    hashed = hashlib.sha256(f"{kind.group}/{kind.version}/{kind.kind}".encode()).digest()[:8]
    entry: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _CUSTOM_VERBS if kind.custom else _BUILT_IN_VERBS,
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    return entry | {"storageVersionHash": base64.b64encode(hashed).decode()}


def _status_of(kind: Kind) -> Json:
    return {
        "name": f"{kind.plural}/status",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _STATUS_VERBS,
    }
