"""The probe's answer: what is whole is read whole, and every kind of damage is one clear error."""

from __future__ import annotations

import io
import json
import struct
import zlib
from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from fixtures.errors import UnreachableError
from fixtures.probe import frame as probe_frame
from fixtures.probe.frame import (
    FRAME_HEAD,
    KIND_END,
    KIND_HOST,
    KIND_INFO,
    KIND_PODS,
    KIND_READY,
    KIND_REFUSAL,
    MAGIC,
    Answer,
)
from fixtures.probe_reply import FRAME_CAP, frames, node_facts
from model.net import Hop, Route
from model.node import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = {"name": "host", "links": [(1, "lo", "", True, True, "00:00:00:00:00:00", 65536)]}
POD = {
    "name": "pid-7",
    "routes": [("0.0.0.0/0", 1, 254, 3, 0, 0, (("169.254.1.1", "eth0"),))],
    "nsid": 3,
    "host_nsid": 0,
    "uids": ["u"],
}
INFO = {
    "node": "worker1",
    "kernel": "6.1",
    "started": 1.0,
    "finished": 2.0,
    "problems": [("bird", "refused", "/run/bird.ctl")],
    "birds": [(4, ["BIRD 2.0.12 ready."]), (6, [])],
    "cni_config": '{"name": "k8s-pod-network", "k8s_auth_token": "secret"}',
    "mtu_file": "1450",
    "mtu_file_time": 5.5,
    "boot_time": 0.5,
}


def written(*parts: tuple[bytes, object], end: bool = True) -> bytes:
    """What the program writes for these frames."""
    out = io.BytesIO()
    answer = Answer(out)
    for kind, value in parts:
        answer.put(kind, value)
    if end:
        answer.end()
    return out.getvalue()


def whole() -> bytes:
    return written((KIND_HOST, HOST), (KIND_PODS, [POD]), (KIND_INFO, INFO))


def raw_frame(kind: bytes, plain: bytes, size: int | None = None) -> bytes:
    packed = zlib.compress(plain)
    return FRAME_HEAD.pack(kind, len(packed), len(plain) if size is None else size, zlib.crc32(packed)) + packed


def test_round_trip() -> None:
    facts = node_facts("worker1", [whole()])
    assert (facts.host.name, facts.host.links[0].mtu) == ("host", 65536)
    assert facts.pods[0].routes == (Route("0.0.0.0/0", 1, 254, 3, 0, 0, (Hop("169.254.1.1", "eth0"),)),)
    assert (facts.pods[0].nsid, facts.pods[0].host_nsid, facts.pods[0].uids) == (3, 0, ("u",))
    assert [(bird.family, bird.running, bird.version) for bird in facts.birds] == [(4, True, "2.0.12"), (6, False, "")]
    assert facts.problems == (Problem("bird", "refused", "/run/bird.ctl"),)
    assert facts.cni_config == '{"name":"k8s-pod-network"}'
    assert (facts.mtu_file, facts.mtu_file_time, facts.boot_time, facts.kernel) == ("1450", 5.5, 0.5, "6.1")
    assert (facts.started, facts.finished) == (1.0, 2.0)


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_any_split_into_chunks_is_the_same(size: int) -> None:
    data = b"Welcome to worker1!\n\nLast login: never\n" + whole()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert node_facts("worker1", chunks) == node_facts("worker1", [whole()])


def test_a_frame_is_handed_on_before_the_next_one_comes() -> None:
    first = written((KIND_READY, {}), end=False)

    def chunks() -> Iterator[bytes]:
        yield first
        raise AssertionError("the reader asked for more than it needs")

    assert next(frames(chunks())).kind == KIND_READY


def test_what_follows_the_end_mark_is_not_read() -> None:
    assert [found.kind for found in frames([whole(), b"logout\n"])] == [KIND_HOST, KIND_PODS, KIND_INFO]


def test_cut_anywhere_it_is_cut() -> None:
    data = whole()
    for length in range(len(MAGIC), len(data)):
        with pytest.raises(UnreachableError, match="cut"):
            list(frames([data[:length]]))


def test_any_flipped_byte_is_seen() -> None:
    """A flipped length can also ask for more than there is, or for too much."""
    data = whole()
    for place in range(len(MAGIC), len(data)):
        damaged = data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :]
        with pytest.raises(UnreachableError, match=r"garbled|cut|too large|unexpected form"):
            node_facts("worker1", [damaged])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "answered nothing", id="silence"),
        pytest.param(b"bash: python3: command not found\n", "begins: bash: python3: command not found", id="no python"),
        pytest.param(MAGIC.replace(b"1\n", b"2\n") + b"x" * 50, "is no probe", id="another version"),
        pytest.param(MAGIC + raw_frame(b"Z", b"{}"), "unknown kind b'Z'", id="unknown kind"),
        pytest.param(MAGIC + raw_frame(KIND_HOST, b"{}", 1), "not as long as it says", id="longer than it says"),
        pytest.param(MAGIC + raw_frame(KIND_HOST, b"{}", 3), "not as long as it says", id="shorter than it says"),
        pytest.param(
            MAGIC + FRAME_HEAD.pack(KIND_HOST, 3, 3, zlib.crc32(b"abc")) + b"abc", "cannot be unpacked", id="no zlib"
        ),
        pytest.param(MAGIC + raw_frame(KIND_HOST, b"[" * 100_000), "unexpected form", id="deep"),
        pytest.param(
            MAGIC + raw_frame(KIND_HOST, b'{"name":"h","x":' + b"[" * 100_000), "unexpected form", id="deep inside"
        ),
        pytest.param(MAGIC + raw_frame(KIND_HOST, b'{"name": 5}'), "unexpected form.*str", id="wrong type"),
        pytest.param(MAGIC + raw_frame(KIND_HOST, b"\xff"), "unexpected form", id="no UTF-8"),
        pytest.param(
            MAGIC + raw_frame(KIND_END, b'{"frames":1,"size":0,"digest":0}'), "end does not match", id="frame missing"
        ),
        pytest.param(MAGIC + raw_frame(KIND_END, b'{"frames":"1"}'), "unexpected form", id="malformed end"),
        pytest.param(written((KIND_INFO, INFO)), "own namespace is not in it", id="no host"),
        pytest.param(written((KIND_HOST, HOST), (KIND_HOST, HOST)), "says twice", id="two hosts"),
        pytest.param(written((KIND_INFO, INFO), (KIND_INFO, INFO)), "says twice", id="two infos"),
        pytest.param(MAGIC + raw_frame(KIND_HOST, b'{"name":"h","nsid":1e999}'), "unexpected form", id="absurd number"),
        pytest.param(
            MAGIC + raw_frame(KIND_HOST, b'{"name":"\\ud800"}'), "unexpected form", id="half a surrogate pair"
        ),
        pytest.param(
            MAGIC + raw_frame(KIND_END, b'{"frames":0,"size":0,"digest":0}') * 2, "not in it", id="two end marks"
        ),
        pytest.param(written((KIND_READY, {})), "answers another question", id="a trial's answer"),
        pytest.param(written((KIND_REFUSAL, {"reason": "no\x1b[0m"})), r"could not do.*no\\x1b", id="refusal"),
        pytest.param(
            written((KIND_HOST, HOST), (KIND_INFO, {**INFO, "node": "w2"})), "is that of w2", id="another node"
        ),
    ],
)
def test_no_answer_of_a_node(data: bytes, said: str) -> None:
    with pytest.raises(UnreachableError, match=said) as caught:
        node_facts("worker1", [data])
    assert caught.value.remedy


def test_a_bomb_is_not_unpacked() -> None:
    """A frame that says it is small unpacks to no more than that; one that says it is huge is refused unread."""
    bomb = raw_frame(KIND_HOST, b"0" * (32 << 20), 1000)
    with pytest.raises(UnreachableError, match="not as long as it says"):
        list(frames([MAGIC, bomb]))
    with pytest.raises(UnreachableError, match="too large"):
        list(frames([MAGIC, FRAME_HEAD.pack(KIND_HOST, 10, FRAME_CAP + 1, 0)]))
    with pytest.raises(UnreachableError, match="too large"):
        list(frames([MAGIC, FRAME_HEAD.pack(KIND_HOST, FRAME_CAP + 1, 10, 0)]))


@pytest.mark.parametrize(
    ("start", "again", "said"),
    [
        (b"", b"y\n" * 1000, "is no probe"),
        (MAGIC, raw_frame(KIND_PODS, b" " * (8 << 20)), "too large"),
        (MAGIC, raw_frame(KIND_READY, b"{}") * 4000, "too large"),
    ],
    ids=["text", "large frames", "small frames"],
)
def test_an_endless_answer_ends(start: bytes, again: bytes, said: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield start
        yield from repeat(again)

    with pytest.raises(UnreachableError, match=said):
        for _ in frames(chunks()):
            pass


def test_the_encoder_equals_json_dumps(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [{"a": [1, -2.5, None, True, ("é", '"\\\n\x00', "\U0001f600")], "b": {}}, [], "x", {"n": 1 << 70}]
    import _json

    fast = probe_frame.json_encoder()
    monkeypatch.setattr(_json, "make_encoder", None)
    plain = probe_frame.json_encoder()
    for value in values:
        assert fast(value) == plain(value) == json.dumps(value, separators=(",", ":"))
    with pytest.raises(TypeError, match="bytes is no JSON"):
        fast([b"x"])


def test_the_head_is_what_the_reader_expects() -> None:
    kind, packed, plain, checksum = struct.unpack(">cIII", whole()[len(MAGIC) : len(MAGIC) + 13])
    body = whole()[len(MAGIC) + 13 : len(MAGIC) + 13 + packed]
    assert (kind, zlib.crc32(body), len(zlib.decompress(body))) == (b"H", checksum, plain)


ROUTE = ["10.0.0.0/8", 1, 254, 3, 0, 0, [["10.0.0.1", "eth0"]], None, 0, None]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"routes": [["nonsense", *ROUTE[1:]]]}, "the route to 'nonsense' is no IP address"),
        ({"routes": [["", *ROUTE[1:]]]}, "the route to ''"),
        ({"routes": [["10.0.0.0/99", *ROUTE[1:]]]}, "the route to '10.0.0.0/99'"),
        ({"routes": [[*ROUTE[:6], [["x\x1b[2J", "eth0"]], None, 0, None]]}, r"the gateway 'x\\x1b\[2J'"),
        ({"routes": [[*ROUTE[:7], "x", 0, None]]}, "a route's source 'x'"),
        ({"routes": [[*ROUTE[:9], "x"]]}, "a route from 'x'"),
        ({"addresses": [["eth0", "x", 8, 0]]}, "the address 'x/8'"),
        ({"addresses": [["eth0", "10.0.0.1", -1, 0]]}, "the address '10.0.0.1/-1'"),
        ({"rules": [[4, 0, 1, 254, "x"]]}, "a rule from 'x'"),
        ({"rules": [[4, 0, 1, 254, None, "x"]]}, "a rule to 'x'"),
        ({"neighbours": [[4, "eth0", "x", None, 2]]}, "the neighbour 'x'"),
        ({"neighbours": [[7, "vxlan", None, "aa", 2, "x"]]}, "the remote tunnel end 'x'"),
        ({"links": [[1, "v", "vxlan", True, True, "", 1, None, None, None, [1, 1, "x"]]]}, "the tunnel's own end 'x'"),
    ],
)
@pytest.mark.parametrize("place", ["host", "pod"])
def test_what_is_no_address_is_no_answer(place: str, what: dict[str, object], said: str) -> None:
    """The checks reckon with addresses: they must never meet another text."""
    host = {**HOST, **(what if place == "host" else {})}
    pod = {**POD, **(what if place == "pod" else {})}
    with pytest.raises(UnreachableError, match=f"garbled: {said}"):
        node_facts("worker1", [written((KIND_HOST, host), (KIND_PODS, [pod]), (KIND_INFO, INFO))])
