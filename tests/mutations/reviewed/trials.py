"""Don't-cares among the evidence of the trials."""

from __future__ import annotations

from tests.mutations.dont_care import DontCare

ENTRIES: tuple[DontCare, ...] = ()
