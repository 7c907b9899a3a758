"""Calico's selector language: what it selects, and what it cannot read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expect import selectors

LABELS = {"rack": "a1", "role": "worker", "projectcalico.org/x-y": "", "in": "set"}
SELECTED: list[tuple[str, bool]] = [
    ("", True),
    (" \t", True),
    ("all()", True),
    ("all( )", True),
    ("global()", True),
    ("has(rack)", True),
    ("has( rack )", True),
    ("has(row)", False),
    ("has(projectcalico.org/x-y)", True),
    ("!has(rack)", False),
    ("!has(row)", True),
    ("!!has(rack)", True),
    ("! ! !has(rack)", False),
    ("rack == 'a1'", True),
    ('rack=="a1"', True),
    ('rack == "a\'1"', False),
    ("rack == 'A1'", False),
    ("row == ''", False),
    ("projectcalico.org/x-y == ''", True),
    ("rack != 'a1'", False),
    ("rack != 'b1'", True),
    ("row != 'b1'", True),
    ("in == 'set'", True),
    ("rack in {'a1', 'b1'}", True),
    ("rack in{'b1'}", False),
    ("rack in {'a1',}", True),
    ("rack in {}", False),
    ("row in {'a1'}", False),
    ("rack not in {'a1'}", False),
    ("rack notin {'b1'}", True),
    ("row not  in {'a1'}", True),
    ("row not in {}", True),
    ("rack contains 'a'", True),
    ("rack contains ''", True),
    ("row contains ''", False),
    ("rack contains 'b'", False),
    ("rack starts with 'a'", True),
    ("rack startswith '1'", False),
    ("rack ends\twith '1'", True),
    ("rack ends with 'a'", False),
    ("row ends with ''", False),
    ("has(rack) && has(role)", True),
    ("has(rack) && has(row)", False),
    ("has(row) || has(rack)", True),
    ("has(row) || has(column)", False),
    ("has(rack) || has(row) && has(column)", True),
    ("(has(rack) || has(row)) && has(column)", False),
    ("has(column) && has(row) || has(rack)", True),
    ("!(rack == 'a1' && role == 'worker')", False),
    ("!(rack == 'a1') || ((role == 'worker'))", True),
]


@pytest.mark.parametrize(("text", "wanted"), SELECTED)
def test_a_selector_selects_as_calico_reads_it(text: str, wanted: bool) -> None:
    assert selectors.matches(text, LABELS) is wanted
    assert selectors.fault(text) is None


UNREADABLE: list[tuple[str, str]] = [
    ("rack", "expected an operator after the label rack instead of 'the end' at character 5"),
    ("all", "expected an operator after the label all"),
    ("rack = 'a1'", "unexpected \"= 'a1'\" at character 6"),
    ("rack == a1", "expected a text in quotation marks instead of 'a1' at character 9"),
    ("rack == 'a1", 'unexpected "\'a1" at character 9'),
    ("rack ==", "expected a text in quotation marks instead of 'the end'"),
    ("rack in 'a1'", "expected { instead of 'a1'"),
    ("rack in {'a1'", "expected } instead of 'the end'"),
    ("rack in {'a1' 'b1'}", "expected } instead of 'b1' at character 15"),
    ("rack in {a1}", "expected } instead of 'a1'"),
    ("rack role", "unexpected 'role' at character 6"),
    ("rack == 'a1' has(role)", "unexpected 'role' at character 14"),
    ("'a1' == rack", "expected a label or a function instead of 'a1'"),
    ("has()", "unexpected 'has()' at character 1"),
    ("has(rack", "unexpected 'has(rack' at character 1"),
    ("all(rack)", "unexpected 'all(rack)'"),
    ("foo()", "expected an operator after the label foo instead of '('"),
    ("(has(rack)", "expected ) instead of 'the end' at character 11"),
    ("has(rack))", "unexpected ')' at character 10"),
    ("&& has(rack)", "expected a label or a function instead of '&&'"),
    ("has(rack) &&", "expected a label or a function instead of 'the end'"),
    ("has(rack) & has(role)", "unexpected '& has(role)' at character 11"),
    ("!", "expected a label or a function instead of 'the end'"),
    ("rack == 'a1'\n", "unexpected '\\n' at character 13"),
    ("räck == 'a1'", "unexpected"),
    ("(" * 201 + "all()" + ")" * 201, "more than 200 parentheses"),
]


@pytest.mark.parametrize(("text", "reason"), UNREADABLE)
def test_what_calico_cannot_read_is_said_with_its_place(text: str, reason: str) -> None:
    assert reason in (selectors.fault(text) or "")
    with pytest.raises(selectors.SelectorError):
        selectors.matches(text, LABELS)


WORDS = (
    "has(rack)",
    "has(row)",
    "all()",
    "rack",
    "==",
    "!=",
    "in",
    "not in",
    "{",
    "}",
    ",",
    "'a1'",
    "!",
    "(",
    ")",
    "&&",
    "||",
)


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    if selectors.fault(text) is None:
        assert selectors.matches(text, LABELS) in {True, False}
        assert selectors.matches(f"!({text})" if text.strip(" \t") else "!all()", LABELS) is not selectors.matches(
            text, LABELS
        )


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")), st.sampled_from("abc"), st.sampled_from("xyz"))
def test_opposites_never_agree(labels: dict[str, str], key: str, value: str) -> None:
    for one, other in (
        (f"{key} == '{value}'", f"{key} != '{value}'"),
        (f"{key} in {{'{value}'}}", f"{key} not in {{'{value}'}}"),
    ):
        assert selectors.matches(one, labels) is not selectors.matches(other, labels)
