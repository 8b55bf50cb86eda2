"""Tables as text: Markdown, HTML or LaTeX from the same header and rows, and generated blocks inside a page."""

from __future__ import annotations

import html as _html
from collections.abc import Sequence

from ..settings import InputError

LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
         "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "±": r"$\pm$", "Δ": r"$\Delta$",
         "−": "$-$"}  # fmt: skip


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped.

    Examples
    --------
    >>> print(markdown(["system", "MRR"], [["BM25", "0.352"]]))
    | system | MRR |
    |---|---|
    | BM25 | 0.352 |
    """
    lines = [header, *rows]
    cells = ["| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines]
    return "\n".join([cells[0], "|" + "---|" * len(header), *cells[1:]])


def html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table without styles or scripts.

    Examples
    --------
    >>> print(html(["a"], [["1 < 2"]]))
    <table>
    <thead><tr><th>a</th></tr></thead>
    <tbody>
    <tr><td>1 &lt; 2</td></tr>
    </tbody>
    </table>
    """
    line = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{_html.escape(str(c))}</{tag}>" for c in cells) + "</tr>"  # noqa: E731
    body = "\n".join(line(cells, "td") for cells in rows)
    return f"<table>\n<thead>{line(header, 'th')}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def latex(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""A LaTeX tabular for the booktabs package.

    Examples
    --------
    >>> print(latex(["system", "R@100, %"], [["a_b", "95"]]))
    \begin{tabular}{ll}
    \toprule
    system & R@100, \% \\
    \midrule
    a\_b & 95 \\
    \bottomrule
    \end{tabular}
    """
    line = lambda cells: " & ".join("".join(LATEX.get(x, x) for x in str(c)) for c in cells) + r" \\"  # noqa: E731
    body = [line(header), r"\midrule", *map(line, rows)]
    return "\n".join(
        [rf"\begin{{tabular}}{{{'l' * len(header)}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    )


MADE = "<!-- made by `make tables`; do not edit -->"
FORMATS = {"md": markdown, "html": html, "latex": latex}


def block(page: str, name: str, where: str = "page") -> str:
    """What stands between ``<!-- table:NAME -->`` and ``<!-- /table:NAME -->``."""
    return _split(page, name, where)[1]


def replace_block(page: str, name: str, content: str, where: str = "page") -> str:
    r"""The page with other content between the two marks.

    Examples
    --------
    >>> replace_block("before\n<!-- table:x -->\nold\n<!-- /table:x -->\nafter", "x", "new")
    'before\n<!-- table:x -->\nnew\n<!-- /table:x -->\nafter'
    """
    head, _, tail = _split(page, name, where)
    return head + content.rstrip("\n") + "\n" + tail


def _split(page: str, name: str, where: str) -> tuple[str, str, str]:
    start, end = f"<!-- table:{name} -->\n", f"<!-- /table:{name} -->"
    if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
        raise InputError(
            f"{where}: got a page without <!-- table:{name} --> ... <!-- /table:{name} -->, expected one pair; "
            "add the marks where the table belongs"
        )
    head, rest = page.split(start)
    content, tail = rest.split(end)
    return head + start, content, end + tail
