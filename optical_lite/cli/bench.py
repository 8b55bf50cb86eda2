"""Measure ours against its peers, side by side in one run."""

from ..bench import runner


def command(*, name: list[str], repetitions: int, json: str | None, page: str | None) -> list[dict]:
    """Run them; the rows are written as they come."""
    return runner.command(name, repetitions, json, page)
