"""Where Calico does not wire the pods itself, or wires them otherwise: what the node's CNI configuration says
(calico-state R9, §1.1, §1.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from checks.cases import NodeCase, PodCase

VIRT_LAUNCHER = "virt-launcher"


@lru_cache(maxsize=64)
def _plugins(text: str) -> tuple[dict[str, Any], ...]:
    """The plugins of a CNI configuration list, or the one of a single configuration; none of what is no such thing."""
    try:
        parsed = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ()
    if not isinstance(parsed, dict):
        return ()
    listed = parsed.get("plugins", [parsed])
    return tuple(plugin for plugin in listed if isinstance(plugin, dict)) if isinstance(listed, list) else ()


def plugins(node: NodeCase) -> tuple[dict[str, Any], ...]:
    """The node's CNI plugins in their order; none where the configuration was not read."""
    return _plugins(node.facts.cni_config) if node.facts.cni_config else ()


def wired_by(node: NodeCase) -> str | None:
    """The plugin that wires the pods, where it is another than Calico's; None for Calico's, and where nobody knows.

    A chain can start with Multus or Istio, which delegate: then Calico's may stand behind them.
    """
    types = [str(plugin.get("type")) for plugin in plugins(node) if plugin.get("type")]
    known = {"calico", "multus", "multus-shim", "istio-cni"}
    return types[0] if types and not known.intersection(types) else None


def chooses_routes(node: NodeCase) -> bool:
    """Whether host-local IPAM hands the pods its own routes in place of the default one (k8s.go:142-184)."""
    for plugin in plugins(node):
        ipam = plugin.get("ipam")
        if plugin.get("type") == "calico" and isinstance(ipam, dict) and ipam.get("type") == "host-local":
            return bool(ipam.get("routes")) and plugin.get("include_default_routes") is not True
    return False


def allows_forwarding(node: NodeCase) -> bool | None:
    """Whether pods may forward (container_settings allow_ip_forwarding, false by default); None where the configuration
    of Calico's plugin was not read."""
    for plugin in plugins(node):
        if plugin.get("type") == "calico":
            settings = plugin.get("container_settings")
            return isinstance(settings, dict) and settings.get("allow_ip_forwarding") is True
    return None


def moves_its_address(pod: PodCase) -> bool:
    """Whether KubeVirt's bridge binding may have moved the pod's address off eth0."""
    return pod.pod.labels.get("kubevirt.io") == VIRT_LAUNCHER


def migrates(pod: PodCase) -> bool:
    """Whether the pod shares its address with another virt-launcher: source or target of a live migration.

    The target has no host route until it goes live, and then the source's loses (endpoint_mgr.go:984-988).
    """
    if not moves_its_address(pod):
        return False
    sharing = (other for address in pod.pod.ips for other in pod.node.world.pods_by_address.get(address, ()))
    return any(other.key != pod.pod.key and other.labels.get("kubevirt.io") == VIRT_LAUNCHER for other in sharing)
