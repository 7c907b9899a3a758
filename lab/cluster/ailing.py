"""Kubelets that die, come back, or are slow, and what the cluster takes notice of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.api.trouble import KubeletTrouble
from lab.objects import key

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.cluster.manager import Cluster

_UNREACHABLE = "node.kubernetes.io/unreachable"


def ail(cluster: Cluster, trouble: KubeletTrouble) -> None:
    """Let a kubelet die, come back, or be slow. KeyError if there is no such node."""
    if trouble.node not in cluster.nodes.names:
        raise KeyError(trouble.node)
    cluster.nodes.start_seconds[trouble.node] = trouble.start_seconds
    cluster.nodes.set_dead(trouble.node, trouble.dead)
    (cluster.on_channel.add if trouble.on_channel else cluster.on_channel.discard)(trouble.node)
    _notice(cluster.world, trouble.node, lost=trouble.dead and trouble.noticed)


def heal(cluster: Cluster) -> None:
    """All kubelets are alive and quick again, and confine nobody."""
    cluster.nodes.confined = ""
    for node in cluster.nodes.names:
        ail(cluster, KubeletTrouble(node, dead=False))


def _notice(world: World, name: str, *, lost: bool) -> None:
    """The node lifecycle controller's part: the Ready condition and the taints of a node that is not heard of."""
    at = key("nodes", name)
    node = world.store.objects.get(at)
    if node is None:
        return
    words = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    if not lost:
        words = ("True", "KubeletReady", "kubelet is posting ready status")
    changed = dict(zip(("status", "reason", "message"), words, strict=True))
    conditions = [each | changed if each["type"] == "Ready" else each for each in node["status"]["conditions"]]
    kept = [each for each in node["spec"].get("taints") or [] if each["key"] != _UNREACHABLE]
    taints = kept + [{"key": _UNREACHABLE, "effect": each} for each in ("NoSchedule", "NoExecute") if lost]
    spec = {field: value for field, value in node["spec"].items() if field != "taints"}
    made = node | {
        "status": node["status"] | {"conditions": conditions},
        "spec": spec | ({"taints": taints} if taints else {}),
    }
    if made != node:
        world.store.replace(at, made)
