"""How a neighbour entry is shown in a finding."""

from __future__ import annotations

from model import net


def shown_fixed(item: net.Neighbour) -> str:
    """An entry that is never asked for again (PERMANENT, NOARP)."""
    state = "PERMANENT" if item.state & net.NUD_PERMANENT else "NOARP"
    return f"{item.address} dev {item.dev} lladdr {item.mac or 'none'} {state}"


def shown_unanswered(item: net.Neighbour) -> str:
    """An entry that was asked for in vain, now (INCOMPLETE) or before (FAILED)."""
    now = item.state & net.NUD_INCOMPLETE
    return f"{item.address} dev {item.dev} {'INCOMPLETE: nobody answers' if now else 'FAILED: nobody answered'}"
