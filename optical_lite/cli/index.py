"""Encode the passages of a collection once, batch by batch, into a folder that search reads.

Many workers, one command each, with --shard 1/8 to --shard 8/8 and the same --out, make one index.
"""

from ..encoder import Encoder
from . import index_folders, inputs


def command(
    *, model: str, max_length: int | None, out: str, shard: tuple[int, int] | None,
    engine: str | None, index: str | None, quiet: bool, **where: object,
) -> dict:  # fmt: skip
    """Encode what ``where`` says, see :func:`.inputs.read`."""
    data, encoder = inputs.ranked(inputs.read(**where), "index"), Encoder.load(model, max_length)
    return index_folders.make(out, data, encoder, shard, not quiet, index, engine)
