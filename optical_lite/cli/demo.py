"""Train a student and compare it with its baselines."""

from .options import MODEL, MODELS, Parser, number_type


def options(parser: Parser) -> None:
    """What to compare on, and with which teacher."""
    parser.add_argument("--collection", default="pocket", help="pocket (default) or afriqa")
    parser.add_argument("--lang", default="sw", help="question language (default sw)")
    number_type(parser, "float32")
    parser.add_argument("--model", default=MODEL, help=f"teacher: {MODELS}")
    parser.add_argument("--out", metavar="DIR", help="run folder (default runs/demo_COLLECTION_LANG)")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def command(*, collection: str, lang: str, model: str, out: str | None, quiet: bool) -> dict:
    """Run the demo; its systems and their metrics."""
    from ..study import demo

    return demo.run(collection, lang, out=out, progress=not quiet, model=model).record()
