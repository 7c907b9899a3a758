"""The words of a report: everything a sink needs to know, counted and in order, as frozen values."""

from __future__ import annotations

import enum

import msgspec

from model.snapshot import Header
from model.verdict import Kind, Severity


class ExitCode(enum.IntEnum):
    """What the process ends with. Where several hold, the first of `ORDER` does."""

    CONFORMS = 0
    FAILED = 1  # does not conform
    INTERRUPTED = 2
    TOOL = 3  # an error inside the tool
    USAGE = 4
    NOTHING = 5  # nothing to examine
    UNOBSERVED = 6  # nothing wrong was seen, but something that was asked could not be observed


ORDER = (
    ExitCode.INTERRUPTED,
    ExitCode.TOOL,
    ExitCode.USAGE,
    ExitCode.FAILED,
    ExitCode.UNOBSERVED,
    ExitCode.NOTHING,
    ExitCode.CONFORMS,
)


class Trouble(enum.StrEnum):
    """What kept a run from being carried out whole."""

    TOOL = "an error inside the tool"
    USAGE = "usage"
    UNOBSERVED = "could not be observed"  # the API does not answer, or refuses


class Problem(msgspec.Struct, frozen=True):
    """Something that happened to the whole run: what, and what the user can do next."""

    trouble: Trouble
    reason: str
    remedy: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One difference with its place. Every text is printable: no control character, no line end.

    `id` is stable over runs and the same in every report. `gates` says whether it makes the run fail. `cause` is the id
    of the finding that this one follows from, "" if it stands by itself; `about` as in `model.verdict.Difference`.
    """

    id: str
    check: str
    title: str
    severity: Severity
    gates: bool
    node: str  # "" for the cluster
    subject: str
    kind: Kind
    object: str
    expected: str
    because: str
    found: str
    look: str
    likely: str = ""
    about: tuple[str, ...] = ()
    cause: str = ""


class Cause(msgspec.Struct, frozen=True):
    """A finding that follows from no other, and all that follows from it, worst first.

    `severity` is the worst of all of them, `gates` whether any makes the run fail. `unobserved` counts what could not
    be observed because of it.
    """

    headline: str
    severity: Severity
    gates: bool
    finding: Finding
    consequences: tuple[Finding, ...]
    unobserved: int = 0


class GapGroup(msgspec.Struct, frozen=True):
    """Things without a verdict that share their reason, so that one cause is one line.

    `node` is "" where the reason belongs to no single node. `count` counts things, each as often as a check asked.
    """

    node: str
    reason: str
    remedy: str
    count: int
    checks: tuple[str, ...]
    objects: tuple[str, ...]


class CheckCount(msgspec.Struct, frozen=True):
    """One check over all its subjects, which the five outcomes add up to; `examined` counts things compared."""

    check: str
    title: str
    scope: str  # what its subjects are: pod, node, cluster; "" for a check that is not in the catalogue
    examined: int
    subjects: int
    passed: int
    failed: int
    unobserved: int
    inapplicable: int
    unasked: int
    findings: int


class HealedFinding(msgspec.Struct, frozen=True):
    """A finding that a later look no longer showed, `seconds` after it was first seen."""

    id: str
    seconds: float


class Summary(msgspec.Struct, frozen=True):
    """A whole run. Checks are in the catalogue's order, all else is sorted: equal runs give equal values."""

    header: Header | None
    threshold: Severity
    exit_code: ExitCode
    sentence: str
    results: int
    planned: int | None
    interrupted: bool
    problem: Problem | None
    checks: tuple[CheckCount, ...]
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]  # broken ones first, then by how much they explain
    unreachable: tuple[str, ...]
    unobserved: tuple[GapGroup, ...]
    inapplicable: tuple[GapGroup, ...]
    unasked: tuple[GapGroup, ...]
    healed: tuple[HealedFinding, ...]
