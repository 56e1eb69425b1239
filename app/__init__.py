"""Fivebox: the API of an offline-first app.

This file imports nothing: the small process of live updates shares parts of the package, and must
not carry the rest in memory.
"""
