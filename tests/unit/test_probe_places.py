"""How pods are told from the outside: cgroup paths, mount tables, namespaces that go away; and the node's few files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.probe import files as probe_files
from fixtures.probe.files import read_files
from fixtures.probe.namespaces import Place, mounted_namespaces, open_place, pod_uids, unescape_mount
from fixtures.probe.observe import far_ends

UID = "1e8a0f52-6f0c-4a57-9c5e-8c6c5a0f2f11"
OTHER = "ffffffff-6f0c-4a57-9c5e-8c6c5a0f2f22"
STATIC = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"0::/kubepods/burstable/pod{UID}/0a1b2c\n", {UID}),
        (f"0::/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/cri-containerd-0a1b.scope\n", {UID}),
        (f"0::/../../kubepods-besteffort-pod{UID.replace('-', '_')}.slice/cri-0a.scope\n", {UID}),
        (
            f"12:pids:/kubepods/pod{UID}/c\n5:cpu,cpuacct:/kubepods/pod{UID}/c\n1:name=systemd:/kubepods/pod{UID}/c\n",
            {UID},
        ),
        (f"0::/kubepods/pod{OTHER}/kind/kubelet/kubepods/besteffort/pod{UID}/c\n", {UID, OTHER}),
        (f"0::/kubepods/burstable/pod{STATIC}/c\n", {STATIC}),
        ("0::/system.slice/podman-1234.scope\n", set()),
        ("0::/kubepods/burstable\n", set()),
        (f"0::/kubepods/pod{UID[:-1]}/c\n", set()),
        ("0::/x/pod", set()),
        ("", set()),
    ],
)
def test_pod_uids_of_a_cgroup_path(text: str, found: set[str]) -> None:
    assert pod_uids(text.encode()) == found


def test_mount_table(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 0:4 / /proc rw shared:1 - proc proc rw\n"
        "43 42 0:4 net:[4026532177] /run/netns/cni-1 rw shared:2 - nsfs nsfs rw\n"
        "44 42 0:4 mnt:[4026532178] /run/snapd/ns/x.mnt rw - nsfs nsfs rw\n"
        "45 42 0:4 net:[4026532179] /run/net\\040ns/a\\134b rw - nsfs nsfs rw\n"
    )
    doubts: list[str] = []
    assert mounted_namespaces(os.fsencode(table), doubts) == [
        (b"net:[4026532177]", b"/run/netns/cni-1"),
        (b"net:[4026532179]", b"/run/net ns/a\\b"),
    ]
    assert mounted_namespaces(os.fsencode(tmp_path / "none"), doubts) == []
    assert doubts == []
    mounted_namespaces(os.fsencode(tmp_path), doubts)
    assert len(doubts) == 1
    assert unescape_mount(b"/a\\011b\\012c") == b"/a\tb\nc"


def place(*paths: str) -> Place:
    found = Place()
    found.paths = [os.fsencode(path) for path in paths]
    return found


def test_a_namespace_is_opened_by_any_of_its_ways(tmp_path: Path) -> None:
    """A path at which another namespace (or file) is by now does not count; gone from all of them is gone."""
    key = os.fsencode(Path("/proc/self/ns/net").readlink())
    other = tmp_path / "other"
    other.touch()
    handle = open_place(key, place("/proc/0/ns/net", str(other), "/proc/self/ns/net"))
    assert os.fstat(handle).st_ino == Path("/proc/self/ns/net").stat().st_ino
    os.close(handle)
    assert open_place(key, place("/proc/0/ns/net", str(other), str(other / "below"))) == -1
    assert open_place(key, place()) == -1


def test_a_namespace_that_may_not_be_opened_is_an_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        open_place(b"net:[1]", place(str(loop), "/proc/0/ns/net"))


def test_far_ends_leave_out_the_ways_out_of_the_node() -> None:
    veth = ("veth", True, True, "", 1500)
    host = {
        "links": [
            (1, "lo", "", True, True, "", 65536),
            (2, "ens160", *veth, 9, 0, None, None),
            (3, "cali1", *veth, 2, 1, None, None),
            (4, "local0", *veth, 5, None, None, None),
            (6, "cali2", *veth, 2, 2, None, None),
        ],
        "addresses": [("ens160", "10.0.0.1", 24, 0), ("cali1", "fe80::1", 64, 253), ("lo", "127.0.0.1", 8, 254)],
    }
    assert far_ends(host) == {1: {(2, 3)}, 2: {(2, 6)}}


def reasons(request: dict[str, object]) -> tuple[dict[str, object], list[tuple[str, str, str]]]:
    problems: list[tuple[str, str, str]] = []
    return read_files(request, lambda *row: problems.append(row)), problems


def test_the_first_cni_configuration_in_lexical_order(tmp_path: Path) -> None:
    for name in ("10-calico.conflist", "20-other.conf", "00-notes.txt", "calico-kubeconfig"):
        (tmp_path / name).write_text(name)
    found, problems = reasons({"cni_dir": str(tmp_path)})
    assert (found["cni_config"], problems) == ("10-calico.conflist", [])


def test_no_cni_configuration_is_told(tmp_path: Path) -> None:
    _, problems = reasons({"cni_dir": str(tmp_path)})
    assert [(fact, where) for fact, _, where in problems] == [("cni_config", str(tmp_path))]


def test_the_mtu_file(tmp_path: Path) -> None:
    path = tmp_path / "mtu"
    found, problems = reasons({"mtu_file": str(path)})
    assert (found["mtu_file"], found["mtu_file_time"], problems) == (None, None, [])
    path.write_text("1450\n")
    os.utime(path, (5, 1234.5))
    found, problems = reasons({"mtu_file": str(path)})
    assert (found["mtu_file"], found["mtu_file_time"], problems) == ("1450", 1234.5, [])


def test_a_file_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> float:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(probe_files, "boot_time", refuse)
    found, problems = reasons({})
    assert (found["boot_time"], problems) == (None, [("boot_time", "Permission denied", "/proc/stat")])
