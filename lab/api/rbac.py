"""Role-based access control as the API server evaluates it (plugin/pkg/auth/authorizer/rbac of Kubernetes 1.34).

Roles and bindings are objects of the store, so that a binding that a client makes counts from then on. Aggregated
ClusterRoles hold the rules that are written in them, and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.api.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.objects import Json

GROUP = "rbac.authorization.k8s.io"
_SERVICE_ACCOUNT = "system:serviceaccount:"
# The role system:basic-user: everybody may ask what he may do.
_BASIC = [{"apiGroups": ["authorization.k8s.io"], "verbs": ["create"], "resources": ["selfsubjectaccessreviews"]}]


class Asks(msgspec.Struct, frozen=True):
    """What somebody wants to do. `resource` may be `pods/exec`; `namespace` "" is the cluster scope."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


class Grants(msgspec.Struct, frozen=True):
    """One user for whom the store's roles and bindings decide."""

    store: Store
    user: str
    groups: tuple[str, ...]

    def reason(self, asks: Asks) -> str | None:
        """Which binding allows it, in the authorizer's words; None if none does."""
        if any(_covers(rule, asks) for rule in _BASIC):
            role = '"system:basic-user"'
            return f'RBAC: allowed by ClusterRoleBinding {role} of ClusterRole {role} to Group "system:authenticated"'
        for binding, subject in self._bindings(asks.namespace):
            ref = binding["roleRef"]
            if any(_covers(rule, asks) for rule in self._rules(ref, binding["metadata"].get("namespace", ""))):
                kind, name = binding["kind"], binding["metadata"]["name"]
                scoped = f"{name}/{asks.namespace}" if kind == "RoleBinding" else name
                return f'RBAC: allowed by {kind} "{scoped}" of {ref["kind"]} "{ref["name"]}" to {subject}'
        return None

    def missing(self, ref: Json, namespace: str) -> list[Json]:
        """The rules of a role that the user does not hold: what binding it would give beyond one's own."""
        return [rule for rule in self._rules(ref, namespace) if not self._holds(rule, namespace)]

    def _holds(self, rule: Json, namespace: str) -> bool:
        asked = (
            Asks(verb, group, resource, namespace, name)
            for verb in rule.get("verbs", [])
            for group in rule.get("apiGroups", [])
            for resource in rule.get("resources", [])
            for name in rule.get("resourceNames") or [""]
        )
        return all(self.reason(each) is not None for each in asked)

    def _bindings(self, namespace: str) -> Iterator[tuple[Json, str]]:
        """The bindings of the user that count in a namespace, each with the words for the subject that matched."""
        found: Iterable[Json] = self.store.of(GROUP, "clusterrolebindings")
        if namespace:
            found = [*found, *self.store.of(GROUP, "rolebindings", namespace)]
        for binding in found:
            for subject in binding.get("subjects") or []:
                if told := self._is(subject, binding["metadata"].get("namespace", "")):
                    yield binding, told
                    break

    def _is(self, subject: Json, namespace: str) -> str:
        kind, name = subject["kind"], subject["name"]
        if kind == "ServiceAccount":
            home = subject.get("namespace", namespace)
            return f'ServiceAccount "{name}/{home}"' if self.user == f"{_SERVICE_ACCOUNT}{home}:{name}" else ""
        mine = self.groups if kind == "Group" else (self.user,)
        return f'{kind} "{name}"' if name in mine else ""

    def _rules(self, ref: Json, namespace: str) -> list[Json]:
        plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
        roles = self.store.of(GROUP, plural, "" if plural == "clusterroles" else namespace)
        return [rule for role in roles if role["metadata"]["name"] == ref["name"] for rule in role.get("rules") or []]


def groups_of(user: str) -> tuple[str, ...]:
    """The groups that authentication gives a user."""
    if not user.startswith(_SERVICE_ACCOUNT):
        return ("system:authenticated",)
    namespace = user.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")


def _covers(rule: Json, asks: Asks) -> bool:
    """pkg/registry/rbac/validation.RuleAllows: `*/exec` is every resource's subresource; names bind named requests."""
    _, slash, subresource = asks.resource.partition("/")
    resources = {"*", asks.resource} | ({f"*/{subresource}"} if slash else set())
    names = rule.get("resourceNames") or []
    return (
        not {"*", asks.verb}.isdisjoint(rule.get("verbs", []))
        and not {"*", asks.group}.isdisjoint(rule.get("apiGroups", []))
        and not resources.isdisjoint(rule.get("resources", []))
        and (not names or asks.name in names)
    )


def shown(rule: Json) -> str:
    """A rule as the API server's refusal to escalate prints it."""
    parts = []
    for field, word in (
        ("apiGroups", "APIGroups"),
        ("resources", "Resources"),
        ("resourceNames", "ResourceNames"),
        ("verbs", "Verbs"),
    ):
        if rule.get(field):
            parts.append(f"{word}:[{', '.join(chr(34) + each + chr(34) for each in rule[field])}]")
    return "{" + ", ".join(parts) + "}"
