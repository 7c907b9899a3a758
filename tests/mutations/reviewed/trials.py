"""Don't-cares among the evidence of the trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip
from model.trial import Trial, Untried
from tests.mutations.dont_care import DontCare, of

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def _no_block(mutation: Mutation, scene: Scene) -> bool:
    """A trial, beside the others, of a block that is not there."""
    known = {block.cidr for block in scene.cluster.blocks}
    return not mutation.lost and all(trial.block not in known for trial in of(Trial, mutation.gained))


def _nobody(mutation: Mutation, scene: Scene) -> bool:
    nodes = {node.name for node in scene.cluster.nodes}
    return not mutation.lost and all(trial.owner not in nodes for trial in of(Trial, mutation.gained))


def _good_control(mutation: Mutation, scene: Scene) -> bool:
    """The control goes to an address outside the block, or to a live pod of it."""
    live = {address for pod in scene.cluster.pods for address in pod.ips}
    return all(
        not ip.contains(trial.block, trial.control.target) or trial.control.target in live
        for trial in of(Trial, mutation.gained)
    )


def _nothing_owed(mutation: Mutation, scene: Scene) -> bool:
    return not scene.programmed and not scene.bird_families


def _not_applying(mutation: Mutation, scene: Scene) -> bool:
    return all(not item.applies or not item.asked for item in of(Untried, mutation.lost or mutation.gained))


def _in_flux(mutation: Mutation, scene: Scene) -> bool:
    return any(f"[{address}]" in mutation.where for address in scene.leaving_addresses)


ENTRIES: tuple[DontCare, ...] = (
    DontCare(
        "Trial",
        "control.target",
        "*",
        "A control outside the block is as good: the owner answers it as it answers all that it would forward.",
        _good_control,
    ),
    DontCare("Trials", "asked", "*", "Not asked is counted as not asked."),
    DontCare("Trials", "reason", "*", "It is text."),
    DontCare("Trials", "run_id", "*", "It tells one run's packets from another's."),
    DontCare("Trials", "pcap", "*", "It is kept for people."),
    DontCare("Trial", "", "add foreign*", "A trial of a node that is not judged.", _nobody),
    DontCare("Untried", "", "add foreign*", "A node that is not judged."),
    DontCare("Untried", "reason", "*", "It is text."),
    DontCare("Untried", "owner", "*", "The block tells whose it is; the name is text."),
    DontCare("Untried", "asked", "*", "Where no trial applies none is asked for.", _not_applying),
    DontCare("Untried", "*", "*", "No blackhole is expected, so no trial either.", _nothing_owed),
    DontCare("Untried", "block", "add copy: *", "The block's own line is there."),
    DontCare("Untried", "block", "swap", "Both blocks have their line."),
    DontCare("Trial", "control", "swap", "Both controls went to live pods of the same node, and were answered."),
    DontCare("Trial", "lookups.*", "*", "Its pod changed while one looked.", _in_flux),
    DontCare(
        "Trial",
        "block",
        "add copy: *",
        "A trial of a block that is not there proves nothing, and nothing needs it.",
        _no_block,
    ),
    DontCare("Trial", "owner", "add copy: *", "A trial of a node that is not judged.", _nobody),
    DontCare("Trial", "block", "add copy: *", "The block's own trial is there; this one contradicts the datastore."),
    DontCare("Trial", "owner", "add copy: *", "The block's own trial is there; this one contradicts the datastore."),
    DontCare("Trial", "sender", "*", "Who sent is all one: the packet was seen arriving."),
    DontCare("Trial", "source", "*", "Who sent is all one: the packet was seen arriving."),
    DontCare("Trial", "uplink", "*", "It names where the packet was seen arriving."),
    DontCare("Trial", "carrier", "*", "It names the way that the packet took: it was seen arriving."),
    DontCare(
        "Trial", "control_kind", "*", "It says what kind of address the control was sent to; its answer is what counts."
    ),
    DontCare(
        "Trial",
        "control.egress",
        "*",
        "The control was answered by the owner; a copy of it that leaves disproves nothing.",
    ),
    DontCare("Trial", "control.replies", "add one*", "One time exceeded of the owner is enough."),
    DontCare("Trial", "control.replies", "*double one", "One time exceeded of the owner is enough."),
    DontCare("Trial", "control.replies", "add copy: add one*", "One time exceeded of the owner is enough."),
    DontCare(
        "Trial",
        "owner_addresses",
        "*add one*",
        "More addresses recognise more answers as the owner's; there is none to the packet.",
    ),
    DontCare("Trial", "owner_addresses", "*double one", "An address named twice is one."),
    DontCare("Trial", "packet.target", "*→ a free one", "Another free address of the block is as good."),
    DontCare("Trial", "lookups", "*add one: foreign", "An address of no block was looked up besides."),
)
