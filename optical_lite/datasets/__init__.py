"""Datasets: the bundled pocket collection, and published data at pinned commits with checked hashes.

:mod:`.reading` reads any collection by name or by form.
"""
