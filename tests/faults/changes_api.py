"""Changes of what the API holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expect.flux import CONFIGURATION
from model import ip, net
from model.cluster import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.cluster import Cluster, IPAMBlock, IPAMHandle
    from model.snapshot import Snapshot
    from tests.faults.changes import Change

    Which = Callable[[net.Route], bool]

from tests.faults.changes import replace


def api(edit: Callable[[Cluster], Cluster]) -> Change:
    """Change the cluster's objects, in the lists before and after alike: they did not change while one looked."""

    def change(snapshot: Snapshot) -> Snapshot:
        looks = []
        for look in snapshot.looks:
            new = edit(look.before)
            looks.append(
                replace(
                    look,
                    before=new,
                    pods_after=new.pods,
                    blocks_after=new.blocks,
                    affinities_after=new.affinities,
                    nodes_after=new.nodes,
                    **{again: getattr(new, first) for first, again in CONFIGURATION.items()},
                )
            )
        return replace(snapshot, looks=tuple(looks))

    return change


def of(kind: str, key: str, **fields: Any) -> Change:
    """Set fields of one object: `nodes` are told apart by name, `pods` by namespace/name, all others by prefix."""
    return api(lambda cluster: _each(cluster, kind, key, lambda item: (replace(item, **fields),)))


def without(kind: str, key: str) -> Change:
    """Delete an object."""
    return api(lambda cluster: _each(cluster, kind, key, lambda item: ()))


def with_new(kind: str, *items: Any) -> Change:
    """Add objects."""
    return api(lambda cluster: replace(cluster, **{kind: (*getattr(cluster, kind), *items)}))


def with_filter(*rules: dict[str, str]) -> Change:
    """A BGPFilter with these rules for what is imported, and every BGPPeer names it."""

    def edit(cluster: Cluster) -> Cluster:
        peers = tuple(replace(item, spec={**item.spec, "filters": ["some"]}) for item in cluster.peers)
        if not peers:
            raise LookupError("no BGPPeer")
        return replace(cluster, peers=peers, filters=(*cluster.filters, Settings("some", {"importV4": list(rules)})))

    return api(edit)


def without_address(given: str) -> Change:
    """IPAM has given an address back: its slot is free, and its attribute and its handle are gone."""

    def free(block: IPAMBlock) -> IPAMBlock:
        at = next(i for i in range(len(block.allocations)) if ip.nth(block.cidr, i) == given)
        index = block.allocations[at]
        if index is None:
            raise LookupError(f"{given} is not allocated")
        slots = [None if i in (None, index) else i - (i > index) for i in block.allocations]
        attributes = (*block.attributes[:index], *block.attributes[index + 1 :])
        return replace(block, allocations=tuple(slots), attributes=attributes, unallocated=(*block.unallocated, at))

    def change(snapshot: Snapshot) -> Snapshot:
        (owner,) = (item for item in snapshot.looks[0].before.blocks if ip.contains(item.cidr, given))
        at = int(ip.address(given)) - ip.span(owner.cidr)[1]
        handle = owner.attributes[owner.allocations[at] or 0].handle
        edit = api(
            lambda cluster: replace(
                cluster,
                blocks=tuple(free(item) if item is owner else item for item in cluster.blocks),
                handles=tuple(
                    item
                    for old in cluster.handles
                    for item in ((_one_less(old, owner.cidr),) if old.handle == handle else (old,))
                    if item is not None
                ),
            )
        )
        return edit(snapshot)

    return change


def _one_less(handle: IPAMHandle, cidr: str) -> IPAMHandle | None:
    counts = {key: count - (key == cidr) for key, count in handle.blocks.items()}
    left = {key: count for key, count in counts.items() if count}
    return replace(handle, blocks=left) if left else None


def settings(kind: str, **fields: object) -> Change:
    """Set fields of the `default` object of `felix` or `bgp`."""

    def edit(cluster: Cluster) -> Cluster:
        found = [replace(item, spec={**item.spec, **fields}) for item in getattr(cluster, kind)]
        return replace(cluster, **{kind: tuple(found)})

    return api(edit)


def _each(cluster: Cluster, kind: str, key: str, edit: Callable[[Any], tuple[Any, ...]]) -> Cluster:
    items = getattr(cluster, kind)
    met = [item for item in items if _key(item) == key]
    if not met:
        raise KeyError(f"{kind}: {key}")
    found = [new for item in items for new in (edit(item) if item in met else (item,))]
    return replace(cluster, **{kind: tuple(found)})


def _key(item: Any) -> str:
    return str(getattr(item, "key", None) or getattr(item, "cidr", None) or item.name)


def block(snapshot: Snapshot, cidr: str) -> IPAMBlock:
    """The block of that prefix. StopIteration."""
    return next(item for item in snapshot.looks[0].before.blocks if item.cidr == cidr)
