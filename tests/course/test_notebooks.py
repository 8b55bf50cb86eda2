"""What readers see first: every notebook is well-formed, its stored outputs are clean, and it still runs."""

import math
import re
import sys

import nbformat
import pytest

from optical_lite.settings import ROOT

FOLDER = ROOT / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
SOLUTIONS = sorted(FOLDER.glob("solutions/*.ipynb"))
sys.path.insert(0, str(FOLDER))

from execute import execute  # noqa: E402

names = pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=lambda p: f"{p.parent.name}/{p.stem}")
lessons = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def sources(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def prose(notebook) -> str:
    """What is to be read: text cells without code, formulas, tables, link targets and headings."""
    text = re.sub(r"<!--.*?-->", "", "\n".join(sources(notebook, "markdown")))
    text = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", " x ", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>|arXiv:? ?\d{4}\.\d{4,5}", "", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("|", "#")))


def words(notebook) -> int:
    return len(re.findall(r"\w[\w'’-]*", prose(notebook)))


def numbers(notebook) -> int:
    """Numbers in prose; names of lessons (00 to 09), years and the numbers of a list or an exercise are none."""
    text = re.sub(r"(?m)^\s*\**\d+\.", " ", prose(notebook))
    return len(re.findall(r"(?<![\w.])(?!0\d\b(?!\.\d)|(?:19|20)\d\d\b)\d+(?:[.,]\d+)*", text))


def main_thread(notebook) -> int:
    """Cells before the exercises at the end."""
    return next(k for k, cell in enumerate(notebook.cells) if "## Exercises" in cell.source)


def undescribed(notebook) -> list[str]:
    """Pictures without a description or a caption, and captions out of order."""
    found, captions = [], []
    for number, cell in enumerate(notebook.cells):
        shown = cell.outputs if cell.cell_type == "code" else []
        for output, after in zip(shown, [*shown[1:], None], strict=False):
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                caption = after.data.get("text/html", "").removeprefix("<p>") if after and "data" in after else ""
                if len(alt) < 40:
                    found.append(f"cell {number}: a picture without a description")
                if not caption.startswith("Figure "):
                    found.append(f"cell {number}: a picture without a caption")
                captions.append(caption)
    wanted = [f"Figure {k}." for k in range(1, len(captions) + 1)]
    if [" ".join(caption.split()[:2]) for caption in captions] != wanted:
        found.append("captions are not Figure 1., Figure 2., ...")
    return found


def problems(notebook) -> list[str]:
    """What is wrong with stored outputs."""
    found = []
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"execution counts {counts}")
    if "widgets" in notebook.metadata:
        found.append("widget state")
    for output in outputs(notebook):
        text = str(output)
        if output.output_type == "error" or "Traceback" in text:
            found.append("a traceback")
        if output.get("name") == "stderr" or re.search(r"\bWarning\b", text):
            found.append("a warning or stderr")
        if re.search(r"/(home|root|Users|work|tmp)/", text):
            found.append("an absolute path")
        if "<script" in text or re.search(r"<img[^>]+https?:", text):
            found.append("a script or a remote image")
    for source in sources(notebook, "markdown"):
        if re.search(r"!\[[^]]*\]\(https?:|<img[^>]+https?:", source):
            found.append("a remote image in the text")
    return found


def said(cell) -> list[float]:
    """The numbers that a cell printed or showed in a table."""
    texts = [output.get("text") or output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]
    text = re.sub(r"<style.*?</style>|<summary.*|<[^>]+>", " ", " ".join(texts), flags=re.DOTALL)
    return [float(number) for number in re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?(?![\w])", text)]


def contradictions(stored, fresh) -> list[str]:
    """Numbers of a lesson that a fresh run does not give; cells with the tag "profile" depend on the profile."""
    found = []
    for number, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if number == 1 or "profile" in old.metadata.get("tags", []):  # the second cell says where it ran
            continue
        pair = said(old), said(new)
        alike = len(pair[0]) == len(pair[1])
        if not alike or not all(math.isclose(x, y, rel_tol=0.05, abs_tol=0.011) for x, y in zip(*pair, strict=True)):
            found.append(f"cell {number}: stored {pair[0]}, now {pair[1]}")
    return found


def unsupported(notebook) -> list[str]:
    """Measured values in prose (of three decimals and more) that round nothing a cell shows and stand in no mark."""
    texts = [re.sub(r"<!-- n:.*?<!-- /n -->", "", text, flags=re.DOTALL) for text in sources(notebook, "markdown")]
    plain = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in texts])
    shown = re.findall(r"\d+\.\d+", str(outputs(notebook)) + str(sources(notebook, "code")))
    values = {value: 0.501 * 10.0 ** -len(value.partition(".")[2])
              for value in re.findall(r"(?<![\w.])\d+\.\d{3,}", prose(plain))}  # fmt: skip
    return [value for value, half in values.items() if all(abs(float(value) - float(x)) > half for x in shown)]


@names
def test_stored_outputs_are_clean(path):
    assert problems(read(path)) == []
    assert path.stat().st_size <= 300 * 1024


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda n: n.cells[1].update(execution_count=7), "execution counts"),
        (lambda n: n.metadata.update(widgets={}), "widget state"),
        (
            lambda n: n.cells[1].outputs.append(nbformat.v4.new_output("error", ename="E", evalue="e", traceback=[])),
            "a traceback",
        ),
        (
            lambda n: n.cells[1].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="x")),
            "a warning or stderr",
        ),
        (
            lambda n: n.cells[1].outputs.append(nbformat.v4.new_output("stream", name="stdout", text="/home/me/x")),
            "an absolute path",
        ),
        (lambda n: n.cells[0].update(source="![x](https://example.org/x.png)"), "a remote image in the text"),
    ],
)
def test_the_output_test_complains(change, text):
    notebook = read(LESSONS[0])
    change(notebook)
    assert text in "; ".join(problems(notebook))


@lessons
def test_a_lesson_is_built_like_a_lesson(path):
    notebook = read(path)
    opening = notebook.cells[0].source
    assert notebook.cells[0].cell_type == "markdown"
    title = "# Extra: " if path.stem.startswith("extra_") else f"# {path.stem[:2]}"
    for part in (title, "**The question**", "**After this you can**", "**Know first**", "**Time**"):
        assert part in opening, part
    assert "import optical_lite as ol" in notebook.cells[1].source
    assert "ol.banner()" in notebook.cells[1].source
    code = sources(notebook, "code")
    assert max(len(cell.splitlines()) for cell in code) <= 15
    text = "\n".join(sources(notebook, "markdown"))
    assert "## Summary" in text
    assert "## Exercises" in text
    assert "**Next**" in text
    checks = re.findall(r"ol\.check\.(ex\d\d_\d)", "\n".join(code))
    assert 2 <= len(set(checks)) <= 4
    solved = "\n".join(sources(read(FOLDER / "solutions" / path.name), "code"))
    assert set(checks) <= set(re.findall(r"ol\.check\.(ex\d\d_\d)", solved))


def budget(notebook, extra: bool = False) -> list[str]:
    """What of a lesson is more than a student reads at a sitting, and pictures that say nothing to some."""
    found = undescribed(notebook)
    for name, value, low, high in (
        ("words", words(notebook), 0, 1_000 if extra else 1_500),
        ("numbers in prose", numbers(notebook), 0, 25 if extra else 40),
        ("cells of the main thread", main_thread(notebook), *((15, 20) if extra else (20, 30))),
    ):
        if not low <= value <= high:
            found.append(f"{value} {name}")
    return found


def test_a_stored_number_that_a_run_contradicts_is_seen():
    def lesson(text, *, table="<td>0.5</td>", tags=()):
        shown = (
            nbformat.v4.new_output("stream", text=text),
            nbformat.v4.new_output("display_data", {"text/html": table}),
        )
        cells = [nbformat.v4.new_code_cell("x", outputs=list(shown), metadata={"tags": list(tags)}) for _ in range(3)]
        return nbformat.v4.new_notebook(cells=cells)

    assert contradictions(lesson("rank 7, 0.411, gap 3e-07, v2"), lesson("rank 7, 0.412, gap 2e-06, v3")) == []
    assert contradictions(lesson("0.4", tags=["profile"]), lesson("0.5", tags=["profile"])) == []
    for stored, fresh in (
        (lesson("0.411"), lesson("0.455")),
        (lesson("1 2"), lesson("1")),
        (lesson(""), lesson("", table="0.6")),
    ):
        assert len(contradictions(stored, fresh)) == 2


@lessons
def test_a_lesson_keeps_its_budget(path):
    assert budget(read(path), path.stem.startswith("extra_")) + unsupported(read(path)) == []


def test_a_value_without_a_run_is_seen():
    marked = "<!-- n: run x -->0.25<!-- /n -->"
    printed = [nbformat.v4.new_output("stream", text="MRR@10 0.411")]
    assert unsupported(made(f"It has 0.411, {marked}, $0.123$ and 0.42.", outputs=printed)) == []
    assert unsupported(made("It has 0.412.", outputs=printed)) == ["0.412"]


def made(*markdown: str, outputs=()) -> nbformat.NotebookNode:
    """A lesson of 20 cells before its exercises, with these texts and outputs among them."""
    cells = [nbformat.v4.new_markdown_cell(text) for text in markdown]
    cells += [nbformat.v4.new_code_cell("x", outputs=list(outputs)) for _ in range(20 - len(cells))]
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell("## Exercises")])


def shown(alt="Two bars of equal height, one grey and one dark blue.", caption="Figure 1. Equal."):
    picture = nbformat.v4.new_output("display_data", {"image/png": "x"}, metadata={"image/png": {"alt": alt}})
    return [picture, nbformat.v4.new_output("display_data", {"text/html": f"<p>{caption}</p>"})]


@pytest.mark.parametrize(
    ("notebook", "text"),
    [
        (made("one " * 1501), "words"),
        (made("It gains 0.25, or 3. " * 21), "numbers"),
        (made(*["x"] * 31), "cells"),
        (made(outputs=shown(alt="")[:1]), "without a description"),
        (made(outputs=shown()[:1]), "without a caption"),
        (made("x", *["x"] * 18, outputs=shown(caption="Figure 2. Equal.")), "Figure 1., Figure 2."),
    ],
)
def test_the_budget_complains(notebook, text):
    assert text in "; ".join(budget(notebook))
    assert text in "; ".join(budget(notebook, extra=True))


def test_a_budget_is_kept():
    fine = (
        "## 12 heads 3\n1. In 2013 Cuturi; lesson 02.\n\n| 1 | 2 |\n\n$1+1$ `x = 3` [here](01.md)\n\n"
        + "It gains 0.25. " * 40
    )
    assert budget(made(fine, *["one"] * 18, outputs=shown())) == []


@lessons
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", "\n".join(sources(read(path), "markdown"))):
        assert (path.parent / link).exists(), link


@pytest.mark.notebook
@lessons
def test_a_lesson_runs(path):
    notebook = execute(path)  # in profile smoke, without network
    assert problems(notebook) == []
    text = "".join(o.text for o in outputs(notebook) if o.output_type == "stream")
    assert "No answer yet" in text
    assert "Correct." not in text
    assert contradictions(read(path), notebook) == []


@pytest.mark.notebook
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_solutions_solve(path):
    text = "".join(o.text for o in outputs(execute(path)) if o.output_type == "stream")
    wanted = set(re.findall(r"ol\.check\.(ex\d\d_\d)", "\n".join(sources(read(path), "code"))))
    assert text.count("Correct.") >= len(wanted)
    assert "Not yet" not in text
    assert "No answer yet" not in text
