"""The book and the slides: what belongs to them is in, answers are out, and no page asks a network for anything.

What needs Sphinx is skipped where `.venv-book` is missing (`make .venv-book/installed`), what needs a browser as in
`test_browser`.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from packaging.specifiers import SpecifierSet
from test_browser import browser, slide, tab  # noqa: F401

from optical_lite.settings import ROOT
from optical_lite.views import page as explorer_page
from optical_lite.views.material import Material

sys.path.insert(0, str(ROOT / "docs" / "book"))

import build
import launch
import lessons
import pictures
import slides

PYTHON = ROOT / ".venv-book" / "bin" / "python"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
OUTSIDE = re.compile(r"""<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)\s*=\s*["'](https?:)?//""")
# The least contrast of what is read, with its text: WCAG asks for 4.5.
CONTRAST = """() => {
  const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (text) => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = text; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, k) => {
    const v = c[k] / 255;
    return sum + weight * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const c = rgba(getComputedStyle(node).backgroundColor);
      if (c[3] === 255) return c;
    }
    return [255, 255, 255, 255];
  };
  let least = [21, ""];
  for (const node of document.querySelectorAll("article :is(p, li, td, th, pre, h2)")) {
    if (!node.innerText?.trim()) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, node.innerText.slice(0, 80)];
  }
  return least;
}"""


def run(script, *arguments):
    if not PYTHON.exists():
        pytest.skip("no .venv-book here: make .venv-book/installed")
    line = [PYTHON, ROOT / "docs" / "book" / script, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def book(tmp_path_factory, teacher, student):
    """The site, with the explorer."""
    if not PYTHON.exists():
        pytest.skip("no .venv-book here: make .venv-book/installed")
    folder = tmp_path_factory.mktemp("book")
    explorer = explorer_page.write(folder / "x.html", Material("sw", {"English encoder": teacher, "extended": student}))
    run("build.py", "--out", folder, "--explorer", explorer)
    return folder / "html"


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """The slides."""
    folder = tmp_path_factory.mktemp("slides")
    run("slides.py", "--out", folder)
    return folder


def test_every_lesson_is_in_the_book_and_no_answer(tmp_path):
    page = tmp_path / "explorer.html"
    page.write_text("<p>explorer")
    kept = build.assemble(tmp_path / "source", explorer=page)
    assert {f"notebooks/{name}.ipynb" for name in LESSONS} | {"README.md"} <= kept
    files = [path for path in (tmp_path / "source").rglob("*") if path.suffix in build.PAGES]
    assert len(files) == len(kept)
    assert not [path for path in files if "solutions" in path.parts]
    front = (tmp_path / "source" / "index.md").read_text()
    listed = [name for block in re.findall(r":caption: .*\n\n([^`]*)", front) for name in block.split()]
    assert sorted(listed) == sorted(name.rpartition(".")[0] for name in kept - {"README.md"})
    texts = {path: "\n".join(build.texts(path)) for path in files}
    assert sum(text.count("<iframe") for text in texts.values()) >= 1
    for path, text in texts.items():
        assert "Worked answers:" not in text, path
        for match in build.LINK.finditer(text):
            assert (path.parent / match[3]).is_file(), (path, match[0])


def test_answers_join_when_asked(tmp_path):
    kept = build.assemble(tmp_path / "source", solutions=True)
    assert {f"notebooks/solutions/{name}.ipynb" for name in LESSONS} <= kept
    assert "Worked answers:" in "\n".join(build.texts(tmp_path / "source" / "notebooks" / f"{LESSONS[0]}.ipynb"))
    assert "caption: Worked answers" in (tmp_path / "source" / "index.md").read_text()


@pytest.mark.parametrize(
    ("text", "address", "wanted"),
    [
        ("[a](a.md#part)", "", "[a](a.md#part)"),
        ("[a](a.md#cell-id=cell-03)", "", "[a](a.md)"),
        ("[top](../README.md)", "", "[top](../index.md)"),
        ("[code](../x.py)", "", "code"),
        ("[code](../x.py)", "https://example.org/kit", "[code](https://example.org/kit/blob/main/x.py)"),
        ("[answer](solutions/a.ipynb)", "https://example.org/kit", "answer"),
        ("[site](https://example.org) [here](#part) ![seen](../figures/answer.png)", "", None),
        ("![a plan](../figures/none.png)", "", "*a plan*"),
    ],
)
def test_links_of_the_book(text, address, wanted):
    assert build.relinked(text, "docs/b.md", {"docs/a.md", "README.md"}, address) == (wanted or text)


def test_slides_are_dealt():
    code = nbformat.v4.new_code_cell("x = 1", outputs=[nbformat.v4.new_output("stream", text="1\n" * 30)])
    own = nbformat.v4.new_markdown_cell("aside", metadata={"slideshow": {"slide_type": "notes"}})
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# 00 A lesson\n\nopens."),
            nbformat.v4.new_code_cell("import optical_lite as ol\n\nol.banner()"),
            nbformat.v4.new_markdown_cell("text\n\n## 1. A part\n\n**Predict first**: more or less?"),
            nbformat.v4.new_markdown_cell("More.\n\n**Exercise 1, compute.** How many?"),
            nbformat.v4.new_code_cell("answer = ..."),
            own,
            nbformat.v4.new_markdown_cell("a paragraph of a few words\n\n" * 40),
            code,
            nbformat.v4.new_markdown_cell("## Exercises"),
            nbformat.v4.new_code_cell("answer = ...\nol.check.ex00_1(answer)"),
            nbformat.v4.new_markdown_cell("## Summary"),
        ]
    )
    dealt = [(cell.source[:12], cell.metadata["slideshow"]["slide_type"]) for cell in slides.deal(notebook).cells]
    assert dealt[:5] == [
        ("# 00 A lesso", "slide"), ("text\n", "-"), ("## 1. A part", "slide"), ("More.\n\n", "subslide"),
        ("aside", "notes"),
    ]  # fmt: skip
    assert [kind for text, kind in dealt if text.startswith("a paragraph")].count("subslide") >= 2
    assert dealt[-3:] == [("x = 1", "-"), ("", "subslide"), ("## Summary", "slide")]


def test_pages_that_ask_a_network_are_seen():
    for bad in ('<script defer src="https://cdn.example.org/x.js">', "<link href='//fonts.example.org/a' rel=x>"):
        assert OUTSIDE.search(bad)
    assert not OUTSIDE.search('<a href="https://example.org">x</a><script src="_static/x.js">')


@pytest.mark.float32
def test_the_book_names_nothing_outside(book):
    pages = sorted(book.rglob("*.html"))
    assert {f"{name}.html" for name in LESSONS} <= {page.name for page in pages}
    for page in pages:
        assert not OUTSIDE.search(page.read_text(encoding="utf-8")), page
    for sheet in book.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*(url\()?['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet
    assert not list(book.rglob("*solutions*"))


@pytest.mark.float32
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_reads_well_without_a_network(book, tab, scheme):  # noqa: F811
    tab.context.set_offline(True)
    tab.emulate_media(color_scheme=scheme)
    formulas = 0
    for page in [book / "index.html", *sorted((book / "notebooks").glob("*.html")), *sorted(book.glob("docs/*.html"))]:
        tab.goto(page.as_uri())
        wanted = tab.locator(".math").count()
        tab.wait_for_function("() => document.querySelectorAll('.math').length === "
                              "document.querySelectorAll('.math mjx-container').length", timeout=60_000)  # fmt: skip
        formulas += wanted
        assert tab.locator("mjx-merror").count() == 0, page
        assert tab.locator("html").get_attribute("data-theme") == scheme
        ratio, text = tab.evaluate(CONTRAST)
        assert ratio >= 4.5, (page, text)
        broken = tab.evaluate("() => [...document.images].filter(i => !i.naturalWidth).map(i => i.src)")
        assert broken == [], page
    assert formulas > 100
    assert tab.problems == []


@pytest.mark.float32
def test_the_contrast_test_complains(tab):  # noqa: F811
    tab.set_content('<article style="background: #111"><p style="color: #333">dark on dark</p></article>')
    assert tab.evaluate(CONTRAST)[0] < 4.5


@pytest.mark.float32
def test_search_dark_mode_and_explorer(book, tab):  # noqa: F811
    tab.context.set_offline(True)
    tab.emulate_media(color_scheme="null")
    tab.goto(f"{(book / 'search.html').as_uri()}?q=sinkhorn")
    tab.locator("#search-results a", has_text="02 Sinkhorn").first.wait_for(timeout=60_000)
    tab.goto((book / "notebooks" / "06_alignment.html").as_uri())
    for mode in ("dark", "light"):  # as the reader chooses, whatever the system says; the explorer goes along
        tab.locator("button.theme-switch-button").click()
        tab.locator(f"button.theme-change-button[data-mode={mode}]").click()
        assert tab.locator("html").get_attribute("data-theme") == mode
        inside = tab.locator("iframe.explorer").element_handle().content_frame()
        assert inside.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (mode == "dark")
    theme = "() => document.documentElement.dataset.theme"
    tab.evaluate("() => { document.documentElement.dataset.theme = 'dark'; dispatchEvent(new Event('beforeprint')) }")
    assert tab.evaluate(theme) == "light"
    tab.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(theme) == "dark"
    tab.locator("iframe.explorer").scroll_into_view_if_needed()  # a frame that is off the screen is not drawn
    facts = inside.locator(".facts").first
    said = facts.inner_text()
    assert "AER" in said
    slide(inside, "epsilon", "0.4")
    assert facts.inner_text() != said
    assert tab.problems == []


@pytest.mark.float32
def test_nothing_is_cut_off_on_paper(book, tab):  # noqa: F811
    tab.context.set_offline(True)
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 718, "height": 1000})  # A4 within margins of a centimetre
    for name in LESSONS:
        tab.goto((book / "notebooks" / f"{name}.html").as_uri())
        tab.evaluate("window.MathJax && MathJax.startup.promise.then(() => 0)")  # formulas are set
        wide = tab.locator("article :is(div.math mjx-container, pre, table)").evaluate_all(
            "all => all.filter((e) => e.scrollWidth > e.clientWidth + 2).map((e) => e.textContent.slice(0, 80))"
        )
        assert wide == [], name


@pytest.mark.float32
def test_slides_fit_and_need_no_network(lecture, tab):  # noqa: F811
    tab.context.set_offline(True)
    tab.set_viewport_size({"width": 1280, "height": 720})
    assert sorted(page.stem for page in lecture.glob("*.html")) == LESSONS
    for page in sorted(lecture.glob("*.html")):
        assert not OUTSIDE.search(page.read_text(encoding="utf-8")), page
        tab.goto(page.as_uri())
        tab.wait_for_function("() => document.body.dataset.fitted")
        assert tab.locator("mjx-merror").count() == 0
        count, tall = tab.evaluate("() => ['', '.tall'].map(x => document.querySelectorAll("
                                   "`.slides section:not(.stack)${x}`).length)")  # fmt: skip
        assert count >= 15, page
        assert tall <= count / 10, page
    assert tab.problems == []


def test_teaching_has_the_tables_of_today():
    page = lessons.PAGE.read_text(encoding="utf-8")
    assert lessons.updated(page) == page, "write them with: python docs/book/lessons.py"
    assert "not measured" not in page
    assert (
        page.count("<summary>Answer</summary>")
        == len(re.findall(r"^\*\*\d+ \(lesson \d\d\)", page, re.MULTILINE))
        >= 18
    )
    stale = page.replace("| 1 |", "| 100 |", 1)
    assert lessons.updated(stale) == page != stale


def test_words_and_data_of_a_lesson_are_seen(tmp_path):
    assert lessons.words("Read [the next one](02_sinkhorn.ipynb), where $a^2 + b$ is *small*.") == 7
    cells = [nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text="mafand-train")])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "x.ipynb")
    assert lessons.shown(tmp_path / "x.ipynb") == ["MAFAND"]


def test_the_explorers_page_shows_what_the_script_takes():
    page = (ROOT / "docs" / "explorer.md").read_text(encoding="utf-8")
    taken = {path.stem: path.stat().st_size for path in (ROOT / "figures").glob("explorer_*.png")}
    assert set(re.findall(r"!\[[^]]{40,}\]\(\.\./figures/(\w+)\.png\)", page)) == set(pictures.PICTURES) == set(taken)
    assert max(taken.values()) <= 100_000


def test_the_glossary_is_in_order_and_complete():
    terms = re.findall(r"^- \*\*(.+?)\*\*: ", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert terms == sorted(terms, key=str.casefold)
    wanted = "AER, Bitext, Cost matrix, Epsilon, Idf, Marginal, MaxSim, MRR@10, Plan, Profile, Reach, Student, Teacher"
    assert set(wanted.split(", ")) <= set(terms)


@pytest.fixture
def clone(tmp_path):
    """A copy of what the address of a public clone is written into."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("solutions", "*.py"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_address_is_written_once_and_taken_away(clone):
    launch.write(clone, "")
    bare = contents(clone)
    for address in ("https://github.com/one/kit", "https://github.com/two/kit"):
        launch.write(clone, address)
        told = contents(clone)
        for path, text in told.items():
            assert text != bare[path], path
        assert tomllib.loads(told[Path("pyproject.toml")].decode())["project"]["urls"] == {"Repository": address}
        assert b"/gh/" + address.removeprefix("https://github.com/").encode() in told[Path("README.md")]
    for path in (clone / "notebooks").glob("*.ipynb"):
        assert launch.stamped(nbformat.read(path, as_version=4)) == address
    launch.write(clone, "")
    assert contents(clone) == bare


def test_every_lesson_has_the_address_of_pyproject():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert launch.stamped(nbformat.read(path, as_version=4)) == build.repository(), path


def test_the_book_of_a_public_clone_has_buttons(tmp_path):
    if not PYTHON.exists():
        pytest.skip("no .venv-book here: make .venv-book/installed")
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.md").write_text("# Book\n\n```{toctree}\nnotebooks/00_a\n```\n")
    cells = [nbformat.v4.new_markdown_cell("# A lesson")]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "00_a.ipynb")
    for address in ("", "https://github.com/one/kit"):
        told = {**os.environ, "BOOK_SOURCE": str(tmp_path), "BOOK_REPOSITORY": address}
        line = [PYTHON, "-m", "sphinx", "-qE", "-c", ROOT / "docs" / "book", tmp_path, tmp_path / "html"]
        subprocess.run(line, check=True, env=told, capture_output=True, timeout=300)
        page = (tmp_path / "html" / "notebooks" / "00_a.html").read_text(encoding="utf-8")
        for wanted in ("https://mybinder.org/v2/gh/one/kit/main?urlpath=lab/tree/notebooks/00_a.ipynb",
                       "https://colab.research.google.com/github/one/kit/blob/main/notebooks/00_a.ipynb"):  # fmt: skip
            assert (wanted in page) == bool(address)


def test_an_address_that_binder_and_colab_cannot_open_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["launch.py", "git@example.org:kit"])
    assert launch.main() == 2
    assert "expected https://github.com/OWNER/NAME" in capsys.readouterr().err


def test_binder_installs_what_is_locked():
    folder = ROOT / ".binder"
    lines = [line for line in (folder / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines[-1] == "-r ../requirements-lock.txt"
    assert (folder / "postBuild").stat().st_mode & 0o100
    version = (folder / "runtime.txt").read_text().strip().removeprefix("python-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SpecifierSet(project["requires-python"]).contains(version)


@pytest.mark.parametrize("module", [build, lessons, slides], ids=lambda module: module.__name__)
def test_examples_of_the_books_own_code(module):
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
