"""Build the book: lessons with their stored outputs, README and the pages that they link, as a site without a network.

``python docs/book/build.py --out FOLDER`` copies what belongs to the book into ``FOLDER/source``, in the tree of the
repository, and lets Sphinx write ``FOLDER/html``. Nothing is executed. Worked answers join with ``--solutions``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MATHJAX = "tex-svg.js"  # draws formulas as SVG: one file, and no fonts, which browsers do not load beside file:// pages
PAGES = (".md", ".ipynb")
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")
ANSWERS = re.compile(r"^Worked answers: \[.*\n*", re.MULTILINE)
PARTS = (  # caption in the side bar, pattern of its pages; a page goes to the first that fits
    ("Lessons", r"notebooks/\d\d_[^/]*"),
    ("For the curious", r"notebooks/extra_[^/]*"),
    ("Worked answers", r"notebooks/solutions/.*"),
    ("Teaching", r"docs/(teaching|glossary)\.md"),
    ("Reference", r".*"),
)


def repository() -> str:
    """The address of the public clone: ``Repository`` in pyproject's ``[project.urls]``, the one place; or nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "").rstrip("/")


def texts(path: Path) -> list[str]:
    """The Markdown of a page."""
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]


def targets(path: Path) -> set[str]:
    """What a page links or shows, as paths below the root that exist."""
    here = path.relative_to(ROOT).parent.as_posix()
    found = {posixpath.normpath(posixpath.join(here, m[3])) for text in texts(path) for m in LINK.finditer(text)}
    return {name for name in found if not name.startswith("..") and (ROOT / name).is_file()}


def pages(solutions: bool) -> set[str]:
    """README, lessons and ``docs``, and every page that one of these links."""
    globs = ("README.md", "notebooks/*.ipynb", "docs/*.md", *(["notebooks/solutions/*.ipynb"] if solutions else []))
    own = {path.relative_to(ROOT).as_posix() for glob in globs for path in ROOT.glob(glob)}
    linked = {target for name in own for target in targets(ROOT / name) if target.endswith(PAGES)}
    return own | {name for name in linked if solutions or "/solutions/" not in name}


def relinked(text: str, here: str, kept: set[str], address: str) -> str:
    """Markdown whose links lead somewhere in the book: to a page, to the public clone where there is one, or nowhere.

    >>> relinked("[a](a.md), [code](../x.py)", "docs/b.md", {"docs/a.md"}, "")
    '[a](a.md), code'
    >>> relinked("[code](../x.py)", "docs/b.md", set(), "https://example.org/kit")
    '[code](https://example.org/kit/blob/main/x.py)'
    """

    def one(match: re.Match) -> str:
        picture, said, link, anchor = match.groups(default="")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
        if picture:  # one that is still to be made is told in words
            return match[0] if (ROOT / target).is_file() else f"*{said}*"
        if target in kept:
            target = "index.md" if target == "README.md" else target
            anchor = "" if anchor.startswith("#cell-id=") else anchor  # Jupyter's, the book has none
            return f"[{said}]({posixpath.relpath(target, posixpath.dirname(here) or '.')}{anchor})"
        return f"[{said}]({address}/blob/main/{target}{anchor})" if address and "solutions" not in target else said

    return LINK.sub(one, text)


def contents(kept: set[str]) -> str:
    """The tables of contents, one a part."""
    left, blocks = sorted(kept - {"README.md"}), []
    for caption, pattern in PARTS:
        mine = [name for name in left if re.fullmatch(pattern, name)]
        left = [name for name in left if name not in mine]
        if mine:
            names = "\n".join(name.rpartition(".")[0] for name in mine)
            blocks.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{names}\n```\n")
    return "\n".join(blocks)


def with_explorer(notebook: nbformat.NotebookNode, address: str) -> None:
    """Put the explorer's page above the cell that opens it as a widget, where there is one."""
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and "explorer(" in cell.source:
            frame = (
                f'<iframe class="explorer" src="{address}" title="The explorer: plan, links and errors of a sentence '
                f'pair, with a slider for epsilon"></iframe>\n\n*The explorer at work in this page; '
                f'<a href="{address}">open it alone</a>.*'
            )
            notebook.cells.insert(place, nbformat.v4.new_markdown_cell(frame, id="explorer"))
            return


def assemble(source: Path, solutions: bool = False, explorer: Path | None = None) -> set[str]:
    """Lay out the sources of the book in an empty folder; return the pages, as paths in the repository."""
    shutil.rmtree(source, ignore_errors=True)
    kept, address = pages(solutions), repository()
    for name in sorted(kept):
        out = source / ("index.md" if name == "README.md" else name)
        out.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            text = relinked((ROOT / name).read_text(encoding="utf-8"), name, kept, address)
            out.write_text(text + ("\n" + contents(kept) if name == "README.md" else ""), encoding="utf-8")
        else:
            notebook = nbformat.read(ROOT / name, as_version=4)
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    answered = cell.source if solutions else ANSWERS.sub("", cell.source)
                    cell.source = relinked(answered, name, kept, address)
            if explorer:
                with_explorer(notebook, "../_static/explorer.html")
            nbformat.write(notebook, out)
        for target in targets(ROOT / name):
            if target.endswith((".png", ".svg")):
                (source / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / target, source / target)
    static = source / "_static"
    static.mkdir()
    for name in ("book.css", "book.js"):
        shutil.copy(HERE / name, static)
    if explorer:
        shutil.copy(explorer, static / "explorer.html")
    return kept


def packaged(package: str, ending: str) -> Path:
    """A file that an installed package brings."""
    (found,) = [file for file in importlib.metadata.files(package) if str(file).endswith(ending)]
    return Path(found.locate())


def main() -> int:
    """Assemble, then run Sphinx; a warning of Sphinx is an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "book")
    parser.add_argument("--explorer", type=Path, help="page made by `optical_lite align --html`")
    parser.add_argument("--solutions", action="store_true", help="with the worked answers")
    args = parser.parse_args()
    assemble(args.out / "source", args.solutions, args.explorer)
    shutil.copy(packaged("sphinx-mathjax-offline", f"/mathjax/{MATHJAX}"), args.out / "source" / "_static")
    line = [sys.executable, "-m", "sphinx", "-b", "html", "-c", HERE, "-W", "--keep-going", "-q", "-E"]
    told = {**os.environ, "BOOK_SOURCE": str(args.out / "source"), "BOOK_REPOSITORY": repository()}
    done = subprocess.run([*line, args.out / "source", args.out / "html"], env=told)
    if done.returncode == 0:
        print(f"{args.out / 'html' / 'index.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
