"""Train a student and compare it with its baselines."""

from ..study import demo


def command(*, collection: str, lang: str, model: str, out: str, quiet: bool) -> dict:
    """Run the demo; its systems and their metrics."""
    return demo.run(collection, lang, out=out, progress=not quiet, model=model).record()
