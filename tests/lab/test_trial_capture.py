"""What the capture on the owner sees of a packet that is really forwarded: the test of the test for *no egress*."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fixtures.packets.answers import HOST, OUTGOING, Report, parts, together
from fixtures.packets.frames import Wanted, build, dissect, mark, port_of
from fixtures.probe_program import payload
from fixtures.probe_reply import frames
from tests.lab.trial_lab import BLOCK, TrialLab

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]
RUN, TARGET = "capture-test", "10.49.0.99"


@pytest.fixture
def lab() -> Iterator[TrialLab]:
    with TrialLab(routed=False) as lab:
        yield lab


def watch_one(lab: TrialLab, ttl: int) -> Report:
    """Send one packet with this TTL to the owner and return what the owner saw."""
    facts = {node: lab.facts(node) for node in ("sender", "owner")}
    macs = {node: link.mac for node in facts if (link := facts[node].host.link("ens160"))}
    wanted = Wanted(1, "target", lab.sender4, TARGET, ttl, macs["sender"], macs["owner"])
    frame = build(RUN, wanted).hex()
    step = {"control": False, "frames": [_base64(frame)]}
    send = {"do": "send", "seconds": 20, "run": RUN, "dev": "ens160", "gap": 0.2, "packets": 1, "spare": 0, "owner": []}
    watch = {"do": "watch", "seconds": 20, "run": RUN, "watch": 10, "last": [mark(RUN, 1, "target")], "lookups": []}

    seen: Report | None = None
    for part in parts("owner", frames(lab.reach.run("owner", payload(watch), 20))):
        if part.ready:
            answer = frames(lab.reach.run("sender", payload({**send, "steps": [step]}), 20))
            assert [len(part.report.sent) for part in parts("sender", answer) if part.report] == [1]
        elif part.report:
            seen = together(seen, part.report)
    assert seen
    return seen


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(bytes.fromhex(text)).decode("ascii")


def test_a_forwarded_packet_is_seen_coming_in_and_going_out(lab: TrialLab) -> None:
    lab.ip("owner", "route", "del", "blackhole", BLOCK)
    report = watch_one(lab, ttl=9)
    seen = [(frame.packet_type, found.ttl) for frame in report.frames if (found := dissect(frame))]
    assert (HOST, 9) in seen
    assert (OUTGOING, 8) in seen
    assert report.drops == 0
    assert report.alive


def test_a_blackholed_packet_is_seen_coming_in_only(lab: TrialLab) -> None:
    report = watch_one(lab, ttl=9)
    found = [(frame.packet_type, sighting) for frame in report.frames if (sighting := dissect(frame))]
    assert [kind for kind, _ in found] == [HOST]
    assert found[0][1].port == port_of(RUN, 1)
    assert found[0][1].target == TARGET
