"""Who asks, and what they may do: bearer tokens; denials set for the restricted user, or roles and bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.api.rbac import Asks
from lab.api.status import RefusedError, status, unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.api.answers import World
    from lab.api.paths import Asked
    from lab.objects import Json

ADMIN = "lab-admin"
RESTRICTED = "system:serviceaccount:lab:restricted"
ANONYMOUS = "system:anonymous"
_PUBLIC = ("/version", "/healthz", "/livez", "/readyz")  # the role system:public-info-viewer


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the restricted user may not do. "*" stands for every verb, group or resource; a subresource is `pods/exec`;
    a namespace "" means cluster-wide and in every namespace."""

    group: str
    resource: str
    verb: str = "*"
    namespace: str = ""

    def covers(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether the rule speaks of that."""
        pairs = ((self.verb, verb), (self.group, group), (self.resource, resource))
        return all(mine in ("*", theirs) for mine, theirs in pairs) and self.namespace in ("", namespace)


def user_of(header: str | None, tokens: Mapping[str, str]) -> str:
    """The user of an Authorization header; anonymous without one. RefusedError (401) for a token of nobody."""
    if not header:
        return ANONYMOUS
    scheme, _, token = header.partition(" ")
    user = tokens.get(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise RefusedError(unauthorized())
    return user


def may(world: World, user: str, asks: Asks) -> bool:
    """Whether the user may do that."""
    if user == ADMIN:
        return True
    denied = any(rule.covers(asks.verb, asks.group, asks.resource, asks.namespace) for rule in world.rules)
    if world.grants is not None and user == world.grants.user:
        return not denied and world.grants.reason(asks) is not None
    return user == RESTRICTED and not denied


def allow(world: World, user: str, what: Asked) -> None:
    """RefusedError (403, worded as recorded) unless the user may."""
    if not what.resource:
        if user == ANONYMOUS and what.path.rstrip("/") not in _PUBLIC:
            raise RefusedError(_forbidden_path(user, what))
        return
    resource = f"{what.resource}/{what.subresource}" if what.subresource else what.resource
    if not may(world, user, Asks(what.verb, what.group, resource, what.namespace, what.name)):
        raise RefusedError(_forbidden(user, what, resource))


def _forbidden(user: str, what: Asked, resource: str) -> Json:
    qualified = f"{what.resource}.{what.group}" if what.group else what.resource
    named = f' "{what.name}"' if what.name else ""
    scope = f'in the namespace "{what.namespace}"' if what.namespace else "at the cluster scope"
    message = (
        f'{qualified}{named} is forbidden: User "{user}" cannot {what.verb} resource "{resource}" '
        f'in API group "{what.group}" {scope}'
    )
    details: Json = {"name": what.name} if what.name else {}
    details |= {"group": what.group} if what.group else {}
    return status(403, "Forbidden", message, details=details | {"kind": what.resource})


def _forbidden_path(user: str, what: Asked) -> Json:
    message = f'forbidden: User "{user}" cannot {what.verb} path "{what.path}"'
    return status(403, "Forbidden", message, details={})
