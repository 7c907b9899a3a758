"""What a check says of its subject, as a value: never an exception, so that nothing said is lost on the way."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(enum.StrEnum):
    """How bad. Only the first two change the exit code, and the second only at the default threshold."""

    BROKEN = "broken"  # traffic is or will be lost
    WRONG = "wrong but working"
    HOUSEKEEPING = "housekeeping"


class Kind(enum.StrEnum):
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    DIFFERENT = "different"


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as it should be. `object` names it stably over runs: it is part of the finding's id."""

    kind: Kind
    object: str
    expected: str
    because: str  # object, field, version, rule: where the expectation comes from
    found: str
    look: str  # the command that shows it by hand
    severity: Severity = Severity.BROKEN
    likely: str = ""
    about: tuple[str, ...] = ()  # what else it concerns, by which reports find its cause: see `about`


def about(**named: str | Iterable[str] | None) -> tuple[str, ...]:
    """Stable tokens `kind:value`, sorted: `about(node="worker2", block=None)` is `("node:worker2",)`.

    Kinds: node, pod, block, address, link, device, namespace: what a finding concerns beside its own node and object;
    rule (a policy rule's priority), owner (Felix, BIRD), by (what made the thing found: a routing daemon, the kernel),
    encap, family, protocol, setting, state.
    """
    pairs = ((kind, (value,) if isinstance(value, str) else value or ()) for kind, value in named.items())
    return tuple(sorted({f"{kind}:{value}" for kind, values in pairs for value in values}))


class Gap(msgspec.Struct, frozen=True):
    """One thing without a verdict, and why; `remedy` says what would give it one."""

    object: str
    reason: str
    remedy: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """`examined` counts the things compared; a verdict without any is no pass."""

    examined: int = 0
    differences: tuple[Difference, ...] = ()
    unobserved: tuple[Gap, ...] = ()  # asked, and failed
    inapplicable: tuple[Gap, ...] = ()
    unasked: tuple[Gap, ...] = ()

    def __add__(self, other: Self) -> Verdict:
        return Verdict(
            self.examined + other.examined,
            self.differences + other.differences,
            self.unobserved + other.unobserved,
            self.inapplicable + other.inapplicable,
            self.unasked + other.unasked,
        )


class Outcome(enum.StrEnum):
    PASSED = "conforms"
    FAILED = "does not conform"
    UNOBSERVED = "could not be observed"
    INAPPLICABLE = "does not apply"
    UNASKED = "not asked"


class Result(msgspec.Struct, frozen=True):
    """One check's verdict on one subject. `node` is "" for the cluster; `subject` is stable over runs."""

    check: str
    title: str  # the check's sentence
    node: str
    subject: str
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        """The first that holds: a difference weighs more than a gap, and nothing examined is never a pass."""
        verdict = self.verdict
        if any(difference.severity != Severity.HOUSEKEEPING for difference in verdict.differences):
            return Outcome.FAILED
        if verdict.unobserved:
            return Outcome.UNOBSERVED
        if verdict.examined:
            return Outcome.PASSED
        return Outcome.UNASKED if verdict.unasked else Outcome.INAPPLICABLE

    def finding_id(self, difference: Difference) -> str:
        """Stable over runs and the same in every report: check, node, object."""
        return finding_id(self.check, self.node, difference.object)


def finding_id(check: str, node: str, name: str) -> str:
    """`check/node/object`, with `cluster` for no node."""
    return f"{check}/{node or 'cluster'}/{name}"
