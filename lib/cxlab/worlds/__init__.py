"""Simulators whose arguments are the truth, one module a table that has no public data."""
