"""What a check is handed: one pod, one node or the cluster, with what is expected and what was observed side by
side."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from checks.chosen import Chosen
from checks.drops import fence_of
from checks.matching import match
from expect.fib import Fib
from expect.pods import Presence, host_interface, state_of
from model import ip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checks.drops import Fence
    from expect.world import World
    from model.cluster import Node, Pod
    from model.net import Link, Namespace
    from model.node import NodeFacts, Problem
    from model.snapshot import Header, NodeRecord
    from model.trial import Trials


class ClusterCase:
    """The cluster as a whole: the datastore, and which nodes were observed."""

    def __init__(
        self,
        header: Header,
        world: World,
        records: tuple[NodeRecord, ...],
        trials: Trials,
        mac_of: Callable[[str, str], str | None] = lambda _node, _address: None,
    ) -> None:
        self.header = header
        self.world = world
        self.records = records
        self.trials = trials
        self._fences: dict[World, Fence] = {}
        self.mac_of = mac_of  # what an observed node has, or has learnt, for an address; None: nobody knows

    @cached_property
    def later(self) -> ClusterCase | None:
        """The same by the configuration listed after the nodes were read; None where it did not change."""
        world = self.world.later
        return ClusterCase(self.header, world, self.records, self.trials, self.mac_of) if world is not None else None

    def fence(self, world: World) -> Fence:
        """What the datastore said of blocks and addresses before and after the trials of one look."""
        if world not in self._fences:
            self._fences[world] = fence_of(world.look)
        return self._fences[world]

    @cached_property
    def chosen(self) -> Chosen:
        """What of the cluster is to be judged."""
        return Chosen(self.header.selection, self.world)

    @cached_property
    def reachable(self) -> frozenset[str]:
        """The nodes that nothing shows to be out of reach: those that were observed, and those that nobody was to ask
        and that the API calls ready."""
        unasked = (node for node in self.world.cluster.nodes if node.ready and not node.unobservable)
        return frozenset(record.name for record in self.records if record.absent is None) | frozenset(
            node.name for node in unasked if not self.chosen.node(node.name)
        )


class NodeCase:
    """One observed node."""

    def __init__(self, cluster: ClusterCase, world: World, node: Node, facts: NodeFacts) -> None:
        self.cluster = cluster
        self.world = world
        self.node = node
        self.facts = facts

    @cached_property
    def later(self) -> NodeCase | None:
        """The same by the configuration listed after the nodes were read; None where it did not change."""
        cluster, world = self.cluster.later, self.world.later
        return NodeCase(cluster, world, self.node, self.facts) if cluster is not None and world is not None else None

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def fib(self) -> Fib:
        """The node's own routing tables and rules."""
        return Fib(self.facts.host.routes, self.facts.host.rules)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The pods of this node in the API's first list."""
        return self.world.pods_by_node.get(self.name, ())

    @cached_property
    def namespaces(self) -> Mapping[str, Namespace]:
        """The namespaces of this node's networked pods by the pod's key."""
        return match(self.pods, self.facts)

    @cached_property
    def pods_by_interface(self) -> Mapping[str, Pod]:
        """Every pod that may have a host interface here by that interface's name, pods in flux included."""
        seen = (*self.world.flux.pods_seen, *self.pods)
        return {host_interface(pod): pod for pod in seen if pod.node == self.name and not pod.host_network}

    @cached_property
    def addresses(self) -> Mapping[str, str]:
        """Each address of the node's own namespace, and the interface that has it."""
        return {address.address: address.dev for address in self.facts.host.addresses}

    def unread(self, *facts: str) -> str | None:
        """Why one of these facts of the node's own namespace could not be read; None where all were."""
        return next((why.reason for why in self.facts.problems if why.fact in facts and not self._of_pod(why)), None)

    def _of_pod(self, problem: Problem) -> bool:
        return any(namespace.name == problem.where for namespace in self.facts.pods)

    def on(self, command: str) -> str:
        """A command that shows something on this node."""
        return f"on {self.name}: {command}"

    def show_routes(self, prefix: str) -> str:
        """The command that shows every route to just that prefix, with all that sets them apart."""
        return self.on(f"ip -{ip.family(prefix)} -d route show table all exact {prefix}")


class PodCase:
    """One pod that has Calico networking, on an observed node."""

    def __init__(self, node: NodeCase, pod: Pod) -> None:
        self.node = node
        self.pod = pod

    @property
    def later(self) -> PodCase | None:
        """The same by the configuration listed after the nodes were read; None where it did not change."""
        return PodCase(self.node.later, self.pod) if self.node.later is not None else None

    @property
    def name(self) -> str:
        return self.pod.key

    @cached_property
    def may_lack(self) -> bool:
        """Whether what is missing is no fault: the pod is on its way out."""
        return state_of(self.pod).presence is Presence.LEAVING

    @property
    def namespace(self) -> Namespace | None:
        """The pod's network namespace, None where none was found."""
        return self.node.namespaces.get(self.pod.key)

    @cached_property
    def eth0(self) -> Link | None:
        return self.namespace.link("eth0") if self.namespace else None

    def unread(self, *facts: str) -> str | None:
        """Why one of these facts of the pod's namespace could not be read; None where all were."""
        place = self.namespace.name if self.namespace else None
        return next((why.reason for why in self.node.facts.problems if why.fact in facts and why.where == place), None)

    @cached_property
    def interface(self) -> str:
        """The name that the pod's host interface must have."""
        return host_interface(self.pod)

    @cached_property
    def host_link(self) -> Link | None:
        return self.node.facts.host.link(self.interface)

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """The pod's addresses as host prefixes."""
        return tuple(ip.host_prefix(address) for address in self.pod.ips)

    @property
    def because(self) -> str:
        """The object that says that this pod has these addresses here."""
        return f"pod {self.pod.key} (status.podIPs {', '.join(self.pod.ips)}) runs on {self.node.name}"

    def inside(self, command: str) -> str:
        """A command that shows something in the pod's namespace."""
        if self.namespace is None:
            return self.node.on("lsns -t net")
        return self.node.on(f"nsenter --net={_namespace_path(self.namespace.name)} {command}")


def _namespace_path(name: str) -> str:
    return name if name.startswith("/") else f"/run/netns/{name}"


def judged(pod: Pod, world: World) -> bool:
    """Whether a pod is judged at all: it has Calico networking and did not change while one looked."""
    return state_of(pod).presence is not Presence.NOTHING and pod.key not in world.flux.pods
