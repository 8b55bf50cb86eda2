"""Datasets: the bundled pocket collection, and published data at pinned commits with known hashes.

:mod:`.reading` reads any collection by name or by form.
"""
