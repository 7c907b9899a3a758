"""What differs from release to release."""

from __future__ import annotations

RELEASES = ("v3.26", "v3.27", "v3.28", "v3.29", "v3.30", "v3.31", "v3.32", "v3.33", "v3.34")
VERSIONS = {
    "v3.26": "v3.26.5",
    "v3.27": "v3.27.5",
    "v3.28": "v3.28.5",
    "v3.29": "v3.29.7",
    "v3.30": "v3.30.7",
    "v3.31": "v3.31.7",
    "v3.32": "v3.32.1",
    "v3.33": "v3.33.0",
    "v3.34": "v3.34.0-0.dev-512-g3f2c1a9b7d64",
}


def minor(release: str) -> int:
    """`v3.33` → 33."""
    return int(release.split(".")[1])


def writes_metrics(release: str) -> bool:
    """v3.32 gave local workload routes and BIRD's routes their metric."""
    return minor(release) >= 32


def writes_tunnel_mtu(release: str) -> bool:
    """v3.31 put an MTU on Felix's tunnel routes."""
    return minor(release) >= 31


def rejects_wireguard_peers(release: str) -> bool:
    """Since v3.33 BIRD keeps routes to WireGuard peers out of the main table."""
    return minor(release) >= 33


def felix_programs(release: str, value: object) -> tuple[bool, bool]:
    """Whether Felix programs IPIP, and unencapsulated, cluster routes (FelixConfiguration programClusterRoutes)."""
    if minor(release) <= 30:
        return False, False
    if minor(release) <= 32:
        both = value == "Enabled"
        return both, both
    known = {"Enabled": (True, True), "EnabledNoEncapOnly": (False, True), "Disabled": (False, False)}
    return known.get(str(value), (True, False))


def bird_programs(release: str, value: object) -> tuple[bool, bool]:
    """The same of BIRD (BGPConfiguration programClusterRoutes)."""
    if minor(release) <= 31:
        return True, True
    if minor(release) == 32:
        return (False, False) if value == "Disabled" else (True, True)
    known = {"Enabled": (True, True), "EnabledIPIPOnly": (True, False), "Disabled": (False, False)}
    return known.get(str(value), (False, True))
