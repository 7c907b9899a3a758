"""Which network namespace is whose: by pod UID, by the pair of interface indexes, by address.

A namespace's name says nothing, and no container runtime is asked. Where the ways disagree the strongest wins, and what
the others find wrong shows in the checks of that namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expect.pods import Presence, host_interface, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model.cluster import Pod
    from model.net import Link, Namespace
    from model.node import NodeFacts


def match(pods: Iterable[Pod], facts: NodeFacts) -> dict[str, Namespace]:
    """Each networked pod's namespace by the pod's key. A namespace is given to one pod only; pods without one are
    absent."""
    links = {link.name: link for link in facts.host.links}
    free = {namespace.name: namespace for namespace in facts.pods}
    open_pods = [pod for pod in pods if state_of(pod).presence is not Presence.NOTHING]
    found: dict[str, Namespace] = {}
    for fits in (_by_uid, _by_pair, _by_address, _by_peer):
        for pod in list(open_pods):
            link = links.get(host_interface(pod))
            candidates = [namespace for namespace in free.values() if fits(pod, link, namespace)]
            if len(candidates) > 1:
                candidates = _narrow(candidates, pod, link)
            if candidates:
                found[pod.key] = free.pop(candidates[0].name)
                open_pods.remove(pod)
    return found


def points_back(link: Link, namespace: Namespace) -> Link | None:
    """The interface of the namespace that is the other end of a host interface by index, both ways."""
    return next(
        (end for end in namespace.links if end.peer_index == link.index and link.peer_index == end.index),
        None,
    )


def _by_uid(pod: Pod, _link: Link | None, namespace: Namespace) -> bool:
    return pod.uid in namespace.uids


def _by_pair(_pod: Pod, link: Link | None, namespace: Namespace) -> bool:
    if link is None or points_back(link, namespace) is None:
        return False
    return namespace.nsid is None or namespace.nsid == link.peer_nsid


def _by_address(pod: Pod, _link: Link | None, namespace: Namespace) -> bool:
    return any(address.address in pod.ips for address in namespace.addresses)


def _by_peer(_pod: Pod, link: Link | None, namespace: Namespace) -> bool:
    if link is None:
        return False
    return any(end.peer_index == link.index for end in namespace.links if end.name == "eth0")


def _narrow(candidates: list[Namespace], pod: Pod, link: Link | None) -> list[Namespace]:
    ways: tuple[Callable[[Pod, Link | None, Namespace], bool], ...] = (_by_pair, _by_address)
    for fits in ways:
        fitting = [namespace for namespace in candidates if fits(pod, link, namespace)]
        if fitting:
            candidates = fitting
    return candidates
