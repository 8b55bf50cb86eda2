"""Write the address of a public clone where readers need it: ``python docs/book/launch.py https://github.com/OWNER/NAME``.

The address stands in one place, ``Repository`` of pyproject's ``[project.urls]``. From it come the Binder and Colab
links of README, the launch buttons of the book, and, at the top of each lesson's first code cell, the lines by which
Colab fetches the kit. An empty address takes all of it away again.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import nbformat
from build import ROOT, repository

ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
URLS = re.compile(r'\[project\.urls\]\nRepository = ".*"\n\n')
BEFORE = "[project.optional-dependencies]\n"
LINKS = re.compile(r"\n<!-- launch -->\n.*\n<!-- /launch -->\n")
FIRST = "notebooks/00_start_here.ipynb"
FETCH = """if not __import__("importlib.util").util.find_spec("optical_lite"):  # on Colab: fetch the kit, work there
    !git clone -q --depth 1 {address} kit && pip install -qq ./kit anywidget
    %cd -q kit
"""
FETCHED = re.compile(re.escape(FETCH).replace(re.escape("{address}"), r"(\S+)"))


def project(text: str, address: str) -> str:
    """The text of pyproject.toml with the address."""
    url = f'[project.urls]\nRepository = "{address}"\n\n' if address else ""
    return URLS.sub("", text).replace(BEFORE, url + BEFORE, 1)


def readme(text: str, address: str) -> str:
    """README with links below its title."""
    title, _, rest = LINKS.sub("", text).partition("\n")
    if not address:
        return f"{title}\n{rest}"
    owner = address.removeprefix("https://github.com/")
    links = (
        f"Without installing anything: [Binder](https://mybinder.org/v2/gh/{owner}/main?urlpath=lab/tree/{FIRST}), "
        f"[Colab](https://colab.research.google.com/github/{owner}/blob/main/{FIRST})."
    )
    return f"{title}\n\n<!-- launch -->\n{links}\n<!-- /launch -->\n{rest}"


def stamp(notebook: nbformat.NotebookNode, address: str) -> None:
    """Put the lines for Colab at the top of the first code cell, or take them away."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.source = (FETCH.format(address=address) if address else "") + FETCHED.sub("", cell.source)


def stamped(notebook: nbformat.NotebookNode) -> str:
    """The address in a lesson, or nothing."""
    found = FETCHED.search(next(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    return found[1] if found else ""


def write(root: Path, address: str) -> None:
    """Write pyproject, README and lessons below ``root``."""
    for name, change in (("pyproject.toml", project), ("README.md", readme)):
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(change(text, address), encoding="utf-8")
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        stamp(notebook, address)
        nbformat.write(notebook, path)


def main() -> int:
    """Check the address, then write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help='https://github.com/OWNER/NAME, or "" to take it away')
    address = parser.parse_args().address.rstrip("/")
    if address and not ADDRESS.fullmatch(address):
        print(
            f"got {address!r}, expected https://github.com/OWNER/NAME; Binder and Colab open such clones",
            file=sys.stderr,
        )
        return 2
    write(ROOT, address)
    print(f"Repository: {repository() or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
