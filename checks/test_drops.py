"""Whether packets to addresses that no pod has are really dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.drops import AGAIN, judge_drops
from expect.cluster_routes import own_blackholes
from model import ip
from model.verdict import Gap, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checks.cases import NodeCase
    from expect.index import Block
    from model.trial import Trial


@check(faults=("F28",))
def test_packets_to_free_addresses_are_dropped(node: NodeCase) -> Verdict:
    """A packet to an address of the node's blocks that no pod has is dropped at the blackhole: sent from another node,
    seen arriving, answered by nobody, forwarded nowhere.

    It goes as the pool's own packets go: through the VXLAN tunnel where they do. Its TTL ends at the node: a blackhole
    is silent, any route would answer *time exceeded*. Silence counts only beside a control that was answered, and
    beside the kernel's own word (RTM_GETROUTE: EINVAL) for every free address of the block.
    """
    trials = node.cluster.trials
    if not trials.asked:
        return Verdict(unasked=(Gap(node.name, trials.reason),))
    owned = {block.cidr: block for block in node.world.blocks_by_node.get(node.name, ())}
    if not owned:
        return Verdict(inapplicable=(Gap(node.name, "it owns no IPAM block"),))
    needless = _needless(node, owned.values())
    mine = [trial for trial in trials.trials if trial.block in owned and trial.owner == node.name]
    untried = [item for item in trials.untried if item.block in owned]
    told = {trial.block for trial in mine} | {item.block for item in untried} | set(needless)
    silent = [Gap(cidr, "it was neither tried nor named", AGAIN) for cidr, block in owned.items() if _owed(block, told)]
    unfit = [
        Gap(trial.block, f"the control {trial.control.target} is no live pod's", AGAIN)
        for trial in mine
        if _unfit(node, trial) and trial.block not in needless
    ]
    fit = [trial for trial in mine if not _unfit(node, trial) and trial.block not in needless]
    named = [item for item in untried if item.block not in needless]
    idle = tuple(Gap(cidr, reason) for cidr, reason in sorted(needless.items()))
    return judge_drops(fit, named, node.cluster.fence(node.world)) + Verdict(
        inapplicable=idle, unobserved=(*silent, *unfit)
    )


def _needless(node: NodeCase, owned: Iterable[Block]) -> dict[str, str]:
    """The settled blocks that need no blackhole on this node, with the reason: nothing has to drop their packets."""
    asked = {item.prefix: item.optional for item in own_blackholes(node.world, node.name)}
    found = {}
    for block in owned:
        if not ip.is_host_prefix(block.cidr) and block.settled:
            ownership = node.world.owner(block.pool, node.name)
            reason = asked.get(block.cidr, f"nothing of Calico programs its blackhole: {ownership.because}")
            if reason:
                found[block.cidr] = reason
    return found


def _owed(block: Block, told: set[str]) -> bool:
    return block.settled and block.cidr not in told


def _unfit(node: NodeCase, trial: Trial) -> bool:
    """Whether the control is not what it is said to be: to an address that nobody has it would prove nothing."""
    flux = node.world.flux.addresses
    live = trial.control.target in node.world.pods_by_address or trial.control.target in flux
    return trial.control_kind == "live-pod" and not live
