"""Write the lessons as slides for a lecture: ``python docs/book/slides.py --out FOLDER``, a page a lesson, no network.

A heading begins a slide and a full slide begins another below it, unless a cell's own slideshow metadata says
otherwise. A prompt to predict ends its slide, so that nobody reads the answer first. Exercises are left to the room.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import struct
from pathlib import Path

import nbformat
from build import HERE, MATHJAX, ROOT, packaged

ROOM = 640  # pixels of a slide that are free for cells, of 720
LINE, CODE, TITLE = 34, 25, 70  # pixels of a line of prose, of code, of a heading
WIDTH, ENLARGED, TALLEST = 95, 1.4, 560  # characters a line of prose; of pictures, how much larger, and pixels at most
LEFT_OUT = re.compile(r"ol\.banner\(|ol\.check\.|^answer = ", re.MULTILINE)  # code cells
EXERCISE = re.compile(r"^(?:## Exercises|(?:#+ |\*\*)Exercise|Worked answers)[\s\S]*", re.MULTILINE)  # and what follows
PREDICT = re.compile(r"predict", re.IGNORECASE)


def split(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Cells small enough for a slide: prose by its paragraphs, code apart from what it shows where both are large."""
    cells, exercises = [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"\n(?=##? )", cell.source):
                if heading := re.match(r"## (.*)", part):
                    exercises = heading[1].startswith("Exercises")
                one = nbformat.v4.new_markdown_cell("" if exercises else EXERCISE.sub("", part))
                for text in paragraphs(one.source) if height(one) > ROOM else [one.source]:
                    if text.strip():
                        cells.append(nbformat.v4.new_markdown_cell(text, metadata=dict(cell.metadata)))
        elif exercises or LEFT_OUT.search(cell.source):
            continue
        elif cell.get("outputs") and height(cell) > ROOM:
            said = cell.copy()
            said.outputs = []
            shows: list = []
            for output in cell.outputs:
                if shows and "image/png" in shows[-1].outputs[-1].get("data", {}):  # its caption
                    shows[-1].outputs.append(output)
                else:
                    shows.append(nbformat.v4.new_code_cell("", outputs=[output], metadata={"tags": ["remove_input"]}))
            cells += [said, *shows]
        else:
            cells.append(cell)
    return cells


def paragraphs(text: str) -> list[str]:
    """Paragraphs, each with the heading or the fence that it cannot stand without."""
    found: list[str] = []
    for part in re.split(r"\n\s*\n", text):
        if found and ((found[-1].startswith("#") and "\n" not in found[-1]) or found[-1].count("```") % 2):
            found[-1] += "\n\n" + part
        else:
            found.append(part)
    return found


def height(cell: nbformat.NotebookNode) -> int:
    """About how many pixels a cell takes.

    >>> height(nbformat.v4.new_markdown_cell("a line"))
    68
    """
    if cell.cell_type == "markdown":
        lines = cell.source.splitlines()
        return LINE + sum(
            TITLE if line.startswith("#") else LINE * max(1, -(-len(line) // WIDTH)) for line in lines if line.strip()
        )
    pixels = CODE * (1 + len(cell.source.splitlines())) if cell.source else 0
    return pixels + sum(shown(output) for output in cell.outputs)


def shown(output: nbformat.NotebookNode) -> int:
    """About how many pixels an output takes."""
    data = output.get("data", {})
    if "image/png" in data:
        head = base64.b64decode(data["image/png"][:64])
        return min(round(struct.unpack(">I", head[20:24])[0] * ENLARGED), TALLEST) + CODE
    if "text/html" in data:
        return LINE * (1 + data["text/html"].count("<tr"))
    return CODE * (1 + len(output.get("text", data.get("text/plain", "")).splitlines()))


def deal(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with a slide type in every cell."""
    notebook.cells, used, ended = split(notebook), 0, False
    for cell in notebook.cells:
        own = cell.metadata.get("slideshow", {}).get("slide_type")
        if not own:
            heading = cell.cell_type == "markdown" and re.match(r"##? ", cell.source)
            full = ended or used + height(cell) > ROOM
            own = "slide" if heading else "subslide" if full else "-"
            cell.metadata["slideshow"] = {"slide_type": own}
        used = height(cell) + (used if own in ("-", "fragment", "notes", "skip") else 0)
        ended = cell.cell_type == "markdown" and bool(PREDICT.search(cell.source))
    return notebook


def write(out: Path) -> list[Path]:
    """Write a page a lesson, and beside them what the pages load."""
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    config = Config()
    config.SlidesExporter.template_name = "slides"
    config.SlidesExporter.extra_template_basedirs = [str(HERE)]
    config.SlidesExporter.reveal_url_prefix, config.SlidesExporter.reveal_theme = "reveal", "white"
    config.SlidesExporter.mathjax_url = f"reveal/{MATHJAX}"
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"remove_input"}
    exporter, written = SlidesExporter(config=config), []
    shutil.rmtree(out, ignore_errors=True)
    home = packaged("sphinx-revealjs", "/revealjs/dist/reveal.js").parent
    theme, fonts = home / "theme" / "white.css", home / "theme" / "fonts" / "source-sans-pro"
    notes = home.parent / "plugin" / "notes" / "notes.js"
    for file in (home / "reveal.css", home / "reveal.js", theme, *fonts.iterdir(), notes):
        to = out / "reveal" / file.relative_to(home.parent)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, to)
    shutil.copy(packaged("sphinx-mathjax-offline", f"/mathjax/{MATHJAX}"), out / "reveal")
    shutil.copy(HERE / "slides.css", out / "reveal")
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        dealt = deal(nbformat.read(path, as_version=4))
        page, _ = exporter.from_notebook_node(dealt, {"metadata": {"name": path.stem}})
        written.append(out / f"{path.stem}.html")
        written[-1].write_text(page, encoding="utf-8")
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "slides")
    for page in write(parser.parse_args().out):
        print(page)
