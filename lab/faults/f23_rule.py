"""F23-rule: a policy rule sends a pod's packets by another table to another node. BIRD reads only main."""

from __future__ import annotations

from .diversion import Diversion

NAME, KIND, DEFAULT = "F23-rule", "pod", "yaobank/customer-5df6b999fb-cf7jl"
DIVERSION = Diversion(table=1123, priority=1000)
inject, undo = DIVERSION.inject, DIVERSION.undo
