"""The check of pods that forward: what the CNI configuration lets them, and what they do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.builders import CUSTOMER, DUAL, LIVE
from tests.unit.tables import INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

CHECK = "pod_forwards_where_its_configuration_says_so"
IP4, IP6 = "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"


def configured(config: object, **sysctls: dict[str, str]) -> Callable[[Scene], None]:
    """Every node with that CNI configuration, and these pods' sysctls; all other pods have none."""

    def vary(cluster: Scene) -> None:
        for node in list(cluster.facts):
            cluster.seen(node, cni_config=config if isinstance(config, str) else json.dumps(config))
        for key in LIVE:
            cluster.inside(key).set(sysctls=sysctls.get(key.replace("/", "_").replace("-", "_"), {}))

    return vary


def calico(**settings: object) -> dict[str, object]:
    return {"plugins": [{"type": "portmap"}, {"type": "calico", "container_settings": settings}]}


def customer(value: str) -> dict[str, dict[str, str]]:
    return {CUSTOMER.replace("/", "_").replace("-", "_"): {IP4: value}}


def dual(four: str, six: str) -> dict[str, dict[str, str]]:
    return {DUAL.replace("/", "_").replace("-", "_"): {IP4: four, IP6: six}}


NODE, DUALS = LIVE[CUSTOMER][0], LIVE[DUAL][0]
ALLOWED, FORBIDDEN = calico(allow_ip_forwarding=True), calico(allow_ip_forwarding=False)
ROWS = [
    Row("allowed, and it does", configured(ALLOWED, **customer("1")), set()),
    Row(
        "allowed, and it does not",
        configured(ALLOWED, **customer("0")),
        {(NODE, f"{CUSTOMER}/{IP4}", WRONG)},
        ("container_settings allow_ip_forwarding true",),
    ),
    Row("forbidden, and it does not", configured(FORBIDDEN, **customer("0")), set()),
    Row("forbidden, and it does by itself", configured(FORBIDDEN, **customer("1")), set()),
    Row("not said", configured(calico(), **customer("0")), set()),
    Row("a configuration without settings", configured({"type": "calico"}, **customer("0")), set()),
    Row("IPv6 does not", configured(ALLOWED, **dual("1", "0")), {(DUALS, f"{DUAL}/{IP6}", WRONG)}),
    Row("IPv4 does not", configured(ALLOWED, **dual("0", "1")), {(DUALS, f"{DUAL}/{IP4}", WRONG)}),
    Row("another plugin's", configured({"plugins": [{"type": "cilium-cni"}]}, **customer("0")), set()),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_check_says_this_and_no_more(row: Row) -> None:
    said, missing = heard(row, CHECK)
    assert (frozenset(item for item in said if item[2] != INAPPLICABLE), missing) == told(row)


def test_what_could_not_be_read_is_said() -> None:
    def unread(cluster: Scene) -> None:
        configured(ALLOWED, **customer("0"))(cluster)
        name = cluster.inside(CUSTOMER).now.name
        cluster.unread(NODE, "sysctls")
        problem = cluster.facts[NODE].problems[-1]
        cluster.seen(NODE, problems=(type(problem)("sysctls", problem.reason, name),))

    said, _ = heard(Row("", unread, set()), CHECK)
    assert (NODE, CUSTOMER, UNOBSERVED) in said
    assert not [item for item in said if item[2] == WRONG]


def test_a_pod_without_a_namespace_is_left_to_another_check() -> None:
    def gone(cluster: Scene) -> None:
        configured(ALLOWED)(cluster)
        cluster.seen(NODE, pods=())

    said, _ = heard(Row("", gone, set()), CHECK)
    assert not [item for item in said if item[2] == WRONG]


def test_every_message_has_its_row() -> None:
    gone = Row("", lambda c: c.seen(NODE, pods=()), set())
    more = ["sysctls could not be read: permission denied"]  # of the test above
    assert untold("test_pod_forwarding", {CHECK: [*ROWS, gone]}, more) == []
