"""An anonymised snapshot gets the same verdict as the original, and holds nothing of it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec import structs

from checks.run import judge
from fixtures.dumps import read_dumps
from fixtures.snapshot_file import open_snapshot, write_snapshot
from gate.anonymise import Anonymised, LeakError, anonymise, guard
from gate.anonymise.observation import held
from gate.options import Options
from gate.source import take
from model import ip
from model.net import Route
from model.node import Absent, Problem
from model.snapshot import Healed, NodeRecord, Selection, Snapshot
from tests.faults.bases import base
from tests.faults.catalogue import ROWS
from tests.mutations.trials import with_trials
from tests.simulate.matrix import matrix
from tests.simulate.parts import cluster, flat, workload_pools
from tests.simulate.run import simulate
from tests.simulate.strategies import specs
from tests.unit.anonymised import both, every_text

if TYPE_CHECKING:
    from tests.faults.row import Case
    from tests.simulate.spec import ClusterSpec

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAMES = sorted(
    path.relative_to(RECORDINGS).as_posix().removesuffix(".tar.xz")
    for path in RECORDINGS.rglob("*.tar.xz")
    if path.name != "api-responses.tar.xz"
)
SIMULATED = re.compile(
    r"noencap-bird/racks/v3\.32/4\+6|vxlan-(?:Always|CrossSubnet)/racks-bird/v3\.31/(?:6|4\+6)|"
    r"ipip-CrossSubnet/racks-default/v3\.33/4|noencap-felix/flat-bird/v3\.34/6|block-size/noencap/v3\.33/4/20|"
    r"(?:tor|reflectors?|borrow|wireguard|upgrade|host-local|windows|local-peer|service)[^/]*/.*v3\.3[0-4].*"
)
ORDINARY = frozenset(
    {"default", "kubernetes", "calico-node", "batch", "agent", "unschedulable", "windows-reserved-ipam-handle"}
)
"""Names in the tests' clusters that are words of every snapshot, too: fields, Kubernetes' own labels."""
CASES = [row.cases[0] for row in ROWS]


def recording(name: str) -> Snapshot:
    return read_dumps(RECORDINGS / f"{name}.tar.xz")


def simulated() -> list[ClusterSpec]:
    """Of each row of the matrix that is meant, the last spec."""
    return list({spec.name.partition("/")[0]: spec for spec in matrix() if SIMULATED.fullmatch(spec.name)}.values())


def names_of(snapshot: Snapshot) -> set[str]:
    """The names of everything that the API lists, and the interfaces, UIDs and MAC addresses that follow from them."""
    found = set()
    for look in snapshot.looks:
        known = look.before
        pods = (*known.pods, *look.pods_after)
        for items in (pods, known.nodes, known.pools, known.services, known.peers, known.filters, known.node_statuses):
            found |= {item.name for item in items}
        found |= {text for pod in pods for text in (pod.namespace, pod.uid, pod.workload)}
        found |= {node.uid for node in known.nodes} | {handle.handle for handle in known.handles}
    hosts = [facts.host for facts in snapshot.node_facts.values()]
    found |= {link.name for host in hosts for link in host.links if re.fullmatch("cali[0-9a-f]{11}", link.name)}
    spaces = [space for facts in snapshot.node_facts.values() for space in (facts.host, *facts.pods)]
    macs = {link.mac for space in spaces for link in space.links if link.mac.count(":") == 5}
    found |= macs - {"ee:ee:ee:ee:ee:ee", "00:00:00:00:00:00"}
    return found - ORDINARY


def addresses_of(snapshot: Snapshot) -> set[str]:
    """Every address of a pod, a node or an interface, and the first of every block and pool."""
    found = set()
    for look in snapshot.looks:
        known = look.before
        found |= {address for pod in (*known.pods, *look.pods_after) for address in pod.ips}
        found |= {address for node in known.nodes for address in (*node.internal_ips, *node.external_ips)}
        found |= {
            ip.bare(cidr) for cidr in (*(item.cidr for item in known.blocks), *(item.cidr for item in known.pools))
        }
        found |= {address for service in known.services for address in service.cluster_ips}
    for facts in snapshot.node_facts.values():
        found |= {item.address for space in (facts.host, *facts.pods) for item in space.addresses}
    return {text for text in found if not re.match(r"127\.|169\.254\.|::1$|fe80::(?:ecee:|[0-9a-f]{1,2}$)", text)}


def left_of(original: Snapshot, other: Snapshot) -> set[str]:
    """What of the original's names and addresses stands anywhere in the other."""
    names = names_of(original)
    addresses = addresses_of(original) - addresses_of(other)  # what became another's address says nothing
    words: set[str] = set()
    for text in every_text(other):
        words |= {text, *re.split(r"[^A-Za-z0-9:.-]+", text), *re.split(r"[^A-Za-z0-9]+", text)}
        words |= {each.rstrip(".:") for each in re.findall(r"[0-9A-Fa-f:.]+", text)}
    return (names | addresses) & words


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_gets_the_same_verdict_and_nothing_is_left(name: str) -> None:
    original = with_trials(recording(name))
    other, expected, found = both(original)
    assert found == expected
    assert left_of(original, other) == set()
    assert len(addresses_of(original)) > 20
    assert len(addresses_of(other)) == len(addresses_of(original))


@pytest.mark.parametrize("spec", simulated(), ids=lambda spec: spec.name)
def test_a_simulated_cluster_gets_the_same_verdict(spec: ClusterSpec) -> None:
    original = simulate(spec)
    other, expected, found = both(original)
    assert found == expected
    assert left_of(original, other) == set()


def test_the_simulated_clusters_are_of_many_kinds() -> None:
    found = simulated()
    assert len(found) > 15
    assert any(pool.vxlan == "Always" and ":" in pool.cidr for spec in found for pool in spec.pools)
    assert any(peer.spec.get("peerSelector") for spec in found for peer in spec.peers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.base}-{case.name}")
def test_a_fault_gets_the_same_verdict(case: Case) -> None:
    _, expected, found = both(case.change(base(case.base)))
    assert found == expected


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(specs())
def test_a_generated_cluster_gets_the_same_verdict(spec: ClusterSpec) -> None:
    _, expected, found = both(simulate(spec))
    assert found == expected


WORDS = [
    *("dev", "via", "unicast", "default", "host", "all", "bird", "up", "down", "kernel1", "net", "conf", "ipv4"),
    *("eth0", "lo", "linux", "calico", "kubernetes", "node", "pod", "rp-filter", "running", "app", "k8s-app", "name"),
    *("label-1", "node-1", "ns-1", "pod-1", "db", "cafe", "deadbeef", "10-0-0-11", "0", "1", "lookup", "bgp", "vxlan"),
]


@pytest.mark.parametrize("shift", range(0, len(WORDS), 4))
def test_names_that_are_words_of_the_format_are_replaced_without_harm(shift: int) -> None:
    words = WORDS[shift:] + WORDS[:shift]
    spec = cluster("words", flat((4,)), workload_pools((4,), vxlan="CrossSubnet"), release="v3.31")
    renamed = {node.name: word for node, word in zip(spec.nodes, words, strict=False)}
    original = simulate(
        structs.replace(
            spec,
            nodes=tuple(structs.replace(node, name=renamed[node.name]) for node in spec.nodes),
            pods=tuple(
                structs.replace(
                    pod,
                    name=words[at % 7] + (f"-{at}" if at > 6 else ""),
                    namespace=words[-1 - at % 9],
                    node=renamed.get(pod.node, pod.node),
                )
                for at, pod in enumerate(spec.pods)
            ),
        )
    )
    found = Anonymised(with_trials(original))
    other = held(found)
    assert Counter(item.outcome for item in judge(other)) == Counter(
        item.outcome for item in judge(with_trials(original))
    )
    for kind in ("pods", "nodes"):
        before = {item.name for item in getattr(original.looks[0].before, kind)}
        assert before.isdisjoint(item.name for item in getattr(other.looks[0].before, kind))


def test_it_survives_the_file_and_gets_the_same_verdict_there(tmp_path: Path) -> None:
    original = recording("labelled/fault-15-bgp-session-disabled")
    write_snapshot(tmp_path / "a.zst", original)
    with open_snapshot(tmp_path / "a.zst") as stored:
        found = Anonymised(stored, b"k" * 32)
        write_snapshot(tmp_path / "b.zst", found)
    with open_snapshot(tmp_path / "b.zst") as again:
        assert held(found.__class__(original, b"k" * 32)) == Snapshot(
            again.header,
            again.looks,
            again.nodes,
            {record.name: again.facts(record.name) for record in again.nodes},
            again.trials,
            again.healed,
        )


def test_the_key_decides_and_is_another_each_time() -> None:
    original = recording("noencap")
    assert anonymise(original, b"a" * 32) == anonymise(original, b"a" * 32)
    assert anonymise(original, b"a" * 32) != anonymise(original, b"b" * 32)
    assert anonymise(original) != anonymise(original)


def said_by_people(original: Snapshot) -> Snapshot:
    """The snapshot with everything that is free text filled in."""
    node = original.nodes[0].name
    pod = original.looks[0].before.pods[0]
    facts = original.node_facts[node]
    told = f"jane@bastion.acme.com: pod {pod.key} on {node} ({facts.host.addresses[2].address}) is gone"
    look = structs.replace(
        original.looks[0], before=structs.replace(original.looks[0].before, unlisted={"bgpfilters": told})
    )
    return structs.replace(
        original,
        header=structs.replace(
            original.header,
            cluster="acme-prod",
            note=told,
            selection=Selection(nodes=(node,), namespaces=(pod.namespace,), pools=None, asked=(f"--nodes={node}",)),
        ),
        looks=(look,),
        nodes=(*original.nodes, NodeRecord("acme-9", 0, Absent("acme-9", told, told))),
        node_facts={**original.node_facts, node: structs.replace(facts, problems=(Problem("bird", told, "/x"),))},
        trials=structs.replace(original.trials, reason=told, pcap=b"frames of acme"),
        healed=(Healed(f"host_route_leads_to_its_pod/{node}/{pod.key}/10.48.0.1/32", 3.0),),
    )


def test_nothing_is_left_of_free_texts() -> None:
    original = said_by_people(recording("noencap"))
    found = Anonymised(original)
    other = held(found)
    everything = " ".join(every_text(other))
    assert [word for word in ("acme", "jane", "bastion", *names_of(original)) if f" {word} " in f" {everything} "] == []
    assert "acme" not in everything
    assert b"acme" not in msgspec.json.encode(other)
    assert other.trials.pcap == b""
    assert "frames" in other.header.note
    pod = original.looks[0].before.pods[0]
    renamed = f"{found.atlas.name('namespace', pod.namespace)}/{found.atlas.name('pod', pod.name)}"
    assert renamed in other.healed[0].finding
    assert renamed in other.looks[0].before.unlisted["bgpfilters"]
    assert other.header.selection.asked == ("--nodes (removed)",)


LEAKS = {
    "pod's name": ("reason", "{pod}", "the name of a pod"),
    "node's name in a word": ("reason", "x-{node}-y", "the name of a node"),
    "address": ("reason", "via {address}", "an address"),
    "address after a colon": ("reason", "to:{address}: no", "an address"),
    "session": ("reason", "Mesh_{joined}", "an address"),
    "UID": ("reason", "{uid}", "an identifier"),
}


@pytest.mark.parametrize(("field", "text", "told"), LEAKS.values(), ids=LEAKS)
def test_the_guard_refuses_what_a_rule_forgot(
    field: str, text: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = recording("noencap")
    node, pod = original.nodes[0].name, original.looks[0].before.pods[-1]
    address = original.looks[0].before.nodes[0].internal_ips[0]
    leaked = text.format(pod=pod.name, node=node, address=address, joined=address.replace(".", "_"), uid=pod.uid)
    facts = original.node_facts[node]
    spoilt = structs.replace(facts, problems=(Problem("bird", **{field: leaked}),))
    original = structs.replace(original, node_facts={**original.node_facts, node: spoilt})
    assert held(Anonymised(original))  # with its rule
    monkeypatch.setattr("gate.anonymise.atlas.Atlas.text", lambda _, said: said)
    with pytest.raises(LeakError) as caught:
        write_snapshot(tmp_path / "a.zst", Anonymised(original))
    assert told in caught.value.reason
    assert "Problem.reason" in caught.value.reason
    assert leaked not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_guard_lets_pass_what_was_kept_by_a_rule() -> None:
    original = recording("noencap")
    found = Anonymised(original)
    guard.Guard(found.atlas).check("net.ipv4.conf.default.rp_filter", "here")
    guard.Guard(found.atlas).check(Route("10.99.1.0/24", 1, 254, 2, 0, 0, ()), "here")
    for text in ("Mesh_fd00_10__b", "fd00-10--b-128", "x fd00:10::b y", "fd00:10:0::b"):
        with pytest.raises(LeakError, match="an address"):
            guard.Guard(found.atlas).check(text, "here")
    with pytest.raises(LeakError):
        guard.Guard(found.atlas).check(original.looks[0].before.nodes, "here")


def test_a_refused_file_leaves_what_was_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: object) -> None:
        raise LeakError("it would still hold the name of a pod", "Please report it.")

    monkeypatch.setattr("gate.source.Anonymised", refuse)
    kept = tmp_path / "public.zst"
    recorded = Options(out=tmp_path, replay=RECORDINGS / "noencap.tar.xz", record=kept, anonymise=True)
    with pytest.raises(LeakError) as caught:
        take(recorded, print)
    assert not kept.exists()
    assert str(tmp_path / "snapshot.zst") in caught.value.remedy
    with open_snapshot(tmp_path / "snapshot.zst") as own:
        assert [record.name for record in own.nodes] == ["worker1", "worker2", "worker3"]


def test_the_user_is_told_who_has_which_names(tmp_path: Path) -> None:
    told: list[str] = []
    kept = tmp_path / "public.zst"
    path, _ = take(
        Options(out=tmp_path, replay=RECORDINGS / "noencap.tar.xz", record=kept, anonymise=True), told.append
    )
    assert path != kept
    assert len(told) == 1
    assert str(kept) in told[0]
    assert "true ones" in told[0]
