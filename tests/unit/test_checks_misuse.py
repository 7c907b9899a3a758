"""Ways to take a pod's traffic away, or to hide what was not read, that leave every single route right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checks.run import judge
from fixtures.dumps import read_dumps
from model import net
from model.cluster import ClusterInformation, Settings
from model.verdict import Outcome, Severity

if TYPE_CHECKING:
    from model.node import NodeFacts
    from model.snapshot import Snapshot

HEALTHY = read_dumps(Path(__file__).parents[1] / "recordings" / "noencap.tar.xz")
NODE = "worker1"
POD = next(
    pod for pod in HEALTHY.looks[0].before.pods if pod.node == NODE and not pod.host_network and pod.phase == "Running"
)
ADDRESS = POD.ips[0]
DEV = next(route.hops[0].dev for route in HEALTHY.facts(NODE).host.routes if route.dst == f"{ADDRESS}/32")
EGRESS = ("pods_packets_are_routed_by_its_node", NODE, f"{POD.key}/from-{ADDRESS}")
GATEWAY = ("host_interface_answers_arp_and_forwards", NODE, f"{POD.key}/route-169.254.1.1")
WRONG_MAC = "02:00:00:00:00:99"


def with_host(snapshot: Snapshot, **changes: object) -> Snapshot:
    facts = snapshot.facts(NODE)
    return with_facts(snapshot, msgspec.structs.replace(facts, host=msgspec.structs.replace(facts.host, **changes)))


def with_facts(snapshot: Snapshot, facts: NodeFacts) -> Snapshot:
    return msgspec.structs.replace(snapshot, node_facts=snapshot.node_facts | {facts.name: facts})


def found(snapshot: Snapshot) -> dict[tuple[str, str, str], Severity]:
    return {
        (item.check, item.node, difference.object): difference.severity
        for item in judge(snapshot)
        for difference in item.verdict.differences
    }


def rules(*more: net.Rule) -> tuple[net.Rule, ...]:
    return (*HEALTHY.facts(NODE).host.rules, *more)


def route(dst: str, kind: int, table: int, *hops: net.Hop) -> net.Route:
    return net.Route(dst, kind, table, net.PROTO_STATIC, net.SCOPE_GLOBAL, 0, hops)


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        (net.Rule(4, 100, net.RULE_BLACKHOLE, 0, src=f"{ADDRESS}/32"), ()),
        (net.Rule(4, 100, net.RULE_TO_TABLE, 222, iif=DEV), (route("0.0.0.0/0", net.UNREACHABLE, 222),)),
        (net.Rule(4, 100, net.RULE_TO_TABLE, 222, src=f"{ADDRESS}/32"), (route("0.0.0.0/0", net.BLACKHOLE, 222),)),
    ],
    ids=["a rule that drops", "a table for its interface", "a table for its address"],
)
def test_packets_of_a_pod_that_a_rule_drops_are_found(rule: net.Rule, more: tuple[net.Route, ...]) -> None:
    changed = with_host(HEALTHY, rules=rules(rule), routes=(*HEALTHY.facts(NODE).host.routes, *more))
    assert found(changed) == {EGRESS: Severity.BROKEN, GATEWAY: Severity.BROKEN}


def test_a_pod_whose_packets_go_by_an_egress_gateway_is_not_accused() -> None:
    rule = net.Rule(4, 100, net.RULE_TO_TABLE, 222, src=f"{ADDRESS}/32")
    gateway = route("0.0.0.0/0", net.UNICAST, 222, net.Hop("10.0.0.12", "ens160"))
    changed = with_host(HEALTHY, rules=rules(rule), routes=(*HEALTHY.facts(NODE).host.routes, gateway))
    assert EGRESS not in found(changed)


OTHER_BLOCK = next(block.cidr for block in HEALTHY.looks[0].before.blocks if block.affinity == "host:worker2")
ROUTER = net.Hop("10.0.0.254", "ens160")
NEIGHBOUR = next(
    pod.ips[0]
    for pod in HEALTHY.looks[0].before.pods
    if (pod.node, pod.phase) == (NODE, "Running") and not pod.host_network and pod.key != POD.key
)


@pytest.mark.parametrize(
    ("asks", "routes", "severity"),
    [
        ({"iif": DEV}, {"0.0.0.0/0": net.UNICAST}, Severity.BROKEN),
        ({"src": f"{ADDRESS}/32"}, {"0.0.0.0/0": net.UNICAST}, Severity.BROKEN),
        ({"iif": DEV, "dst": f"{NEIGHBOUR}/32"}, {"0.0.0.0/0": net.UNICAST}, Severity.BROKEN),
        ({"iif": DEV, "dst": f"{NEIGHBOUR}/32"}, {"0.0.0.0/0": net.BLACKHOLE}, Severity.BROKEN),
        ({"iif": DEV, "dst": OTHER_BLOCK}, {"0.0.0.0/0": net.UNICAST}, Severity.WRONG),
        ({"iif": DEV}, {"0.0.0.0/0": net.UNICAST, "10.48.0.0/16": net.THROW}, None),
        ({"iif": DEV, "dst": "10.48.0.0/16", "invert": True}, {"8.8.8.0/24": net.UNICAST}, None),
        ({"iif": DEV, "dst": "8.8.8.0/24"}, {"0.0.0.0/0": net.UNICAST}, None),
        ({"iif": "cali00000000000"}, {"0.0.0.0/0": net.UNICAST}, None),
    ],
    ids=[
        "all by a router",
        "all from its address",
        "to a pod beside it",
        "to a pod beside it, dropped",
        "to another node's block",
        "but for the pools",
        "by a rule but for the pools",
        "elsewhere alone",
        "of another pod",
    ],
)
def test_what_a_rule_leads_off_is_found_where_it_is_for_the_clusters_pods(
    asks: dict[str, Any], routes: dict[str, int], severity: Severity | None
) -> None:
    rule = net.Rule(4, 100, net.RULE_TO_TABLE, 222, **asks)
    more = [route(dst, kind, 222, *((ROUTER,) if kind == net.UNICAST else ())) for dst, kind in routes.items()]
    changed = with_host(HEALTHY, rules=rules(rule), routes=(*HEALTHY.facts(NODE).host.routes, *more))
    assert found(changed).get(EGRESS) == severity


def test_what_is_led_to_routers_that_learn_the_pods_addresses_is_their_affair() -> None:
    rule = net.Rule(4, 100, net.RULE_TO_TABLE, 222, iif=DEV)
    changed = with_host(
        HEALTHY,
        rules=rules(rule),
        routes=(*HEALTHY.facts(NODE).host.routes, route("0.0.0.0/0", net.UNICAST, 222, ROUTER)),
    )
    (look,) = HEALTHY.looks
    peers = (Settings("router", {"peerIP": "10.0.0.254", "asNumber": 64512}),)
    before = msgspec.structs.replace(look.before, peers=peers)
    known = msgspec.structs.replace(changed, looks=(msgspec.structs.replace(look, before=before),))
    assert EGRESS in found(changed)
    assert EGRESS not in found(known)


def test_a_fixed_neighbour_with_another_mac_is_found_on_the_node_and_in_the_pod() -> None:
    fixed = net.Neighbour(4, DEV, ADDRESS, WRONG_MAC, 0x80)
    host = with_host(HEALTHY, neighbours=(*HEALTHY.facts(NODE).host.neighbours, fixed))
    assert found(host) == {("no_fixed_neighbour_misleads", NODE, f"{POD.key}/neighbour-{ADDRESS}"): Severity.BROKEN}
    facts = HEALTHY.facts(NODE)
    gateway = net.Neighbour(4, "eth0", "169.254.1.1", WRONG_MAC, 0x80)
    pods = tuple(
        msgspec.structs.replace(space, neighbours=(gateway,))
        if any(item.address == ADDRESS for item in space.addresses)
        else space
        for space in facts.pods
    )
    inside = with_facts(HEALTHY, msgspec.structs.replace(facts, pods=pods))
    assert found(inside) == {("no_fixed_neighbour_misleads", NODE, f"{POD.key}/neighbour-169.254.1.1"): Severity.BROKEN}


def test_an_ordinary_or_right_neighbour_is_nobodys_business() -> None:
    eth0 = next(
        link.mac
        for space in HEALTHY.facts(NODE).pods
        if any(item.address == ADDRESS for item in space.addresses)
        for link in space.links
        if link.name == "eth0"
    )
    for state, mac in ((0x02, WRONG_MAC), (0x80, eth0)):
        entry = net.Neighbour(4, DEV, ADDRESS, mac, state)
        assert found(with_host(HEALTHY, neighbours=(entry,))) == {}


@pytest.mark.parametrize("name", ["ipamblocks", "blockaffinities", "ippools", "nodes", "felixconfigurations"])
def test_a_list_that_was_not_read_accuses_nobody_and_passes_nothing(name: str) -> None:
    (look,) = HEALTHY.looks
    before = msgspec.structs.replace(look.before, unlisted={name: "403"}, blocks=(), affinities=())
    blind = msgspec.structs.replace(HEALTHY, looks=(msgspec.structs.replace(look, before=before),))
    judged = list(judge(blind))
    assert {item.outcome for item in judged} == {Outcome.UNOBSERVED}
    assert all(gap.object == name for item in judged for gap in item.verdict.unobserved)


def test_a_release_that_nothing_names_is_said() -> None:
    (look,) = HEALTHY.looks
    for information in (None, ClusterInformation("banana", "k8s,bgp")):
        before = msgspec.structs.replace(look.before, information=information)
        changed = msgspec.structs.replace(HEALTHY, looks=(msgspec.structs.replace(look, before=before),))
        coverage = next(item for item in judge(changed) if item.check == "every_node_was_observed")
        assert [gap.object for gap in coverage.verdict.unobserved] == ["release"]
        assert coverage.outcome is Outcome.UNOBSERVED


def test_pods_that_moved_meanwhile_are_counted() -> None:
    (look,) = HEALTHY.looks
    gone = msgspec.structs.replace(HEALTHY, looks=(msgspec.structs.replace(look, pods_after=()),))
    coverage = next(item for item in judge(gone) if item.check == "every_node_was_observed")
    assert coverage.verdict.inapplicable[0].reason.startswith(f"{len(look.before.pods)} pods came, went or changed")
