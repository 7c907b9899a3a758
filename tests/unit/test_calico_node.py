"""What `ip`, `bridge` and `birdcl` write in a calico-node container: the same facts as a recording's, or a reason."""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.api.exec_words import ExecError
from fixtures.dumps import read_dumps
from fixtures.dumps.source import open_source
from fixtures.errors import UnobservableError, UnreachableError
from fixtures.permissions import Lacking, NotAllowedError, asked
from fixtures.reach import calico_node
from fixtures.reach.calico_node import CalicoNodeReach
from fixtures.reach.calico_node_facts import node_facts, parts, sysctls
from fixtures.reach.calico_node_pods import CalicoNodePod, calico_node_pods
from fixtures.reach.calico_node_script import COMMAND, SCRIPT
from model.node import Bird
from tests.e2e.suite import RECORDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARK = "5b0c6a"
NODE = "worker1"


class Answer:
    """What the script writes on a healthy node of a recording; a test changes one of its parts."""

    def __init__(self) -> None:
        source = open_source(RECORDINGS / "vxlan-always.tar.xz")
        files = {name: source.read(f"nodes/{NODE}/{name}.json") for name in ("link", "addr", "route", "route6")}
        files |= {name: source.read(f"nodes/{NODE}/{name}.json") for name in ("rule", "rule6", "neigh")}
        values = msgspec.json.decode(source.read(f"nodes/{NODE}/sysctl.json"), type=dict[str, str])
        self.parts: dict[str, tuple[bytes, int, str]] = {name: (raw, 0, "") for name, raw in files.items()}
        for name, file in {
            "fdb": "bridge-fdb.txt",
            "bird": "bird-show-protocols-all.txt",
            "bird6": "bird6-show-protocols-all.txt",
            "cni": "cni.conflist",
        }.items():
            self.parts[name] = (source.read(f"nodes/{NODE}/{file}"), 0, "")
        self.parts["sysctl"] = (_blocks(values), 0, "")
        self.parts["kernel"] = (b"6.18.0\n", 0, "")
        self.parts["started"] = (b"1700000000\n", 0, "")
        self.parts["finished"] = (b"1700000001\n", 0, "")
        self.parts["boot"] = (b"1600000000\n", 0, "")
        self.parts["mtu"] = (b"1450\n", 0, "")
        self.parts["mtu_time"] = (b"1600000100.25\n", 0, "")

    def raw(self, *again: str, end: bool = True) -> bytes:
        """All of it; the parts named in `again` twice."""
        written = b"".join(self._part(name) for name in (*self.parts, *again))
        return written + (f"\n{MARK} complete\n".encode() if end else b"")

    def _part(self, name: str) -> bytes:
        output, code, said = self.parts[name]
        return b"\n%s begin %s\n%s\n%s end %d\n%s\n%s done\n" % (
            MARK.encode(),
            name.encode(),
            output,
            MARK.encode(),
            code,
            said.encode(),
            MARK.encode(),
        )


def _blocks(values: dict[str, str]) -> bytes:
    """Sysctls as the script writes them: the paths of a block, then its values."""
    paths = ["/" + name.removeprefix("net.").replace(".", "/") for name in values]
    half = len(paths) // 2
    found = list(values.values())
    return "\n".join([*paths[:half], *found[:half], *paths[half:], *found[half:], ""]).encode()


@pytest.fixture
def answer() -> Answer:
    return Answer()


class TestFacts:
    def test_they_are_those_of_the_recording(self, answer: Answer) -> None:
        snapshot = read_dumps(RECORDINGS / "vxlan-always.tar.xz")
        wanted = snapshot.facts(NODE)
        found = node_facts(NODE, answer.raw("fdb"), MARK)
        for field in ("links", "addresses", "routes", "rules", "neighbours", "sysctls"):
            assert getattr(found.host, field) == getattr(wanted.host, field), field
            assert getattr(found.host, field), f"{field} is there to be compared"
        assert (found.birds, found.cni_config) == (wanted.birds, wanted.cni_config)
        assert found.cni_config is not None
        assert (found.pods, found.problems) == ((), ())
        assert (found.kernel, found.started, found.finished) == ("6.18.0", 1.7e9, 1.7e9 + 1)
        assert (found.boot_time, found.mtu_file, found.mtu_file_time) == (1.6e9, "1450", 1600000100.25)

    def test_a_kernel_without_ipv6_is_an_answer(self, answer: Answer) -> None:
        del answer.parts["route6"], answer.parts["rule6"]
        answer.parts["route"] = (b'[{"dst":"default","gateway":"10.0.0.1","dev":"eth0","protocol":"80"}]', 0, "")
        found = node_facts(NODE, answer.raw("fdb"), MARK)
        assert found.problems == ()
        assert {rule.family for rule in found.host.rules} == {4}
        assert [route.dst for route in found.host.routes] == ["0.0.0.0/0"]

    @pytest.mark.parametrize("name", ["route6", "rule6", "neigh", "addr"])
    def test_an_empty_table_is_an_answer(self, answer: Answer, name: str) -> None:
        answer.parts[name] = (b"", 0, "")
        assert node_facts(NODE, answer.raw("fdb"), MARK).problems == ()

    @pytest.mark.parametrize(
        ("output", "code", "said"),
        [
            (b"", 3, ""),
            (b"", 1, "Unable to connect to server control socket (/var/run/calico/bird6.ctl): Connection refused"),
            (b"\n", 0, ""),
        ],
    )
    def test_a_bird_that_nobody_runs_is_an_answer(self, answer: Answer, output: bytes, code: int, said: str) -> None:
        answer.parts["bird6"] = (output, code, said)
        found = node_facts(NODE, answer.raw("fdb"), MARK)
        assert found.bird(6) == Bird(6, running=False)
        assert found.problems == ()

    def test_felix_may_have_written_no_mtu(self, answer: Answer) -> None:
        answer.parts["mtu"] = (b"", 3, "")
        del answer.parts["mtu_time"]
        found = node_facts(NODE, answer.raw("fdb"), MARK)
        assert (found.mtu_file, found.mtu_file_time, found.problems) == (None, None, ())

    def test_of_a_dump_that_was_made_again_the_last_one_counts(self, answer: Answer) -> None:
        first = Answer()
        first.parts["rule"] = (b"[]", 0, "Dump was interrupted and may be inconsistent.")
        raw = first.raw(end=False) + answer.raw("fdb")
        found = node_facts(NODE, raw, MARK)
        assert found.problems == ()
        assert {rule.family for rule in found.host.rules} == {4, 6}


class TestWhatCouldNotBeRead:
    @pytest.mark.parametrize(
        ("name", "part", "fact", "reason"),
        [
            ("rule6", (b"", 2, "RTNETLINK answers: No buffer space"), "rules", "ip -j -6 rule show ended with exit st"),
            ("route", (b"[{", 255, ""), "routes", "ip -j -d -4 route show table all ended with exit status 255"),
            ("addr", (b"", 1, "oh\x1b[2J"), "addresses", r"exit status 1: oh\x1b[2J"),
            ("neigh", (b"[]", 0, "Dump was interrupted and may be inconsistent."), "neighbours", "three times over"),
            ("fdb", (b"", 127, "sh: 1: bridge: not found"), "fdb", "exit status 127: sh: 1: bridge: not found"),
            ("sysctl", (b"", 1, "cat: x: No such file"), "sysctls", "ended with exit status 1: cat: x"),
            ("sysctl", (b"/ipv4/ip_forward\n/ipv4/conf/all/rp_filter\n1\n", 0, ""), "sysctls", "cannot be told apart"),
            ("bird", (b"", 4, ""), "bird", "/var/run/calico is not there, or not visible from here"),
            ("bird", (b"", 124, ""), "bird", "BIRD did not answer within 5 s"),
            ("bird", (b"", 127, "sh: birdcl: not found"), "bird", "birdcl ended with exit status 127"),
            ("bird6", (b"", 1, "Permission denied"), "bird", "birdcl ended with exit status 1: Permission denied"),
            ("cni", (b"", 4, ""), "cni_config", "is not mounted in the calico-node container"),
            ("cni", (b"", 3, ""), "cni_config", "no CNI configuration is in this folder"),
            ("cni", (b"", 1, "cat: Permission denied"), "cni_config", "Permission denied"),
            ("mtu", (b"", 4, ""), "mtu_file", "is not mounted"),
        ],
    )
    def test_is_told(self, answer: Answer, name: str, part: tuple[bytes, int, str], fact: str, reason: str) -> None:
        answer.parts[name] = part
        problems = node_facts(NODE, answer.raw("fdb"), MARK).problems
        assert [problem.fact for problem in problems] == [fact]
        assert reason in problems[0].reason

    def test_a_forwarding_database_that_changed(self, answer: Answer) -> None:
        other = Answer()
        other.parts["fdb"] = (b"66:00:00:00:00:01 dev vxlan.calico dst 10.0.0.9 self permanent\n", 0, "")
        raw = other.raw(end=False) + answer.raw()
        assert [problem.fact for problem in node_facts(NODE, raw, MARK).problems] == ["fdb"]

    @pytest.mark.parametrize(
        ("name", "part", "reason"),
        [
            (
                "link",
                (b"", 255, 'Option "-j" is unknown'),
                "ip -j -d link show in its calico-node ended with exit status",
            ),
            ("link", (b"", 127, "sh: ip: not found"), "exit status 127: sh: ip: not found"),
            (
                "route",
                (b'[{"dst":"10.0.0.0/8"', 0, ""),
                "worker1, ip -j -d -4 route show table all: not the output of ip",
            ),
            ("route", (b'{"dst":1}', 0, ""), "not the output of ip -j"),
            ("route", (b'[{"dst":"not an address"}]', 0, ""), "node worker1: "),
            ("addr", (b"[" * 100_000, 0, ""), "not the output of ip -j"),
            ("rule", (b"\xff", 0, ""), "not the output of ip -j"),
        ],
    )
    def test_without_it_the_node_is_none(
        self, answer: Answer, name: str, part: tuple[bytes, int, str], reason: str
    ) -> None:
        answer.parts[name] = part
        with pytest.raises(UnreachableError) as error:
            node_facts(NODE, answer.raw("fdb"), MARK)
        assert reason in error.value.reason
        assert "kubectl exec" in error.value.remedy

    @pytest.mark.parametrize("size", [0, 10, 500, -1, -12])
    def test_a_cut_answer_is_none(self, answer: Answer, size: int) -> None:
        with pytest.raises(UnreachableError, match="is cut: it ends before its end mark"):
            node_facts(NODE, answer.raw("fdb")[:size], MARK)

    def test_another_runs_marks_are_text(self, answer: Answer) -> None:
        answer.parts["cni"] = (b'{"name": "x"}\n0000 end 0\n\n0000 done\n0000 begin link\n[]', 0, "")
        assert len(parts(NODE, answer.raw(), MARK)["link"]) == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("/ipv4/ip_forward\n1\n", {"net.ipv4.ip_forward": "1"}),
        (
            "/ipv4/conf/all/rp_filter\n/ipv4/conf/eth0.7/rp_filter\n0\n2\n/ipv6/conf/lo/forwarding\n1\n",
            {
                "net.ipv4.conf.all.rp_filter": "0",
                "net.ipv4.conf.eth0/7.rp_filter": "2",
                "net.ipv6.conf.lo.forwarding": "1",
            },
        ),
        (
            "/ipv4/neigh/default/proxy_delay\n/ipv4/neigh/cali1/proxy_delay\n80\n0\n",
            {"net.ipv4.neigh.cali1.proxy_delay": "0"},
        ),
        ("/a/b/c/d\n/a/b/e/d\n1\n/a/b/f/d\n2\n", None),
        ("1\n", None),
    ],
)
def test_sysctls(text: str, wanted: dict[str, str] | None) -> None:
    assert sysctls(text) == wanted


class TestTheScript:
    SHELLS = tuple(shell for shell in ("dash", "bash", "busybox") if shutil.which(shell))

    @pytest.mark.parametrize("shell", SHELLS)
    def test_it_ends_without_an_end_of_input_and_writes_every_part(self, shell: str) -> None:
        """Standard input stays open, as with v4 of the exec protocol."""
        argv = [shell, *(("sh",) if shell == "busybox" else ()), *COMMAND[1:], MARK]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(SCRIPT.encode())
            process.stdin.flush()
            written = process.stdout.read()
            assert process.wait(20) == 0
        found = node_facts("here", written, MARK)
        assert {link.name for link in found.host.links} >= {"lo"}
        assert found.host.sysctls["net.ipv4.conf.lo.forwarding"] in {"0", "1"}
        assert found.kernel
        assert found.boot_time is not None
        assert found.started <= found.finished
        assert {problem.fact for problem in found.problems} <= {"bird", "cni_config", "mtu_file", "fdb"}

    def test_it_holds_no_data(self) -> None:
        assert MARK not in SCRIPT
        assert COMMAND == ("sh", "-s")

    def test_no_filter_hides_what_a_check_asserts(self) -> None:
        assert not {"proto", "type", "scope", "dev", "via"} & set(SCRIPT.replace("\n", " ").split(" "))


def _pod(name: str, node: str = NODE, **status: Any) -> dict[str, Any]:
    running = {"name": "calico-node", "ready": True, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    meta = {
        "name": name,
        "namespace": "calico-system",
        "creationTimestamp": status.pop("created", "2026-01-01T00:00:00Z"),
    }
    if status.pop("deleting", False):
        meta["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    return {
        "metadata": meta,
        "spec": {"nodeName": node},
        "status": {"phase": "Running", "containerStatuses": [running]} | status,
    }


def _api(*pods: dict[str, Any]) -> Any:
    """An API that lists these pods, and notes the queries."""
    queries: list[Any] = []

    def get(path: str, query: Any = None) -> Any:
        queries.append((path, dict(query)))
        return SimpleNamespace(body=msgspec.json.encode({"items": pods, "metadata": {}}))

    return SimpleNamespace(get=get, queries=queries)


def _waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "calico-node", "state": {"waiting": {"reason": reason}}}]}


class TestWhichPod:
    def test_they_are_found_by_their_label_in_any_namespace(self) -> None:
        api = _api(_pod("calico-node-a"), _pod("calico-node-b", "worker2"))
        assert set(calico_node_pods(api)) == {"worker1", "worker2"}
        assert api.queries == [("/api/v1/pods", {"limit": 500, "labelSelector": "k8s-app=calico-node"})]

    @pytest.mark.parametrize(
        ("pods", "name", "trouble"),
        [
            ([_pod("a", deleting=True), _pod("b")], "b", ""),
            ([_pod("b"), _pod("a", deleting=True)], "b", ""),
            ([_pod("a"), _pod("b", created="2026-02-01T00:00:00Z")], "b", ""),
            ([_pod("z", **_waiting("CrashLoopBackOff")), _pod("a")], "a", ""),
            ([_pod("a", **_waiting("CrashLoopBackOff"))], "a", "does not run: CrashLoopBackOff"),
            ([_pod("a", phase="Pending")], "a", "is Pending"),
            ([_pod("a", containerStatuses=[{"name": "felix"}])], "a", "has no container calico-node"),
            ([_pod("a", deleting=True)], "a", "is being deleted"),
        ],
    )
    def test_of_several_the_one_that_runs(self, pods: list[dict[str, Any]], name: str, trouble: str) -> None:
        found = calico_node_pods(_api(*pods))[NODE]
        assert (found.name, found.trouble) == (name, trouble)

    def test_a_pod_that_is_nowhere_yet_is_nobodys(self) -> None:
        assert calico_node_pods(_api(_pod("a", node=""), _pod("b", phase="Pending") | {"spec": {}})) == {}


def _found(name: str, trouble: str = "", namespace: str = "kube-system") -> CalicoNodePod:
    return CalicoNodePod(NODE, namespace, name, ready=True, created="", trouble=trouble)


class TestReach:
    @pytest.fixture
    def listed(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, CalicoNodePod]]:
        """The answers to come of listing the pods; the last one stays."""
        lists: list[dict[str, CalicoNodePod]] = []
        monkeypatch.setattr(calico_node, "calico_node_pods", lambda _api: lists.pop(0) if len(lists) > 1 else lists[0])
        return lists

    @pytest.fixture
    def preflights(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, str]]:
        """What was asked; in a namespace called `closed-…` nothing is allowed."""
        questions: list[tuple[Any, str]] = []

        def missing(_api: Any, wanted: Any, namespace: str) -> Any:
            questions.append((wanted, namespace))
            return wanted if namespace.startswith("closed") else ()

        monkeypatch.setattr(calico_node, "missing", missing)
        return questions

    @pytest.fixture
    def execs(self, monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[str]:
        """The pods that were entered. In one called `gone` nothing runs any more."""
        entered: list[str] = []

        def stream(_api: Any, where: Any, command: Sequence[str], stdin: bytes, _seconds: float) -> Iterator[bytes]:
            entered.append(where.pod)
            assert (where.container, where.node, tuple(command[:2])) == ("calico-node", NODE, COMMAND)
            assert stdin == SCRIPT.encode()
            if where.pod.startswith("gone"):
                raise ExecError("gone", gone=True)
            if where.pod == "broken":
                raise ExecError("broken")
            yield answer.raw("fdb").replace(MARK.encode(), command[2].encode())

        monkeypatch.setattr(calico_node, "exec_stream", stream)
        return entered

    def opened(self, *nodes: str) -> CalicoNodeReach:
        reach = CalicoNodeReach(SimpleNamespace())  # type: ignore[arg-type]
        reach.open([SimpleNamespace(name=name) for name in nodes], lambda _text: None)  # type: ignore[misc]
        return reach

    def test_what_it_can(self) -> None:
        assert (CalicoNodeReach.sees_pods, CalicoNodeReach.sees_bird, CalicoNodeReach.packets) == (False, True, None)

    def test_exec_is_asked_for_in_each_namespace_beforehand(
        self, listed: list[Any], preflights: list[tuple[Any, str]]
    ) -> None:
        listed.append({NODE: _found("a"), "w2": _found("b", namespace="calico-system"), "w3": _found("c")})
        self.opened(NODE, "w2", "w3")
        assert preflights == [(asked("calico-node"), "calico-system"), (asked("calico-node"), "kube-system")]

    @pytest.mark.parametrize("ask", ["open", "lacking"])
    def test_rights_that_are_missing_are_told_for_each_namespace(
        self, listed: list[Any], preflights: list[tuple[Any, str]], ask: str
    ) -> None:
        listed.append({NODE: _found("a", namespace="closed-1"), "w2": _found("b", namespace="open")})
        reach = CalicoNodeReach(SimpleNamespace(context_name="here"))  # type: ignore[arg-type]
        if ask == "lacking":
            found = [(one.namespace, one.entries) for one in reach.lacking() if one.entries]
            assert found == [("closed-1", asked("calico-node"))]
        else:
            with pytest.raises(NotAllowedError, match="context here: not allowed to create/get pods/exec") as error:
                reach.open([SimpleNamespace(name=name) for name in (NODE, "w2")], print)  # type: ignore[misc]
            assert error.value.remedy.startswith("Add to a Role of this user in namespace closed-1:\n- {")
        assert {space for _, space in preflights} == {"closed-1", "open"}

    def test_where_pods_cannot_be_listed_the_usual_namespaces_are_asked_for(
        self, monkeypatch: pytest.MonkeyPatch, preflights: list[tuple[Any, str]]
    ) -> None:
        def refuse(_api: Any) -> Any:
            raise UnobservableError("403")

        monkeypatch.setattr(calico_node, "calico_node_pods", refuse)
        reach = CalicoNodeReach(SimpleNamespace(context_name="here"))  # type: ignore[arg-type]
        assert reach.lacking() == ()
        assert [space for _, space in preflights] == ["kube-system", "calico-system"]
        monkeypatch.setattr(calico_node, "USUAL", ("closed-1", "closed-2"))
        assert reach.lacking() == (Lacking(asked("calico-node"), "closed-1 or closed-2"),)

    def test_what_is_run_is_shown(self, listed: list[Any], preflights: list[Any]) -> None:
        del preflights
        listed.append({NODE: _found("calico-node-x")})
        shown = self.opened(NODE).shown(NODE)
        assert shown == "kubectl -n kube-system exec -i calico-node-x -c calico-node -- sh -s MARK"
        assert self.opened(NODE).shown("w9") == "node w9 has no calico-node pod"

    def test_without_any_pod_there_is_no_way_in(self, listed: list[Any], preflights: list[Any]) -> None:
        listed.append({"elsewhere": _found("a")})
        with pytest.raises(UnobservableError, match="none of the 2 nodes has a calico-node pod") as error:
            self.opened(NODE, "w2")
        assert "kubectl get pods -A -l k8s-app=calico-node" in error.value.remedy
        assert preflights == []

    def test_a_node_without_a_pod_is_that_nodes_trouble(
        self, listed: list[Any], preflights: list[Any], execs: list[str]
    ) -> None:
        del preflights
        listed.append({NODE: _found("a"), "w3": _found("c", trouble="is Pending")})
        reach = self.opened(NODE, "w2", "w3")
        assert reach.look(NODE, {}, 9.0).name == NODE
        with pytest.raises(UnreachableError, match="node w2 has no calico-node pod"):
            reach.look("w2", {}, 9.0)
        with pytest.raises(UnreachableError, match="node w3: its calico-node pod kube-system/c is Pending"):
            reach.look("w3", {}, 9.0)
        assert execs == ["a"]

    def test_a_pod_that_was_replaced_is_followed_once(
        self, listed: list[Any], preflights: list[Any], execs: list[str]
    ) -> None:
        del preflights
        listed.extend([{NODE: _found("gone-1")}, {NODE: _found("new")}])
        reach = self.opened(NODE)
        assert reach.look(NODE, {}, 9.0).problems == ()
        assert reach.look(NODE, {}, 9.0).problems == ()
        assert execs == ["gone-1", "new", "new"]

    @pytest.mark.parametrize(
        ("names", "entered"),
        [(["gone", "gone"], ["gone"]), (["gone-1", "gone-2"], ["gone-1", "gone-2"]), (["broken", "x"], ["broken"])],
    )
    def test_but_not_for_ever(
        self, listed: list[Any], preflights: list[Any], execs: list[str], names: list[str], entered: list[str]
    ) -> None:
        del preflights
        listed.extend({NODE: _found(name)} for name in names)
        with pytest.raises(ExecError):
            self.opened(NODE).look(NODE, {}, 9.0)
        assert execs == entered

    def test_an_endless_answer_is_not_kept(
        self, listed: list[Any], preflights: list[Any], execs: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del preflights, execs
        monkeypatch.setattr(calico_node, "TOTAL_CAP", 1000)
        listed.append({NODE: _found("a")})
        with pytest.raises(UnreachableError, match="nothing was kept"):
            self.opened(NODE).look(NODE, {}, 9.0)
