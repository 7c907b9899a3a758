"""The lab's API as Felix reads it: over TLS, with the kubeconfig's token; only what its route calculation needs."""

from __future__ import annotations

import base64
import http.client
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from model.ip import address

from .tools import LabError

if TYPE_CHECKING:
    from pathlib import Path

_CALICO = "/apis/crd.projectcalico.org/v1"
_LISTS = {
    "nodes": "/api/v1/nodes",
    "pools": f"{_CALICO}/ippools",
    "blocks": f"{_CALICO}/ipamblocks",
}
_NOTE = "projectcalico.org/"


class FelixNode(msgspec.Struct, frozen=True):
    """A node by family: its BGP address with its length, and its VXLAN tunnel address."""

    name: str
    addresses: dict[int, str]
    tunnels: dict[int, str]


class FelixBlock(msgspec.Struct, frozen=True):
    """A block, the node that it is affine to, and the addresses that other nodes use of it."""

    cidr: str
    node: str | None
    borrowed: tuple[tuple[str, str], ...]


class Datastore(msgspec.Struct, frozen=True):
    """What was listed. `pools` maps a pool's CIDR to its VXLAN mode."""

    nodes: dict[str, FelixNode]
    pools: dict[str, str]
    blocks: tuple[FelixBlock, ...]


def read(kubeconfig: Path, seconds: float = 10.0) -> Datastore:
    """List nodes, pools and blocks. LabError if the API server does not answer, or not with lists."""
    config = msgspec.json.decode(kubeconfig.read_bytes())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    server = urlsplit(cluster["server"])
    trusted = ssl.create_default_context(cadata=authority)
    connection = http.client.HTTPSConnection(str(server.hostname), server.port, context=trusted, timeout=seconds)
    try:
        listed = {name: _list(connection, path, user["token"]) for name, path in _LISTS.items()}
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise LabError(f"the lab's API server does not answer: {error}") from None
    finally:
        connection.close()
    return Datastore(
        nodes={node.name: node for node in map(_node, listed["nodes"])},
        pools={item["spec"]["cidr"]: item["spec"].get("vxlanMode", "Never") for item in listed["pools"]},
        blocks=tuple(_block(item["spec"]) for item in listed["blocks"]),
    )


def _list(connection: http.client.HTTPSConnection, path: str, token: str) -> list[dict[str, Any]]:
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        raise LabError(f"the lab's API server answers {path} with {response.status}")
    items: list[dict[str, Any]] = msgspec.json.decode(body)["items"]
    return items


def _node(item: dict[str, Any]) -> FelixNode:
    notes = item["metadata"].get("annotations", {})
    known = {family: (f"{_NOTE}IPv{family}Address", f"{_NOTE}IPv{family}VXLANTunnelAddr") for family in (4, 6)}
    return FelixNode(
        name=item["metadata"]["name"],
        addresses={family: notes[names[0]] for family, names in known.items() if names[0] in notes},
        tunnels={family: notes[names[1]] for family, names in known.items() if names[1] in notes},
    )


def _block(spec: dict[str, Any]) -> FelixBlock:
    kind, _, name = (spec.get("affinity") or "").partition(":")
    owner = name if kind == "host" else None
    first, _, _ = spec["cidr"].partition("/")
    borrowed = []
    for ordinal, index in enumerate(spec["allocations"]):
        if index is not None:
            user = (spec["attributes"][index].get("secondary") or {}).get("node")
            if user and user != owner:
                borrowed.append((str(address(first) + ordinal), user))
    return FelixBlock(spec["cidr"], owner, tuple(borrowed))
