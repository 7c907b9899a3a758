"""Whether packets to addresses that no pod has are really dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.drops import AGAIN, judge_drops
from model.verdict import Gap, Verdict

if TYPE_CHECKING:
    from checks.cases import NodeCase
    from expect.world import Block
    from model.trial import Trial


@check(faults=("F28",))
def test_packets_to_free_addresses_are_dropped(node: NodeCase) -> Verdict:
    """A packet to an address of the node's blocks that no pod has is dropped at the blackhole: sent from another node,
    seen arriving, answered by nobody, forwarded nowhere.

    Its TTL ends at the node: a blackhole is silent, any route would answer *time exceeded*. Silence counts only beside
    a control that was answered, and beside the kernel's own word (RTM_GETROUTE: EINVAL) for every free address of the
    block.
    """
    trials = node.cluster.trials
    if not trials.asked:
        return Verdict(unasked=(Gap(node.name, trials.reason),))
    owned = {block.cidr: block for block in node.world.blocks_by_node.get(node.name, ())}
    if not owned:
        return Verdict(inapplicable=(Gap(node.name, "it owns no IPAM block"),))
    mine = [trial for trial in trials.trials if trial.block in owned and trial.owner == node.name]
    untried = [item for item in trials.untried if item.block in owned]
    told = {trial.block for trial in mine} | {item.block for item in untried}
    silent = [Gap(cidr, "it was neither tried nor named", AGAIN) for cidr, block in owned.items() if _owed(block, told)]
    unfit = [
        Gap(trial.block, f"the control {trial.control.target} is no live pod's", AGAIN)
        for trial in mine
        if _unfit(node, trial)
    ]
    fit = [trial for trial in mine if not _unfit(node, trial)]
    return judge_drops(fit, untried, node.cluster.fence) + Verdict(unobserved=(*silent, *unfit))


def _owed(block: Block, told: set[str]) -> bool:
    return block.settled and block.cidr not in told


def _unfit(node: NodeCase, trial: Trial) -> bool:
    """Whether the control is not what it is said to be: to an address that nobody has it would prove nothing."""
    flux = node.world.flux.addresses
    live = trial.control.target in node.world.pods_by_address or trial.control.target in flux
    return trial.control_kind == "live-pod" and not live
