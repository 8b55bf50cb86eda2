"""Engines: indexes that :func:`optical_lite.retrieval.search` reads like one of its own.

:mod:`.shards` is an index in several files, :mod:`.qdrant` one in a :mod:`.stores` of Qdrant.
"""
