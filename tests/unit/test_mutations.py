"""A seeded sample of the mutations of a healthy recording: each is found, or its class is on the reviewed list."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.dumps import read_dumps
from model.cluster import Pod
from tests.mutations.dont_care import DontCare, entry_for
from tests.mutations.flux import flux
from tests.mutations.generate import mutations
from tests.mutations.reviewed import ENTRIES
from tests.mutations.run import Subject, run, sample
from tests.mutations.score import Score, describe, page
from tests.mutations.tree import edited
from tests.mutations.values import hints

if TYPE_CHECKING:
    import msgspec

    from tests.mutations.mutation import Mutation

ROOT = Path(__file__).parents[2]
SAMPLE = 9000  # some three of each class


@cache
def subject() -> Subject:
    return Subject(read_dumps(ROOT / "tests" / "recordings" / "noencap.tar.xz"))


@cache
def seed() -> str:
    """The commit, so that each one draws another sample; fixed outside git."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "0"


def test_every_mutation_of_the_sample_is_found_or_listed() -> None:
    chosen = sample(subject(), SAMPLE, seed())
    score = Score(run(subject(), chosen))
    print(f"seed {seed()}: {score.sentence()}")  # noqa: T201 - shown where it fails
    assert not [describe(result) for result in score.unlisted]
    assert score.found.total() > len(chosen) // 5


def test_the_recording_is_healthy_before_it_is_mutated() -> None:
    assert not subject().baseline.said


def test_names_are_unique_and_the_same_again() -> None:
    names = [mutation.name for mutation in subject().mutations]
    assert len(names) == len(set(names))
    assert names == [mutation.name for mutation in mutations(subject().snapshot)]


def test_every_mutation_changes_the_snapshot() -> None:
    chosen = sample(subject(), 4000, seed())
    same = [
        subject().mutations[number].name
        for number in chosen
        if edited(subject().snapshot, subject().mutations[number].edits) == subject().snapshot
    ]
    assert not same


def test_every_field_of_every_fact_is_mutated() -> None:
    """A field that is added to the model is mutated from that day on."""
    mutated = {(mutation.kind.split()[-1], mutation.field.partition(".")[0]) for mutation in subject().mutations}
    kinds: list[type[msgspec.Struct]] = [Pod, *(type(item) for item in _facts())]
    for kind in kinds:
        missing = [field for field in hints(kind) if (kind.__name__, field) not in mutated]
        assert not missing, f"{kind.__name__}: {missing}"


def _facts() -> list[msgspec.Struct]:
    look = subject().snapshot.looks[-1].before
    host = next(iter(subject().snapshot.node_facts.values())).host
    trials = subject().snapshot.trials.trials
    lists = (look.nodes, look.pools, look.blocks, look.affinities, look.handles, host.links, host.addresses)
    return [items[0] for items in (*lists, host.routes, host.rules, host.neighbours, trials)]


def test_api_objects_are_changed_in_both_lists() -> None:
    pods = [mutation for mutation in subject().mutations if (mutation.kind, mutation.field) == ("Pod", "phase")]
    assert pods
    changed = [edited(subject().snapshot, mutation.edits).looks[0] for mutation in pods if mutation.operation != "swap"]
    for look in changed:
        before = {(pod.key, pod.phase) for pod in look.before.pods}
        assert {(pod.key, pod.phase) for pod in look.pods_after} <= before


def test_what_changes_between_the_lists_is_no_finding() -> None:
    accused = {mutation.name: found for mutation in flux(subject().snapshot) if (found := accusations(mutation))}
    assert not accused


def accusations(mutation: Mutation) -> list[str]:
    return subject().baseline.accusations(mutation)


def test_the_sample_holds_every_class() -> None:
    every = {(mutation.kind, mutation.field, mutation.operation) for mutation in subject().mutations}
    drawn = [subject().mutations[number] for number in sample(subject(), SAMPLE, seed())]
    assert {(mutation.kind, mutation.field, mutation.operation) for mutation in drawn} == every
    assert len(drawn) == SAMPLE


def test_a_survivor_without_an_entry_is_an_error() -> None:
    loose = next(mutation for mutation in subject().mutations if (mutation.kind, mutation.field) == ("Node", "taints"))
    assert entry_for(loose, ENTRIES, subject().scene)
    assert entry_for(loose, (), subject().scene) is None
    other = DontCare("Node", "taints", "*", "never", lambda _mutation, _scene: False)
    assert entry_for(loose, (other,), subject().scene) is None


def test_every_entry_has_a_reason_and_is_there_once() -> None:
    assert all(entry.reason.endswith(".") for entry in ENTRIES)
    assert len({(entry.kind, entry.field, entry.operation, entry.reason) for entry in ENTRIES}) == len(ENTRIES)


def test_the_page_tells_the_score_and_every_reason() -> None:
    chosen = sample(subject(), 300, seed())
    score = Score(run(subject(), chosen, workers=1))
    text = page(score, ENTRIES, ["noencap"])
    assert score.sentence() in text
    assert all(entry.reason.replace("|", "\\|") in text for entry in ENTRIES)
