"""Measure ours against its peers, side by side in one run."""

from .options import Parser


def options(parser: Parser) -> None:
    """Which benchmarks, and how often."""
    parser.set_defaults(default_precision="auto")
    parser.add_argument("name", nargs="*", help="machine, distillation, encoding, transport, ...: default all")
    parser.add_argument("--repetitions", type=int, default=5, help="of each side, after one that does not count (5)")
    parser.add_argument("--page", metavar="MD", help="also replace the table of this page, as in docs/performance.md")


def command(*, name: list[str], repetitions: int, json: str | None, page: str | None) -> list[dict]:
    """Run them; the rows are written as they come."""
    from ..bench import runner

    return runner.command(name, repetitions, json, page)
