"""Calico's selector language (libcalico-go lib/selector: tokenizer.go, parser.go, ast.go).

`all()`, `global()`, `has(x)`, `x == 'y'`, `x != 'y'`, `x in {'y', 'z'}`, `x not in {…}`, `x contains 'y'`, `x starts
with 'y'`, `x ends with 'y'`, `!`, `&&` (binds closer), `||`, parentheses. A label that is not there equals nothing and
is in no set, so `!=` and `not in` hold for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

Selector = Callable[[Mapping[str, str]], bool]

_KEY = r"[a-zA-Z0-9_./-]{1,512}"
_WORDS = re.compile(
    rf"(?:(?P<has>has\([ \t]*(?P<key>{_KEY})[ \t]*\))|(?P<all>(?:all|global)\([ \t]*\))|"
    r"(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>==|!=|&&|\|\||[!(){},])|"
    rf"(?P<label>(?!(?:has|all|global)\(){_KEY}))"
)
_DEEPEST = 200  # parentheses: nobody writes more, and a recursion per parenthesis must end
_OPERATOR = re.compile(r"(?P<word>contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in)")


class SelectorError(ValueError):
    """A text that Calico reads as no selector: where, and what was expected there."""


class Token(NamedTuple):
    """A word of a selector: its kind, its meaning, and where it begins."""

    kind: str  # has, all, text, label, end, or the sign or operator itself
    value: str
    at: int


_COMPARED: dict[str, Callable[[str, str], bool]] = {
    "==": lambda found, wanted: found == wanted,
    "contains": lambda found, wanted: wanted in found,
    "starts with": lambda found, wanted: found.startswith(wanted),
    "ends with": lambda found, wanted: found.endswith(wanted),
}


@lru_cache(maxsize=1 << 12)
def parse(text: str) -> Selector:
    """What the selector says of labels; an empty one selects everything. SelectorError."""
    found = tokens(text)
    if sum(token.kind == "(" for token in found) > _DEEPEST:
        raise SelectorError(f"more than {_DEEPEST} parentheses")
    if found[0].kind == "end":
        return _everything
    selector, rest = _or(found)
    if rest[0].kind != "end":
        raise SelectorError(f"unexpected {rest[0].value!r} at character {rest[0].at + 1}")
    return selector


def matches(text: str, labels: Mapping[str, str]) -> bool:
    """Whether a selector selects these labels. SelectorError."""
    return parse(text)(labels)


def fault(text: str) -> str | None:
    """Why Calico cannot read a selector; None if it can."""
    try:
        parse(text)
    except SelectorError as error:
        return str(error)
    return None


def _everything(_: Mapping[str, str]) -> bool:
    return True


def tokens(text: str) -> list[Token]:
    """The words of a selector, with one of kind `end` after the last. SelectorError: a character that begins none."""
    found: list[Token] = []
    at = _skip(text, 0)
    while at < len(text):
        after_label = bool(found) and found[-1].kind == "label"
        word = (_OPERATOR.match(text, at) if after_label else None) or _WORDS.match(text, at)
        if word is None or (after_label and word.lastgroup == "label"):
            raise SelectorError(f"unexpected {text[at : at + 20]!r} at character {at + 1}")
        found.append(_token(word, at))
        at = _skip(text, word.end())
    return [*found, Token("end", "the end", len(text))]


def _skip(text: str, at: int) -> int:
    """Where the next word begins: Calico skips blanks and tabs, and nothing else."""
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _token(word: re.Match[str], at: int) -> Token:
    groups = word.groupdict()
    if "word" in groups:
        squeezed = groups["word"].replace(" ", "").replace("\t", "")
        spaced = {"startswith": "starts with", "endswith": "ends with", "notin": "not in"}.get(squeezed, squeezed)
        return Token(spaced, spaced, at)
    if groups["has"]:
        return Token("has", groups["key"], at)
    if groups["text"]:
        return Token("text", groups["text"][1:-1], at)
    if groups["sign"]:
        return Token(groups["sign"], groups["sign"], at)
    return Token("label", groups["label"], at) if groups["label"] else Token("all", groups["all"], at)


_Rest = list[Token]


def _or(tokens: _Rest) -> tuple[Selector, _Rest]:
    terms, rest = _joined(tokens, "||", _and)
    return (terms[0] if len(terms) == 1 else lambda labels: any(term(labels) for term in terms)), rest


def _and(tokens: _Rest) -> tuple[Selector, _Rest]:
    terms, rest = _joined(tokens, "&&", _term)
    return (terms[0] if len(terms) == 1 else lambda labels: all(term(labels) for term in terms)), rest


def _joined(tokens: _Rest, sign: str, read: Callable[[_Rest], tuple[Selector, _Rest]]) -> tuple[list[Selector], _Rest]:
    first, rest = read(tokens)
    terms = [first]
    while rest[0].kind == sign:
        term, rest = read(rest[1:])
        terms.append(term)
    return terms, rest


def _term(tokens: _Rest) -> tuple[Selector, _Rest]:
    """One operation with the `!` before it, of which two undo each other."""
    negated = False
    while tokens[0].kind == "!":
        negated = not negated
        tokens = tokens[1:]
    selector, rest = _operation(tokens)
    return ((lambda labels: not selector(labels)) if negated else selector), rest


def _operation(tokens: _Rest) -> tuple[Selector, _Rest]:
    first, *rest = tokens
    if first.kind == "all":
        return _everything, rest
    if first.kind == "has":
        return (lambda labels: first.value in labels), rest
    if first.kind == "(":
        selector, rest = _or(rest)
        return selector, _expect(rest, ")")
    if first.kind == "label":
        return _comparison(first.value, rest)
    raise SelectorError(f"expected a label or a function instead of {first.value!r} at character {first.at + 1}")


def _comparison(label: str, tokens: _Rest) -> tuple[Selector, _Rest]:
    operator, *rest = tokens
    if operator.kind in {"in", "not in"}:
        values, rest = _values(_expect(rest, "{"))
        if operator.kind == "in":
            return (lambda labels: labels.get(label) in values), rest
        return (lambda labels: labels.get(label) not in values), rest
    wanted = rest[0].value if rest else ""
    if operator.kind == "!=":
        return (lambda labels: labels.get(label) != wanted), _expect(rest, "text")
    if operator.kind in _COMPARED:
        compared = _COMPARED[operator.kind]
        return (lambda labels: label in labels and compared(labels[label], wanted)), _expect(rest, "text")
    raise SelectorError(
        f"expected an operator after the label {label} instead of {operator.value!r} at character {operator.at + 1}"
    )


def _values(tokens: _Rest) -> tuple[frozenset[str], _Rest]:
    """The texts of a set, and what comes after its brace; a comma may stand after the last one."""
    values: list[str] = []
    while tokens[0].kind == "text":
        values.append(tokens[0].value)
        tokens = tokens[1:]
        if tokens[0].kind != ",":
            break
        tokens = tokens[1:]
    return frozenset(values), _expect(tokens, "}")


def _expect(tokens: _Rest, kind: str) -> _Rest:
    if tokens[0].kind != kind:
        wanted = "a text in quotation marks" if kind == "text" else kind
        raise SelectorError(f"expected {wanted} instead of {tokens[0].value!r} at character {tokens[0].at + 1}")
    return tokens[1:]
