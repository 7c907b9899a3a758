"""Don't-cares among a node's policy rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import net
from tests.mutations.dont_care import DontCare, of
from tests.mutations.reviewed.host_words import means_nobody

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def _main_stays(mutation: Mutation, scene: Scene) -> bool:
    """The rules to the local table, to the main one and to WireGuard's stay as they are, and what is put before the
    main one leads to these or to an empty table."""
    lost = [rule for rule in of(net.Rule, mutation.lost) if not means_nobody(rule, scene)]
    gained = [rule for rule in of(net.Rule, mutation.gained) if not means_nobody(rule, scene)]
    first = [rule for rule in gained if rule.priority < 32766]
    full = {table for node in mutation.nodes for table in scene.full_tables[node]}
    needed = {net.LOCAL, net.MAIN} | (full if scene.wireguard else set())
    return not any(rule.table in needed for rule in lost) and all(
        rule.table in {net.LOCAL, net.MAIN} or (rule.table not in full and rule.action == net.RULE_TO_TABLE)
        for rule in first
    )


def _unmasked(mutation: Mutation, scene: Scene) -> bool:
    return all(not rule.fwmask for rule in of(net.Rule, mutation.touched))


def _before_main(mutation: Mutation, scene: Scene) -> bool:
    """No rule to the main table is touched, and all stay before it: no two of these answer for one address."""
    return all(
        rule.table != net.MAIN and (rule.priority < 32766 or means_nobody(rule, scene))
        for rule in of(net.Rule, mutation.touched)
    )


def _turned_round(mutation: Mutation, scene: Scene) -> bool:
    """WireGuard's rule, which `not` turns round: it passes over what it asks for, so the more it asks the less."""
    return all(
        rule.invert and rule.table == 1 and rule.fwmark and rule.fwmask for rule in of(net.Rule, mutation.touched)
    )


def _for_marked(mutation: Mutation, scene: Scene) -> bool:
    """WireGuard's rule leads into its table still, and the main table's is as it was but for packets of no mark."""
    return any(rule.table == 1 and rule.fwmark for rule in of(net.Rule, mutation.gained)) and not any(
        rule.table == net.MAIN and not means_nobody(rule, scene) for rule in of(net.Rule, mutation.lost)
    )


def _passes_over(mutation: Mutation, scene: Scene) -> bool:
    return not mutation.lost


def _nobodys_rule(mutation: Mutation, scene: Scene) -> bool:
    """About the local table of nodes without a BGP address, where no tunnel of Calico's ends."""
    lost = [rule for rule in of(net.Rule, mutation.lost) if not means_nobody(rule, scene)]
    nowhere = not any(node.bgp_ipv4 or node.bgp_ipv6 for node in scene.cluster.nodes) and not scene.programmed
    return nowhere and bool(lost) and all(rule.table in {net.LOCAL, net.DEFAULT} for rule in lost)


def _same_rules(mutation: Mutation, scene: Scene) -> bool:
    """Both nodes' rules are the same but for those that mean nobody of Calico's."""
    left, right = (
        {rule for rule in rules if isinstance(rule, net.Rule) and not means_nobody(rule, scene)}
        for rules in (mutation.old, mutation.new)
        if isinstance(rules, tuple)
    )
    return left == right


def _as_wireguards(mutation: Mutation, scene: Scene) -> bool:
    """A rule beside WireGuard's own that leads into the same table."""
    return (
        scene.wireguard
        and not mutation.lost
        and all(rule.action == net.RULE_TO_TABLE and rule.table == 1 for rule in of(net.Rule, mutation.gained))
    )


def _unmarked(mutation: Mutation, scene: Scene) -> bool:
    return not any(rule.fwmark for rule in of(net.Rule, mutation.touched))


def _no_goto(mutation: Mutation, scene: Scene) -> bool:
    return not any(rule.action == net.RULE_GOTO for rule in of(net.Rule, mutation.touched))


def _order(mutation: Mutation, scene: Scene) -> bool:
    """The order of the three, and nothing but it."""
    return all(rule.table in {net.LOCAL, net.MAIN, net.DEFAULT} for rule in of(net.Rule, mutation.touched)) and (
        mutation.field == "priority" or mutation.operation == "swap"
    )


def _default_only(mutation: Mutation, scene: Scene) -> bool:
    fabric = (
        bool(scene.cluster.peers) and not scene.programmed
    )  # a router may announce a default route instead of the blocks'
    return all(
        (rule.suppress_prefixlength or 0) <= 1 and not (fabric and rule.table == net.MAIN)
        for rule in of(net.Rule, mutation.gained)
    )


ENTRIES: tuple[DontCare, ...] = (
    DontCare(
        "host Rule",
        "*",
        "*",
        "The rule to the main table stays the first to decide on pools' addresses: the local table holds the node's "
        "own, and rules for others' addresses, of other families or behind it get none of them.",
        _main_stays,
    ),
    DontCare(
        "host Rule",
        "*",
        "add*",
        "WireGuard's own rule leads all packets but its own into this table already.",
        _as_wireguards,
    ),
    DontCare("host Rule", "fwmask", "*", "A mask selects nothing without a mark.", _unmarked),
    DontCare("host Rule", "fwmark", "*", "A mark selects nothing without a mask (net/core/fib_rules.c).", _unmasked),
    DontCare(
        "host Rule",
        "priority",
        "*",
        "All stay before the main table's rule, and no two of their tables answer for one address.",
        _before_main,
    ),
    DontCare(
        "host Rule",
        "[!afpt]*",
        "*",
        "WireGuard's rule passes over what it asks for: asking for more it leads no less into the table.",
        _turned_round,
    ),
    DontCare(
        "host Rule", "tos", "*", "WireGuard's rule passes over what it asks for, and it asks for more.", _turned_round
    ),
    DontCare("host Rule", "fwmark", "*", "A bit that is not in the mask is not compared.", _turned_round),
    DontCare(
        "host Rule",
        "fwmask",
        "+1",
        "WireGuard's rule passes over what it asks for, and it asks for more.",
        _turned_round,
    ),
    DontCare(
        "host Rule",
        "table",
        "swap",
        "All stay before the main table's rule, and no two of their tables answer for one address.",
        _before_main,
    ),
    DontCare(
        "host Rule",
        "invert",
        "*",
        "Who marks packets is not known: a rule that leads marked ones into WireGuard's table counts as the way there.",
        _for_marked,
    ),
    DontCare("host Rule", "action", "add copy: → [023]", "Such a rule is passed over.", _passes_over),
    DontCare("host Rule", "*", "*", "No node has a BGP address, and no tunnel ends at one.", _nobodys_rule),
    DontCare("host Namespace", "rules", "*", "They differ in rules that mean nobody of Calico's.", _same_rules),
    DontCare("host Rule", "goto", "*", "Only a rule whose action is goto has a target.", _no_goto),
    DontCare("host Rule", "uids", "*", "A range of users without the selector for one (FRA_UID_RANGE) cannot be."),
    DontCare(
        "host Rule",
        "suppress_prefixlength",
        "*",
        "It hides default routes, by which no pool's address is reached.",
        _default_only,
    ),
    DontCare(
        "host Rule", "table", "swap*", "The three tables hold no route in common: their order is all one.", _order
    ),
    DontCare("host Rule", "priority", "*", "The three tables hold no route in common: their order is all one.", _order),
)
