"""Rules that lead a part of the packets another way: by TOS, protocol, ports, user, or a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from expect.fib import Flow, standard_rules
from model import net
from model.verdict import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checks.cases import NodeCase

_DROPS = frozenset({net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT})


class Detour(msgspec.Struct, frozen=True):
    """One rule and where it leads packets to an address. Whoever sets a mark, or routes a user of the node, does so on
    purpose: it is mentioned."""

    rule: net.Rule
    route: net.Route | None
    flow: Flow

    @property
    def drops(self) -> bool:
        return self.route is None or self.route.type in _DROPS

    @property
    def severity(self) -> Severity:
        if self.rule.fwmark & self.rule.fwmask or self.rule.of_some_users:
            return Severity.HOUSEKEEPING
        return Severity.BROKEN if self.drops else Severity.WRONG

    @property
    def text(self) -> str:
        way = net.describe_route(self.route) if self.route else "no route at all"
        return f"rule {self.rule.priority} takes packets to {self.flow.dst} {selects(self.rule)} to {way}"


def detours(node: NodeCase, flows: Iterable[Flow]) -> Iterator[Detour]:
    """Each rule once, with the first of the flows that it leads another way than the lookup."""
    met: set[net.Rule] = set()
    for flow in flows:
        for rule, route in node.fib.detours(flow):
            if rule not in met:
                met.add(rule)
                yield Detour(rule, route, flow)


def selects(rule: net.Rule) -> str:
    """What a rule asks for beside addresses and interface; of ports, protocols and users only that it does is read."""
    words = [f"with TOS {rule.tos:#x}"] if rule.tos else []
    words += [f"with mark {rule.fwmark:#x}"] if rule.fwmark & rule.fwmask else []
    words += [f"of certain {', '.join(rule.other)}"] if rule.other else []
    return " and ".join(words)


def deciding(node: NodeCase, flows: Iterable[Flow]) -> list[str]:
    """The priorities of the rules that decide on these packets; none for the kernel's own."""
    rules = [node.fib.decision(flow)[0] for flow in flows]
    return [str(rule.priority) for rule in rules if rule is not None and rule not in standard_rules(rule.family)]


def show_rules(node: NodeCase, found: Iterable[Detour]) -> str:
    """The commands that show these rules and the tables that they name."""
    rules = [one.rule for one in found]
    families = sorted({rule.family for rule in rules})
    shown = [f"ip -{family} rule" for family in families]
    tables = sorted({(rule.family, rule.table) for rule in rules if rule.action == net.RULE_TO_TABLE})
    shown += [f"ip -{family} route show table {net.table_name(table)}" for family, table in tables]
    return node.on("; ".join(shown))


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of some severities; HOUSEKEEPING for none."""
    return min(severities, key=list(Severity).index, default=Severity.HOUSEKEEPING)
