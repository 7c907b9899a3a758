"""Dumps that are interrupted, refused, lost or damaged; the decoding of messages that no kernel should send."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

import pytest

from fixtures.probe.layout import MAX_LAYOUTS, Shape
from fixtures.probe.links import Names, clean_text, devconf_values, hardware_address
from fixtures.probe.netlink import (
    ATTEMPTS,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_OVERRUN,
    Netlink,
    NetlinkError,
)
from fixtures.probe.routes import hop_rows, route_rows
from fixtures.probe.rules import other_selectors

if TYPE_CHECKING:
    from collections.abc import Callable

NEW_ROUTE, GET_ROUTE, NOTHING = 24, 26, b""


def message(kind: int, body: bytes = b"", flags: int = 2, sequence: int = 1) -> bytes:
    padded = body + b"\0" * (-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + padded


def done(number: int = 0, flags: int = 2, sequence: int = 1) -> bytes:
    return message(NLMSG_DONE, struct.pack("=i", number), flags, sequence)


class Socket:
    """A kernel that answers from a list: each item is one datagram, or an error number."""

    def __init__(self, answers: list[bytes | int]) -> None:
        self.answers = answers
        self.asked: list[int] = []
        self.closed = 0

    def send(self, data: bytes) -> int:
        self.asked.append(struct.unpack_from("=IHHII", data)[3])
        return len(data)

    def recv(self, _size: int) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            raise OSError(answer, "recv")
        return answer

    def close(self) -> None:
        self.closed += 1


def netlink(*answers: bytes | int) -> tuple[Netlink, Socket]:
    fake = Socket(list(answers))
    return Netlink(lambda: fake), fake  # type: ignore[arg-type, return-value]


def bodies(found: list[tuple[bytes, int, int]]) -> list[bytes]:
    return [data[start:end] for data, start, end in found]


@pytest.mark.parametrize(
    "cut",
    [
        [message(NEW_ROUTE, b"old.", flags=2 | NLM_F_DUMP_INTR) + message(NEW_ROUTE, b"old."), done()],
        [message(NEW_ROUTE, b"old."), message(NEW_ROUTE, b"old.", flags=2 | NLM_F_DUMP_INTR) + done()],
        [message(NEW_ROUTE, b"old."), done(flags=2 | NLM_F_DUMP_INTR)],
    ],
    ids=["first message", "later datagram", "end mark"],
)
def test_an_interrupted_dump_is_read_again(cut: list[bytes]) -> None:
    asking, fake = netlink(*cut, message(NEW_ROUTE, b"new."), done())
    assert bodies(asking.dump(GET_ROUTE, NOTHING)) == [b"new."]
    assert (len(fake.asked), fake.answers) == (2, [])


def test_a_dump_that_is_always_interrupted_is_an_error() -> None:
    asking, fake = netlink(*[done(flags=2 | NLM_F_DUMP_INTR)] * ATTEMPTS)
    with pytest.raises(NetlinkError, match="changed during each of 8 dumps") as caught:
        asking.dump(GET_ROUTE, NOTHING)
    assert (caught.value.number, len(fake.asked)) == (errno.EINTR, ATTEMPTS)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (message(NLMSG_ERROR, struct.pack("=i", -errno.EPERM) + b"\0" * 16), errno.EPERM),
        (done(-errno.EMSGSIZE), errno.EMSGSIZE),
        (b"short", errno.EMSGSIZE),
        (b"\0" * 65536, errno.EMSGSIZE),
        (
            message(NEW_ROUTE)[:-4] + struct.pack("=I", 0) + struct.pack("=IHHII", 900, NEW_ROUTE, 2, 1, 0),
            errno.EBADMSG,
        ),
        (struct.pack("=IHHII", 3, NEW_ROUTE, 2, 1, 0), errno.EBADMSG),
        (errno.EIO, errno.EIO),
    ],
    ids=["refused", "failed at its end", "too short", "larger than the buffer", "too long", "no length", "socket"],
)
def test_a_refusal_or_damage_is_an_error_with_its_number(answer: bytes | int, number: int) -> None:
    asking, _ = netlink(answer)
    with pytest.raises(NetlinkError) as caught:
        asking.dump(GET_ROUTE, NOTHING)
    assert caught.value.number == number
    assert errno.errorcode[number] in str(caught.value)


@pytest.mark.parametrize("lost", [errno.ENOBUFS, message(NLMSG_OVERRUN)])
def test_after_lost_messages_a_new_socket_asks_again(lost: bytes | int) -> None:
    asking, fake = netlink(message(NEW_ROUTE, b"half"), lost, message(NEW_ROUTE, b"new."), done())
    assert bodies(asking.dump(GET_ROUTE, NOTHING)) == [b"new."]
    assert fake.closed == 1


def test_what_is_left_of_an_earlier_answer_is_passed_over() -> None:
    stale = message(NEW_ROUTE, b"old.", sequence=9) + done(sequence=9)
    asking, _ = netlink(stale + message(NEW_ROUTE, b"new."), done())
    assert bodies(asking.dump(GET_ROUTE, NOTHING)) == [b"new."]


def decoder(calls: list[int]) -> Callable[[list[tuple[bytes, int, int]]], list[tuple[object, ...]]]:
    """Rows that leave out what follows a comma: what may differ between two dumps of the same table."""

    def rows(found: list[tuple[bytes, int, int]]) -> list[tuple[object, ...]]:
        calls.append(len(found))
        return [(body.partition(b",")[0],) for body in bodies(found)]

    return rows


@pytest.mark.parametrize(
    ("dumps", "rows", "agreed", "decoded"),
    [
        ([b"a", b"a"], b"a", True, 1),
        ([b"a", b"b", b"b"], b"b", True, 2),
        ([b"a", b"b", b"a", b"a"], b"a", True, 3),
        ([b"a,1", b"a,2"], b"a", True, 2),
        ([b"%d" % number for number in range(ATTEMPTS + 1)], b"8", False, ATTEMPTS + 1),
    ],
    ids=["at once", "second pair", "back again", "differ in bytes alone", "never"],
)
def test_ipv4_routes_are_read_until_two_dumps_agree(
    dumps: list[bytes], rows: bytes, agreed: bool, decoded: int
) -> None:
    answers = [message(NEW_ROUTE, body) + done() for body in dumps]
    asking, fake = netlink(*answers)
    calls: list[int] = []
    assert asking.twice(GET_ROUTE, NOTHING, decoder(calls)) == ([(rows,)], agreed)
    assert (len(calls), fake.answers) == (decoded, [])


def test_a_question_has_one_answer() -> None:
    asking, _ = netlink(message(88, b"data"), message(NLMSG_ERROR, struct.pack("=i", -errno.EINVAL), sequence=2))
    assert asking.ask(90, NOTHING) is not None
    with pytest.raises(NetlinkError, match="EINVAL"):
        asking.ask(90, NOTHING)


def attribute(number: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), number) + payload + b"\0" * (-len(payload) % 4)


SHAPE_ATTRIBUTES = {1: (0, "I"), 2: (1, ""), 3: {1: (2, "H")}}


@pytest.mark.parametrize(
    ("attributes", "slots"),
    [
        ([], (b"", b"", b"")),
        ([attribute(1, b"\1\0\0\0")], (1, b"", b"")),
        ([attribute(2, b"abc"), attribute(1, b"\2\0\0\0")], (2, b"abc", b"")),
        ([attribute(9, b"unknown"), attribute(0x8003, attribute(1, b"\5\0")), attribute(2, b"")], (b"", b"", 5)),
    ],
)
def test_a_shape_is_learnt_and_then_known(attributes: list[bytes], slots: tuple[object, ...]) -> None:
    shape = Shape("BxH", SHAPE_ATTRIBUTES, 3)
    data = b"\7\0\1\0" + b"".join(attributes)
    for _ in range(2):
        values, found = shape.unpack(b"...." + data, 4, 4 + len(data))
        assert (values[:2], found) == ((7, 1), slots)
    assert shape.learnt == 1


def test_a_message_of_the_same_length_and_another_shape_is_not_mistaken() -> None:
    shape = Shape("", SHAPE_ATTRIBUTES, 3)
    for data, slots in (
        (attribute(1, b"\1\0\0\0"), (1, b"", b"")),
        (attribute(2, b"abcd"), (b"", b"abcd", b"")),
        (attribute(2, b"abc"), (b"", b"abc", b"")),
        (attribute(3, attribute(9, b"")), (b"", b"", b"")),
        (attribute(1, b"\2\0\0\0"), (2, b"", b"")),
    ):
        assert shape.unpack(data, 0, len(data))[1] == slots
    assert shape.learnt == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\0" + struct.pack("=HH", 3, 1),
        b"\0\0\0\0" + struct.pack("=HH", 12, 1),
        b"\0\0\0\0" + attribute(1, b"\1"),
    ],
    ids=["no header", "attribute too short", "attribute too long", "number of another size"],
)
def test_a_malformed_message_is_an_error(data: bytes) -> None:
    with pytest.raises(NetlinkError, match="EBADMSG"):
        Shape("BxH", SHAPE_ATTRIBUTES, 3).unpack(data, 0, len(data))


def test_shapes_without_end_are_not_all_kept() -> None:
    shape = Shape("", SHAPE_ATTRIBUTES, 3)
    for number in range(MAX_LAYOUTS + 10):
        data = attribute(10 + number, b"")
        assert shape.unpack(data, 0, len(data))[1] == (b"", b"", b"")
    assert shape.learnt == MAX_LAYOUTS


def route(*attributes: bytes, family: int = 2, flags: int = 0, kind: int = 1) -> bytes:
    return struct.pack("=BBBBBBBBI", family, 0, 0, 0, 254, 12, 0, kind, flags) + b"".join(attributes)


def test_only_routes_of_the_family_and_no_learnt_exceptions() -> None:
    """Without IPv6 a kernel lists all families when asked for it; old ones list learnt exceptions with the routes."""
    names = Names()
    names[2] = "ens160"
    oif = attribute(4, b"\2\0\0\0")
    messages = [route(oif), route(oif, family=10), route(oif, flags=0x200), route(oif, family=128)]
    rows = route_rows([(data, 0, len(data)) for data in messages], 2, names, [])
    assert rows == [("0.0.0.0/0", 1, 254, 12, 0, 0, ((None, "ens160"),))]


def test_an_interface_that_is_newer_than_the_link_dump_is_noted() -> None:
    names = Names()
    data = route(attribute(4, b"\7\0\0\0"))
    for _ in range(2):
        assert route_rows([(data, 0, len(data))], 2, names, [])[0][6] == ((None, "if7"),)
        assert names.unknown == {7}
        names.unknown.clear()
        names.unknown.add(7)


def test_the_same_bytes_mean_another_interface_in_another_namespace() -> None:
    data = route(attribute(4, b"\2\0\0\0"))
    for name in ("eth0", "net1"):
        names = Names()
        names[2] = name
        assert route_rows([(data, 0, len(data))], 2, names, [])[0][6] == ((None, name),)


@pytest.mark.parametrize("raw", [struct.pack("=HBBi", 4, 0, 0, 2), struct.pack("=HBBi", 99, 0, 0, 2)])
def test_a_malformed_next_hop_is_an_error(raw: bytes) -> None:
    with pytest.raises(NetlinkError, match="EBADMSG"):
        hop_rows(raw, 2, Names())


def test_selectors_that_are_not_modelled_are_named() -> None:
    data = attribute(6, b"\0\0\0\0") + attribute(19, b"\1") + attribute(99, b"") + attribute(21, b"\2")
    assert other_selectors(data, 0, len(data)) == ("attribute 99", "l3mdev")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (bytes(6), "00:00:00:00:00:00"),
        (bytes([10, 0, 0, 11]), "10.0.0.11"),
        (bytes(15) + b"\1", "::1"),
        (b"", ""),
        (bytes(range(8)), "00:01:02:03:04:05:06:07"),
    ],
)
def test_hardware_addresses(raw: bytes, text: str) -> None:
    assert hardware_address(raw) == text


def test_names_that_are_no_utf8_and_short_devconf() -> None:
    assert clean_text(b"eth\xff0\0") == "eth\\xff0"
    assert devconf_values(struct.pack("=3i", 1, 0, -1), (("a", 0), ("b", 2), ("c", 3))) == [("a", "1"), ("b", "-1")]
