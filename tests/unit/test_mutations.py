"""A seeded sample of the mutations of a healthy recording: each is found, or its class is on the reviewed list."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.dumps import read_dumps
from model.cluster import Pod
from tests.mutations.bases import RECORDINGS, Base, bases
from tests.mutations.dont_care import DontCare, Reviewed
from tests.mutations.flux import flux
from tests.mutations.generate import mutations
from tests.mutations.page import page
from tests.mutations.reviewed import ENTRIES
from tests.mutations.run import Needs, Subject, run, sample
from tests.mutations.score import Score, describe
from tests.mutations.tree import edited
from tests.mutations.values import hints
from tests.mutations.verdicts import Fate

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from tests.mutations.mutation import Mutation

ROOT = Path(__file__).parents[2]
SAMPLE = 1000  # of each base; three minutes for all of them


@cache
def subject() -> Subject:
    return Subject(read_dumps(ROOT / "tests" / "recordings" / "noencap.tar.xz"))


@cache
def seed() -> str:
    """The commit, so that each one draws another sample; fixed outside git."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "0"


@pytest.mark.parametrize("base", bases(), ids=lambda base: base.name)
def test_every_mutation_of_the_sample_is_found_or_listed(
    base: Base, record_property: Callable[[str, object], None]
) -> None:
    mine = Subject(base.make())
    chosen = sample(mine, SAMPLE, seed())
    score = Score()
    tally = score.add(base.name, len(mine.mutations), run(mine, chosen, workers=1, needs=Needs(tries=0)))
    record_property("seed", seed())
    print(f"seed {seed()}: {tally.line()}")  # noqa: T201 - shown where it fails
    assert [describe(result) for _, result in score.unlisted] == []
    assert tally.run == SAMPLE
    assert tally.found > SAMPLE // 20


def test_the_recording_is_healthy_before_it_is_mutated() -> None:
    assert not subject().baseline.said


def test_the_bases_are_the_healthy_recordings_and_each_row_of_the_decision_table() -> None:
    names = [base.name for base in bases()]
    assert len(names) == len(set(names)) > 30
    recordings = {name for name in names if not name.startswith("simulated/")}
    tars = {path.relative_to(RECORDINGS).as_posix().partition(".")[0] for path in RECORDINGS.rglob("*.tar.xz")}
    sick = {"no-owner", "pool-deleted", "duplicate-host-route", "api-responses"}
    assert recordings == {name for name in tars - sick if not name.startswith("labelled/fault-")}


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


def test_a_sample_holds_every_class_before_a_second_of_any() -> None:
    every = {(mutation.kind, mutation.field, mutation.operation) for mutation in subject().mutations}
    few = [subject().mutations[number] for number in sample(subject(), SAMPLE, seed())]
    assert len({(mutation.kind, mutation.field, mutation.operation) for mutation in few}) == len(few) == SAMPLE
    many = [subject().mutations[number] for number in sample(subject(), len(every) + 50, seed())]
    assert {(mutation.kind, mutation.field, mutation.operation) for mutation in many} == every
    assert sample(subject(), SAMPLE, "1") != sample(subject(), SAMPLE, "2")


def test_a_survivor_without_an_entry_is_an_error() -> None:
    mine = Subject(read_dumps(RECORDINGS / "noencap.tar.xz"))
    loose = next(mutation for mutation in mine.mutations if (mutation.kind, mutation.field) == ("Node", "taints"))
    assert not mine.judge(loose, Needs()).unlisted
    for entries in ((), (DontCare("Node", "taints", "*", "never", lambda _mutation, _scene: False),)):
        mine.reviewed = Reviewed(entries)
        assert mine.judge(loose, Needs()).unlisted


def test_what_the_list_covers_is_judged_until_it_is_known_to_be_needed() -> None:
    alike = [item for item in subject().mutations if item.kind == "host sysctl" and item.field.endswith(".arp_ignore")]
    entry = subject().reviewed.number(alike[-1], subject().scene)
    covered = [item for item in alike if subject().reviewed.number(item, subject().scene) == entry]
    needs = Needs()
    fates = [subject().judge(mutation, needs).outcome.fate for mutation in covered[:6]]
    assert fates == [*[Fate.SURVIVED] * 3, *[Fate.LISTED] * 3]


def test_the_first_finding_decides_and_others_like_it_are_found_alike() -> None:
    drops = [
        item for item in subject().mutations if (item.kind, item.field, item.operation) == ("host Route", "", "drop")
    ]
    fates = [subject().baseline.outcome(mutation) for mutation in drops]
    again = [subject().baseline.outcome(mutation) for mutation in reversed(drops)]
    assert [item.fate for item in fates] == [item.fate for item in reversed(again)]
    assert {item.fate for item in fates} == {Fate.FOUND, Fate.SURVIVED}
    assert all(item.said for item in fates if item.fate is Fate.FOUND)


def test_every_entry_has_a_reason_and_is_there_once() -> None:
    assert all(entry.reason.endswith(".") for entry in ENTRIES)
    assert len({(entry.kind, entry.field, entry.operation, entry.reason) for entry in ENTRIES}) == len(ENTRIES)


def test_the_page_tells_the_score_of_each_base_and_every_reason() -> None:
    score = Score()
    score.add("noencap", len(subject().mutations), run(subject(), sample(subject(), 300, seed()), workers=1))
    text = page(score, ENTRIES)
    assert score.sentence() in text
    assert "a sample of 300" in text
    assert all(entry.reason.replace("|", "\\|") in text for entry in ENTRIES)
