"""Results of every outcome, to make reports from."""

from __future__ import annotations

from model.node import Absent
from model.snapshot import Header, Healed
from model.verdict import Difference, Gap, Kind, Result, Severity, Verdict

HEADER = Header(1, "calico-conformance 0.1.0", "2026-01-01T00:00:00Z", "cluster", "lab", "lab")
HOSTILE = "a \"b\" <c> & ]]> $(d) `e` 'f' {g}\n\x00\x1b[31m\u202e\ud800\ufffe\U0001f600 ü"


def difference(name: str = "route 10.48.0.64/26", severity: Severity = Severity.BROKEN, **texts: str) -> Difference:
    """One finding's substance."""
    every = {
        "expected": "10.48.0.64/26 via 10.0.0.11 dev ens160 proto bird",
        "because": "IPAMBlock 10-48-0-64-26 has affinity host:worker1",
        "found": "nothing more specific than default via 10.0.0.254",
        "look": "on worker2: ip route get 10.48.0.65",
        "likely": "the BGP session to 10.0.0.11 is not established",
    } | texts
    four = (every["expected"], every["because"], every["found"], every["look"])
    return Difference(Kind.MISSING, name, *four, severity, every["likely"])


def result(verdict: Verdict, check: str = "block_routes", node: str = "worker2", subject: str = "worker2") -> Result:
    """A result whose title is made from its check's name."""
    return Result(check, f"The {check.replace('_', ' ')} are as they should be", node, subject, verdict)


PASSED = result(Verdict(4), node="worker1", subject="worker1")
FAILED = result(Verdict(4, (difference(),)))
WRONG = result(Verdict(4, (difference("rule 100", Severity.WRONG),)), "rules")
HOUSEKEEPING = result(Verdict(4, (difference("affinity old", Severity.HOUSEKEEPING),)), "affinities")
UNOBSERVED = result(Verdict(1, unobserved=(Gap("bird", "its socket does not answer", "restart it"),)), "sessions")
INAPPLICABLE = result(Verdict(inapplicable=(Gap("10.49.0.0/24", "VXLAN: BIRD does not own it"),)), "blackholes")
UNASKED = result(Verdict(unasked=(Gap("10.48.0.64/26", "packets are off"),)), "drops")
EMPTY = result(Verdict(), "nothing")
EVERY = (PASSED, FAILED, WRONG, HOUSEKEEPING, UNOBSERVED, INAPPLICABLE, UNASKED, EMPTY)

ABSENT = Absent("worker3", "no answer within 30 s", "is it up?")
HEALED = Healed("host_routes/worker1/10.48.0.67/32", 3.4)


def hostile() -> Result:
    """A result in which every text is as bad as it can be."""
    bad = Difference(Kind.UNEXPECTED, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, likely=HOSTILE)
    gap = Gap(HOSTILE, HOSTILE, HOSTILE)
    return Result(HOSTILE, HOSTILE, HOSTILE, HOSTILE, Verdict(1, (bad,), (gap,), (gap,), (gap,)))
