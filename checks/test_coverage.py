"""Whether everything that should be judged could be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.required import OPTIONAL, REQUIRED
from expect.release import NEWEST
from model.verdict import Gap, Verdict

if TYPE_CHECKING:
    from checks.cases import ClusterCase


@check(faults=())
def test_every_node_was_observed(cluster: ClusterCase) -> Verdict:
    """Every node of the cluster that runs Linux was observed, and every list that the expectations need was read.

    A node that could not be observed is said once, here. A list that few expectations need, and that could not be
    read, is said as not asked.
    """
    world = cluster.world
    records = {record.name: record for record in cluster.records}
    verdict = Verdict()
    for name in sorted(REQUIRED & world.cluster.unlisted.keys()):
        verdict += Verdict(unobserved=(Gap(name, world.cluster.unlisted[name]),))
    for name in sorted(OPTIONAL & world.cluster.unlisted.keys()):
        verdict += Verdict(unasked=(Gap(name, world.cluster.unlisted[name]),))
    if world.flux.pods:
        moving = f"{len(world.flux.pods)} pods came, went or changed while it was looked at, and are not judged"
        verdict += Verdict(inapplicable=(Gap("pods", moving),))
    if world.cluster.nodes and all(world.release(node.name) == NEWEST for node in world.cluster.nodes):
        reason = f"no object names the Calico release, by which routes are owned: {NEWEST} would be assumed"
        verdict += Verdict(unobserved=(Gap("release", reason, "ClusterInformation default, spec.calicoVersion"),))
    for node in world.cluster.nodes:
        record = records.get(node.name)
        if not cluster.chosen.node(node.name):
            continue  # not asked: counted once for the whole run
        if node.unobservable:
            verdict += Verdict(inapplicable=(Gap(node.name, node.unobservable),))
        elif record is None:
            verdict += Verdict(unobserved=(Gap(node.name, "it was not looked at"),))
        elif record.absent is not None:
            verdict += Verdict(unobserved=(Gap(node.name, record.absent.reason, record.absent.remedy),))
        else:
            verdict += Verdict(examined=1)
    return verdict
