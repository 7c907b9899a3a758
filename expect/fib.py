"""Which route the kernel would take: policy rules in order of priority, longest prefix, lowest metric.

A pure lookup over recorded tables (ip-rule(8), ip-route(8)); equal to `ip route get` for the packets described here: no
socket mark, no TOS, no user. A rule with a selector that such a packet does not carry (a mark, ports, a user range) is
passed over; where else it would lead the packets that it means is asked by `detours`.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from model import ip, net

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH = {4: 32, 6: 128}
_STANDARD_RULES = {  # net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c
    4: ((0, net.LOCAL), (32766, net.MAIN), (32767, net.DEFAULT)),
    6: ((0, net.LOCAL), (32766, net.MAIN)),
}
_ANYBODYS = frozenset({"ipproto", "sport", "dport", "dscp", "flowlabel", "uidrange"})
_ENDING = frozenset({net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT})


class Flow(msgspec.Struct, frozen=True):
    """A packet as far as rules can tell it apart. `iif` None: made on this node (the kernel's `lo`)."""

    dst: str
    src: str | None = None
    iif: str | None = None


class Fib:
    """The routing tables and rules of one namespace, indexed. A value: built once, never changed."""

    def __init__(self, routes: Iterable[net.Route], rules: Iterable[net.Rule]) -> None:
        self._tables: dict[tuple[int, int], dict[int, dict[int, list[net.Route]]]] = {}
        self._starts: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        self._local_networks: dict[str, net.Route] = {}
        for route in routes:
            family, first, last = ip.span(route.dst)
            length = _WIDTH[family] - (last - first).bit_length()
            table = self._tables.setdefault((family, route.table), {})
            table.setdefault(length, {}).setdefault(first, []).append(route)
            self._starts[family].append((first, last))
            if route.table == net.LOCAL and first != last and route.type != net.THROW:
                self._local_networks.setdefault(route.dst, route)
        by_family: dict[int, list[net.Rule]] = defaultdict(list)
        for rule in rules:
            by_family[rule.family].append(rule)
            if rule.dst is not None:
                self._starts[rule.family].append(ip.span(rule.dst)[1:])
        for spans in self._starts.values():
            spans.sort()
        self._rules = {
            family: sorted(by_family[family], key=lambda rule: rule.priority) or list(standard_rules(family))
            for family in (4, 6)
        }

    def lookup(self, flow: Flow, meant_by: net.Rule | None = None) -> net.Route | None:
        """The route that decides, or None where every table passes (the kernel's ENETUNREACH).

        A rule that itself drops (`blackhole`, `unreachable`, `prohibit`) answers with a route of that type. `meant_by`:
        the packet has all that this one rule asks for beside addresses and interface.
        """
        return self.decision(flow, meant_by)[1]

    def decision(self, flow: Flow, meant_by: net.Rule | None = None) -> tuple[net.Rule | None, net.Route | None]:
        """The rule that leads to the route that decides, and the route."""
        family = ip.family(flow.dst)
        skip_to = -1
        tos = meant_by.tos if meant_by is not None else 0
        priorities = {rule.priority for rule in self._rules[family]}
        for rule in self._rules[family]:
            if rule.priority < skip_to or not _matches(rule, flow, meant=rule is meant_by):
                continue
            if rule.action == net.RULE_GOTO:
                skip_to = rule.goto if rule.goto in priorities else skip_to  # without its target it is passed over
            elif rule.action in {net.RULE_BLACKHOLE, net.RULE_UNREACHABLE, net.RULE_PROHIBIT}:
                return rule, net.Route(flow.dst, rule.action, 0, 0, 0, 0, ())
            elif rule.action == net.RULE_TO_TABLE:
                found = self._in_table(family, rule.table, flow, rule.suppress_prefixlength, tos)
                if found is not None:
                    return rule, found
        return None, None

    def detours(self, flow: Flow) -> Iterator[tuple[net.Rule, net.Route | None]]:
        """Each rule for a part of the packets only (by TOS, ports, protocol, user, or mark) that leads those of this
        flow another way than the others, and the way.

        Who sets a mark is unknown: a rule for one counts only where it names addresses or an interface as well. One
        turned round by `not` means the packets that are not marked: the lookup itself goes by it.
        """
        usual = self.lookup(flow)
        for rule in self._rules[ip.family(flow.dst)]:
            made_here = flow.iif is None or not rule.of_some_users  # what comes in is of no other user than root
            if not _is_partial(rule) or not _meets(rule, flow) or not made_here:
                continue
            won = self.lookup(flow, rule)
            if _way(won) != _way(usual):
                yield rule, won

    def plain(self, family: int) -> bool:
        """Whether a family has the kernel's own rules and no others: then the main table alone decides."""
        return set(self._rules[family]) == set(standard_rules(family))

    def taken_locally(self, prefix: str) -> net.Route | None:
        """A route of the local table to a network that holds the whole prefix: it is asked for before the main
        table."""
        return next((route for dst, route in self._local_networks.items() if ip.contains(dst, prefix)), None)

    def points(self, prefix: str) -> list[str]:
        """The addresses of a prefix at which the answer can change: its first, and each start and end of a route or of
        a rule's destination inside.

        Looking these up is looking up every address of the prefix.
        """
        family, first, last = ip.span(prefix)
        spans = self._starts[family]
        found = {first}
        for start, end in spans[bisect.bisect_left(spans, (first, 0)) :]:
            if start > last:
                break
            found |= {start} | ({end + 1} if end < last else set())
        return [ip.from_number(family, point) for point in sorted(found)]

    def _in_table(self, family: int, table: int, flow: Flow, suppress: int | None, tos: int) -> net.Route | None:
        target = int(ip.address(flow.dst))
        lengths = self._tables.get((family, table), {})
        for length in sorted(lengths, reverse=True):
            shift = _WIDTH[family] - length
            routes = lengths[length].get(target >> shift << shift)
            usable = [route for route in routes or () if _usable(route, flow, tos)]
            if usable:
                best = min(usable, key=_preference)
                suppressed = suppress is not None and length <= suppress and best.type not in _ENDING
                return None if suppressed or best.type == net.THROW else best
        return None


def standard_rules(family: int) -> tuple[net.Rule, ...]:
    """The rules that the kernel itself makes for a family, and that a family without any listed rule acts by."""
    return tuple(net.Rule(family, priority, net.RULE_TO_TABLE, table) for priority, table in _STANDARD_RULES[family])


def _preference(route: net.Route) -> tuple[int, int, int]:
    """The longest source first (net/ipv6/ip6_fib.c: the source's tree hangs below the destination), then the packet's
    own TOS (net/ipv4/fib_trie.c), then the metric."""
    if route.src is None:
        return 1 << 128, -route.tos, route.metric
    _, first, last = ip.span(route.src)
    return last - first, -route.tos, route.metric


def _usable(route: net.Route, flow: Flow, tos: int) -> bool:
    if route.tos not in {0, tos}:
        return False
    if route.src is not None and (flow.src is None or not ip.contains(route.src, flow.src)):
        return False
    if route.type in _ENDING or not route.hops:
        return True
    return not all(hop.flags & net.HOP_DEAD for hop in route.hops)


def _matches(rule: net.Rule, flow: Flow, *, meant: bool = False) -> bool:
    partial = _marked(rule) or _conditions(rule) or rule.tos or rule.oif is not None
    return (_meets(rule, flow) and (meant or not partial)) != rule.invert


def _conditions(rule: net.Rule) -> set[str]:
    """What else a rule asks of a packet; realms are what it gives (ip-rule(8)), and root's is every packet that nobody
    else's process has made."""
    return {*rule.other} - {"realms"} - (set() if rule.of_some_users else {"uidrange"})


def _marked(rule: net.Rule) -> bool:
    """Whether a packet must be marked for a rule: one without a mark is compared under the mask like any other
    (net/core/fib_rules.c)."""
    return bool(rule.fwmark & rule.fwmask)


def _is_partial(rule: net.Rule) -> bool:
    """Whether a rule means a part of the packets that anybody may send, and not those that somebody marked or bound to
    an interface for a purpose of his own."""
    if rule.invert or rule.oif is not None or not _conditions(rule) <= _ANYBODYS:
        return False
    if _marked(rule):
        return rule.src is not None or rule.dst is not None or rule.iif is not None
    return bool(rule.tos or _conditions(rule))


def _way(route: net.Route | None) -> object:
    return route and (route.type, frozenset((hop.gateway, hop.dev) for hop in route.hops))


def _meets(rule: net.Rule, flow: Flow) -> bool:
    """Whether addresses and interface are those that a rule asks for."""
    if rule.dst is not None and not ip.contains(rule.dst, flow.dst):
        return False
    if rule.src is not None and (flow.src is None or not ip.contains(rule.src, flow.src)):
        return False
    return rule.iif is None or rule.iif == (flow.iif or "lo")


def out_devices(route: net.Route) -> Iterator[str]:
    """The interfaces that a route can send by."""
    return (hop.dev for hop in route.hops)
