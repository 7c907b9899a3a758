"""Tests on the embedded lab, or on namespaces of their own: they need root."""
