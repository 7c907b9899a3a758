"""How the parts of a snapshot are replaced: names, labels and their selectors, interfaces, specs, free texts."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from expect import selectors
from expect.pods import host_interface
from expect.tunnels import tunnel_mac
from gate.anonymise import documents, labels, policy
from gate.anonymise.atlas import Atlas, is_public_as
from gate.anonymise.names import numbered
from gate.anonymise.noted import Noted
from gate.anonymise.walk import walk
from gate.anonymise.words import LABEL, NAMESPACE, NODE, POD, REMOVED, VALUE
from model import cluster
from model.cluster import Node, Pod, Settings
from model.snapshot import Header

KEY = bytes(range(32))
POD_A = Pod(
    "payments", "ledger-0", "1c9d7c5e-5f7e-4a3c-9c1e-3f6d2b8a9e01", "1", "rack7-host1", False, "Running", ("10.48.3.7",)
)
NODE_A = Node(
    "rack7-host1", "u", "1", labels={"acme.com/row": "blue-7", "kubernetes.io/os": "linux"}, bgp_ipv4="10.7.0.9/24"
)


def atlas(*parts: object) -> Atlas:
    noted = Noted()
    for part in (POD_A, NODE_A, *parts):
        walk(noted, part)
    return Atlas(noted, KEY)


WORDS = atlas()


def test_every_text_of_a_snapshot_has_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    assert policy.unruled() == []
    monkeypatch.setattr(policy, "RULES", policy.RULES | {cluster.Service: {}})
    assert "Service.name" in policy.unruled()
    assert "Service.cluster_ips" in policy.unruled()


def test_a_text_without_a_rule_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.anonymise.walk.RULES", policy.RULES | {Header: {}})
    with pytest.raises(TypeError, match="no rule for a str"):
        walk(Noted(), Header(1, "tool", "", "cluster"))


@given(st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True), min_size=1, max_size=30))
def test_pseudonyms_keep_the_order_and_are_nobodys_names(names: set[str]) -> None:
    found = numbered("node", names, frozenset(names))
    assert sorted(names) == sorted(names, key=found.__getitem__)
    assert len(set(found.values())) == len(names)
    assert names.isdisjoint(found.values())


def test_a_pseudonym_is_never_a_name_that_exists() -> None:
    taken = frozenset(f"node{tag}-1" for tag in ("", "x", "y", "z", "xx", "yy", "zz"))
    assert numbered("node", {"a"}, taken)["a"] not in taken


def test_interfaces_and_macs_are_derived_from_the_new_names() -> None:
    new = structs.replace(POD_A, namespace=WORDS.name(NAMESPACE, "payments"), name=WORDS.name(POD, "ledger-0"))
    assert WORDS.device(host_interface(POD_A)) == host_interface(new)
    renamed = structs.replace(NODE_A, name=WORDS.name(NODE, NODE_A.name))
    for family in (4, 6):
        assert WORDS.mac(tunnel_mac(NODE_A, family)) == tunnel_mac(renamed, family)


def test_interfaces_of_another_prefix_are_derived_as_well() -> None:
    spec: dict[str, object] = {"interfacePrefix": "cali,acme"}
    words = atlas(Settings("default", spec))
    new = structs.replace(POD_A, namespace=words.name(NAMESPACE, "payments"), name=words.name(POD, "ledger-0"))
    kept, other = str(documents.spec(words, spec)["interfacePrefix"]).split(",")
    assert kept == "cali"
    assert other != "acme"
    assert words.device(host_interface(POD_A, "acme")) == host_interface(new, other)


@pytest.mark.parametrize(
    "name", ["lo", "eth0", "ens160", "enp3s0f0np0", "bond0.1234", "vxlan.calico", "tunl0", "wireguard.cali", "all"]
)
def test_interfaces_that_tell_nothing_stay(name: str) -> None:
    assert WORDS.device(name) == name


@pytest.mark.parametrize(
    ("name", "start"),
    [("cali0d0bb1e0001", "cali"), ("enx78e7d1ea46da", "enx"), ("br-3f2a9c1d0e5b", "br-"), ("acme-uplink", "if")],
)
def test_other_interfaces_keep_their_beginning_alone(name: str, start: str) -> None:
    found = WORDS.device(name)
    assert re.fullmatch(f"{start}[0-9a-f]+", found)
    assert found != name
    assert len(found) <= 15


@pytest.mark.parametrize(
    "mac", ["ee:ee:ee:ee:ee:ee", "00:00:00:00:00:00", "FF:ff:FF:ff:FF:ff", "33:33:00:00:00:01", "01:00:5e:00:00:01"]
)
def test_macs_of_everybody_stay(mac: str) -> None:
    assert WORDS.mac(mac) == mac


def test_other_macs_are_replaced_without_regard_to_case() -> None:
    found = WORDS.mac("78:e7:d1:ea:46:da")
    assert found != "78:e7:d1:ea:46:da"
    assert int(found[:2], 16) & 3 == 2
    assert WORDS.mac("78:E7:D1:EA:46:DA") == found.upper()
    assert WORDS.mac("33:33:ff:ea:46:da").startswith("33:33:ff:")
    assert "ea:46:da" not in WORDS.mac("33:33:ff:ea:46:da")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("net.ipv4.ip_forward", "1", True),
        ("net.ipv4.conf.all.rp_filter", "0", True),
        ("kernel.hostname", "rack7-host1", False),
        ("net.ipv6.conf.all.stable_secret", "2001:db8::1", False),
        ("net.core.devconf_inherit_init_net", "acme", False),
    ],
)
def test_sysctls_that_are_no_numbers_are_left_out(name: str, value: str, *, kept: bool) -> None:
    assert WORDS.sysctl(name, value) == ((name, value) if kept else None)


def test_a_sysctl_names_the_new_interface() -> None:
    device = host_interface(POD_A)
    name, _ = WORDS.sysctl(f"net.ipv4.conf.{device}.proxy_arp", "1") or ("", "")
    assert name == f"net.ipv4.conf.{WORDS.device(device)}.proxy_arp"
    assert WORDS.sysctl("net.ipv4.conf.bond0/12.forwarding", "1") == ("net.ipv4.conf.bond0/12.forwarding", "1")


TEXTS = {
    "names": ("pod payments/ledger-0 on rack7-host1", "pod ns-1/pod-1 on node-1"),
    "user": ('User "jane" cannot list', f"User {REMOVED} cannot list"),
    "mail": ("ask jane.doe@acme.com, please", f"ask {REMOVED}, please"),
    "URL": ("GET https://api.acme.com:6443/x failed", f"GET {REMOVED} failed"),
    "home": ("/home/jane/.kube/config: denied", f"{REMOVED}: denied"),
    "host": ("bastion.prod.acme.com refused", f"{REMOVED} refused"),
    "system paths": ("/var/run/calico/bird.ctl: no such file", "/var/run/calico/bird.ctl: no such file"),
    "group": ("add apiGroups crd.projectcalico.org", "add apiGroups crd.projectcalico.org"),
    "plain": ("The probe answered nothing.", "The probe answered nothing."),
    "time": ("at 12:30:45 it was cut", "at 12:30:45 it was cut"),
    "special": ("via 169.254.1.1 dev eth0", "via 169.254.1.1 dev eth0"),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_free_text(text: str, expected: str) -> None:
    assert WORDS.text(text) == expected


@pytest.mark.parametrize(
    "text", ["from 10.7.0.9: no", "10.7.0.9/24", "10-7-0-9-24", "local-10.7.0.9", "[fd00:7::9]:179", "node:fd00:7::9"]
)
def test_addresses_in_free_text_are_replaced(text: str) -> None:
    found = WORDS.text(text)
    assert found != text
    assert re.sub(r"\d", "", found.replace(WORDS.prefix("fd00:7::9"), "")) == re.sub(
        r"\d", "", text.replace("fd00:7::9", "")
    )


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Mesh_10_7_0_9", r"Mesh_10_\d+_\d+_9"),
        ("Global_fd00_7__9_port_1790", r"Global_fd[0-9a-f_]+_port_1790"),
        ("Node_acme", r"Node_x[0-9a-f]{12}"),
        ("acme_tor1", r"x[0-9a-f]{12}"),
        ("kernel1", "kernel1"),
    ],
)
def test_names_of_birds_protocols(name: str, pattern: str) -> None:
    found = WORDS.protocol(name)
    assert re.fullmatch(pattern, found)
    assert "7_0_9" not in found


def test_a_session_is_named_after_the_new_address() -> None:
    assert WORDS.protocol("Mesh_10_7_0_9") == f"Mesh_{WORDS.prefix('10.7.0.9').replace('.', '_')}"
    six = WORDS.prefix("fd00:7::9").replace(":", "_")
    assert WORDS.protocol("Node_fd00_7__9") == f"Node_{six}"


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("vxlan-tunnel-addr-rack7-host1", "vxlan-tunnel-addr-node-1"),
        ("windows-reserved-ipam-handle", "windows-reserved-ipam-handle"),
    ],
)
def test_handles_of_nodes(handle: str, expected: str) -> None:
    assert WORDS.handle(handle) == expected


def test_handles_of_containers_keep_their_shape() -> None:
    found = WORDS.handle("k8s-pod-network." + "ab12" * 16)
    assert re.fullmatch(r"k8s-pod-network\.[0-9a-f]{64}", found)
    assert found == WORDS.handle("K8S-pod-network." + "AB12" * 16)
    assert "ab12ab12" not in found
    assert WORDS.handle("acme-net." + "ab12" * 16).endswith(found.partition(".")[2])


SPECS = {
    "enumerations": ({"routeSource": "WorkloadIPs", "ipForwarding": "Disabled"}, None),
    "numbers": ({"vxlanMTU": 1450, "bpfEnabled": True, "reportingInterval": "1m30s"}, None),
    "private AS": ({"asNumber": 64512}, None),
    "public AS": ({"asNumber": 3320}, {"asNumber": 3320}),
    "free": ({"openstackRegion": "AcmeWest", "x": "acme-prod"}, {"openstackRegion": "AcmeWest", "x": "acme-prod"}),
    "community": ({"communities": [{"name": "AcmeHole", "value": "64512:1"}]}, {"name": "AcmeHole"}),
    "node": ({"node": "rack7-host1"}, {"node": "rack7-host1"}),
    "address": ({"peerIP": "10.7.0.9:1790", "cidr": "10.7.0.0/16"}, {"peerIP": "10.7.0.9:1790", "cidr": "10.7.0.0/16"}),
    "secret": ({"password": {"secretKeyRef": {"name": "tor-pw", "key": "pw"}}}, {"name": "tor-pw", "key": "pw"}),
}


@pytest.mark.parametrize(("spec", "gone"), SPECS.values(), ids=SPECS)
def test_specs(spec: dict[str, object], gone: dict[str, object] | None) -> None:
    words = atlas(Settings("default", spec))
    found = json.dumps(documents.spec(words, spec))
    if gone is None:
        assert json.loads(found) == spec
    else:
        assert [value for value in gone.values() if json.dumps(value) in found] == []
        assert found.count(":") >= json.dumps(spec).count('":')


def test_public_as_numbers_become_private_ones_everywhere_alike() -> None:
    spec: dict[str, object] = {"asNumber": "0.3320", "communities": [{"name": "acme", "value": "3320:100"}]}
    words = atlas(Settings("default", spec), Settings("tor", {"asNumber": 3320}))
    found = documents.spec(words, spec)
    number = int(str(found["asNumber"]))
    assert not is_public_as(number)
    assert documents.spec(words, {"asNumber": 3320}) == {"asNumber": number}
    assert found["communities"] == [{"name": words.opaque("acme"), "value": f"{number}:100"}]
    assert documents.spec(words, {"asNumber": "1.10"}) == {"asNumber": "1.10"}  # RFC 5398


def test_annotations_and_cni_configuration_keep_what_checks_read() -> None:
    notes = {
        "cni.projectcalico.org/podIP": "",
        "cni.projectcalico.org/floatingIPs": '["10.48.3.7"]',
        "k8s.v1.cni.cncf.io/networks": '[{"name": "acme-net", "default-route": ["10.7.0.1"]}]',
    }
    found = documents.pod_annotations(WORDS, notes)
    assert found["cni.projectcalico.org/podIP"] == ""
    assert found["cni.projectcalico.org/floatingIPs"] == f'["{WORDS.prefix("10.48.3.7")}"]'
    assert '"default-route"' in found["k8s.v1.cni.cncf.io/networks"]
    assert "acme" not in str(found)
    conf = {
        "name": "acme-net",
        "plugins": [{"type": "calico", "mtu": 1450, "nodename": "rack7-host1"}, {"type": "acme"}],
    }
    replaced = json.loads(documents.cni(WORDS, json.dumps(conf)))
    assert replaced["plugins"][0] == {"type": "calico", "mtu": 1450, "nodename": "node-1"}
    assert replaced["plugins"][1]["type"] not in {"acme", *documents.PLUGINS}
    assert "acme" not in json.dumps(replaced)


LABELS = st.dictionaries(
    st.sampled_from(["rack", "acme.com/row", "kubernetes.io/os", "team", "pcns.team"]),
    st.sampled_from(["a", "ab", "abc", "linux", "true", ""]),
    max_size=4,
)
TEXT = st.sampled_from(["a", "ab", "b", "abc", "linux", "payments", ""])
LABEL_KEY = st.sampled_from(["rack", "acme.com/row", "kubernetes.io/os", "team", "pcns.team", "unknown"])
TERMS = st.one_of(
    st.just("all()"),
    LABEL_KEY.map(lambda key: f"has({key})"),
    st.builds(
        lambda key, operator, text: f"{key} {operator} '{text}'",
        LABEL_KEY,
        st.sampled_from(["==", "!=", "contains", "starts with", "ends  with"]),
        TEXT,
    ),
    st.builds(lambda key, texts: f"{key} in {{{', '.join(map(repr, texts))}}}", LABEL_KEY, st.lists(TEXT, max_size=3)),
    st.builds(lambda key, text: f'{key} not in {{"{text}"}}', LABEL_KEY, TEXT),
)
SELECTORS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.builds(lambda one, sign, other: f"({one}) {sign} {other}", inner, st.sampled_from(["&&", "||"]), inner),
    ),
    max_leaves=4,
)


@given(st.lists(LABELS, min_size=1, max_size=4), SELECTORS)
def test_a_replaced_selector_selects_the_same(objects: list[dict[str, str]], text: str) -> None:
    nodes = [structs.replace(NODE_A, name=f"n{at}", labels=each) for at, each in enumerate(objects)]
    words = atlas(*nodes, Settings("peer", {"nodeSelector": text}))
    replaced = words.selector(text)
    for each in objects:
        assert selectors.matches(replaced, labels.labels(words, each)) == selectors.matches(text, each)


@given(st.text(alphabet="ab=!&|(){},'\" ", max_size=12))
def test_what_is_no_selector_stays_none(text: str) -> None:
    assert (selectors.fault(WORDS.selector(text)) is None) == (selectors.fault(text) is None)


KEYS = {
    "kubevirt.io": True,
    "k8s-app": True,
    "topology.kubernetes.io/zone": True,
    "node-role.kubernetes.io/worker": True,
    "node-role.kubernetes.io/acme-gpu": False,
    "acme.k8s.io/team": False,
    "acme.com/team": False,
    "team": False,
}


@pytest.mark.parametrize(("key", "kept"), KEYS.items(), ids=KEYS)
def test_keys_of_labels(key: str, *, kept: bool) -> None:
    words = atlas(structs.replace(NODE_A, labels={key: "x"}))
    found = labels.key(words, key)
    assert (found == key) is kept
    assert "acme" not in found
    assert labels.key(words, f"pcns.{key}") == f"pcns.{found}"


def test_the_type_of_a_cluster_keeps_the_words_that_mean_something() -> None:
    found = walk(WORDS, cluster.ClusterInformation("v3.30.7-acme", "k8s,bgp,acme"))
    assert found.cluster_type.startswith("k8s,bgp,x")
    assert found.calico_version == "v3.30.7"


def test_labels_keep_what_calico_reads_and_nothing_else() -> None:
    found = labels.labels(WORDS, NODE_A.labels)
    assert found == {WORDS.name(LABEL, "acme.com/row"): WORDS.name(VALUE, "blue-7"), "kubernetes.io/os": "linux"}
    assert "acme" not in str(found)
    assert labels.value(WORDS, "payments") == WORDS.name(NAMESPACE, "payments")
    assert labels.taint(WORDS, "acme.com/row=blue-7:NoSchedule").endswith(":NoSchedule")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("registry.acme.com:5000/mirror/calico/node:v3.30.7-acme@sha256:ab", "calico/node:v3.30.7"),
        ("acme.azurecr.io/rancher/mirrored-calico-node:v3.26.1", "calico/node:v3.26.1"),
        ("quay.io/calico/node", "calico/node"),
    ],
)
def test_images_keep_the_release(image: str, expected: str) -> None:
    pod = structs.replace(POD_A, images=(image, "registry.acme.com/side:1.2"))
    found = walk(WORDS, pod).images
    assert found[0] == expected
    assert re.fullmatch(r"image-x[0-9a-f]{12}:1\.2", found[1])
