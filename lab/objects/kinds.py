"""The resources that the lab's API serves: names as in API discovery, and what tells an object from all others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]

CALICO = "crd.projectcalico.org"
RBAC = "rbac.authorization.k8s.io"


class Kind(msgspec.Struct, frozen=True):
    """One resource. `status`: it has a status subresource, which discovery lists."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool = False
    status: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """What objects of this kind carry in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition brings it, and not Kubernetes itself."""
        return self.group == CALICO

    @property
    def qualified(self) -> str:
        """The name that error messages use: `pods`, `daemonsets.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Key(NamedTuple):
    """What names one object in the whole cluster; `namespace` is "" for cluster-scoped ones."""

    group: str
    plural: str
    namespace: str
    name: str


Objects = Mapping[Key, Json]
"""A cluster's objects. Values are never changed in place: who changes one puts another in its place."""


def _calico(plural: str, kind: str, *, namespaced: bool = False, status: bool = False) -> Kind:
    return Kind(CALICO, "v1", plural, kind.lower(), kind, namespaced, status)


def _rbac(plural: str, kind: str, *, namespaced: bool = False) -> Kind:
    return Kind(RBAC, "v1", plural, kind.lower(), kind, namespaced)


KINDS: tuple[Kind, ...] = (
    Kind("", "v1", "configmaps", "configmap", "ConfigMap", True, short_names=("cm",)),
    Kind("", "v1", "events", "event", "Event", True, short_names=("ev",)),
    Kind("", "v1", "namespaces", "namespace", "Namespace", status=True, short_names=("ns",)),
    Kind("", "v1", "nodes", "node", "Node", status=True, short_names=("no",)),
    Kind("", "v1", "pods", "pod", "Pod", True, True, ("po",), ("all",)),
    Kind("", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", True, short_names=("sa",)),
    Kind("", "v1", "services", "service", "Service", True, True, ("svc",), ("all",)),
    Kind("apps", "v1", "daemonsets", "daemonset", "DaemonSet", True, True, ("ds",), ("all",)),
    Kind("batch", "v1", "jobs", "job", "Job", True, True, categories=("all",)),
    _rbac("clusterrolebindings", "ClusterRoleBinding"),
    _rbac("clusterroles", "ClusterRole"),
    _rbac("rolebindings", "RoleBinding", namespaced=True),
    _rbac("roles", "Role", namespaced=True),
    _calico("bgpconfigurations", "BGPConfiguration"),
    _calico("bgpfilters", "BGPFilter"),
    _calico("bgppeers", "BGPPeer"),
    _calico("blockaffinities", "BlockAffinity"),
    _calico("caliconodestatuses", "CalicoNodeStatus", status=True),
    _calico("clusterinformations", "ClusterInformation"),
    _calico("felixconfigurations", "FelixConfiguration"),
    _calico("globalnetworkpolicies", "GlobalNetworkPolicy"),
    _calico("globalnetworksets", "GlobalNetworkSet"),
    _calico("hostendpoints", "HostEndpoint"),
    _calico("ipamblocks", "IPAMBlock"),
    _calico("ipamconfigs", "IPAMConfig"),
    _calico("ipamhandles", "IPAMHandle"),
    _calico("ippools", "IPPool", status=True),
    _calico("ipreservations", "IPReservation"),
    _calico("kubecontrollersconfigurations", "KubeControllersConfiguration", status=True),
    _calico("networkpolicies", "NetworkPolicy", namespaced=True),
    _calico("networksets", "NetworkSet", namespaced=True),
    _calico("stagedglobalnetworkpolicies", "StagedGlobalNetworkPolicy"),
    _calico("stagedkubernetesnetworkpolicies", "StagedKubernetesNetworkPolicy", namespaced=True),
    _calico("stagednetworkpolicies", "StagedNetworkPolicy", namespaced=True),
    _calico("tiers", "Tier", status=True),
)

BY_PLURAL: dict[tuple[str, str], Kind] = {(kind.group, kind.plural): kind for kind in KINDS}
_BY_KIND = {(kind.api_version, kind.kind): kind for kind in KINDS}


@cache
def kind_of(plural: str, group: str | None = None) -> Kind:
    """The resource of that plural (no two groups here share one). KeyError if it is not served."""
    for kind in KINDS:
        if kind.plural == plural and group in (None, kind.group):
            return kind
    raise KeyError(plural)


def key_of(obj: Json) -> Key:
    """An object's key. ValueError if it is no object of a kind that is served here."""
    try:
        kind = _BY_KIND[obj["apiVersion"], obj["kind"]]
        return Key(kind.group, kind.plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no object of a kind that the lab serves: {str(obj)[:200]}") from error


def key(plural: str, name: str, namespace: str = "") -> Key:
    """The key of a named object. KeyError if the resource is not served."""
    return Key(kind_of(plural).group, plural, namespace, name)
