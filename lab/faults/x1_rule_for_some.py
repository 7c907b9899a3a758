"""X1: a policy rule sends a pod's packets of one TOS by another table to another node. BIRD reads only main."""

from __future__ import annotations

from .diversion import Diversion

NAME, KIND, DEFAULT = "X1", "pod", "yaobank/customer-5df6b999fb-cf7jl"
DIVERSION = Diversion(table=1125, priority=1002, asks="tos 0x10 ")
inject, undo = DIVERSION.inject, DIVERSION.undo
