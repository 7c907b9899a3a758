"""The check of strict reverse-path filtering: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model import net
from tests.unit.builders import BLOCK1, BLOCK2, via
from tests.unit.tables import INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.tunnelled import DEVICE, on, vxlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

H1, W1, W2 = "host1", "worker1", "worker2"
CHECK = "strict_filtering_lets_the_other_nodes_in"
UPLINK, TUNNEL = "net.ipv4.conf.ens160.rp_filter", "net.ipv4.conf.vxlan/calico.rp_filter"


def set_sysctl(name: str, value: str) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        space = cluster.node(W1)
        space.set(sysctls={**space.now.sysctls, name: value})

    return vary


def cross_subnet(cluster: Scene) -> None:
    """The pool is tunnelled across subnets only, and worker1 takes worker2 for a node of another subnet."""
    vxlan(cluster)
    cluster.api("pools", "default-ipv4-ippool", vxlan_mode="CrossSubnet")
    cluster.api("nodes", W1, bgp_ipv4="10.0.0.11/32")
    hops = via("10.48.9.12", DEVICE, net.HOP_ONLINK)
    cluster.node(W1).route(BLOCK2, hops=hops, protocol=net.PROTO_BOOT, mtu=1450)


ROWS = [
    Row(
        "unread",
        lambda c: c.unread(W1, "sysctls"),
        {(W1, W1, UNOBSERVED)},
        ("routes, rules, links or sysctls could not be read: permission denied",),
    ),
    Row("strict, and the way back is the same", set_sysctl(UPLINK, "1"), set()),
    Row(
        "strict, and the way back is the tunnel",
        on(cross_subnet, set_sysctl(UPLINK, "1")),
        {(W1, UPLINK, WRONG)},
        (
            "the way back to worker2 by ens160, or no strict filtering there",
            "packets from the pods of worker2 come in by ens160",
            f"{UPLINK} = 1 (all: 0); the way back is 10.48.0.128/26 via 10.48.9.12 dev vxlan.calico",
            "the two nodes do not agree on whether they share a subnet",
        ),
    ),
    Row("strict for all", on(cross_subnet, set_sysctl("net.ipv4.conf.all.rp_filter", "1")), {(W1, UPLINK, WRONG)}),
    Row("loose", on(cross_subnet, set_sysctl(UPLINK, "2")), set()),
    Row(
        "loose for all",
        on(cross_subnet, set_sysctl(UPLINK, "1"), set_sysctl("net.ipv4.conf.all.rp_filter", "2")),
        set(),
    ),
    Row("strict where nothing comes in", on(cross_subnet, set_sysctl(TUNNEL, "1")), set()),
    Row(
        "a route that is wrong itself",
        on(cross_subnet, set_sysctl(UPLINK, "1"), lambda c: c.node(W1).route(BLOCK2, hops=via(None, "other"))),
        set(),
    ),
    Row(
        "the block is in flux",
        on(cross_subnet, set_sysctl(UPLINK, "1"), lambda c: c.api_later("blocks", BLOCK2, affinity=None)),
        {(W1, W1, INAPPLICABLE)},
    ),
    Row(
        "BPF",
        lambda c: c.settings("felix", bpfEnabled=True),
        {(node, node, INAPPLICABLE) for node in (H1, W1, W2)},
        ("the BPF dataplane takes packets past the kernel's filter",),
    ),
    Row(
        "no other node",
        on(lambda c: c.drop("blocks", BLOCK1), lambda c: c.drop("blocks", BLOCK2)),
        {(node, node, INAPPLICABLE) for node in (H1, W1, W2)},
        ("nobody can say by which interface the packets of other nodes' pods come in",),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_check_says_this_and_no_more(row: Row) -> None:
    assert heard(row, CHECK) == told(row)


def test_every_message_has_its_row() -> None:
    assert untold("test_reverse_path", {CHECK: ROWS}) == []
