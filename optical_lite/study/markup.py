"""Tables as text: Markdown, HTML or LaTeX, and generated blocks inside a page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..settings import InputError


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped.

    Examples
    --------
    >>> print(markdown(["system", "MRR"], [["BM25", "0.352"]]))
    | system | MRR |
    |---|---|
    | BM25 | 0.352 |
    """
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in (header, *rows)]
    head, *body = ["| " + " | ".join(line) + " |" for line in cells]
    return "\n".join([head, "|" + "---|" * len(header), *body])


def html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table without styles or scripts."""
    return pd.DataFrame(rows, columns=header).to_html(index=False, border=0)


def latex(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A LaTeX tabular for the booktabs package."""
    return pd.DataFrame(rows, columns=header).to_latex(index=False, escape=True)


def number(value: float | None, sign: str = "") -> str:
    """A number of a table, nothing for None.

    Examples
    --------
    >>> number(-0.0214), number(0.5, "+"), number(None)
    ('−0.021', '+0.500', '')
    """
    return "" if value is None else f"{value:{sign}.3f}".replace("-", "−")


MADE = "<!-- made by `make tables`; do not edit -->"
START = "<!-- table:"
FORMATS = {"md": markdown, "html": html, "latex": latex}


def replace_block(page: str, name: str, content: str, where: str = "page") -> str:
    r"""The page with other content between the two marks.

    Examples
    --------
    >>> replace_block("before\n<!-- table:x -->\nold\n<!-- /table:x -->\nafter", "x", "new")
    'before\n<!-- table:x -->\nnew\n<!-- /table:x -->\nafter'
    """
    start, end = f"{START}{name} -->\n", f"<!-- /table:{name} -->"
    if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
        raise InputError(
            f"{where}: got a page without {start.strip()} ... {end}, expected one pair; add the "
            "marks where the table belongs"
        )
    head, tail = page.split(start)[0], page.split(end)[1]
    return head + start + content.rstrip("\n") + "\n" + end + tail
