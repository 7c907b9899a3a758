"""The trial's frames: what is built is what is taken apart again, short quotes and foreign frames included."""

from __future__ import annotations

import io
import warnings

import pytest

from fixtures.packets.answers import HOST, Captured
from fixtures.packets.frames import Wanted, build, dissect, mark, pcap, port_of
from model.trial import Reply

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scapy's own imports
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6TimeExceeded, IPv6
    from scapy.layers.l2 import Ether
    from scapy.utils import rdpcap

FOUR = Wanted(7, "target", "10.0.0.12", "10.48.0.70", 1, "02:00:00:00:00:0c", "02:00:00:00:00:0b")
SIX = Wanted(8, "control", "fd00::12", "fd48::46", 2, "02:00:00:00:00:0c", "02:00:00:00:00:0b")


def captured(data: bytes, hardware: int = 1, time: float = 1.5) -> Captured:
    return Captured("ens160", HOST, hardware, time, data)


@pytest.mark.parametrize("wanted", [FOUR, SIX])
def test_a_packet_carries_its_run_number_kind_and_ttl(wanted: Wanted) -> None:
    frame = build("run-1", wanted)
    sighting = dissect(captured(frame))
    assert sighting
    assert (sighting.port, sighting.target, sighting.ttl, sighting.reply) == (
        port_of("run-1", wanted.number),
        wanted.target,
        wanted.ttl,
        None,
    )
    assert mark("run-1", wanted.number, wanted.kind).encode() in frame
    parsed = Ether(frame)
    assert (parsed.src, parsed.dst) == (wanted.from_mac, wanted.to_mac)
    assert parsed.payload.src == wanted.source


@pytest.mark.parametrize(
    ("answer", "quoted", "wanted", "reply"),
    [
        (IP(src="10.0.0.11", dst="10.0.0.12") / ICMP(type=11, code=0), 200, FOUR, Reply("10.0.0.11", 11, 0)),
        (IP(src="10.0.0.11", dst="10.0.0.12") / ICMP(type=3, code=13), 28, FOUR, Reply("10.0.0.11", 3, 13)),
        (IPv6(src="fd00::11", dst="fd00::12") / ICMPv6TimeExceeded(), 200, SIX, Reply("fd00::11", 3, 0)),
        (IPv6(src="fd00::11", dst="fd00::12") / ICMPv6DestUnreach(code=1), 48, SIX, Reply("fd00::11", 1, 1)),
    ],
    ids=["whole", "eight bytes", "whole IPv6", "eight bytes IPv6"],
)
@pytest.mark.parametrize("ethernet", [True, False], ids=["ethernet", "tunnel device"])
def test_an_answer_names_the_packet_that_it_quotes(
    answer: object, quoted: int, wanted: Wanted, reply: Reply, ethernet: bool
) -> None:
    packet = answer / build("run-1", wanted)[14:][:quoted]  # type: ignore[operator]
    data = bytes(Ether() / packet) if ethernet else bytes(packet)
    sighting = dissect(captured(data, 1 if ethernet else 768))
    assert sighting
    assert (sighting.port, sighting.target, sighting.reply) == (port_of("run-1", wanted.number), wanted.target, reply)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0" * 14,
        b"\xff" * 200,
        bytes(Ether() / IP(dst="10.48.0.70") / ICMP()),
        bytes(Ether() / IP(dst="10.48.0.70") / ICMP(type=11) / b"short"),
        build("run-1", FOUR)[:30],
        build("run-1", FOUR).replace((9).to_bytes(2, "big") + b"\0", (10).to_bytes(2, "big") + b"\0"),
    ],
)
def test_a_foreign_or_damaged_frame_is_none_of_a_trials_business(data: bytes) -> None:
    assert dissect(captured(data)) is None


def test_the_pcap_holds_every_frame_in_order_of_time() -> None:
    six, four = build("run-1", SIX), build("run-1", FOUR)
    frames = rdpcap(io.BytesIO(pcap([captured(six, time=20.25), captured(four[14:], 768, time=10.5)])))
    assert [float(frame.time) for frame in frames] == [10.5, 20.25]
    assert bytes(frames[1]) == six
    assert frames[0][IP].dst == FOUR.target


def test_ports_are_unique_within_a_run_and_above_the_well_known() -> None:
    ports = {port_of("run-1", number) for number in range(2000)}
    assert len(ports) == 2000
    assert min(ports) > 1024
    assert max(ports) < 65536
