"""Train a student and compare it with its baselines."""

from .options import MODEL, MODELS, Parser, number_type


def options(parser: Parser) -> None:
    """What to compare on, and with which teacher."""
    parser.option("--collection", "pocket", "pocket or afriqa")
    parser.option("--lang", "sw", "question language")
    number_type(parser, "float32")
    parser.option("--model", MODEL, f"teacher: {MODELS}")
    parser.option("--out", None, "run folder (default runs/demo_COLLECTION_LANG)", metavar="DIR")
    parser.flag("--quiet", "no progress bars")


def command(*, collection: str, lang: str, model: str, out: str | None, quiet: bool) -> dict:
    """Run the demo; its systems and their metrics."""
    from ..study import demo

    return demo.run(collection, lang, out=out, progress=not quiet, model=model).record()
