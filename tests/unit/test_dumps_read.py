"""A recording as a whole: what is missing is not observed, what is damaged is an error, nothing is unpacked to disk."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.dumps import read_dumps, source
from fixtures.errors import UsageError
from model.node import Absent, Bird

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model.snapshot import Snapshot

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAMES = sorted(
    path.relative_to(RECORDINGS).as_posix()
    for path in RECORDINGS.rglob("*.tar.xz")
    if path.name != "api-responses.tar.xz"  # single answers of an API server, no recording of a cluster
)

Files = dict[str, Any]

RULES = [{"priority": 32766, "src": "all", "table": "main"}]  # no kernel is without any
EMPTY: dict[str, Any] = {name: [] for name in ("link", "addr", "route", "route6", "rule6", "neigh")} | {"rule": RULES}


def node(name: str, **files: Any) -> Files:
    """One node's folder with every file there is, empty; None takes one away."""
    content: Files = {f"{key}.json": value for key, value in EMPTY.items()} | {"sysctl.json": {}, "bridge-fdb.txt": ""}
    content |= {key.replace("__", "/").replace("_", "-") + ".json": value for key, value in files.items()}
    return {f"nodes/{name}/{key}": value for key, value in content.items() if value is not None}


def api(*nodes: str) -> Files:
    """The API's lists of a recording."""
    listed = {"nodes": [{"metadata": {"name": name}} for name in nodes], "pods": []}
    return {f"api/{key}.json": {"kind": "List", "items": items} for key, items in listed.items()}


def content(value: Any) -> bytes:
    return (
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )


def folder(tmp_path: Path, files: Files) -> Path:
    root = tmp_path / "rec"
    root.mkdir()
    for name, value in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(value))
    return root


def tar(path: Path, files: Mapping[str, Any], prefix: str = "rec/", mode: str = "w:xz") -> Path:
    with tarfile.open(path, mode) as made:  # type: ignore[call-overload]
        for name, value in files.items():
            info = tarfile.TarInfo(f"{prefix}{name}")
            info.size = len(content(value))
            made.addfile(info, io.BytesIO(content(value)))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_read_without_a_gap(name: str) -> None:
    snapshot = read_dumps(RECORDINGS / name)
    assert [record.name for record in snapshot.nodes if record.absent is None] == ["worker1", "worker2", "worker3"]
    assert all(not facts.problems for facts in snapshot.node_facts.values())
    assert snapshot.header.cluster == name.rpartition("/")[2].removesuffix(".tar.xz")
    assert (snapshot.header.source, snapshot.header.sees_pods, snapshot.header.sees_bird) == ("dump", True, True)
    assert snapshot.looks[0].before.unlisted == {}
    assert snapshot.facts("worker1").started == snapshot.facts("worker1").finished > 1_700_000_000


def test_the_recordings_are_there() -> None:
    assert len(NAMES) == 21
    assert "noencap.tar.xz" in NAMES


def test_noencap_in_numbers() -> None:
    """Compared with what the recording's own texts show (ip-route.txt, ip-link.txt), counted by hand."""
    snapshot = read_dumps(RECORDINGS / "noencap.tar.xz")
    facts = snapshot.facts("worker1")
    shown = [(route.dst, route.type, route.protocol, route.metric) for route in facts.host.routes if route.table == 254]
    assert ("10.48.235.128/26", 6, 12, 0) in shown
    assert ("10.48.182.0/26", 1, 12, 1024) in shown
    assert ("10.48.235.173/32", 1, 3, 1024) in shown
    assert (len(facts.host.links), len(facts.pods), len(snapshot.looks[0].before.pods)) == (6, 4, 19)
    pod = next(space for space in facts.pods if any(entry.address == "10.48.235.173" for entry in space.addresses))
    link = facts.host.link("cali68bc895e055")
    assert link is not None
    assert pod.nsid == link.peer_nsid is not None
    assert pod.host_nsid is None
    assert [(bird.family, bird.running, len(bird.protocols)) for bird in facts.birds] == [(4, True, 6), (6, True, 3)]
    assert {protocol.neighbor for protocol in facts.birds[0].protocols} == {None, "10.0.0.12", "10.0.0.13"}


def test_a_route_is_taken_once_though_two_files_list_it() -> None:
    for facts in read_dumps(RECORDINGS / "noencap.tar.xz").node_facts.values():
        assert len(set(facts.host.routes)) == len(facts.host.routes)
        assert any(":" in route.dst for route in facts.host.routes)


def test_two_host_routes_to_one_pod_stay_two() -> None:
    found = [
        route.dst
        for facts in read_dumps(RECORDINGS / "duplicate-host-route.tar.xz").node_facts.values()
        for route in facts.host.routes
        if route.table == 254 and route.hops and route.hops[0].dev.startswith("cali") and "." in route.dst
    ]
    assert len(found) - len(set(found)) == 1


def test_a_node_that_the_api_no_longer_has_is_kept() -> None:
    snapshot = read_dumps(RECORDINGS / "duplicate-host-route.tar.xz")
    assert {node.name for node in snapshot.looks[0].before.nodes} == {"worker1", "worker2"}
    assert snapshot.facts("worker3").birds == (Bird(4, running=False), Bird(6, running=False))
    assert snapshot.looks[0].pods_after != snapshot.looks[0].before.pods


FORMS: dict[str, Callable[[Path, Files], Path]] = {
    "folder": folder,
    "tar": lambda tmp, files: tar(tmp / "rec.tar", files, mode="w:"),
    "tar.gz": lambda tmp, files: tar(tmp / "rec.tar.gz", files, mode="w:gz"),
    "tar.xz": lambda tmp, files: tar(tmp / "rec.tar.xz", files),
    "tar without a folder": lambda tmp, files: tar(tmp / "rec.tar", files, prefix="./", mode="w:"),
    "tar in a deep folder": lambda tmp, files: tar(tmp / "rec.tar", files, prefix="a/b/", mode="w:"),
}


def read(tmp_path: Path, files: Files) -> Snapshot:
    return read_dumps(folder(tmp_path, files))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_reads_alike(tmp_path: Path, form: Callable[[Path, Files], Path]) -> None:
    files = api("w1", "w2") | node("w1") | {"meta.json": {"recorded": "2026-11-22T21:29:32Z", "note": "n"}}
    snapshot = read_dumps(form(tmp_path, files))
    assert (snapshot.header.cluster, snapshot.header.taken, snapshot.header.note) == (
        "rec",
        "2026-11-22T21:29:32Z",
        "n",
    )
    assert snapshot.facts("w1").problems == ()
    assert snapshot.facts("w1").started == 1795382972.0
    gone = snapshot.nodes[1].absent
    assert isinstance(gone, Absent)
    assert (gone.name, gone.reason) == ("w2", "the recording has no folder nodes/w2")
    assert (snapshot.header.sees_pods, snapshot.header.sees_bird) == (False, False)


MISSING = {
    "link": "links",
    "addr": "addresses",
    "route": "routes",
    "rule": "rules",
    "rule6": "rules",
    "neigh": "neighbours",
    "sysctl": "sysctls",
}


def test_a_missing_forwarding_database_is_not_observed_either(tmp_path: Path) -> None:
    files = api("w1") | node("w1")
    del files["nodes/w1/bridge-fdb.txt"]
    assert [problem.fact for problem in read(tmp_path, files).facts("w1").problems] == ["fdb"]


def test_a_windows_node_has_nothing_to_record(tmp_path: Path) -> None:
    files = api("w1") | node("w1")
    files["api/nodes.json"]["items"].append({"metadata": {"name": "win", "labels": {"kubernetes.io/os": "windows"}}})
    assert [record.name for record in read(tmp_path, files).nodes] == ["w1"]


@pytest.mark.parametrize(("file", "fact"), MISSING.items())
def test_a_missing_file_is_not_observed(tmp_path: Path, file: str, fact: str) -> None:
    facts = read(tmp_path, api("w1") | node("w1", **{file: None})).facts("w1")
    assert [(problem.fact, problem.where) for problem in facts.problems] == [(fact, "")]
    assert f"nodes/w1/{file}.json is missing" in facts.problems[0].reason


def test_an_empty_list_of_rules_is_none(tmp_path: Path) -> None:
    facts = read(tmp_path, api("w1") | node("w1", rule=[], netns__a=EMPTY | {"sysctl": {}, "rule": []})).facts("w1")
    assert [(problem.fact, problem.where) for problem in facts.problems] == [("rules", ""), ("rules", "a")]
    assert facts.problems[0].reason.startswith("nodes/w1/rule.json is empty, which no kernel's list of rules is")


@pytest.mark.parametrize(
    "listed",
    [
        {"kind": "NodeList", "items": []},
        {"kind": "List", "items": [{"kind": "Node", "metadata": {"name": "w1"}}]},
        {"kind": "List", "items": [{"kind": "Service", "metadata": {"name": "s", "namespace": "n"}}]},
    ],
)
def test_a_list_of_another_kind_is_refused_with_its_file(tmp_path: Path, listed: Files) -> None:
    files = api("w1") | node("w1") | {"api/pods.json": listed}
    with pytest.raises(UsageError, match=r"api/pods\.json: it holds a (Node|Service), not pods alone"):
        read(tmp_path, files)


def test_lists_of_the_right_kind_are_read_whatever_names_them(tmp_path: Path) -> None:
    files = api("w1") | node("w1")
    kinds = {"nodes": "Node", "ipamblocks": "IPAMBlock", "ipamconfigs": "IPAMConfiguration", "bgppeers": "BGPPeer"}
    kinds |= {"blockaffinities": "BlockAffinity", "caliconodestatuses": "CalicoNodeStatus"}
    files |= {f"api/{plural}.json": {"kind": f"{kind}List", "items": []} for plural, kind in kinds.items()}
    assert read(tmp_path, files).looks[0].before.nodes == ()


def test_a_missing_list_of_ipv6_routes_is_none_only_where_the_other_list_has_them(tmp_path: Path) -> None:
    four, six = {"dst": "10.0.0.0/8", "dev": "a"}, {"dst": "fe80::/64", "dev": "a"}
    files = api() | node("w1", route=[four, six], route6=None) | node("w2", route=[four], route6=None)
    snapshot = read(tmp_path, files)
    assert snapshot.facts("w1").problems == ()
    assert [problem.fact for problem in snapshot.facts("w2").problems] == ["routes"]


def test_what_a_namespace_lacks_is_named_with_the_namespace(tmp_path: Path) -> None:
    space: Files = EMPTY | {"sysctl": {}}
    files = api("w1", "w2") | node("w1", netns__a=space, netns__b={"link": []}) | node("w2")
    snapshot = read(tmp_path, files)
    first = snapshot.facts("w1")
    assert [space.name for space in first.pods] == ["a", "b"]
    assert {problem.where for problem in first.problems} == {"b"}
    assert {problem.fact for problem in first.problems} == set(MISSING.values()) - {"links"}
    assert [problem.fact for problem in snapshot.facts("w2").problems] == ["namespaces"]
    assert snapshot.header.sees_pods


def test_an_empty_folder_of_namespaces_is_an_answer(tmp_path: Path) -> None:
    root = folder(tmp_path, api("w1") | node("w1"))
    (root / "nodes/w1/netns").mkdir()
    snapshot = read_dumps(root)
    assert snapshot.header.sees_pods
    assert snapshot.facts("w1").problems == ()


def test_bird_and_the_cni_configuration(tmp_path: Path) -> None:
    files = api("w1", "w2") | node("w1") | node("w2")
    files["nodes/w1/bird-show-protocols-all.txt"] = "\n"
    files["nodes/w1/cni.conflist"] = '{"name": "n", "plugins": [{"type": "calico", "etcd_key": "s3cr3t"}]}'
    snapshot = read(tmp_path, files)
    assert snapshot.facts("w1").birds == (Bird(4, running=False),)
    assert snapshot.facts("w1").cni_config == '{"name":"n","plugins":[{"type":"calico"}]}'
    assert (snapshot.facts("w2").birds, snapshot.facts("w2").cni_config) == ((), None)


def test_lists_that_are_missing_are_named_and_a_second_one_is_optional(tmp_path: Path) -> None:
    files = api("w1") | node("w1")
    files["api/pods.json"] = {"items": [{"metadata": {"name": "p", "namespace": "ns"}}]}
    look = read(tmp_path, files).looks[0]
    assert look.before.unlisted["ippools"] == "the recording has no api/ippools.json"
    assert not {"pods", "nodes"} & look.before.unlisted.keys()
    assert look.pods_after == look.before.pods
    assert (look.nodes_after, look.blocks_after) == (None, None)


def test_second_lists_are_read_and_the_group_is_the_objects_own(tmp_path: Path) -> None:
    block = {
        "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "b"},
        "spec": {"cidr": "10.48.0.0/26", "allocations": []},
    }
    files = (
        api("w1") | node("w1") | {"api/ipamblocks.json": {"items": []}, "api/ipamblocks-after.json": {"items": [block]}}
    )
    files |= {
        "api/pods-after.json": {"items": [{"metadata": {"name": "p"}}]},
        "api/ipamconfigurations.json": {"items": []},
    }
    files["api/ippools.json"] = {"items": [block]}
    look = read(tmp_path, files).looks[0]
    assert [entry.name for entry in look.blocks_after or ()] == ["b"]
    assert len(look.pods_after) == 1
    assert look.before.api_group == "projectcalico.org/v3"
    assert "ipamconfigs" not in look.before.unlisted


DAMAGED: dict[str, tuple[Files, str]] = {
    "cut JSON": (node("w1", link=b'[{"ifindex": 1,'), r"nodes/w1/link.json"),
    "wrong type": (node("w1", route=[{"dst": 5}]), r"nodes/w1/route.json.*\$\[0\]\.dst"),
    "no list": (node("w1", rule={"a": 1}), "nodes/w1/rule.json"),
    "no prefix": (node("w1", route=[{"dst": "ten", "dev": "a"}]), "nodes/w1/.*'ten' does not appear"),
    "a rule's prefix": (node("w1", rule=[{"src": "x", "srclen": 5}]), "nodes/w1/.*'x/5' does not appear"),
    "broken UTF-8": (node("w1", sysctl=b'{"a": "\xff"}'), "nodes/w1/sysctl.json"),
    "too deep": (node("w1", neigh=b"[" * 100_000), "nodes/w1/neigh.json"),
    "a damaged namespace": (node("w1", netns__a=b"{"), "nodes/w1/netns/a.json"),
    "a damaged list": ({"api/pods.json": b"{"}, "api/pods.json: the list of pods cannot be read"),
    "a malformed object": (
        {"api/nodes.json": {"items": [{"metadata": {"name": "bad"}, "spec": 1}]}},
        "nodes.json.*bad: ",
    ),
    "no items": ({"api/ippools.json": {"kind": "Status"}}, "api/ippools.json.*`items`"),
    "a damaged meta.json": (node("w1") | {"meta.json": b"[]"}, "meta.json"),
    "a hostile name": (node("w\x1b[31m1", link=b"{"), r"nodes/w\\x1b\[31m1/link.json"),
    "nothing": ({}, "not a recording"),
    "something else": ({"a.txt": "x", "nodes/readme.txt": "x"}, "not a recording"),
}


@pytest.mark.parametrize(("files", "said"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_named(tmp_path: Path, files: Files, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(tmp_path, files)
    assert caught.value.remedy


def test_a_tar_that_was_cut_anywhere_is_never_taken_for_whole(tmp_path: Path) -> None:
    whole = {
        mode: tar(tmp_path / f"whole{mode[2:]}", api("w1") | node("w1"), mode=mode) for mode in ("w:", "w:gz", "w:xz")
    }
    for path in whole.values():
        raw = path.read_bytes()
        read_dumps(path)
        for size in range(0, len(raw) - 16, max(1, len(raw) // 40)):
            cut = tmp_path / "cut.tar"
            cut.write_bytes(raw[:size])
            if raw[size:].strip(b"\0"):
                with pytest.raises(UsageError):
                    read_dumps(cut)


def test_members_that_are_links_or_lead_elsewhere_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rec.tar"
    with tarfile.open(path, "w:") as made:
        for name, value in (api("w1") | node("w1")).items():
            info = tarfile.TarInfo(f"rec/{name}")
            info.size = len(content(value))
            made.addfile(info, io.BytesIO(content(value)))
        for name in ("../../etc/evil", "/etc/evil", "rec/nodes/w1/../../../x"):
            made.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("rec/nodes/w1/bird-show-protocols-all.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        made.addfile(link)
    snapshot = read_dumps(path)
    assert [record.name for record in snapshot.nodes] == ["w1"]
    assert snapshot.facts("w1").birds == ()
    assert [entry.name for entry in tmp_path.iterdir()] == ["rec.tar"]


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = api("w1") | node("w1", link=b" " * 5000)
    packed, plain = tar(tmp_path / "rec.tar.xz", files), folder(tmp_path, files)
    monkeypatch.setattr(source, "MAX_FILE", 4000)
    for path in (packed, plain):
        with pytest.raises(UsageError, match="larger than"):
            read_dumps(path)
    monkeypatch.setattr(source, "MAX_FILES", 3)
    for path in (packed, plain):
        with pytest.raises(UsageError, match="more than 3 files"):
            read_dumps(path)
    monkeypatch.setattr(source, "MAX_TOTAL", 4000)
    with pytest.raises(UsageError, match="when decompressed"):
        read_dumps(packed)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        read_dumps(tmp_path / "gone")
