"""The catalogue of checks as a page: what each asserts, how bad its findings are, what it needs, which faults it finds.

`python -m reports.catalogue > docs/checks.md`; a test says when the page is stale.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from checks.declare import NEEDS
from checks.run import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checks.declare import Check

HEAD = """# The checks

Made from their docstrings. *Severity* is the usual one; a single finding can be milder or worse. *Faults* are rows of
[the fault catalogue](faults.md).
"""


def page(checks: Iterable[Check]) -> str:
    """The page, a section for each subject and an entry for each check, in the catalogue's order."""
    parts = [HEAD]
    for module, group in groupby(checks, key=lambda check: check.module):
        parts.append(f"## {module.removeprefix('test_').replace('_', ' ')}\n")
        parts += [_entry(check) for check in group]
    return "\n".join(parts)


def _entry(check: Check) -> str:
    needs = ", ".join(NEEDS[need] for need in sorted(check.needs)) or "what the node's own namespace and the API show"
    facts = [
        f"one verdict a {check.scope}",
        f"severity: {check.severity}",
        f"needs: {needs}",
        f"faults: {', '.join(check.faults) or 'none of its own'}",
    ]
    detail = f"\n{check.detail}\n" if check.detail else ""
    return f"### `{check.id}`\n\n**{check.sentence}.**\n{detail}\n" + "\n".join(f"* {fact}" for fact in facts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(catalogue()))
