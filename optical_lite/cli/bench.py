"""Measure ours against its peers, side by side in one run."""

from .options import Parser


def options(parser: Parser) -> None:
    """Which benchmarks, and how often."""
    parser.set_defaults(default_precision="auto")
    parser.option("name", [], "machine, distillation, encoding, ...: default all", nargs="*")
    parser.option("--repetitions", 5, "of each side, after one that does not count")
    parser.option("--page", None, "also replace the table of docs/performance.md", metavar="MD")


def command(*, name: list[str], repetitions: int, json: str | None, page: str | None) -> list[dict]:
    """Run them; the rows are written as they come."""
    from ..bench import runner

    return runner.command(name, repetitions, json, page)
