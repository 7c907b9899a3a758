"""How a node finds the other nodes on its own subnet: by their MAC addresses."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from checks.declare import check
from checks.entries import shown_fixed, shown_unanswered
from checks.flows import uplink
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase

_ASKING = frozenset({"", "veth", "bond", "team", "bridge", "vlan", "macvlan", "ovs"})  # kinds that take ARP for granted
_TAKES_FRAMES = frozenset({"bridge", "bond", "team", "openvswitch"})  # kinds of a master; a VRF leaves them be
_MAC_COLONS = 5
_FIXED = net.NUD_PERMANENT | net.NUD_NOARP
_ASKED = 3  # nodes, about a router
_NEVER = "8"  # of arp_ignore: answer for no local address (ip-sysctl)
_UNANSWERED = net.NUD_INCOMPLETE | net.NUD_FAILED


@check(faults=("X2",))
def test_node_finds_the_others_on_its_subnet(node: NodeCase) -> Verdict:
    """The interface with the node's address resolves the other nodes by ARP and neighbour discovery, and no fixed
    neighbour entry gives one of them another MAC address than its own.

    No bridge or bond has taken that interface, and with it what comes in.
    ARP can be off only where there is none to do: on a point-to-point interface; arp_ignore 8 leaves every question
    unanswered. A fixed entry (PERMANENT, NOARP) is never asked for again; it is compared with the MAC that the other
    node was seen to have, where both were observed and share a subnet. INCOMPLETE: an observed node is asked for now
    and does not answer; FAILED: it did not answer when it was last asked for; two nodes with one MAC address cannot
    find each other. Other entries come and go, and are not judged.
    """
    unread = node.unread("links", "addresses", "neighbours", "sysctls")
    if unread:
        reason = f"links, addresses, neighbours or sysctls could not be read: {unread}"
        return Verdict(unobserved=(Gap(node.name, reason),))
    names = {uplink(node, family) for family in (4, 6)}
    links = [link for link in node.facts.host.links if link.name in names]
    if not links:
        return Verdict(inapplicable=(Gap(node.name, "no interface has its address, which another check reports"),))
    verdict = Verdict()
    for link in links:
        asks = link.kind in _ASKING and link.mac.count(":") == _MAC_COLONS
        if (master := node.facts.host.link(link.master or "")) and master.kind in _TAKES_FRAMES:
            verdict += Verdict(1, (_enslaved(node, link, master),))
        elif link.noarp and asks:
            verdict += Verdict(1, (_silent(node, link),))
        elif asks and (mute := _mute(node, link)):
            verdict += Verdict(1, (mute,))
        else:
            verdict += Verdict(1) + _fixed(node, link) + _fixed_routers(node, link)
    return verdict


def _enslaved(node: NodeCase, link: net.Link, master: net.Link) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{link.name}/master",
        expected=f"{link.name} with its address and without a master",
        because=f"{link.name} has the address of node {node.name}: the other nodes' answers come in there",
        found=f"{master.name} ({master.kind}) has enslaved {link.name}: what comes in is {master.name}'s, ARP included",
        look=node.on(f"ip -d link show {link.name}; ip addr"),
        likely=f"somebody set {link.name} up for {master.name} and left the address on it: one of the two is to go",
        about=about(device=link.name, state="silent", setting="master"),
    )


def _mute(node: NodeCase, link: net.Link) -> Difference | None:
    """What lets the interface answer nobody who asks for the node's IPv4 address; the larger of the two counts."""
    names = [f"net.ipv4.conf.{scope}.arp_ignore" for scope in ("all", link.name.replace(".", "/"))]
    name = next((name for name in names if node.facts.host.sysctls.get(name) == _NEVER), None)
    if name is None or uplink(node, 4) != link.name:
        return None
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{link.name}/arp",
        expected=f"ARP answered on {link.name}",
        because=_asked_there(node, link),
        found=f"{name} = {_NEVER}: it answers for no address of its own",
        look=node.on(f"sysctl {' '.join(names)}"),
        likely=f"somebody set it; 0, 1 and 2 let it answer: sysctl -w {name}=0",
        about=about(device=link.name, state="silent", family="4", setting="arp_ignore"),
    )


def _asked_there(node: NodeCase, link: net.Link) -> str:
    return f"{link.name} has the address of node {node.name}: the other nodes ask there for its MAC address"


def _silent(node: NodeCase, link: net.Link) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{link.name}/arp",
        expected=f"ARP on {link.name}",
        because=_asked_there(node, link),
        found=f"{link.name} is NOARP: it neither asks nor answers",
        look=node.on(f"ip link show {link.name}"),
        likely=f"somebody switched it off: ip link set {link.name} arp on",
        about=about(device=link.name, state="silent"),
    )


def _fixed(node: NodeCase, link: net.Link) -> Verdict:
    examined = 0
    differences = []
    for item, name in _entries(node, link):
        mac = node.cluster.mac_of(name, str(item.address))
        if mac is None:
            continue
        examined += 1
        if item.state & _UNANSWERED:
            differences.append(_unanswered(node, item, name, twin=link.mac.lower() == mac.lower()))
        elif item.mac is None or item.mac.lower() != mac.lower():
            differences.append(_misleads(node, item, name, mac))
    return Verdict(examined, tuple(differences))


def _fixed_routers(node: NodeCase, link: net.Link) -> Verdict:
    """Fixed entries of routers, compared with what other nodes of the subnet have learnt, where these agree."""
    fixed = [item for item in node.facts.host.neighbours if item.dev == link.name and item.state & _FIXED and item.mac]
    gateways = {hop.gateway for route in node.facts.host.routes for hop in route.hops} if fixed else set()
    verdict = Verdict()
    for item in fixed:
        address = str(item.address)
        if address not in gateways or address in node.world.node_addresses:
            continue
        learnt = {name: mac for name in _beside(node, address) if (mac := node.cluster.mac_of(name, address))}
        told = {mac.lower() for mac in learnt.values()}
        differs = len(told) == 1 and str(item.mac).lower() not in told
        verdict += Verdict(1, (_misleading_router(node, item, learnt),) if differs else ()) if learnt else Verdict()
    return verdict


def _beside(node: NodeCase, address: str) -> Iterator[str]:
    """A few other nodes of an address's subnet: each is read for it."""
    family, world = ip.family(address), node.world
    others = (
        other.name
        for other in world.cluster.nodes
        if other.name != node.name
        and (own := world.felix_address(other, family))
        and world.same_subnet(node.name, own)
        and other.name in node.cluster.reachable
    )
    yield from islice(others, _ASKED) if world.same_subnet(node.name, address) else ()


def _misleading_router(node: NodeCase, item: net.Neighbour, learnt: dict[str, str]) -> Difference:
    name, mac = min(learnt.items())
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"router/{item.address}",
        expected=f"{item.address} lladdr {mac}, or no fixed entry",
        because=f"node {name} has learnt {mac} for the router {item.address} on the same subnet",
        found=f"{item.address} dev {item.dev} lladdr {item.mac} "
        f"{'PERMANENT' if item.state & net.NUD_PERMANENT else 'NOARP'}",
        look=node.on(f"ip neigh show {item.address} dev {item.dev}; ip route"),
        severity=Severity.WRONG,
        likely=f"made by hand: ip neigh del {item.address} dev {item.dev} takes it away",
        about=about(device=item.dev, family=str(ip.family(str(item.address))), state="router"),
    )


def _entries(node: NodeCase, link: net.Link) -> Iterator[tuple[net.Neighbour, str]]:
    """The fixed and the unanswered entries of other nodes' addresses in a network of the interface, each with the
    node's name."""
    networks = [ip.canonical(item.text) for item in node.facts.host.addresses if item.dev == link.name]
    for item in node.facts.host.neighbours:
        if item.dev != link.name or item.address is None or not item.state & (_FIXED | _UNANSWERED):
            continue
        name = node.world.node_addresses.get(item.address)
        if name not in {None, node.name} and any(ip.contains(network, item.address) for network in networks):
            yield item, str(name)


def _unanswered(node: NodeCase, item: net.Neighbour, name: str, *, twin: bool) -> Difference:
    """`twin`: the other node was seen to have this one's MAC address."""
    now = bool(item.state & net.NUD_INCOMPLETE)
    found = shown_unanswered(item)
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{name}/{item.address}",
        expected=f"an answer from {name} for {item.address}",
        because=f"node {name} was observed, and has {item.address} on an interface in the same subnet",
        found=f"{found}; {node.name} and {name} have the same MAC address on this subnet" if twin else found,
        look=node.on(f"ip neigh show {item.address} dev {item.dev}; ip link show {item.dev}"),
        severity=Severity.BROKEN if now or twin else Severity.WRONG,
        likely="one is a copy of the other's machine: give one of the two interfaces a MAC address of its own"
        if twin
        else "the two are cut off from each other: a switch, a VLAN or a filter; or it was so when last asked",
        about=about(
            node=name,
            device=item.dev,
            family=str(ip.family(str(item.address))),
            state="twin" if twin else "unanswered",
        ),
    )


def _misleads(node: NodeCase, item: net.Neighbour, name: str, mac: str) -> Difference:
    passed_on = any(
        other.mac == item.mac and other.dev == item.dev and other.address != item.address
        for other in node.facts.host.neighbours
        if item.mac is not None
    )
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{name}/{item.address}",
        expected=f"{item.address} lladdr {mac}, or no fixed entry",
        because=f"node {name} has {item.address} on an interface with MAC {mac}",
        found=shown_fixed(item) + (": another host's, which may pass the packets on" if passed_on else ""),
        look=node.on(f"ip neigh show {item.address} dev {item.dev}"),
        severity=Severity.WRONG if passed_on else Severity.BROKEN,
        likely=f"made by hand: ip neigh del {item.address} dev {item.dev} takes it away",
        about=about(node=name, device=item.dev, family=str(ip.family(str(item.address)))),
    )
