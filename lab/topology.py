"""The lab as data: which nodes, pools, blocks and pods there are, and which release they pretend to be.

A topology is a TOML file; every field has the seed's value or none as its default, so that a variation is a few lines.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import uuid
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from model import ip

from .bird_peers import selects

DEFAULT = Path(__file__).parent / "topologies" / "seed.toml"

_NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")

_POD_UIDS = uuid.UUID("5b4e5b0e-6d0c-4c83-9e55-6d9f6f0e3c11")  # the space of the pods' name-based UIDs

PodState = Literal["running", "completed", "failed", "terminating", "pending", "host-network"]


class Uplink(NamedTuple):
    """A node's address in one family, with what its subnet's router has."""

    address: str
    prefixlen: int
    gateway: str


class LabNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node. `address` and `prefixlen` are its uplink's, of either family; `address6` makes it dual-stack.

    `vxlan` and `vxlan6` are its tunnel addresses, out of a block; `reflector` is the cluster ID of a route reflector;
    `docker` adds the idle docker0 that the seed's node has.
    """

    name: str
    address: str
    prefixlen: int = 24
    gateway: str = "10.0.0.254"
    address6: str | None = None
    prefixlen6: int = 64
    gateway6: str = ""
    vxlan: str | None = None
    vxlan6: str | None = None
    reflector: str | None = None
    labels: dict[str, str] = {}
    control_plane: bool = False
    docker: bool = False
    as_number: int | None = None

    def uplink(self, family: int) -> Uplink | None:
        """The node's address of a family, None if it has none."""
        if ip.family(self.address) == family:
            return Uplink(self.address, self.prefixlen, self.gateway)
        return Uplink(self.address6, self.prefixlen6, self.gateway6) if self.address6 and family == 6 else None

    @property
    def uplinks(self) -> tuple[Uplink, ...]:
        """All of its addresses, the first one first."""
        return tuple(each for family in (4, 6) if (each := self.uplink(family)))


class LabPool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One IPPool, as in crd ippools."""

    name: str
    cidr: str
    block_size: int = 26
    ipip_mode: str = "Never"
    vxlan_mode: str = "Never"
    disabled: bool = False
    disable_bgp_export: bool = False
    nat_outgoing: bool = True
    allowed_uses: tuple[str, ...] = ("Workload", "Tunnel")


class LabPeer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One BGPPeer: either `peer_selector`, or `peer_ip` and `as_number`, for the nodes that `node_selector` names."""

    name: str
    node_selector: str = "all()"
    peer_selector: str | None = None
    peer_ip: str | None = None
    as_number: int | None = None


class LabBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One IPAM block and the node that it is affine to."""

    cidr: str
    node: str


class LabPod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pod. `node` None: not scheduled. `addresses` outside every block of its node are borrowed."""

    namespace: str
    name: str
    node: str | None = None
    addresses: tuple[str, ...] = ()
    state: PodState = "running"
    deployment: str | None = None  # its ReplicaSet's name is the pod's without the last part
    daemon_set: str | None = None
    lab: str = "lab"  # the lab that it is in: pods of two labs side by side are as different as their UIDs

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def uid(self) -> str:
        """metadata.uid: the same in the API and in the cgroup path of the pod's processes."""
        return str(uuid.uuid5(_POD_UIDS, f"{self.lab}/{self.key}"))

    @property
    def wired(self) -> bool:
        """Whether the CNI plugin has given it a network that it still has."""
        return self.node is not None and bool(self.addresses) and self.state in {"running", "terminating"}

    @property
    def host_interface(self) -> str:
        """The name that the CNI plugin gives the host end (libcalico workload_endpoint_default.go:77-93)."""
        return "cali" + hashlib.sha1(f"{self.namespace}.{self.name}".encode()).hexdigest()[:11]


class Topology(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole lab. `release` decides metrics, owners and the text of ClusterInformation; `felix`, `bgp`, `ipam` are
    spec fields of the objects `default`; `backend` is CALICO_NETWORKING_BACKEND; with `tor_as` the router between the
    subnets speaks BGP as that AS."""

    nodes: tuple[LabNode, ...]
    pools: tuple[LabPool, ...]
    blocks: tuple[LabBlock, ...]
    pods: tuple[LabPod, ...]
    release: str = "v3.30.7"
    uplink: str = "ens160"
    subnet: str = "10.0.0.0/24"
    felix: dict[str, object] = {}
    bgp: dict[str, object] = {}
    ipam: dict[str, object] = {}
    peers: tuple[LabPeer, ...] = ()
    backend: Literal["bird", "vxlan", "none"] = "bird"
    tor_as: int | None = None

    @property
    def families(self) -> tuple[int, ...]:
        """The families that any node has an address of."""
        return tuple(family for family in (4, 6) if any(node.uplink(family) for node in self.nodes))

    @property
    def minor(self) -> int:
        """The release's minor number: 30 of v3.30.7."""
        return int(self.release.removeprefix("v").split(".")[1])

    def placed_in(self, lab: str) -> Topology:
        """The same topology with its pods in a lab of that name."""
        pods = tuple(msgspec.structs.replace(pod, lab=lab) for pod in self.pods)
        return msgspec.structs.replace(self, pods=pods)

    def node(self, name: str) -> LabNode:
        """The node of that name. KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def blocks_of(self, node: str) -> tuple[LabBlock, ...]:
        """The blocks that are affine to the node."""
        return tuple(block for block in self.blocks if block.node == node)

    def borrowed(self, address: str, node: str) -> bool:
        """Whether a pod with that address on that node borrowed it: the address lies in none of the node's blocks."""
        return not any(ip.contains(block.cidr, address) for block in self.blocks_of(node))


def load(path: Path = DEFAULT) -> Topology:
    """Read a topology file: TOML, or the JSON that a lab keeps. `extends = "other.toml"` takes what is not given from a
    file beside it.

    ValueError with the file, the field and the reason if it is no topology, or one that no lab can be made of.
    """
    try:
        topology = msgspec.convert(_read(path), Topology)
        _check(topology)
    except (tomllib.TOMLDecodeError, msgspec.MsgspecError, ValueError, RecursionError, OSError) as error:
        raise ValueError(f"{path} is no topology: {error}") from error
    return topology


def _read(path: Path) -> dict[str, object]:
    text = path.read_text()
    given: dict[str, object] = tomllib.loads(text) if path.suffix != ".json" else msgspec.json.decode(text)
    base = given.pop("extends", None)
    if base is None:
        return given
    if not isinstance(base, str):
        raise msgspec.ValidationError("extends must name a file")
    return _read(path.parent / base) | given


def _check(topology: Topology) -> None:
    """ValueError for what no lab can be made of: names that name no namespace, no addresses, references to nothing."""
    if not re.fullmatch(r"v\d+\.\d+(\.\d+)?([-+].*)?", topology.release):
        raise ValueError(f"release {topology.release!r} is not like v3.30.7")
    names = [node.name for node in topology.nodes]
    for name in names:
        if not _NODE_NAME.fullmatch(name) or name == "fabric" or name.startswith("pod-"):
            raise ValueError(f"a node cannot be called {name!r}")
    for kind, keys in (("node", names), ("pod", [pod.key for pod in topology.pods])):
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"there are two of the {kind} {key}")
    for owner in [block.node for block in topology.blocks] + [pod.node for pod in topology.pods]:
        if owner is not None and owner not in names:
            raise ValueError(f"there is no node {owner!r}")
    _check_peers(topology)
    cidrs = [pool.cidr for pool in topology.pools] + [block.cidr for block in topology.blocks]
    for prefix in [*cidrs, topology.subnet]:
        ip.network(prefix)
    addresses = [uplink.address for node in topology.nodes for uplink in node.uplinks]
    addresses += [each for node in topology.nodes for each in (node.vxlan, node.vxlan6) if each]
    for address in addresses + [a for pod in topology.pods for a in pod.addresses]:
        ip.address(address)


def _check_peers(topology: Topology) -> None:
    for peer in topology.peers:
        if (peer.peer_selector is None) == (peer.peer_ip is None or peer.as_number is None):
            raise ValueError(f"BGPPeer {peer.name} needs a peer_selector, or peer_ip and as_number")
        for selector in filter(None, (peer.node_selector, peer.peer_selector)):
            for node in topology.nodes:
                selects(selector, node)
