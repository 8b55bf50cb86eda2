"""Shards: an index in several files, searched as one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..index import PassageIndex


class Shards:
    """Several indexes of the same encoder, read to the same length; see :class:`PassageIndex`."""

    def __init__(self, parts: Sequence[PassageIndex]) -> None:
        self.parts, self.ids = parts, [name for part in parts for name in part.ids]
        self.cut = sum(part.cut for part in parts)
        self.max_length, self.scorer = parts[0].max_length, parts[0].scorer

    def shards(self, passages: int) -> Iterator[PassageIndex]:
        """The parts, each in parts of so many passages."""
        return itertools.chain.from_iterable(part.shards(passages) for part in self.parts)
