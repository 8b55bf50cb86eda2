"""What readers see first: every notebook is well-formed, its stored outputs are clean, and it still runs."""

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
    for part in ("# " + path.stem[:2], "**The question**", "**After this you can**", "**Know first**", "**Time**"):
        assert part in opening, part
    assert "import optical_lite as ol" in notebook.cells[1].source
    assert "ol.banner()" in notebook.cells[1].source
    assert 25 <= len(notebook.cells) <= 45
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


@lessons
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", "\n".join(sources(read(path), "markdown"))):
        assert (path.parent / link).exists(), link


@pytest.mark.notebook
@lessons
def test_a_lesson_runs(path):
    notebook = execute(path)  # in profile smoke, without network
    assert problems(notebook) == []
    said = "".join(o.text for o in outputs(notebook) if o.output_type == "stream")
    assert "No answer yet" in said
    assert "Correct." not in said


@pytest.mark.notebook
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_solutions_solve(path):
    said = "".join(o.text for o in outputs(execute(path)) if o.output_type == "stream")
    wanted = set(re.findall(r"ol\.check\.(ex\d\d_\d)", "\n".join(sources(read(path), "code"))))
    assert said.count("Correct.") >= len(wanted)
    assert "Not yet" not in said
    assert "No answer yet" not in said
