"""What is written is read again; what is damaged is said to be, whatever the damage."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures import reasons
from fixtures.dumps import read_dumps
from fixtures.errors import UsageError
from fixtures.snapshot_file import is_snapshot, open_snapshot, write_snapshot
from fixtures.snapshot_format import MARK, SKIPPABLE, TRAILER, Writer
from model.cluster import Cluster, IPAMBlock, Look, Pod
from model.net import Hop, Namespace, Route
from model.node import Absent, Bird, NodeFacts, Problem
from model.snapshot import FORMAT, Header, Healed, NodeRecord, Snapshot
from model.trial import Packet, Reply, Trial, Trials

if TYPE_CHECKING:
    from model.snapshot import Observation

RECORDINGS = Path(__file__).parents[1] / "recordings"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
NUMBER = st.integers(0, 2**32)
PODS = st.builds(Pod, TEXT, TEXT, TEXT, TEXT, TEXT, st.booleans(), TEXT, TEXTS, labels=st.dictionaries(TEXT, TEXT))
BLOCKS = st.builds(
    IPAMBlock, TEXT, TEXT, TEXT, st.none() | TEXT, st.lists(st.none() | NUMBER, max_size=4).map(tuple), st.just(())
)
CLUSTERS = st.builds(
    Cluster,
    pods=st.lists(PODS, max_size=3).map(tuple),
    blocks=st.lists(BLOCKS, max_size=2).map(tuple),
    unlisted=st.dictionaries(TEXT, TEXT, max_size=2),
)
LOOKS = st.builds(
    Look, CLUSTERS, st.lists(PODS, max_size=2).map(tuple), st.none() | st.lists(BLOCKS, max_size=1).map(tuple)
)
HOPS = st.builds(Hop, st.none() | TEXT, TEXT, NUMBER, NUMBER)
ROUTES = st.builds(Route, TEXT, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, st.lists(HOPS, max_size=2).map(tuple))
SPACES = st.builds(
    Namespace,
    TEXT,
    routes=st.lists(ROUTES, max_size=4).map(tuple),
    sysctls=st.dictionaries(TEXT, TEXT, max_size=2),
    nsid=st.none() | NUMBER,
)
TIMES = st.floats(0, 2e9, allow_nan=False)
FACTS = st.builds(
    NodeFacts,
    TEXT,
    SPACES,
    st.lists(SPACES, max_size=2).map(tuple),
    st.lists(st.builds(Bird, st.sampled_from([4, 6]), st.booleans()), max_size=2).map(tuple),
    st.none() | TEXT,
    TIMES,
    problems=st.lists(st.builds(Problem, TEXT, TEXT), max_size=2).map(tuple),
)
REPLIES = st.lists(st.builds(Reply, TEXT, NUMBER, NUMBER), max_size=2).map(tuple)
PACKETS = st.builds(Packet, TEXT, NUMBER, st.booleans(), replies=REPLIES)
TRIALS = st.builds(
    Trials,
    st.booleans(),
    TEXT,
    trials=st.lists(st.builds(Trial, TEXT, TEXT, TEXT, TEXT, TEXT, PACKETS, PACKETS), max_size=2).map(tuple),
    pcap=st.binary(max_size=64),
)
HEADERS = st.builds(Header, st.just(FORMAT), TEXT, TEXT, TEXT, note=TEXT, sees_pods=st.booleans())


@st.composite
def observations(draw: st.DrawFn) -> Snapshot:
    """Any observation: looks, nodes that were seen in one of them, nodes that were not."""
    looks = tuple(draw(st.lists(LOOKS, min_size=1, max_size=2)))
    facts = draw(st.lists(FACTS, max_size=4, unique_by=lambda node: node.name))
    absent = draw(st.lists(st.builds(Absent, TEXT.map(lambda name: f"absent {name}"), TEXT), max_size=2))
    records = [NodeRecord(node.name, draw(st.integers(0, len(looks) - 1))) for node in facts]
    return Snapshot(
        draw(HEADERS),
        looks,
        (*records, *(NodeRecord(node.name, 0, node) for node in absent)),
        {node.name: node for node in facts},
        draw(TRIALS),
        tuple(draw(st.lists(st.builds(Healed, TEXT, TIMES), max_size=2))),
    )


def fit(observation: Snapshot) -> Snapshot:
    """The observation as it may be kept: its reasons name no user."""
    return msgspec.structs.replace(
        observation,
        looks=tuple(map(reasons.of_look, observation.looks)),
        nodes=tuple(map(reasons.of_record, observation.nodes)),
        node_facts={name: reasons.of_facts(facts) for name, facts in observation.node_facts.items()},
        trials=reasons.of_trials(observation.trials),
    )


def same(found: Observation, expected: Observation) -> bool:
    """Everything that an observation shows."""
    names = [record.name for record in expected.nodes if record.absent is None]
    return (
        (found.header, found.looks, found.nodes, found.trials, found.healed)
        == (expected.header, expected.looks, expected.nodes, expected.trials, expected.healed)
    ) and all(found.facts(name) == expected.facts(name) for name in names)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(observation=observations())
def test_what_is_written_is_read(tmp_path: Path, observation: Snapshot) -> None:
    path = tmp_path / "any.zst"
    write_snapshot(path, observation)
    with open_snapshot(path) as found:
        assert same(found, fit(observation))


@pytest.fixture(scope="module")
def recording() -> Snapshot:
    return read_dumps(RECORDINGS / "noencap.tar.xz")


@pytest.fixture(scope="module")
def written(recording: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "noencap.zst"
    write_snapshot(path, recording)
    return path


def test_a_recording_is_read_again_and_written_to_the_same_bytes(
    recording: Snapshot, written: Path, tmp_path: Path
) -> None:
    with open_snapshot(written) as found:
        assert same(found, recording)
        again = tmp_path / "again.zst"
        write_snapshot(again, found)
    assert again.read_bytes() == written.read_bytes()


def test_the_file_is_for_its_owner_alone_and_leaves_nothing_beside_it(written: Path) -> None:
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert list(written.parent.iterdir()) == [written]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(recording: Snapshot, written: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.zst"
    path.write_bytes(written.read_bytes())
    broken = msgspec.structs.replace(recording, node_facts={})
    with pytest.raises(KeyError):
        write_snapshot(path, broken)
    assert path.read_bytes() == written.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UsageError, match="cannot be written"):
        write_snapshot(tmp_path / "no" / "folder.zst", recording)


def test_only_the_nodes_that_are_asked_for_are_decoded_and_few_are_kept(written: Path) -> None:
    with open_snapshot(written) as found:
        first = found.facts("worker1")
        assert found.facts("worker1") is first
        found.facts("worker2")
        found.facts("worker3")
        assert found.facts("worker1") is not first
        with pytest.raises(KeyError):
            found.facts("worker4")


def test_any_zstd_tool_shows_lines_of_json(written: Path) -> None:
    text = zstandard.ZstdDecompressor().stream_reader(written.read_bytes(), read_across_frames=True).read()
    lines = [msgspec.json.decode(line) for line in text.splitlines()]
    assert lines[0]["format"] == FORMAT
    assert [line["name"] for line in lines[2:5]] == ["worker1", "worker2", "worker3"]
    assert [entry[0] for entry in lines[-1]] == ["header", "look", "node", "node", "node", "trials", "rest"]


def read_all(path: Path) -> None:
    with open_snapshot(path) as found:
        for record in found.nodes:
            if record.absent is None:
                found.facts(record.name)
        assert found.trials is not None


def test_a_file_that_was_cut_anywhere_is_said_to_be_damaged(written: Path, tmp_path: Path) -> None:
    raw = written.read_bytes()
    path = tmp_path / "cut.zst"
    for size in {*range(0, len(raw), 97), *range(len(raw) - TRAILER.size - 2, len(raw))}:
        path.write_bytes(raw[:size])
        with pytest.raises(UsageError) as caught:
            read_all(path)
        assert str(path) in caught.value.reason
        assert caught.value.remedy


def test_a_bit_that_flipped_anywhere_is_noticed(written: Path, tmp_path: Path) -> None:
    raw = bytearray(written.read_bytes())
    path = tmp_path / "flipped.zst"
    chosen = random.Random(7)
    places = {*chosen.sample(range(len(raw)), 400), *range(len(raw) - TRAILER.size, len(raw)), *range(200)}
    for place in places:
        bit = 1 << chosen.randrange(8)
        raw[place] ^= bit
        path.write_bytes(raw)
        with pytest.raises(UsageError):
            read_all(path)
        raw[place] ^= bit


def test_bytes_behind_the_end_are_noticed(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "longer.zst"
    path.write_bytes(written.read_bytes() + b"\n")
    with pytest.raises(UsageError, match="cut before its end"):
        open_snapshot(path)


def test_a_newer_format_is_told_as_such(written: Path, recording: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "newer.zst"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.add("header", "", msgspec.structs.replace(recording.header, format=FORMAT + 1))
        writer.finish()
    other_end = tmp_path / "other-end.zst"
    other_end.write_bytes(path.read_bytes()[: -TRAILER.size])
    for file_of_newer in (path, other_end):
        with pytest.raises(UsageError, match=f"format {FORMAT + 1}; this version reads up to {FORMAT}") as caught:
            open_snapshot(file_of_newer)
        assert "version" in caught.value.remedy


FOREIGN = {
    "empty": b"",
    "text": b"hello\n" * 100,
    "JSON": b"{}",
    "tar": bytes(10240),
    "another zstd file": zstandard.compress(b'{"kind": "other"}' * 9),
    "zstd of no JSON": zstandard.compress(os.urandom(99)),
    "a bare magic number": b"\x28\xb5\x2f\xfd",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_another_file_is_no_snapshot(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"no snapshot|cannot be read|damaged"):
        open_snapshot(path)


def test_nothing_and_a_folder_are_no_snapshot(tmp_path: Path, written: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UsageError, match=r"no such file|cannot be read"):
            open_snapshot(path)
        assert not is_snapshot(path)
    assert is_snapshot(written)
    assert not is_snapshot(RECORDINGS / "noencap.tar.xz")


def made(path: Path, *frames: tuple[str, str, object]) -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        for kind, name, value in frames:
            writer.add(kind, name, value)
        writer.finish()
    return path


HEADER = ("header", "", Header(FORMAT, "t", "", "dump"))
LOOK = ("look", "0", Look(Cluster(), ()))
TRIALS_FRAME = ("trials", "", Trials(asked=False))


def rest(*records: NodeRecord) -> tuple[str, str, object]:
    return ("rest", "", {"nodes": records, "healed": ()})


HOSTILE = {
    "no header": (LOOK, TRIALS_FRAME, rest()),
    "two headers": (HEADER, HEADER, LOOK, TRIALS_FRAME, rest()),
    "no look": (HEADER, TRIALS_FRAME, rest()),
    "no rest": (HEADER, LOOK, TRIALS_FRAME),
    "no trials": (HEADER, LOOK, rest()),
    "a node without a frame": (HEADER, LOOK, TRIALS_FRAME, rest(NodeRecord("a", 0))),
    "a frame without a node": (HEADER, LOOK, TRIALS_FRAME, rest(), ("node", "a", {})),
    "a node of no look": (HEADER, LOOK, TRIALS_FRAME, rest(NodeRecord("a", 1, Absent("a", "")))),
    "a node of look -1": (HEADER, LOOK, TRIALS_FRAME, rest(NodeRecord("a", -1, Absent("a", "")))),
    "facts of another shape": (HEADER, LOOK, TRIALS_FRAME, rest(NodeRecord("a", 0)), ("node", "a", {"name": 5})),
    "format 0": (("header", "", Header(0, "t", "", "dump")), LOOK, TRIALS_FRAME, rest()),
}


@pytest.mark.parametrize("frames", HOSTILE.values(), ids=HOSTILE)
def test_a_well_made_file_with_the_wrong_content_is_damaged(
    frames: tuple[tuple[str, str, object], ...], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="damaged"):
        read_all(made(tmp_path / "made.zst", *frames))
    read_all(made(tmp_path / "good.zst", HEADER, LOOK, TRIALS_FRAME, rest()))


def test_a_frame_that_claims_to_be_huge_is_not_unpacked(tmp_path: Path) -> None:
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 40)  # single segment, content size of 8 bytes
    index = hashlib.sha256(frame).digest()
    path = tmp_path / "huge.zst"
    path.write_bytes(frame + TRAILER.pack(SKIPPABLE, TRAILER.size - 8, MARK, 0, len(frame), index))
    with pytest.raises(UsageError, match=f"a frame of {1 << 40} bytes"):
        open_snapshot(path)


def test_a_snapshot_holds_nothing_of_a_pod_that_nobody_reads(written: Path) -> None:
    text = zstandard.ZstdDecompressor().stream_reader(written.read_bytes(), read_across_frames=True).read()
    for word in (b"last-applied-configuration", b"serviceaccount/", b'"env"', b"kubeconfig", b"imagePullPolicy"):
        assert word not in text
