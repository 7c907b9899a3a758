"""Don't-cares among the facts of the datastore."""

from __future__ import annotations

from tests.mutations.dont_care import DontCare

ENTRIES: tuple[DontCare, ...] = ()
