"""Whether packets to addresses that no pod has are really dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.drops import judge_drops
from model.verdict import Gap, Verdict

if TYPE_CHECKING:
    from checks.cases import NodeCase


@check(faults=("F28",))
def test_packets_to_free_addresses_are_dropped(node: NodeCase) -> Verdict:
    """A packet to an address of the node's blocks that no pod has is dropped at the blackhole: sent from another
    node, seen
    arriving, answered by nobody, forwarded nowhere.

    Its TTL ends at the node: a blackhole is silent, any route would answer *time exceeded*. Silence counts only
    beside a
    control that was answered, and beside the kernel's own word (RTM_GETROUTE: EINVAL) for every free address of the
    block.
    """
    trials = node.cluster.trials
    if not trials.asked:
        return Verdict(unasked=(Gap(node.name, trials.reason),))
    mine = [trial for trial in trials.trials if trial.owner == node.name]
    untried = [item for item in trials.untried if item.owner == node.name]
    if not mine and not untried:
        return Verdict(inapplicable=(Gap(node.name, "it owns no IPAM block"),))
    return judge_drops(mine, untried, node.cluster.fence)
