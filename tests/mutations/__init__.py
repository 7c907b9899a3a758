"""Mutations of a healthy observation: each fact dropped, doubled, changed, swapped; a check must notice each one.

Generated from the structs of `model/`: a field added there is mutated from that day on.
"""
