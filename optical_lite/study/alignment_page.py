"""The tables of ``data/expected/alignment_sets.md``, from the records of :mod:`.alignment_grid`."""

from __future__ import annotations

from collections.abc import Sequence

from ..alignment import statistical
from .alignment_grid import ENCODERS, SYSTEMS, known, verdicts
from .markup import markdown


def rates(records: Sequence[dict], prior: str) -> str:
    """AER on every set, in per cent, with or without a prior for word order.

    An asterisk where the interval of the difference to transport leaves 0 out.
    """
    methods = ("transport", "similarity", "argmax")
    columns = {
        f"{kind}_{method}{prior}": f"{kind}_transport{prior}"
        for kind in ENCODERS
        for method in methods
    }
    if prior:
        columns |= dict.fromkeys(statistical.ALIGNERS, f"distilled_transport{prior}")
    rows = []
    for record in records:
        cells = []
        for system, ours in columns.items():
            test = record["transport against"].get(ours, {}).get(system)
            mark = "*" if test and test["low"] * test["high"] > 0 else ""
            value = record["systems"].get(system)
            cells.append(f"{100 * value['aer']:.1f}{mark}" if value else "missing")
        rows.append((record["set"], f"{record['bitext']['pairs']:,}", *cells))
    said = (name.removesuffix("_order").replace("_", " ") for name in columns)
    return markdown(("set", "pairs", *said), rows)


def verdict_lines(records: Sequence[dict]) -> str:
    """:func:`verdicts` of each transport system as one table."""
    rows = [
        (_title(ours), _title(system), *counts.values())
        for ours in SYSTEMS
        if "_transport" in ours
        for system, counts in verdicts(records, ours).items()
    ]
    header = ("system", "against", "fewer errors", "no clear difference", "more errors")
    return markdown(header, rows)


def _title(system: str) -> str:
    said = system.replace("_order", ", order prior").replace("_", " ", 1)
    return said if system in SYSTEMS else system


TABLES = {
    "alignment_plain": lambda: rates([*known().values()], ""),
    "alignment_order": lambda: rates([*known().values()], "_order"),
    "alignment_verdicts": lambda: verdict_lines([*known().values()]),
}
