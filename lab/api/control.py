"""How the lab's tools and tests change what the API server holds and how it behaves: a client of its Unix socket.

    control = Control(state_dir)               the directory of kubeconfig and api.sock (.lab/<name> of a lab)

Objects and the lab's own pods: create, replace, get, delete; add_pod, remove_pod, add_block, free_addresses.
Access of the context `lab-restricted`:
    deny(group, resource, verb, namespace)     one thing less; allow takes it back, allow_all takes all back
    rbac(file, user)                           from now on it is `user`, and may what the roles and bindings of the YAML
                                               file (or the list of objects) give; `bind` names ClusterRoles to bind to
                                               him; denials still count. no_rbac ends it
Admission:
    pod_security("baseline")                   the cluster's default level of enforce and warn; labels go before it
    refuse(Refusal("quota"))                   see lab.api.admission.Refusal: quota, quota-limits, gatekeeper, kyverno,
                                               webhook-down, for pods or any resource; admit_all ends both
Nodes:
    image(Image("*mine*", python=False))       see lab.cluster.images.Image: no python3 in it, or `error` when pulled;
                                               usual_images ends it. Images with `python` in their name have python3,
                                               busybox, alpine and calico have none, all others are not found
    kubelet("worker1", dead=True)              its pods stay as they are, exec fails with 500 (`on_channel`: behind the
                                               upgrade); `noticed`: the Node is NotReady; `start_seconds`: slow to start
                                               pods, but alive with dead=False
    confine("apparmor")                        containers that are not Unconfined (`selinux`: not spc_t) may not look
                                               into other processes. kubelets_well ends both
Troubles of the server, by path, method, node and count:
    trouble(Trouble("status", "*/exec", code=429, retry_after=1))
                                               see lab.api.trouble.Trouble: delay, hang, status, cut, garbage, drop for
                                               any request, an exec's upgrade among them; exec-drop, exec-truncate,
                                               exec-hang, exec-exit, exec-delay, exec-trickle, exec-garbage,
                                               exec-endless behind the upgrade. no_trouble ends them
Whatever was asked: served; the present: state; continue tokens expire: compact.
well() ends everything of the above that is set, but for changed objects.
"""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lab.api.access import Rule
from lab.api.answers import Served
from lab.api.trouble import KubeletTrouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.api.admission import Refusal
    from lab.api.pod_security import Level
    from lab.api.trouble import Trouble
    from lab.cluster.images import Image
    from lab.objects import Json
    from lab.topology import LabBlock, LabPod

SOCKET = "api.sock"  # in the state directory


class ControlError(Exception):
    """The server refused the operation, or is not there; the text says which."""


class _Connection(http.client.HTTPConnection):
    """HTTP over the socket in a directory, by the directory's descriptor: a Unix address holds only 107 bytes."""

    def __init__(self, directory: Path, timeout: float) -> None:
        super().__init__("lab", timeout=timeout)
        self._directory = directory

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        descriptor = os.open(self._directory, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
        finally:
            os.close(descriptor)


class Control(msgspec.Struct, frozen=True):
    """The door of the API server whose state is in `state_dir`. Every method raises ControlError where it fails."""

    state_dir: Path
    timeout: float = 10.0

    def create(self, obj: Json) -> Json:
        """Add an object of any kind; the answer carries its resourceVersion."""
        made: Json = self._do("create", obj)
        return made

    def replace(self, obj: Json) -> Json:
        """Put an object in the place of the one of its name."""
        made: Json = self._do("replace", obj)
        return made

    def get(self, plural: str, name: str, namespace: str = "") -> Json:
        """One object."""
        found: Json = self._do("get", {"plural": plural, "name": name, "namespace": namespace})
        return found

    def delete(self, plural: str, name: str, namespace: str = "") -> None:
        """Take one object away, and nothing else with it."""
        self._do("delete", {"plural": plural, "name": name, "namespace": namespace})

    def add_pod(self, pod: LabPod) -> None:
        """Add or change a pod, with its addresses in IPAM, its handle, its namespace, its DaemonSet."""
        self._do("add-pod", pod)

    def remove_pod(self, namespace: str, name: str) -> None:
        """Take a pod away and free its addresses."""
        self._do("remove-pod", {"namespace": namespace, "name": name})

    def add_block(self, block: LabBlock) -> None:
        """Let a node claim a block: the IPAMBlock and the confirmed affinity."""
        self._do("add-block", block)

    def free_addresses(self, node: str) -> list[str]:
        """The addresses that IPAM would give the node's next pods, in its order."""
        found: list[str] = self._do("free-addresses", {"node": node})
        return found

    def deny(self, group: str, resource: str, verb: str = "*", namespace: str = "") -> None:
        """Forbid the restricted user something."""
        self._do("deny", Rule(group, resource, verb, namespace))

    def allow(self, group: str, resource: str, verb: str = "*", namespace: str = "") -> None:
        """Take back a `deny` with the same words."""
        self._do("allow", Rule(group, resource, verb, namespace))

    def allow_all(self) -> None:
        """Take back every `deny`."""
        self._do("allow-all", {})

    def rbac(
        self,
        roles: Path | Sequence[Json],
        user: str,
        *,
        groups: Sequence[str] | None = None,
        bind: Sequence[str] = (),
    ) -> None:
        """Let roles and bindings, and nothing else, say what the context `lab-restricted` may, under the name `user`.

        `roles` is a YAML file or its documents. `groups`: those that authentication would give, if not given. `bind`:
        ClusterRoles that the user gets everywhere, for a file that has no bindings. What was there before is replaced.
        """
        objects = _documents(roles) if isinstance(roles, Path) else list(roles)
        self._do("rbac", {"objects": objects, "user": user, "groups": groups, "bind": bind})

    def no_rbac(self) -> None:
        """The context `lab-restricted` is again one that may everything but what is denied."""
        self._do("no-rbac", {})

    def pod_security(self, level: Level) -> None:
        """The cluster's default level of Pod Security."""
        self._do("pod-security", {"level": level})

    def refuse(self, refusal: Refusal) -> None:
        """Let a quota or a policy engine refuse what clients create."""
        self._do("refuse", refusal)

    def admit_all(self) -> None:
        """Take back `pod_security` and every `refuse`."""
        self._do("admit-all", {})

    def image(self, image: Image) -> None:
        """Say what is in images, or why they cannot be pulled."""
        self._do("image", image)

    def usual_images(self) -> None:
        """Take back every `image`."""
        self._do("usual-images", {})

    def kubelet(
        self,
        node: str,
        *,
        dead: bool = True,
        noticed: bool = False,
        on_channel: bool = False,
        start_seconds: float = 0.0,
    ) -> None:
        """Let a node's kubelet die, come back, or be slow."""
        self._do("kubelet", KubeletTrouble(node, dead, noticed, on_channel, start_seconds))

    def confine(self, by: Literal["apparmor", "selinux"]) -> None:
        """Let all nodes confine containers that do not ask to be spared, from their next start on: they may not look
        into other processes, whatever their capabilities."""
        self._do("confine", {"by": by})

    def kubelets_well(self) -> None:
        """Take back every `kubelet` and `confine`."""
        self._do("kubelets-well", {})

    def well(self) -> None:
        """Take back everything that makes the server or the cluster behave."""
        for take_back in (
            self.no_trouble, self.allow_all, self.no_rbac, self.admit_all, self.usual_images, self.kubelets_well
        ):  # fmt: skip
            take_back()

    def trouble(self, trouble: Trouble) -> None:
        """Set a fault of the server itself."""
        self._do("trouble", trouble)

    def no_trouble(self) -> None:
        """Take all faults of the server away."""
        self._do("no-trouble", {})

    def compact(self) -> None:
        """Let all continue tokens of the past expire."""
        self._do("compact", {})

    def served(self) -> list[Served]:
        """The last 10,000 requests that were answered, oldest first, without those that a trouble answered."""
        return msgspec.convert(self._do("served", {}), list[Served])

    def state(self) -> Json:
        """`pid`, `address` (host:port) and `revision` of the server."""
        told: Json = self._do("state", {})
        return told

    def _do(self, operation: str, body: object) -> Any:
        connection = _Connection(self.state_dir, self.timeout)
        try:
            connection.request("POST", f"/control/{operation}", msgspec.json.encode(body))
            response = connection.getresponse()
            answered = msgspec.json.decode(response.read())
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            raise ControlError(f"the lab's API server of {self.state_dir} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise ControlError(str(answered["error"]))
        return answered


def _documents(file: Path) -> list[Json]:
    import yaml  # type: ignore[import-untyped]  # of the kubernetes client; late: few need it

    found = [each for each in yaml.safe_load_all(file.read_text()) if each]
    lists = [item for each in found if each.get("kind") == "List" for item in each["items"]]
    return [each for each in found if each.get("kind") != "List"] + lists
