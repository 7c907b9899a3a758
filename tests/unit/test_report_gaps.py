"""What has no verdict, a line a reason: one cause is one line, however many checks it kept from a verdict."""

from __future__ import annotations

from model.node import Absent
from model.verdict import Gap, Result, Verdict
from reports.gaps import unasked_gaps, unobserved_gaps

MISSING = "nodes/w1/rule.json is missing. Record the missing file and replay again."


def _result(check: str, node: str, *, unobserved: str = "", unasked: str = "") -> Result:
    def gaps(text: str) -> tuple[Gap, ...]:
        return (Gap(node, text),) if text else ()

    return Result(check, "", node, node, Verdict(unobserved=gaps(unobserved), unasked=gaps(unasked)))


def test_one_thing_that_could_not_be_read_is_one_line_in_the_fewest_words() -> None:
    results = [
        _result("a", "w1", unobserved=f"routes, rules or links could not be read: {MISSING}"),
        _result("b", "w1", unobserved=f"rules could not be read: {MISSING}"),
        _result("c", "w1", unobserved="rules could not be read: permission denied"),
        _result("d", "w2", unobserved=f"rules could not be read: {MISSING}"),
    ]
    groups = unobserved_gaps(results, ())
    assert [(group.node, group.reason, group.checks) for group in groups] == [
        ("w1", f"rules could not be read: {MISSING}", ("a", "b")),
        ("w1", "rules could not be read: permission denied", ("c",)),
        ("w2", f"rules could not be read: {MISSING}", ("d",)),
    ]


def test_a_node_out_of_reach_takes_in_whatever_it_caused() -> None:
    results = [_result("a", "w1", unobserved="rules could not be read: x"), _result("b", "w1", unobserved="y")]
    (group,) = unobserved_gaps(results, [Absent("w1", "it could not be read: nobody answers", "Start it.")])
    assert (group.reason, group.remedy, group.count) == ("it could not be read: nobody answers", "Start it.", 2)


def test_what_only_one_check_has_a_remedy_for_is_one_line_with_it() -> None:
    bare = Result("a", "", "w1", "w1", Verdict(unobserved=(Gap("w1", "y"),)))
    told = Result("b", "", "w1", "w1", Verdict(unobserved=(Gap("w1", "y", "Do."),)))
    other = Result("c", "", "w2", "w2", Verdict(unobserved=(Gap("w2", "y"),)))
    groups = unobserved_gaps([bare, told, other], ())
    assert [(group.node, group.remedy, group.checks) for group in groups] == [
        ("w1", "Do.", ("a", "b")),
        ("w2", "", ("c",)),
    ]


def test_what_a_selection_leaves_out_comes_first() -> None:
    groups = unasked_gaps([_result("a", "w1", unasked="a reason")], [Gap("selection", "the selection")])
    assert [group.reason for group in groups] == ["the selection", "a reason"]
