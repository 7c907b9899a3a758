"""What ssh, sudo and the remote command say becomes one sentence with a remedy, and one line of theirs."""

from __future__ import annotations

import pytest

from fixtures.reach.process import EndedError
from fixtures.reach.ssh_complaints import NO_PYTHON, NO_SUDO, SSH_FAILED, told
from model.text import printable

CHANGED = "@@@@@@\r\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\n@@@@@@\r\nHost key verification failed."
TOLD = [
    (SSH_FAILED, CHANGED, "the host key of h is not the one that known_hosts has", False),
    (SSH_FAILED, "Host key verification failed.", "the host key of h is not known", False),
    (SSH_FAILED, "me@h: Permission denied (publickey).", "h accepts none of this user's keys", False),
    (SSH_FAILED, "ssh: Could not resolve hostname h: no", "the name of h cannot be resolved", False),
    (SSH_FAILED, "connect to host h port 22: Connection refused", "no ssh server listens at h", False),
    (SSH_FAILED, "connect to host h port 22: No route to host", "h does not answer", False),
    (SSH_FAILED, "kex_exchange_identification: No SSH version received in first 1024 lines", "greets as no ssh", False),
    (SSH_FAILED, "kex_exchange_identification: Connection closed by remote host", "ended the connection before", True),
    (SSH_FAILED, "c: line 1: Bad configuration option: x", "ssh does not accept its configuration", False),
    (SSH_FAILED, "something new", "ssh to h failed", False),
    (NO_PYTHON, "", "neither python3 nor platform-python on h", False),
    (NO_SUDO, "", "not root, and there is no sudo", False),
    (1, "sudo: a password is required", "sudo on h asks for a password", False),
    (1, "plain is not in the sudoers file.", "does not let this user run python3", False),
    (7, "boom", "the probe on h ended with exit status 7", False),
]


@pytest.mark.parametrize(("code", "said", "reason", "passing"), TOLD)
def test_every_complaint_is_one_sentence(code: int, said: str, reason: str, passing: bool) -> None:
    trouble = told(EndedError(code, printable(said, 2000)), "w", "h")
    assert trouble.reason.startswith("node w: ")
    assert reason in trouble.reason
    assert trouble.passing is passing
    assert trouble.remedy.endswith(f"it said: {said.splitlines()[-1]}" if said else ".")
    assert "WARNING" not in trouble.remedy  # thirteen lines of ssh's own help nobody
