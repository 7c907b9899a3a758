"""A cause in one line: what it is, and what comes of it, counted."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from model.verdict import Kind

from . import cause_rules as rules
from .cause_joins import facts
from .text import SAYS as LONG
from .text import headline
from .words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .values import Finding

OTHER = "other finding"
COPY = "copy of it by BGP"
UNANSWERED = "pod without an answer from its gateway"
NOUNS = {  # what a consequence is called when it is counted
    rules.SESSIONS: "session",
    rules.BLOCK_ROUTES: "route",
    rules.BORROWED: "route",
    rules.STRAY: "stray route",
    rules.HOST_ROUTE: "host route",
    rules.LOOKUP: "lookup",
    rules.BLACKHOLES: "blackhole",
    rules.DROPS: "block's free addresses",
    rules.INTERFACES: "stray interface",
    rules.HOLDERS: "stray address",
    rules.ENTRIES: "VXLAN entry",
    rules.TUNNELS: "tunnel setting",
    rules.POD_SYSCTLS: "sysctl",
    rules.HOST_SETTINGS: "setting",
    rules.POD_ROUTES: "pod route",
    rules.PAIR: "pair",
    rules.POD_END: "eth0",
    rules.HOST_END: "host interface",
    rules.NO_POOL: "more block",
    rules.BLOCK_OWNER: "block",
    rules.LEAKS: "leak",
    rules.MTU: "more pod",
    rules.STRICT: "more address",
    rules.ANSWERS: "answer",
    rules.EGRESS: "pod's own traffic",
    rules.POD_FORWARDS: "more pod",
}
PLURALS = {
    COPY: "copies of it by BGP",
    UNANSWERED: "pods without an answer from their gateway",
    "VXLAN entry": "VXLAN entries",
    "eth0": "eth0",
    "block's free addresses": "blocks' free addresses",
    "pod's own traffic": "pods' own traffic",
}
SAYS = {Kind.MISSING: "missing", Kind.DIFFERENT: "wrong", Kind.UNEXPECTED: ""}
PARTS = {  # of a pod's network, in titles
    rules.POD_END: "eth0",
    rules.HOST_END: "the host interface",
    rules.PAIR: "the veth pair",
    rules.HOST_ROUTE: "the host route",
    rules.LOOKUP: "the lookup of an address",
    rules.POD_ROUTES: "a default route",
    rules.MTU: "the MTU",
}
STATES = {
    rules.MTU: "",
    rules.SESSIONS: "down",
    rules.DROPS: "not dropped",
    rules.NO_POOL: "outside every pool",
    rules.BLOCK_OWNER: "without one owner",
    rules.LOOKUP: "diverted",
    rules.STRICT: "borrowed",
    rules.ANSWERS: "missing",
    rules.EGRESS: "dropped",
    rules.POD_FORWARDS: "",
}


_OF_PODS = {
    rules.EGRESS: "packets of pod",
    rules.LOOKUP: "packets to pod",
    rules.POD_SYSCTLS: "ARP for the gateway, asked by pod",
}
_RULED = (*_OF_PODS, *rules.ROUTES, rules.TO_NODES)


def cause_headline(finding: Finding, consequences: Sequence[Finding] = (), untried: int = 0) -> str:
    """`worker2: BIRD does not answer: 4 routes to it missing on 2 nodes, 2 sessions to it down`."""
    title = _title(finding)
    told = _told(finding, consequences)
    if untried:
        told.append(f"{counted(untried, 'drop trial')} could not be observed")
    return f"{title}: {', '.join(told)}" if told else title


def consequence_line(finding: Finding) -> str:
    """One consequence in one line, as its own node sees it."""
    if finding.check == rules.SESSIONS:
        return f"{finding.node}: session to {_first(finding, 'node') or finding.object} is down"
    if finding.check in _RULED and "rule" in facts(finding):
        return f"{finding.node}: {_taken(finding)}"
    return _title(finding)


def _title(finding: Finding) -> str:
    told = _TITLES.get(finding.check)
    if finding.check in _RULED and "rule" in facts(finding):
        return _rule(finding)
    if finding.check in PARTS:
        return f"{finding.node}: {PARTS[finding.check]} of pod {finding.subject} {LONG[finding.kind]}"
    return (told(finding) if told else "") or headline(finding)


def _taken(finding: Finding) -> str:
    """The packets that a rule takes away."""
    if finding.check in _OF_PODS:
        return f"{_OF_PODS[finding.check]} {finding.subject}"
    target = finding.object.rpartition("/")[2] if finding.check == rules.TO_NODES else finding.object
    return f"packets to {target}, which is {_first(finding, 'node')}'s"


def _first(finding: Finding, column: str) -> str:
    return next(iter(facts(finding).get(column, ())), "")


def _bird(finding: Finding) -> str:
    return f"{finding.node}: BIRD does not answer" if "state:dead" in finding.about else ""


def _session(finding: Finding) -> str:
    if "state:notready" in finding.about:
        ends = f"{finding.node} or {_first(finding, 'node') or finding.object}"
        return f"{finding.node if 'state:alone' in finding.about else ends} is not Ready"
    if "state:alone" in finding.about:
        return f"{finding.node}: none of its BGP sessions is established"
    one, other = sorted((finding.node, _first(finding, "node") or finding.object))
    return f"the BGP session between {one} and {other} is down"


def _programmer(finding: Finding) -> str:
    who = "Felix and BIRD both program" if "state:both" in finding.about else "neither Felix nor BIRD programs"
    return f"cluster: {who} the routes of pools with {_first(finding, 'encap')}"


def _holder(finding: Finding) -> str:
    what = "duplicate address" if "state:duplicate" in finding.about else "address"
    return f"{finding.node}: {what} {finding.object} in a namespace of no pod"


def _stray(finding: Finding) -> str:
    return f"{finding.node}: stray route {finding.object}"


def _rule(finding: Finding) -> str:
    priority = _first(finding, "rule")
    return f"{finding.node}: policy rule {priority} takes packets away" if priority else ""


def _on_subnet(finding: Finding) -> str:
    device, other = _first(finding, "device"), _first(finding, "node")
    if "setting:master" in finding.about:
        return f"{finding.node}: {device} is enslaved, with the node's address on it"
    if "setting:arp_ignore" in finding.about:
        return f"{finding.node}: {device} leaves ARP unanswered"
    if "state:silent" in finding.about:
        return f"{finding.node}: ARP is off on {device}"
    if "state:router" in finding.about:
        return f"{finding.node}: wrong fixed MAC address of the router {finding.object.rpartition('/')[2]}"
    if "state:twin" in finding.about:
        return f"{finding.node} and {other} have the same MAC address"
    if "state:unanswered" in finding.about:
        return f"{finding.node}: {other} does not answer on their subnet"
    return f"{finding.node}: wrong fixed MAC address of {other}"


def _to_nodes(finding: Finding) -> str:
    if "state:taken" not in finding.about:
        return ""
    address = finding.object.rpartition("/")[2]
    return f"{finding.node}: takes {address} for its own, which is {_first(finding, 'node')}'s"


_TITLES: dict[str, Callable[[Finding], str]] = {
    rules.BIRD: _bird,
    rules.SESSIONS: _session,
    rules.PROGRAMMER: _programmer,
    rules.HOLDERS: _holder,
    rules.STRAY: _stray,
    rules.NODE_GONE: lambda finding: f"node {_first(finding, 'node')} is gone, and IPAM still has blocks of it",
    rules.NO_POOL: lambda finding: f"block {_first(finding, 'block')} lies in no IP pool",
    rules.BLOCK_OWNER: lambda finding: f"block {finding.object} has no single owner",
    rules.FORWARDING: lambda finding: f"{finding.node}: {finding.object} is off",
    rules.NODE_ADDRESS: lambda finding: _node_address(finding),
    rules.BLACKHOLES: lambda finding: f"{finding.node}: blackhole {finding.object} {LONG[finding.kind]}",
    rules.TUNNELS: lambda finding: (
        f"{finding.node}: its Node object has no {_first(finding, 'encap')} tunnel address"
        if "setting:object" in finding.about
        else ""
    ),
    rules.BLOCK_ROUTES: lambda finding: _route(finding),
    rules.BORROWED: lambda finding: _route(finding),
    rules.ONE_POD: lambda finding: _address(finding),
    rules.ON_SUBNET: _on_subnet,
    rules.TO_NODES: _to_nodes,
    rules.POD_SYSCTLS: lambda finding: (
        f"{finding.node}: no route to the pods' gateway 169.254.1.1, so it answers no ARP for it"
        if "setting:gateway" in finding.about
        else ""
    ),
    rules.LENGTH: lambda finding: f"{finding.node}: its address and its interface differ in the length of the subnet",
    rules.EGRESS: _rule,
}


def _node_address(finding: Finding) -> str:
    address, family = _first(finding, "address"), _first(finding, "family")
    if finding.kind is not Kind.MISSING:
        return f"{finding.node}: packets to its IPv{family} BGP address are not delivered"
    if not address:
        return f"{finding.node}: it has no IPv{family} BGP address"
    return f"{finding.node}: no interface has its BGP address {address}"


def _address(finding: Finding) -> str:
    if "state:duplicate" not in finding.about:
        return ""
    pods = [f"pod {name}" for name in facts(finding).get("pod", ())]
    holders = pods if len(pods) > 1 else [*pods, "a tunnel"]
    return f"{_first(finding, 'address')} is given twice: {listed(holders)}"


def _route(finding: Finding) -> str:
    if "rule" in facts(finding):
        return _rule(finding)
    state = SAYS[finding.kind]
    return f"{finding.node}: route {finding.object} to {_first(finding, 'node')} is {state}"


def _told(finding: Finding, consequences: Iterable[Finding]) -> list[str]:
    """Each kind of consequence, the most numerous first."""
    kinds: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in consequences:
        if _other_end(finding, one):
            continue  # the same session, seen from its other end
        noun = _noun(finding, one)
        state = STATES.get(one.check, SAYS[one.kind]) if noun not in (OTHER, COPY, UNANSWERED) else ""
        kinds[noun, state].append(one)
    ordered = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_counted(finding, noun, state, members) for (noun, state), members in ordered]


def _noun(finding: Finding, one: Finding) -> str:
    if finding.check == rules.STRAY and one.object == finding.object and "by:BIRD" in one.about:
        return COPY
    if one.check == rules.BLACKHOLES and one.kind is Kind.UNEXPECTED:
        return "stray blackhole"
    if "setting:gateway" in one.about:
        return UNANSWERED
    return NOUNS.get(one.check, OTHER)


def _other_end(finding: Finding, one: Finding) -> bool:
    ends = {finding.node, _first(finding, "node")}
    return finding.check == one.check == rules.SESSIONS and ends == {one.node, _first(one, "node")}


def _counted(finding: Finding, noun: str, state: str, members: Sequence[Finding]) -> str:
    words = [counted(len(members), noun, PLURALS.get(noun, ""))]
    leads = members[0].check in (*rules.ROUTES, rules.SESSIONS)
    towards = {name for one in members for name in facts(one).get("node", ())}
    nodes = {one.node for one in members}
    elsewhere = nodes - {"", finding.node} if members[0].check != rules.SESSIONS else set()
    if leads and towards == {finding.node} and finding.node not in nodes:
        words.append("to it")
    if state:
        words.append(state)
    if elsewhere:
        words.append(f"on {counted(len(nodes), 'node') if len(nodes) > 1 else next(iter(nodes))}")
    return " ".join(words)
