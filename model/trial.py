"""The evidence of one drop trial: what was sent, what was seen where, and what the kernel said when it was asked.

One trial is one block of one owner, tried from one other node. It is gathered while the cluster is observed, and judged
later: nothing here is a verdict.
"""

from __future__ import annotations

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """An ICMP or ICMPv6 error that quotes one of the trial's packets. Type and code by their IANA numbers."""

    source: str
    type: int
    code: int


class Packet(msgspec.Struct, frozen=True):
    """One packet and everything seen of it. `egress` names the owner's interfaces on which it left again."""

    target: str
    ttl: int
    sent: bool = False
    arrived: bool = False  # seen coming in on the owner's uplink, or out of the tunnel
    egress: tuple[str, ...] = ()
    replies: tuple[Reply, ...] = ()


class Trial(msgspec.Struct, frozen=True):
    """One block's trial. `lookups` maps each free address to what RTM_GETROUTE answered (iif uplink, source the
    sender): an errno's name (EINVAL is the blackhole's), or the route type it found."""

    block: str
    owner: str
    sender: str
    source: str  # the sender's own address; its tunnel address where a tunnel carries the packets
    uplink: str  # the owner's interface on which packets of the sender arrive: its tunnel device where one carries them
    packet: Packet
    control: Packet
    control_kind: str = ""  # live-pod: of a live pod in the block; other-block: in another; outside: in none
    control_lookup: str | None = None
    lookups: dict[str, str] = {}
    receive_drops: int = 0  # PACKET_STATISTICS of both captures: above 0 something may have been missed
    problem: str = ""  # what kept the trial from being carried out whole
    owner_addresses: tuple[str, ...] = ()  # by which the owner's own answers are recognised
    carrier: str = ""  # VXLAN: both packets went through that tunnel; "": as they are


class Untried(msgspec.Struct, frozen=True):
    """A block that was not tried: `applies` False (single node, full, host-prefix block, carried by IPIP); `asked`
    False (beyond what one run may send to a node); or asked and impossible."""

    block: str
    owner: str
    reason: str
    applies: bool = True
    asked: bool = True


class Trials(msgspec.Struct, frozen=True):
    """All trials of one run. `asked` False: packets were off, or the way in cannot send. `pcap` holds every frame."""

    asked: bool
    reason: str = ""
    run_id: str = ""
    trials: tuple[Trial, ...] = ()
    untried: tuple[Untried, ...] = ()
    pcap: bytes = b""
