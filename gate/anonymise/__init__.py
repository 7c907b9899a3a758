"""A snapshot with other names and addresses, and the same verdict: for a public bug report (docs/snapshots.md)."""

from gate.anonymise.guard import LeakError
from gate.anonymise.observation import Anonymised, anonymise

__all__ = ["Anonymised", "LeakError", "anonymise"]
