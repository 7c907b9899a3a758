"""Healthy clusters, made by doing what Calico's agents and the kernel do, one event after the other.

Written from the specification and the recordings alone: it shares no code with the expectations that it tests.
"""
