"""Encode the passages of a collection once, batch by batch, into a folder that search reads.

Many workers, one command each, with ``--shard 1/8`` to ``--shard 8/8`` and the same ``--out``, make one index.
"""

from .options import MODEL, MODELS, Parser, number_type, reading, reading_to, share


def options(parser: Parser) -> None:
    """What to read, and with which encoder."""
    reading(parser)
    number_type(parser, "auto")
    parser.option("--model", MODEL, f"encoder of the passages: {MODELS}")
    reading_to(parser, "passage (256, or the model's limit)")
    parser.option("--out", None, "a new folder", required=True, metavar="DIR")
    said = "every N-th passage from the I-th on, into DIR/shard_I_of_N; what is there already stays"
    parser.option("--shard", None, said, type=share, metavar="I/N")
    said = "keep it in Qdrant: folder (in DIR) or a server's URL"
    parser.option("--engine", None, said, metavar="WHERE")
    parser.option("--index", None, "of the same passages, to load into the engine", metavar="DIR")
    parser.flag("--quiet", "no progress bar")


def command(
    *, model: str, max_length: int | None, out: str, shard: tuple[int, int] | None, engine: str | None,
    index: str | None, quiet: bool, **where: object,
) -> dict:  # fmt: skip
    """Encode what ``where`` says, see :func:`.inputs.read`."""
    from ..encoder import Encoder
    from . import index_folders, inputs

    data, encoder = inputs.ranked(inputs.read(**where), "index"), Encoder.load(model, max_length)
    return index_folders.make(out, data, encoder, shard, not quiet, index, engine)
