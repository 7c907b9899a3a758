"""PATCH of a Job on the lab's API server: the fields that a real one lets change, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.lab_api_asking import post, send, world

JOBS = "/apis/batch/v1/namespaces/apir/jobs"
SPEC = {
    "parallelism": 0,
    "activeDeadlineSeconds": 10,
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}},
}


def _patched(patch: object, name: str = "lease") -> tuple[int, dict[str, Any]]:
    there = world()
    made = post(there, JOBS, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "lease"}, "spec": SPEC})
    assert made.code == 201, made.body
    reply = send(there, "PATCH", f"{JOBS}/{name}", patch)
    return reply.code, json.loads(reply.body)


def test_deadline_is_moved_and_nothing_else() -> None:
    code, job = _patched({"spec": {"activeDeadlineSeconds": 99}})
    assert code == 200
    assert (job["spec"]["activeDeadlineSeconds"], job["metadata"]["generation"]) == (99, 2)
    assert job["spec"]["template"]["spec"]["containers"][0]["name"] == "c"
    assert _patched({"metadata": {"uid": "mine"}})[1]["metadata"]["uid"] != "mine"


@pytest.mark.parametrize(
    ("patch", "code", "words"),
    [
        ({"spec": {"completionMode": "Indexed"}}, 422, "spec.completionMode: Invalid value: field is immutable"),
        ({"spec": {"activeDeadlineSeconds": -1}}, 422, "spec.activeDeadlineSeconds"),
        ([], 400, "error decoding patch"),
    ],
)
def test_what_may_not_change_is_refused(patch: object, code: int, words: str) -> None:
    answered, body = _patched(patch)
    assert answered == code
    assert words in body["message"]


def test_job_that_is_not_there_cannot_be_patched() -> None:
    assert _patched({}, "another")[0] == 404
