"""What a snapshot must not hold."""

from __future__ import annotations

import msgspec
import pytest

from fixtures.redact import REMOVED, cni_config, kept_annotations, redact_text, without_secrets

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
TEXTS = {
    "bearer": ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer (removed)"),
    "JSON web token": (f"got {TOKEN} from", "got (removed) from"),
    "password": ("login failed: password=hunter22, again", "login failed: password=(removed), again"),
    "quoted": ('{"token": "abc", "user": "me"}', '{"token": "(removed)", "user": "me"}'),
    "address": ("https://me:hunter22@10.0.0.1/", "https://me:(removed)@10.0.0.1/"),
    "key": ("x -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- y", "x (removed) y"),
    "cut key": ("-----BEGIN PRIVATE KEY-----\nMII", "(removed)"),
    "nothing": ("10.48.0.67 dev cali1 scope link", "10.48.0.67 dev cali1 scope link"),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_free_text(text: str, expected: str) -> None:
    assert redact_text(text) == expected


def test_annotations_that_nobody_reads_are_left_out() -> None:
    kept = {"cni.projectcalico.org/podIP": "10.48.0.1/32", "kubevirt.io/domain": "vm"}
    assert kept_annotations(kept | {"kubectl.kubernetes.io/last-applied-configuration": "{}"}) == kept


def test_a_spec_keeps_the_names_of_secrets_alone() -> None:
    reference = {"secretKeyRef": {"name": "bgp-password", "key": "password"}}
    spec = {"password": reference, "peers": [{"authToken": "abc", "ip": "10.0.0.1"}], "url": "https://a:b@c/", "n": 5}
    assert without_secrets(spec) == {
        "password": reference,
        "peers": [{"authToken": REMOVED, "ip": "10.0.0.1"}],
        "url": f"https://a:{REMOVED}@c/",
        "n": 5,
    }


def test_a_cni_configuration_keeps_what_an_expectation_reads() -> None:
    text = (
        '{"name": "k8s-pod-network", "plugins": [{"type": "calico", "mtu": 1450, "etcd_key": "MII",'
        ' "policy": {"k8s_auth_token": "abc"}, "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}]}}]}'
    )
    assert msgspec.json.decode(cni_config(text) or "") == {
        "name": "k8s-pod-network",
        "plugins": [{"type": "calico", "mtu": 1450, "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}]}}],
    }


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"x"', '{"a":' * 100_000])
def test_what_is_no_cni_configuration_is_none(text: str) -> None:
    assert cni_config(text) is None
