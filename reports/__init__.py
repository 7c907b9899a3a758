"""REPORT: findings in, text out; one file a sink."""
