"""Which nodes a pod fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster import scheduling

if TYPE_CHECKING:
    from lab.objects import Json

TERMS = "requiredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("terms", "fits"),
    [
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n"]}]}], False),
        ([{"matchExpressions": [{"key": "os", "operator": "In", "values": ["linux"]}]}], True),
        ([{"matchExpressions": [{"key": "os", "operator": "NotIn", "values": ["windows"]}]}], True),
        ([{"matchExpressions": [{"key": "type", "operator": "DoesNotExist"}]}], True),
        ([{"matchExpressions": [{"key": "os", "operator": "Exists"}, {"key": "type", "operator": "Exists"}]}], False),
        ([{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in ("type", "os")], True),
        ([{"matchExpressions": [{"key": "cpus", "operator": "Gt", "values": ["3"]}]}], True),
        ([{"matchExpressions": [{"key": "cpus", "operator": "Lt", "values": ["3"]}]}], False),
        ([{"matchExpressions": [{"key": "os", "operator": "Gt", "values": ["3"]}]}], False),
        ([{}], False),
    ],
)  # fmt: skip
def test_affinity(terms: list[Json], fits: bool) -> None:
    node = {"metadata": {"name": "n", "labels": {"os": "linux", "cpus": "4"}}, "spec": {}}
    spec = {"affinity": {"nodeAffinity": {TERMS: {"nodeSelectorTerms": terms}}}}
    assert scheduling.fits(spec, node) is fits


@pytest.mark.parametrize(
    ("tolerations", "taints", "cordoned", "kept_away"),
    [
        ([], [], False, 0),
        ([], [], True, 1),
        ([{"operator": "Exists"}], [{"key": "a", "effect": "NoExecute"}], True, 0),
        ([{"key": "a", "value": "b"}], [{"key": "a", "value": "b", "effect": "NoSchedule"}], False, 0),
        ([{"key": "a", "value": "c"}], [{"key": "a", "value": "b", "effect": "NoSchedule"}], False, 1),
        ([{"key": "a", "operator": "Exists", "effect": "NoExecute"}], [{"key": "a", "effect": "NoSchedule"}], False, 1),
        ([], [{"key": "a", "effect": "PreferNoSchedule"}], False, 0),
    ],
)
def test_taints(tolerations: list[Json], taints: list[Json], cordoned: bool, kept_away: int) -> None:
    node = {"metadata": {"name": "n"}, "spec": {"taints": taints, "unschedulable": cordoned}}
    assert len(scheduling.untolerated(tolerations, node)) == kept_away
