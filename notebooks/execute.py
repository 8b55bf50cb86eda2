"""Execute notebooks in place and store clean outputs: ``python notebooks/execute.py [NOTEBOOK ...]``.

Without names: every lesson and solution. Widget state, timings and streams' splits are removed and pictures made
small, so that a rerun with the same results gives the same file.
"""

from __future__ import annotations

import base64
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.output_widget import OutputWidget

from optical_lite.views.figures import few_colours

FOLDER = Path(__file__).resolve().parent
TIMEOUT = 600  # seconds a cell


class Output(OutputWidget):
    """What a widget shows, kept off the page and not sent back to the kernel.

    Sent back, it shares a socket with the cell's own reply, which is sometimes not noticed then: a lesson stands still.
    """

    def sync_state(self) -> None:
        """Send nothing."""


def execute(path: Path) -> nbformat.NotebookNode:
    """Run a notebook from a clean kernel, with ``notebooks/`` as working directory; return it, not yet written."""
    notebook = nbformat.read(path, as_version=4)
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # silences a message about frozen modules
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = Output
    client.execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("jupytext", None)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def small(png: str) -> str:
    """A picture (base64) in few colours."""
    return base64.b64encode(few_colours(base64.b64decode(png))).decode() + "\n"


def _joined(outputs: list) -> list:
    """Neighbouring pieces of one stream as one output (how it is cut depends on timing), and no widget views."""
    found: list = []
    for output in outputs:
        if "data" in output:  # a widget cannot be shown without its kernel: keep what stands in for it
            if output.data.pop("application/vnd.jupyter.widget-view+json", None) and set(output.data) == {"text/plain"}:
                output.data["text/plain"] = "Something to move: run this cell."
            if "<table" in output.data.get("text/html", ""):  # its plain text says the same again
                output.data.pop("text/plain", None)
            if "image/png" in output.data:
                output.data["image/png"] = small(output.data["image/png"])
        if found and output.output_type == "stream" == found[-1].output_type and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def main(names: list[str]) -> None:
    """Execute and write each notebook; a file is replaced only after its run has succeeded."""
    paths = [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")) + sorted(FOLDER.glob("solutions/*.ipynb"))
    for path in map(Path.resolve, paths):
        start = time.perf_counter()
        notebook = execute(path)
        part = path.with_suffix(".part")
        nbformat.write(notebook, part)
        os.replace(part, path)
        print(f"{path.relative_to(FOLDER)}: {path.stat().st_size / 1024:.0f} KB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
