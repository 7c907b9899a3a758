"""The lab's own door into the API server, on a Unix socket: objects, pods, rules and troubles come and go by it.

POST /control/<operation> with a JSON object; the answer is JSON, or `{"error": text}` with 400, 404 or 409.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from aiohttp import web

from lab.api.access import ADMIN, RESTRICTED, Rule
from lab.api.admission import Refusal
from lab.api.rbac import GROUP as RBAC
from lab.api.rbac import Grants, groups_of
from lab.api.removal import Options, remove
from lab.api.status import RefusedError
from lab.api.store import ExistsError, MissingError
from lab.api.trouble import KubeletTrouble, Trouble, Troubles
from lab.api.writes import create_object
from lab.cluster.ailing import ail, heal
from lab.cluster.images import Image
from lab.objects import Json, Key, free_addresses, key, key_of, kind_of, with_block, with_pod, without_pod
from lab.topology import LabBlock, LabPod

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lab.api.answers import World
    from lab.cluster.manager import Cluster


class _Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plural: str
    name: str
    namespace: str = ""


class _PodName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    namespace: str
    name: str


class _NodeName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: str


class _Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Literal["privileged", "baseline", "restricted"]


class _Confinement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: Literal["apparmor", "selinux"]


class _Roles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`objects`: roles and bindings, with the namespaces and service accounts that they speak of. `bind`: names of
    ClusterRoles that `user` gets everywhere."""

    objects: list[dict[str, Any]]
    user: str
    groups: tuple[str, ...] | None = None
    bind: tuple[str, ...] = ()


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def control_application(world: World, cluster: Cluster, troubles: Troubles) -> web.Application:
    """The operations as an aiohttp application."""
    operations = _operations(world, troubles) | _cluster_operations(world, cluster) | _access_operations(world)

    async def handle(request: web.Request) -> web.Response:
        operation = operations.get(request.match_info["operation"])
        if operation is None:
            return _told(404, f"there is no operation {request.match_info['operation']}")
        try:
            return web.Response(body=msgspec.json.encode(operation(await request.read())))
        except (msgspec.DecodeError, ValueError, RefusedError) as error:
            return _told(400, str(error))
        except MissingError as error:
            return _told(404, f"there is no {error}")
        except KeyError as error:
            return _told(404, f"there is no {error.args[0]}")
        except ExistsError as error:
            return _told(409, f"there is already {error}")

    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/control/{operation}", handle)
    return app


def _told(code: int, error: str) -> web.Response:
    return web.Response(status=code, body=msgspec.json.encode({"error": error}))


def _typed(kind: type[Any], operation: Callable[[Any], object]) -> Callable[[bytes], object]:
    """The operation on a body that is one of that type."""
    return lambda body: operation(msgspec.json.decode(body, type=kind))


def _operations(world: World, troubles: Troubles) -> dict[str, Callable[[bytes], object]]:
    objects = _object_operations(world)
    pods = _pod_operations(world)
    rest = {
        "deny": _typed(Rule, world.rules.add),
        "allow": _typed(Rule, world.rules.discard),
        "allow-all": _typed(_Nothing, lambda _: world.rules.clear()),
        "trouble": _typed(Trouble, troubles.add),
        "no-trouble": _typed(_Nothing, lambda _: troubles.clear()),
        "compact": _typed(_Nothing, lambda _: world.store.compact()),
        "served": _typed(_Nothing, lambda _: list(world.served)),
        "state": _typed(
            _Nothing,
            lambda _: {"pid": os.getpid(), "address": world.address, "revision": world.store.revision},
        ),
    }
    return objects | pods | rest


def _cluster_operations(world: World, cluster: Cluster) -> dict[str, Callable[[bytes], object]]:
    def pod_security(asked: _Level) -> None:
        world.gate.pod_security = asked.level

    def confine(asked: _Confinement) -> None:
        cluster.nodes.confined = asked.by

    return {
        "confine": _typed(_Confinement, confine),
        "pod-security": _typed(_Level, pod_security),
        "refuse": _typed(Refusal, world.gate.refusals.append),
        "admit-all": _typed(_Nothing, lambda _: world.gate.open()),
        "image": _typed(Image, cluster.images.add),
        "usual-images": _typed(_Nothing, lambda _: cluster.images.clear()),
        "kubelet": _typed(KubeletTrouble, lambda trouble: ail(cluster, trouble)),
        "kubelets-well": _typed(_Nothing, lambda _: heal(cluster)),
    }


def _access_operations(world: World) -> dict[str, Callable[[bytes], object]]:
    """Real roles and bindings for the restricted token, in the place of rules that deny."""

    def rename(user: str) -> None:
        before = RESTRICTED if world.grants is None else world.grants.user
        for token, name in list(world.tokens.items()):
            if name == before:
                world.tokens[token] = user

    made: list[Key] = []  # what a file brought along: its namespace, its service account

    def clear(kept: Collection[Key] = ()) -> None:
        rename(RESTRICTED)
        world.grants = None
        brought = [at for at in made if at not in kept]
        for at in [*brought, *(at for at in world.store.objects if at.group == RBAC)]:
            if at in world.store.objects:
                remove(world, at, Options())
        made[:] = [at for at in made if at in kept]

    def rbac(roles: _Roles) -> None:
        found = [(key_of(obj), obj) for obj in [*roles.objects, *(_binding(name, roles.user) for name in roles.bind)]]
        for at, _ in found:
            if at.group != RBAC and at.plural not in ("namespaces", "serviceaccounts"):
                raise ValueError(f"{at.plural} {at.name} is no role, no binding, and not where they belong")
        clear([at for at, _ in found])
        for at, obj in found:
            if at not in world.store.objects:
                create_object(world, ADMIN, kind_of(at.plural), at.namespace, obj)
                made.append(at)
        rename(roles.user)
        groups = groups_of(roles.user) if roles.groups is None else roles.groups
        world.grants = Grants(world.store, roles.user, groups)

    return {"rbac": _typed(_Roles, rbac), "no-rbac": _typed(_Nothing, lambda _: clear())}


def _binding(role: str, user: str) -> Json:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"lab-{role}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }


def _object_operations(world: World) -> dict[str, Callable[[bytes], object]]:
    def create(obj: Json) -> Json:
        return world.store.create(key_of(obj), obj)

    def replace(obj: Json) -> Json:
        return world.store.replace(key_of(obj), obj)

    def delete(name: _Name) -> None:
        world.store.delete(key(name.plural, name.name, name.namespace))

    def get(name: _Name) -> Json:
        at = key(name.plural, name.name, name.namespace)
        obj = world.store.objects.get(at)
        if obj is None:
            raise MissingError(at)
        return obj

    json_object = dict[str, Any]
    return {
        "create": lambda body: create(msgspec.json.decode(body, type=json_object)),
        "replace": lambda body: replace(msgspec.json.decode(body, type=json_object)),
        "delete": _typed(_Name, delete),
        "get": _typed(_Name, get),
    }


def _pod_operations(world: World) -> dict[str, Callable[[bytes], object]]:
    def add_pod(pod: LabPod) -> None:
        world.store.apply(with_pod(world.store.objects, pod, datetime.now(UTC)))

    def remove_pod(name: _PodName) -> None:
        world.store.apply(without_pod(world.store.objects, name.namespace, name.name))

    def add_block(block: LabBlock) -> None:
        world.store.apply(with_block(world.store.objects, block, datetime.now(UTC)))

    return {
        "add-pod": _typed(LabPod, add_pod),
        "remove-pod": _typed(_PodName, remove_pod),
        "add-block": _typed(LabBlock, add_block),
        "free-addresses": _typed(_NodeName, lambda name: free_addresses(world.store.objects, name.node)),
    }
