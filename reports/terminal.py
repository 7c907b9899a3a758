"""The run as lines for a terminal: a line per check, the findings, what has no verdict and why, the verdict's sentence.

Colour is a value: each line names pytest's markup words, and who writes it applies them; there is no escape code here.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from model.text import printable

from .causes import telling
from .consequences import consequence_line
from .text import finding_lines, labelled
from .values import CheckCount, ExitCode, Summary
from .words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .values import Cause, Finding, GapGroup

SHOWN = 20  # findings per check, causes; the rest is in findings.json
NAMED = 2  # objects or checks at the head of a gap
LISTED = 8  # consequences under their cause
PLAIN = {"✓": "ok", "✗": "FAIL", "?": "?", "–": "-", "…": "...", "·": "-"}
FANCY = {mark: mark for mark in PLAIN}


class Line(msgspec.Struct, frozen=True):
    """One line, and the markup words (pytest's: red, green, yellow, bold) that it is shown with."""

    text: str
    markup: tuple[str, ...] = ()


def render(summary: Summary, *, encoding: str = "utf-8", width: int = 100, shown: int = SHOWN) -> list[Line]:
    """The report. Where `encoding` cannot show the marks they are ASCII, and other letters it lacks are escapes."""
    marks = FANCY if _can("".join(PLAIN), encoding) else PLAIN
    lines = [
        *_title(summary),
        *_checks(summary.checks, marks),
        *_causes(summary.causes, width, shown),
        *_gaps("could not be observed", summary.unobserved, width, shown, ("yellow",)),
        *_gaps("does not apply", summary.inapplicable, width, shown),
        *_gaps("not asked", summary.unasked, width, shown),
        *_healed(summary, shown),
        *_problem(summary, width),
        Line(""),
        Line(summary.sentence, _colour(summary.exit_code)),
    ]
    return [Line(_fit(line.text, encoding), line.markup) for line in lines]


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without colour, ending with a line end."""
    return "".join(f"{line.text.rstrip()}\n" for line in lines)


def _can(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _fit(text: str, encoding: str) -> str:
    """Printable in the encoding: typographic signs by their ASCII look, everything else that it lacks by its escape."""
    if _can(text, encoding):
        return text
    for sign, ascii_look in PLAIN.items():
        text = text.replace(sign, ascii_look)
    if _can(text, encoding):
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _colour(code: ExitCode) -> tuple[str, ...]:
    if code == ExitCode.CONFORMS:
        return ("bold", "green")
    return ("bold", "yellow") if code in (ExitCode.UNOBSERVED, ExitCode.NOTHING) else ("bold", "red")


def _title(summary: Summary) -> list[Line]:
    header = summary.header
    if header is None:
        return []
    of = f"cluster {header.cluster}" if header.cluster else "a cluster without a name"
    way = f", by way of {header.reach}" if header.reach else ""
    return [Line(printable(f"{of}, observed {header.taken}{way}"), ("bold",)), Line("")]


def _checks(checks: Sequence[CheckCount], marks: dict[str, str]) -> list[Line]:
    """One aligned line per check, which is called by its id: the sentence stands over its findings."""
    if not checks:
        return []
    wide = max(len(mark) for mark in marks.values())
    column = max(len(check.check) for check in checks)
    lines = []
    for check in checks:
        sign, markup = _mark(check)
        name = check.check.replace("_", " ")
        lines.append(Line(f"{marks[sign]:<{wide}} {name:<{column}}  {_tally(check)}", markup))
    return lines


def _mark(check: CheckCount) -> tuple[str, tuple[str, ...]]:
    if check.failed:
        return "✗", ("red",)
    if check.unobserved:
        return "?", ("yellow",)
    return ("✓", ("green",)) if check.passed else ("–", ())


def _tally(check: CheckCount) -> str:
    """`11 pods, 33 compared`, `2 of 11 pods not conforming, 1 not observed`: each outcome but conforming is named."""
    subjects = counted(check.subjects, check.scope or "subject")
    parts = [f"{check.failed:,} of {subjects} not conforming" if check.failed else subjects]
    if check.examined and not check.failed:
        parts.append(f"{check.examined:,} compared")
    parts += [
        f"{number:,} {words}"
        for number, words in (
            (check.unobserved, "not observed"),
            (check.unasked, "not asked"),
            (check.inapplicable, "not concerned"),
        )
        if number
    ]
    if check.findings and not check.failed:
        parts.append(f"{counted(check.findings, 'finding')} of no weight")
    return ", ".join(parts)


def _causes(causes: Sequence[Cause], width: int, shown: int) -> list[Line]:
    """Causes first; then, under their check's sentence, the findings of the same severity that explain nothing."""
    lines: list[Line] = []
    for _severity, group in groupby(causes, key=lambda cause: cause.severity):
        members = list(group)
        several = telling(members)
        for cause in several[:shown]:
            lines += _cause(cause, width)
        if len(several) > shown:
            lines += [Line(""), Line(f"and {counted(len(several) - shown, 'more cause')}: see findings.json")]
        lines += _findings([cause.finding for cause in members if not cause.consequences], width, shown)
    return lines


def _cause(cause: Cause, width: int) -> list[Line]:
    """The headline, the cause's own evidence, and what follows from it, a line each."""
    colour = ("bold", "red") if cause.gates else ("bold",)
    _head, *rest = finding_lines(cause.finding, width)
    lines = [Line(""), Line(f"{cause.severity}: {cause.headline}", colour), *map(Line, rest)]
    lines.append(Line(f"  explains  {counted(len(cause.consequences), 'finding')}:"))
    lines += [Line(f"            {consequence_line(one)}") for one in cause.consequences[:LISTED]]
    if len(cause.consequences) > LISTED:
        lines.append(Line(f"            and {len(cause.consequences) - LISTED:,} more: see findings.json"))
    return lines


def _findings(findings: Sequence[Finding], width: int, shown: int) -> list[Line]:
    lines: list[Line] = []
    for (severity, _check, title), group in groupby(findings, key=lambda one: (one.severity, one.check, one.title)):
        members = list(group)
        colour = ("bold", "red") if members[0].gates else ("bold",)
        lines += [Line(""), Line(f"{severity}: {title} ({counted(len(members), 'finding')})", colour)]
        for finding in members[:shown]:
            head, *rest = finding_lines(finding, width)
            lines += [Line(""), Line(head, ("bold",)), *map(Line, rest)]
        if len(members) > shown:
            lines += [Line(""), Line(f"and {len(members) - shown:,} more: see findings.json")]
    return lines


def _gaps(title: str, groups: Sequence[GapGroup], width: int, shown: int, markup: tuple[str, ...] = ()) -> list[Line]:
    if not groups:
        return []
    lines = [Line(""), Line(title, ("bold", *markup))]
    for group in groups[:shown]:
        lines.append(Line(f"  {_gap_head(group)}: {group.reason}"))
        if _of_checks(group) and len(group.checks) > NAMED:
            lines += [Line(f"  {text}") for text in labelled("checks", ", ".join(group.checks), width - 2)]
        if group.remedy:
            lines += [Line(f"  {text}") for text in labelled("next", group.remedy, width - 2)]
    if len(groups) > shown:
        lines.append(Line(f"  and {len(groups) - shown:,} more reasons: see findings.json"))
    return lines


def _of_checks(group: GapGroup) -> bool:
    """Whether whole checks have no verdict for that reason, and no object is to be named."""
    return not group.node and set(group.objects) <= set(group.checks)


def _gap_head(group: GapGroup) -> str:
    """Whose gap it is: the node, else the objects; whole checks are named in full below, where they are many."""
    if group.node:
        return group.node
    if _of_checks(group) and len(group.checks) > NAMED:
        return counted(len(group.checks), "check")
    return listed(group.objects or group.checks, NAMED) or "cluster"


def _healed(summary: Summary, shown: int) -> list[Line]:
    if not summary.healed:
        return []
    lines = [Line(""), Line("healed while it was looked at", ("bold",))]
    lines += [Line(f"  {one.id} after {one.seconds:.0f} s") for one in summary.healed[:shown]]
    if len(summary.healed) > shown:
        lines.append(Line(f"  and {len(summary.healed) - shown:,} more: see findings.json"))
    return lines


def _problem(summary: Summary, width: int) -> list[Line]:
    if summary.problem is None:
        return []
    lines = [Line(""), Line(f"{summary.problem.trouble}: {summary.problem.reason}", ("bold", "red"))]
    if summary.problem.remedy:
        first, *others = summary.problem.remedy.split("\n")
        lines += [Line(text) for text in labelled("next", first, width)]
        lines += [Line(f"  {text}") for text in others]  # a rule or a command to copy: as it is
    return lines
