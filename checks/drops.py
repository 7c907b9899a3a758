"""What a drop trial proves: from its evidence to a verdict, pure.

*Dropped* needs every piece of evidence: the packet was seen arriving at the owner, on its uplink or out of the tunnel
that carries the pool's packets; nobody answered and it left by no interface; the control was answered by the owner; the
kernel says EINVAL (blackhole) for every free address of the block, and shows by the control that its lookup works; the
address stayed free; nothing was missed while capturing. *Not dropped* needs the packet's own evidence, or the lookup's
in a trial that worked. All else is *could not be observed*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model import ip
from model.cluster import IPAMBlock
from model.free import free_addresses, node_addresses, shown_addresses
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model.cluster import Look
    from model.trial import Packet, Reply, Trial, Untried

BLACKHOLE = "EINVAL"  # net/ipv4/route.c, net/ipv6/route.c: what a lookup says of a blackhole
TIME_EXCEEDED = {4: 11, 6: 3}
UNREACHABLE = {4: 3, 6: 1}
AGAIN = "run the trial again"


class Fence(msgspec.Struct, frozen=True):
    """What the datastore said of blocks and addresses before and after the trials. `after` None: not listed again."""

    before: dict[str, IPAMBlock]
    after: dict[str, IPAMBlock] | None
    shown: frozenset[str]
    nodes: frozenset[str] = frozenset()  # every address that a node is known by


def fence_of(look: Look) -> Fence:
    """The fence of one look; built once, read by every trial's judgement."""
    before = look.before
    pods = (*before.pods, *look.pods_after)
    nodes = (*before.nodes, *(look.nodes_after or ()))
    after = None if look.blocks_after is None else {block.cidr: block for block in look.blocks_after}
    known = frozenset(address for node in nodes for address in node_addresses(node))
    return Fence({block.cidr: block for block in before.blocks}, after, shown_addresses(pods, nodes), known)


def judge_trial(trial: Trial, fence: Fence) -> Verdict:
    """The verdict on one block's trial. `examined` counts the packet and the addresses that were looked up."""
    if moved := _moved(trial, fence):
        return Verdict(inapplicable=(Gap(trial.block, moved),))
    free = _still_free(trial, fence)
    leaks = list(_leaks(trial, free, fence))
    if leaks:
        return Verdict(examined=1 + len(free), differences=(_difference(trial, leaks, free),))
    obstacle = next(_obstacles(trial, free, fence), None)
    if obstacle:
        return Verdict(unobserved=(obstacle,))
    return Verdict(examined=1 + len(free))


def judge_untried(untried: Untried) -> Verdict:
    """A block without a trial: does not apply, not asked, or asked and impossible."""
    gap = Gap(untried.block, f"{untried.block} of {untried.owner} was not tried: {untried.reason}")
    if not untried.applies:
        return Verdict(inapplicable=(gap,))
    if untried.asked:
        return Verdict(unobserved=(gap,))
    return Verdict(unasked=(Gap(untried.block, f"no packet was sent to it: {untried.reason}"),))  # one line for many


def _moved(trial: Trial, fence: Fence) -> str | None:
    """Why the block is in flux: another owner, or gone."""
    if trial.block not in fence.before:
        return "the block was not there yet when the datastore was listed first"
    if fence.after is None:
        return None
    after = fence.after.get(trial.block)
    if after is None or after.deleted:
        return "the block was released while it was tried"
    if after.affinity != fence.before[trial.block].affinity:
        return f"the block changed hands while it was tried: its affinity is now {after.affinity or 'none'}"
    return None


def _still_free(trial: Trial, fence: Fence) -> tuple[str, ...]:
    """The addresses that were free before and after, without those of pods that came and went in between."""
    before = fence.before[trial.block]
    free = tuple(address for address in free_addresses(before, fence.shown) if not _lent(trial, address, fence))
    if fence.after is None:
        return free
    after = fence.after[trial.block]
    kept = frozenset(free_addresses(after, fence.shown))
    changed = before.resource_version != after.resource_version
    return tuple(
        address for address in free if address in kept and not (changed and _pod_route(trial.lookups.get(address, "")))
    )


def _lent(trial: Trial, address: str, fence: Fence) -> bool:
    """Whether a lookup found a route to another node in a block that is blackholed: a borrowed address that was given
    back a moment ago, whose route BGP is withdrawing. One that stays is the subject of the check of leftovers."""
    words = trial.lookups.get(address, "").split()
    via = words[2] if words[:2] == ["unicast", "via"] and len(words) > 2 else None
    return via in fence.nodes and BLACKHOLE in trial.lookups.values()


def _pod_route(answer: str) -> bool:
    """Whether a lookup led straight to an interface, as a pod's does."""
    return answer.startswith("unicast dev ")


def _leaks(trial: Trial, free: tuple[str, ...], fence: Fence) -> Iterator[str]:
    """Each thing that shows that a free address is not dropped; only what can be nothing else."""
    packet = trial.packet
    if packet.target in free and fence.after is not None and packet.arrived:
        for reply in packet.replies:
            if reply.source in trial.owner_addresses or reply.source == packet.target:
                yield f"{trial.owner} answered the packet to {packet.target}: {_reply(reply)}"
        if packet.egress:
            yield f"the packet to {packet.target} left {trial.owner} again by {', '.join(packet.egress)}"
    if fence.after is not None and _answered(trial, trial.control) and _lookup_works(trial):
        wrong = [address for address in free if trial.lookups.get(address, BLACKHOLE) != BLACKHOLE]
        if wrong:
            yield _lookups(trial, wrong, len(free))


def _obstacles(trial: Trial, free: tuple[str, ...], fence: Fence) -> Iterator[Gap]:
    """Each thing that is missing from the proof, the most telling first."""
    yield from _unproved_packet(trial, free, fence)
    yield from _unproved_control(trial)
    yield from _unproved_lookups(trial, free)
    if trial.receive_drops:
        yield _gap(trial, f"{trial.receive_drops} captured frames were lost: what they held is unknown", AGAIN)


def _unproved_packet(trial: Trial, free: tuple[str, ...], fence: Fence) -> Iterator[Gap]:
    packet = trial.packet
    if fence.after is None:
        yield _gap(trial, f"whether {packet.target} stayed free is unknown: the blocks were not listed again")
    elif packet.target not in free:
        yield _gap(trial, f"{packet.target} was given to somebody while it was tried", AGAIN)
    if trial.problem:
        yield _gap(trial, trial.problem)
    if not packet.sent:
        yield _gap(trial, f"no packet was sent to {packet.target}")
    elif not packet.arrived:
        reason = f"{_packet(trial, packet)} was not seen arriving at {trial.uplink} of {trial.owner}"
        yield _gap(trial, reason, _path(trial))
    if packet.replies:
        others = ", ".join(_reply(reply) for reply in packet.replies)
        yield _gap(trial, f"{_packet(trial, packet)} was answered on its way: {others}", _path(trial))
    if packet.egress:
        yield _gap(
            trial, f"{_packet(trial, packet)} left {trial.owner} by {', '.join(packet.egress)}, but did not arrive"
        )


def _unproved_control(trial: Trial) -> Iterator[Gap]:
    control = trial.control
    if not control.sent:
        yield _gap(trial, f"no control was sent to {control.target}")
    elif not control.arrived:
        yield _gap(trial, f"the control to {control.target} was not seen arriving at {trial.owner}", _path(trial))
    elif control.ttl != trial.packet.ttl:
        yield _gap(trial, f"the control had TTL {control.ttl}, the packet {trial.packet.ttl}")
    elif not _answered(trial, control):
        yield _gap(
            trial,
            f"{trial.owner} did not answer the control to {control.target} with time exceeded: silence proves nothing",
            f"something on {trial.owner} stops the packets before they are routed, or its answers: look at rp_filter, "
            "ip_forward, the netfilter raw and mangle tables, icmp_ratelimit",
        )


def _unproved_lookups(trial: Trial, free: tuple[str, ...]) -> Iterator[Gap]:
    if not _lookup_works(trial):
        yield _gap(
            trial,
            f"the kernel's lookup for the control {trial.control.target} says {trial.control_lookup or 'nothing'} "
            "instead of a route, so what it says of the others proves nothing",
            _command(trial, trial.control.target),
        )
    missing = [address for address in free if address not in trial.lookups]
    if missing or not free:
        yield _gap(trial, f"{len(missing)} of {len(free)} free addresses were not looked up: {_some(missing)}", AGAIN)
    wrong = [address for address in free if trial.lookups.get(address, BLACKHOLE) != BLACKHOLE]
    if wrong:
        yield _gap(trial, f"{_lookups(trial, wrong, len(free))}; the packets of the trial do not confirm it")


def _answered(trial: Trial, packet: Packet) -> bool:
    """Whether the owner answered with time exceeded: it would have forwarded the packet."""
    family = ip.family(packet.target)
    return packet.arrived and any(
        reply.type == TIME_EXCEEDED[family] and reply.code == 0 and reply.source in trial.owner_addresses
        for reply in packet.replies
    )


def _lookup_works(trial: Trial) -> bool:
    """Whether the lookup finds a route for the control: a martian source or forwarding off would refuse it, too."""
    return (trial.control_lookup or "").partition(" ")[0] == "unicast"


def _difference(trial: Trial, leaks: list[str], free: tuple[str, ...]) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=trial.block,
        expected=f"{trial.owner} silently drops every packet to a free address of {trial.block} (blackhole)",
        because=(
            f"IPAMBlock {trial.block} has affinity host:{trial.owner}, {len(free)} of its addresses are unused, and "
            "a node blackholes its own blocks (bird_aggr.cfg.template, felix route_mgr.go), so that packets to unused "
            "addresses neither loop nor leave the cluster"
        ),
        found="; ".join(leaks),
        look=_command(trial, _worst(trial, free)),
        severity=Severity.WRONG,
        likely=_likely(trial, free),
        about=about(block=trial.block),
    )


def _worst(trial: Trial, free: tuple[str, ...]) -> str:
    """An address by which the fault shows."""
    wrong = (address for address in free if trial.lookups.get(address, BLACKHOLE) != BLACKHOLE)
    return next(wrong, trial.packet.target)


def _likely(trial: Trial, free: tuple[str, ...]) -> str:
    answers = {trial.lookups.get(address, BLACKHOLE) for address in free} - {BLACKHOLE}
    kinds = {"EHOSTUNREACH": "an unreachable route", "EACCES": "a prohibit route"}
    other = next((kinds[answer] for answer in sorted(answers) if answer in kinds), None)
    if other:
        return f"{other} stands where the blackhole of {trial.block} should be"
    if any(_pod_route(answer) for answer in answers):
        return "a route to a pod that is gone was left behind"
    if answers:
        return f"the blackhole of {trial.block} is missing on {trial.owner}, or another route wins over it"
    return f"the blackhole of {trial.block} came back between the packet and the lookup, or is overridden by a rule"


def _lookups(trial: Trial, wrong: list[str], count: int) -> str:
    answers = sorted({trial.lookups[address] for address in wrong})
    said = f"the kernel of {trial.owner} says {_some(answers)}"
    return f"{said} for {len(wrong)} of {count} free addresses: {_some(wrong)}"


def _some(addresses: list[str]) -> str:
    return ", ".join(addresses[:3]) + (" …" if len(addresses) > 3 else "")


def _reply(reply: Reply) -> str:
    family = ip.family(reply.source)
    names = {TIME_EXCEEDED[family]: "time exceeded", UNREACHABLE[family]: "destination unreachable"}
    name = names.get(reply.type, f"ICMP type {reply.type}")
    return f"{name} (type {reply.type}, code {reply.code}) from {reply.source}"


def _packet(trial: Trial, packet: Packet) -> str:
    way = f" through the {trial.carrier} tunnel" if trial.carrier else ""
    return f"the packet from {trial.sender} ({trial.source}){way} to {packet.target} with TTL {packet.ttl}"


def _command(trial: Trial, target: str) -> str:
    return f"on {trial.owner}: ip route get {target} from {trial.source} iif {trial.uplink}"


def _path(trial: Trial) -> str:
    if trial.carrier:
        shown = f"on {trial.sender}: bridge fdb show; ip -d link show type vxlan"
        return f"look at the {trial.carrier} tunnel from {trial.sender} to {trial.owner}: {shown}"
    return f"look at the way from {trial.sender} to {trial.owner}: links, neighbours, {trial.uplink} of {trial.owner}"


def _gap(trial: Trial, reason: str, remedy: str = "") -> Gap:
    return Gap(trial.block, reason, remedy)


def judge_drops(trials: Iterable[Trial], untried: Iterable[Untried], fence: Fence) -> Verdict:
    """All of these together."""
    total = Verdict()
    for trial in trials:
        total += judge_trial(trial, fence)
    for item in untried:
        total += judge_untried(item)
    return total
