"""How the lab's tools and tests change what the API server holds and how it behaves: a client of its Unix socket."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lab.api.access import Rule
from lab.api.answers import Served

if TYPE_CHECKING:
    from lab.api.trouble import Trouble
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
