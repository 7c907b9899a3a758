"""Who may talk to the lab's API and how: a certificate, two tokens, and the kubeconfig that holds both."""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
from typing import TYPE_CHECKING

import msgspec
import trustme

from lab.api.access import ADMIN, RESTRICTED

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = "lab"
RESTRICTED_CONTEXT = "lab-restricted"


class Credentials(msgspec.Struct, frozen=True):
    """A fresh authority and tokens, for one run of the server."""

    ca_pem: bytes
    tls: ssl.SSLContext
    tokens: dict[str, str]  # token → user


def fresh(host: str) -> Credentials:
    """New credentials for a server at that address. The keys live in memory alone."""
    authority = trustme.CA(organization_name="calico-conformance lab")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host, "localhost").configure_cert(tls)
    tokens = {secrets.token_urlsafe(32): user for user in (ADMIN, RESTRICTED)}
    return Credentials(authority.cert_pem.bytes(), tls, tokens)


def kubeconfig(credentials: Credentials, server: str) -> str:
    """The kubeconfig, as JSON (which YAML includes): contexts `lab` and `lab-restricted`, `lab` the current one."""
    names = {ADMIN: CONTEXT, RESTRICTED: RESTRICTED_CONTEXT}
    authority = base64.b64encode(credentials.ca_pem).decode()
    users = [{"name": names[user], "user": {"token": token}} for token, user in credentials.tokens.items()]
    contexts = [{"name": name, "context": {"cluster": CONTEXT, "user": name}} for name in names.values()]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": users,
        "contexts": contexts,
        "current-context": CONTEXT,
        "preferences": {},
    }
    return json.dumps(config, indent=2) + "\n"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all at once: who sees it sees it whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
