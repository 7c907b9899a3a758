"""findings.json: the whole run for programs. Its schema is docs/findings.schema.json; equal runs give equal bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from model.text import printable

if TYPE_CHECKING:
    from model.snapshot import Header

    from .values import Cause, GapGroup, Summary

SCHEMA = 1


def findings_json(summary: Summary) -> bytes:
    """The file's bytes: ASCII JSON, indented, keys and lists in a fixed order."""
    return (json.dumps(document(summary), indent=1) + "\n").encode("ascii")


def document(summary: Summary) -> dict[str, object]:
    """The run as plain values."""
    problem = summary.problem
    return {
        "schema": SCHEMA,
        "header": _header(summary.header),
        "verdict": summary.sentence,
        "exit_code": int(summary.exit_code),
        "threshold": str(summary.threshold),
        "interrupted": summary.interrupted,
        "problem": msgspec.to_builtins(problem) if problem else None,
        "results": summary.results,
        "planned": summary.planned,
        "checks": [msgspec.to_builtins(check) for check in sorted(summary.checks, key=lambda check: check.check)],
        "findings": [msgspec.to_builtins(finding) for finding in summary.findings],
        "causes": [_cause(cause) for cause in summary.causes],
        "unreachable": list(summary.unreachable),
        "unobserved": _gaps(summary.unobserved),
        "inapplicable": _gaps(summary.inapplicable),
        "unasked": _gaps(summary.unasked),
        "healed": [msgspec.to_builtins(healed) for healed in summary.healed],
    }


def _header(header: Header | None) -> dict[str, object] | None:
    """Who observed what, and when."""
    if header is None:
        return None
    return {
        "tool": printable(header.tool),
        "taken": printable(header.taken),
        "source": printable(header.source),
        "cluster": printable(header.cluster),
        "reach": printable(header.reach),
        "note": printable(header.note),
        "selection": [printable(option) for option in header.selection.asked],
    }


def _cause(cause: Cause) -> dict[str, object]:
    """A headline, and the ids of what stands under it."""
    return {
        "headline": cause.headline,
        "severity": str(cause.severity),
        "finding": cause.finding.id,
        "explains": [finding.id for finding in cause.consequences],
        "unobserved": cause.unobserved,
    }


def _gaps(groups: tuple[GapGroup, ...]) -> list[object]:
    return [msgspec.to_builtins(group) for group in groups]
