"""Tables as text: Markdown, HTML or LaTeX, and generated blocks inside a page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..settings import InputError


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped.

    >>> print(markdown(["system", "MRR"], [["BM25", "0.352"]]))
    | system | MRR |
    |---|---|
    | BM25 | 0.352 |
    """
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in (header, *rows)]
    head, *body = ["| " + " | ".join(line) + " |" for line in cells]
    return "\n".join([head, "|" + "---|" * len(header), *body])


def number(value: float | None, sign: str = "") -> str:
    """A number of a table, nothing for None.

    >>> number(-0.0214), number(0.5, "+"), number(None)
    ('−0.021', '+0.500', '')
    """
    return "" if value is None else f"{value:{sign}.3f}".replace("-", "−")


MADE = "<!-- made by `make tables`; do not edit -->"
START = "<!-- table:"
FORMATS = {  # how a header and rows are written: HTML without styles, LaTeX for booktabs
    "md": markdown,
    "html": lambda head, rows: pd.DataFrame(rows, columns=head).to_html(index=False, border=0),
    "latex": lambda head, rows: pd.DataFrame(rows, columns=head).to_latex(index=False, escape=True),
}


def replace_block(page: str, name: str, content: str, where: str = "page") -> str:
    r"""The page with other content between the two marks.

    >>> replace_block("before\n<!-- table:x -->\nold\n<!-- /table:x -->\nafter", "x", "new")
    'before\n<!-- table:x -->\nnew\n<!-- /table:x -->\nafter'
    """
    start, end = f"{START}{name} -->\n", f"<!-- /table:{name} -->"
    if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
        expected = "one pair; add the marks where the table belongs"
        raise InputError(where, f"a page without {start.strip()} ... {end}", expected)
    head, tail = page.split(start)[0], page.split(end)[1]
    return head + start + content.rstrip("\n") + "\n" + end + tail
