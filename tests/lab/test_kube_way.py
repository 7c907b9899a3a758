"""The way in `kube` against the lab's API server: what refuses it is told in a sentence, and nothing is left."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.api import connect, list_cluster
from fixtures.deploy import manifests, plan
from fixtures.deploy.manifests import RUN
from fixtures.deploy.places import DAEMON_SETS, JOBS, OURS
from fixtures.deploy.settings import NAMESPACE
from fixtures.deploy.shapes import Bare, list_of
from fixtures.errors import UnobservableError, UnreachableError
from fixtures.probe_program import payload
from lab import topology
from lab.api.admission import Refusal
from lab.api.control import Control
from lab.api.trouble import Trouble
from lab.cluster.images import Image
from lab.tools import wait_until
from tests.lab.conftest import lab_up
from tests.lab.kube_lab import clean, left, nodes, reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.state import Lab

pytestmark = pytest.mark.root
REQUEST = {"do": "observe", "pod_uids": [], "facts": ["addresses"]}


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with lab_up("kubeway", topology.DEFAULT) as lab:
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """The lab, for one test; clean after each."""
    with clean(shared) as lab:
        yield lab


def _namespace(**labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


@pytest.fixture
def space(lab: Lab) -> Iterator[Control]:
    """A namespace that was there before, without any label."""
    control = Control(lab.directory)
    control.create(_namespace() | {"spec": {}, "status": {"phase": "Active"}})
    yield control
    control.delete("namespaces", NAMESPACE)


def test_every_node_is_looked_at_and_nothing_is_left(lab: Lab) -> None:
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
        made = left(api)
        facts = [reach.look(node, REQUEST | {"node": node}, 20.0) for node in ("host1", "worker1", "worker2")]
    assert [node.host.addresses != () for node in facts] == [True] * 3
    assert sorted(name.partition("/")[0] for name in made) == [
        "DaemonSet", "Job", "Namespace", "Pod", "Pod", "Pod", "ServiceAccount",
    ]  # fmt: skip
    assert said[0].startswith("deployed the probe: DaemonSet calico-conformance-probe-")
    assert said[-1] == f"removed the probe from namespace {NAMESPACE}"


def test_namespace_that_was_there_stays(space: Control, lab: Lab) -> None:
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
    assert space.get("namespaces", NAMESPACE)["status"]["phase"] == "Active"


def _restricted(control: Control) -> None:
    control.pod_security("restricted")


LONG = 60.0  # seconds that pods have: what is not waited for is over before
REFUSALS: list[tuple[str, Callable[[Control], None], dict[str, object], str, str]] = [
    ("pod security", _restricted, {}, "Pod Security does not let", "pod-security.kubernetes.io/enforce=privileged"),
    (
        "gatekeeper",
        lambda c: c.refuse(Refusal("gatekeeper")),
        {},
        "an admission policy of the cluster",
        "Exempt namespace",
    ),
    ("kyverno", lambda c: c.refuse(Refusal("kyverno")), {}, "an admission policy of the cluster", "Exempt namespace"),
    ("quota", lambda c: c.refuse(Refusal("quota")), {}, "a quota leaves no room", "--probe-priority-class=''"),
    ("webhook", lambda c: c.refuse(Refusal("webhook-down")), {}, "webhook of the cluster does not answer", "mend the"),
    (
        "priority",
        lambda c: None,
        {"priority_class": "top"},
        "the priority class of the probe's pods is refused",
        "--probe-priority-class=''",
    ),
    ("image", lambda c: c.image(Image("*", error="not found")), {}, "image cannot be pulled", "--probe-registry"),
    (
        "registry",
        lambda c: c.image(Image("*", error="dial tcp: lookup registry-1.docker.io: no such host")),
        {},
        "no such host",
        "--print-images",
    ),
    ("no python", lambda c: c.image(Image("*", python=False)), {}, "the probe's image has no python3", "--probe-image"),
]


@pytest.mark.parametrize(
    ("ail", "settings", "reason", "remedy"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_what_refuses_all_pods_is_told_at_once(
    space: Control, lab: Lab, ail: Callable[[Control], None], settings: dict[str, object], reason: str, remedy: str
) -> None:
    ail(space)
    began = time.monotonic()
    with reaching(lab, ready_seconds=LONG, **settings) as (reach, api, said), pytest.raises(UnobservableError) as told:
        reach.open(nodes(api), said.append)
    assert reason in told.value.reason
    assert remedy in told.value.remedy
    assert time.monotonic() - began < LONG  # not the whole time that pods have


def test_object_that_is_refused_is_told_with_what_refuses_it(lab: Lab) -> None:
    control = Control(lab.directory)
    control.refuse(Refusal("gatekeeper", resource="daemonsets"))
    words = r"DaemonSet .* is refused"
    with reaching(lab) as (reach, api, said), pytest.raises(UnobservableError, match=words) as told:
        reach.open(nodes(api), said.append)
    assert "an admission policy of the cluster does not let" in told.value.reason


def test_missing_rights_are_told_as_rules_before_anything_is_made(lab: Lab) -> None:
    control = Control(lab.directory)
    control.deny("apps", "daemonsets", "create")
    control.deny("", "namespaces", "delete")
    seen = len(control.served())
    api = connect(lab.kubeconfig, "lab-restricted")
    with reaching(lab) as (reach, _, said):
        reach._deployment._api = reach._api = api
        with pytest.raises(UnobservableError, match="not allowed to create daemonsets, delete namespaces") as told:
            reach.open(nodes(api), said.append)
    api.close()
    assert '- {apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["create"]}' in told.value.remedy
    assert "Add to a Role of this user in namespace calico-conformance:" in told.value.remedy
    assert "Add to a ClusterRole of this user:" in told.value.remedy
    writes = {one.path for one in control.served()[seen:] if one.method != "GET"}
    assert writes == {"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"}


def test_one_node_without_a_pod_is_that_nodes_trouble(lab: Lab) -> None:
    control = Control(lab.directory)
    control.kubelet("worker2", noticed=True)
    wait_until("worker2 is NotReady", lambda: _ready(control, "worker2") != "True", 20.0)
    began = time.monotonic()
    with reaching(lab, ready_seconds=LONG) as (reach, api, said):
        reach.open(nodes(api), said.append)
        assert time.monotonic() - began < LONG  # NotReady nodes are not waited for
        assert reach.look("worker1", REQUEST | {"node": "worker1"}, 20.0).name == "worker1"
        with pytest.raises(UnreachableError, match=r"node worker2 .*(NotReady|Ready is Unknown)"):
            reach.look("worker2", REQUEST | {"node": "worker2"}, 20.0)
        with pytest.raises(UnreachableError, match="has joined the cluster since"):
            reach.look("worker9", REQUEST | {"node": "worker9"}, 20.0)
        control.kubelets_well()


def _ready(control: Control, node: str) -> str:
    conditions = control.get("nodes", node)["status"]["conditions"]
    return str(next(each["status"] for each in conditions if each["type"] == "Ready"))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("status", "*/daemonsets"),
        ("cut", "*/jobs"),
        ("cut", "*/serviceaccounts"),
        ("status", "*/namespaces"),
        ("cut", "*/pods"),
    ],
)
def test_server_that_fails_once_is_asked_again(lab: Lab, kind: Any, path: str) -> None:
    Control(lab.directory).trouble(Trouble(kind, path=path, code=503))
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
        assert len([name for name in left(api) if name.startswith("DaemonSet/")]) == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble("status", path="*/exec", times=2, code=429, retry_after=0), None),
        (Trouble("cut", path="*/exec"), None),
        (Trouble("status", path="*/exec", times=0, code=403), "403"),
        (Trouble("garbage", path="*/exec", times=0), "worker1"),
    ],
    ids=["busy", "dropped", "forbidden", "garbage"],
)
def test_trouble_with_the_exec_is_survived_or_told(lab: Lab, trouble: Trouble, words: str | None) -> None:
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
        Control(lab.directory).trouble(trouble)
        if words is None:
            assert reach.look("worker1", REQUEST | {"node": "worker1"}, 20.0).name == "worker1"
        else:
            with pytest.raises(UnreachableError, match=words):
                reach.look("worker1", REQUEST | {"node": "worker1"}, 20.0)


def test_lease_that_nobody_renews_takes_everything_with_it(lab: Lab) -> None:
    with reaching(lab, idle_seconds=2) as (reach, api, said):
        reach.open(nodes(api), said.append)
        deployment = reach._deployment
        assert deployment._guardian is not None
        assert deployment._lease is not None
        deployment._guardian.end(dismissed=True)  # as when the whole machine is lost
        until = time.monotonic() + 4.0
        while time.monotonic() < until:  # twice the time without renewal: the claim is that it stays all the while
            assert list_of(api, JOBS.path(NAMESPACE), Bare, OURS)
            time.sleep(0.2)
        deployment._lease.close()
        wait_until("the cluster has cleaned up", lambda: not _but_namespace(api), 20.0)
        with pytest.raises(UnreachableError):
            next(iter(reach.run("worker1", payload(REQUEST | {"node": "worker1"}), 1.0)))


def _but_namespace(api: Any) -> set[str]:
    return {name for name in left(api) if not name.startswith("Namespace/")}


def test_two_runs_side_by_side_keep_to_their_own(lab: Lab) -> None:
    with reaching(lab) as (one, api, said):
        one.open(nodes(api), said.append)
        with reaching(lab) as (two, other, _):
            two.open(nodes(other), said.append)
            runs = {found.metadata.label(RUN) for found in list_of(api, DAEMON_SETS.path(NAMESPACE), Bare, OURS)}
            assert runs == {one._deployment.run, two._deployment.run}
        assert one.look("worker1", REQUEST | {"node": "worker1"}, 20.0).name == "worker1"
    assert said[-1].startswith("removed the probe")


def test_kept_probe_is_used_again_until_it_is_removed(lab: Lab) -> None:
    with reaching(lab, keep=True, idle_seconds=60) as (reach, api, said):
        reach.open(nodes(api), said.append)
        first = reach._deployment.run
    assert any("removes itself after 60 s without use" in line for line in said)
    with reaching(lab, keep=True, idle_seconds=60) as (reach, api, said):
        reach.open(nodes(api), said.append)
        assert reach._deployment.run == first
        assert reach.look("worker1", REQUEST | {"node": "worker1"}, 20.0).name == "worker1"
    with reaching(lab, keep=True, idle_seconds=60, packets=False) as (reach, api, said):
        reach.open(nodes(api), said.append)
        assert reach._deployment.run != first  # it asks for other capabilities
    from fixtures.cleanup import main

    place = ["--kubeconfig", str(lab.kubeconfig), "--context", "lab"]
    assert main([*place, "--dry-run"]) == 1
    assert main(place) == 1  # their leases go on
    assert main([*place, "--run", first]) == 0
    assert main([*place, "--all"]) == 0
    assert main(place) == 0


def test_pod_that_was_replaced_is_found_again(lab: Lab) -> None:
    control = Control(lab.directory)
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
        before = dict(reach._standing.running)
        control.delete("pods", before["worker1"], NAMESPACE)
        assert reach.look("worker1", REQUEST | {"node": "worker1"}, 30.0).name == "worker1"
        assert reach._standing.running["worker1"] != before["worker1"]


def test_virtual_nodes_are_not_asked_for_pods(lab: Lab) -> None:
    control = Control(lab.directory)
    node = control.get("nodes", "worker2")
    meta = node["metadata"]
    virtual = {**meta, "name": "virtual", "uid": "v", "labels": {**meta["labels"], "type": "virtual-kubelet"}}
    control.create({**node, "metadata": virtual})
    try:
        with reaching(lab) as (reach, api, said):
            reach.open(nodes(api), said.append)
            pods = [name for name in left(api) if name.startswith("Pod/")]
            with pytest.raises(UnreachableError, match="node virtual is virtual"):
                reach.look("virtual", REQUEST | {"node": "virtual"}, 5.0)
    finally:
        control.delete("nodes", "virtual")
    assert len(pods) == 3


def test_node_without_calico_node_gets_a_pod_that_makes_nothing_there(lab: Lab) -> None:
    control = Control(lab.directory)
    api = connect(lab.kubeconfig, "lab")
    (name,) = (pod.name for pod in list_cluster(api).pods if pod.node == "host1" and "k8s-app" in pod.labels)
    api.close()
    pod = control.get("pods", name, "kube-system")
    control.delete("pods", name, "kube-system")
    try:
        with reaching(lab) as (reach, api, said):
            reach.open(nodes(api), said.append)
            sets = [name.partition("/")[2] for name in left(api) if name.startswith("DaemonSet/")]
            specs = [control.get("daemonsets", name, NAMESPACE)["spec"]["template"]["spec"] for name in sorted(sets)]
            ask = {"do": "observe", "pod_uids": [], "bird": [["4", "/var/run/calico/bird.ctl"]]}
            seen = {node: reach.look(node, ask | {"node": node}, 20.0) for node in ("host1", "worker1")}
    finally:
        control.create(pod)
    assert ["volumes" in spec for spec in specs] == [True, False]
    assert [bool(seen[node].birds[0].protocols) for node in ("host1", "worker1")] == [False, True]


LOOK = {"do": "observe", "node": "worker1", "facts": ["addresses"]}


def _uids(api: Any, node: str) -> list[str]:
    return [pod.uid for pod in list_cluster(api).pods if pod.node == node and not pod.host_network]


@pytest.mark.parametrize("by", ["apparmor", "selinux"])
def test_pods_ask_to_be_spared_where_nodes_confine_containers(lab: Lab, by: Any) -> None:
    Control(lab.directory).confine(by)
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
        facts = reach.look("worker1", LOOK | {"pod_uids": _uids(api, "worker1")}, 20.0)
    assert facts.pods != ()
    assert facts.problems == ()


def test_probe_that_is_confined_all_the_same_is_told_why(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(*given: Any) -> Any:
        made = manifests.daemon_set(*given)
        del made["spec"]["template"]["spec"]["containers"][0]["securityContext"]["appArmorProfile"]
        return made

    stripped = SimpleNamespace(**{**vars(manifests), "daemon_set": strict})
    monkeypatch.setattr(plan, "manifests", stripped)  # as a mutating policy of the cluster might
    Control(lab.directory).confine("apparmor")
    with reaching(lab) as (reach, api, said):
        reach.open(nodes(api), said.append)
        facts = reach.look("worker1", LOOK | {"pod_uids": _uids(api, "worker1")}, 20.0)
        reach.look("worker1", LOOK | {"pod_uids": _uids(api, "worker1")}, 20.0)
    assert facts.problems != ()
    assert len([line for line in said if "AppArmor or SELinux confines the probe" in line]) == 1


def test_names_of_runs_differ() -> None:
    from fixtures.deploy.deployment import Deployment
    from fixtures.deploy.settings import ProbeSettings

    made = [Deployment(None, ProbeSettings(), None).run for _ in range(5)]  # type: ignore[arg-type]
    assert all(one != other for one, other in itertools.combinations(made, 2))
