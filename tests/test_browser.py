"""What a reader meets in a browser: notebook 06 in a real JupyterLab, and the HTML page with the network blocked.

Skipped where playwright or Chromium is missing, unless ``OPTICAL_LITE_BROWSER=required``.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from optical_lite.datasets import pocket
from optical_lite.settings import ROOT
from optical_lite.views import html_page

pytestmark = pytest.mark.float32

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


def missing() -> str:
    if importlib.util.find_spec("playwright") is None:
        return "no playwright here: pip install 'optical-lite[browser]'"
    return "" if CHROMIUM else "no Chromium on the PATH: install your system's package chromium"


@pytest.fixture(scope="module")
def browser():
    reason = missing()
    if reason and os.environ.get("OPTICAL_LITE_BROWSER") == "required":
        pytest.fail(f"browser tests are required, but there is {reason}")
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser):
    """A page that may reach this machine only; what it complained of is in ``tab.problems``."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
    found = context.new_page()
    found.problems = []

    def guard(route):
        if route.request.url.startswith(("http://127.0.0.1", "http://localhost", "file:", "data:", "blob:")):
            route.continue_()
        else:
            found.problems.append(f"reached for {route.request.url}")
            route.abort()

    context.route("**/*", guard)
    found.on("console", lambda m: m.type == "error" and found.problems.append(m.text))
    found.on("pageerror", lambda error: found.problems.append(str(error)))
    yield found
    context.close()


def picture(tab, name):
    """Keep a screenshot where ``OPTICAL_LITE_SCREENSHOTS`` names a folder."""
    if folder := os.environ.get("OPTICAL_LITE_SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_required_means_required(monkeypatch, request):
    monkeypatch.setattr(sys.modules[__name__], "missing", lambda: "no browser")
    monkeypatch.setenv("OPTICAL_LITE_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="required, but there is no browser"):
        next(browser.__wrapped__() if hasattr(browser, "__wrapped__") else browser._fixture_function())


def test_the_page_works_without_a_network(tab, teacher, student, tmp_path):
    rows = [*pocket.gold("mr")[:3], ("ⵣⵣⵣ", "water"), ("الماء النظيف", "clean water"), ("maji", "water")]
    path = html_page.write(tmp_path / "x.html", rows, {"English encoder": teacher, "extended": student})
    tab.context.set_offline(True)
    tab.goto(path.as_uri())
    words = tab.locator("#links text").evaluate_all("all => all.map(e => e.firstChild.textContent)")  # without titles
    assert "डॉक्टर" in words
    assert "NaN" not in tab.locator("body").inner_text()
    plan, facts = tab.locator("#plan").inner_html(), tab.locator("#facts").inner_text()
    assert "AER" in facts
    picture(tab, "page")
    tab.get_by_label("Epsilon").focus()
    tab.keyboard.press("End")
    assert tab.locator("#value").inner_text() == "1"
    assert tab.locator("#plan").inner_html() != plan
    assert tab.locator("#facts").inner_text() != facts
    tab.get_by_label("Level of the plan").select_option("token")
    tab.get_by_label("Sentence pair").select_option("2")
    tab.get_by_label("Student").select_option("0")
    tab.locator("#plan svg").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        tab.keyboard.press(key)
    assert "→" in tab.locator("#read").inner_text()
    tab.locator("#links text").first.hover()
    assert tab.locator("#links .dim").count() > 0
    picture(tab, "page_tokens")
    for place, told in (("3", "unknown to the tokenizer, so never linked: ⵣⵣⵣ"), ("4", "link"), ("5", "1 link")):
        tab.get_by_label("Sentence pair").select_option(place)  # hard texts
        assert told in tab.locator("#facts").inner_text()
        assert "NaN" not in tab.locator("body").inner_html()
    letters = tab.evaluate("document.fonts.check('14px \"Noto Sans Devanagari\"', 'ड')")
    assert letters  # brought along
    assert tab.problems == []


@contextlib.contextmanager
def jupyterlab(folder):
    """A JupyterLab on a folder, without news and without hiding what is off the screen; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in (
        ("notebook-extension/tracker", {"windowingMode": "none"}),
        ("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False}),
    ):
        place = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(value))
    settings = {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "OPTICAL_LITE_PROFILE": "smoke",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    line = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder / 'work'}",
        "--ServerApp.allow_root=True", "--ServerApp.port_retries=0",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(line, stdout=log, stderr=log, env={**os.environ, **settings})
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api", timeout=5):  # noqa: S310
                    break
                time.sleep(0.1)
            else:
                pytest.fail((folder / "log").read_text()[-2000:])
            yield address
        finally:
            server.terminate()
            server.wait(20)


def test_notebook_03_in_jupyterlab(tab, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    notebook = nbformat.read(ROOT / "notebooks" / "06_alignment.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None  # what is seen below was made here
    nbformat.write(notebook, work / "06_alignment.ipynb")
    with jupyterlab(tmp_path) as address:
        tab.goto(f"{address}/lab/tree/06_alignment.ipynb", timeout=120_000)
        tab.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
        tab.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=120_000)
        tab.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        slider = tab.locator(".widget-slider", has=tab.locator("label", has_text="epsilon")).locator(".noUi-handle")
        slider.wait_for(timeout=240_000)
        shown = tab.locator(".widget-html-content svg").first
        before = shown.inner_html()
        assert "against gold" in before
        slider.scroll_into_view_if_needed()
        picture(tab, "lab_before")
        slider.focus()
        slider.press("End")
        tab.wait_for_function("old => document.querySelector('.widget-html-content svg').innerHTML !== old", arg=before)
        tab.wait_for_timeout(300)
        after = shown.inner_html()
        scores = [next(line for line in html.split("<text") if "AER" in line) for html in (before, after)]
        assert scores[0] != scores[1]
        cells = [[part for part in html.split("<rect") if "→" in part] for html in (before, after)]
        assert len(cells[0]) == len(cells[1])
        assert cells[0] != cells[1]
        tab.get_by_role("button", name="export svg").first.click()
        tab.get_by_text("wrote exports/alignment_sw_001.svg").wait_for(timeout=60_000)
        exported = (work / "exports" / "alignment_sw_001.svg").read_text(encoding="utf-8")
        assert exported.startswith("<svg")
        assert scores[1].split(">")[1].split("<")[0] in exported
        sentences = tab.locator(".widget-dropdown", has=tab.locator("label", has_text="sentences")).locator("select")
        sentences.select_option("your own")
        for name, text in (("source", "maji"), ("English", "water")):
            box = tab.locator(".widget-textarea", has=tab.locator("label", has_text=name)).locator("textarea")
            box.fill(text)
            box.blur()
        tab.get_by_text("1 link between 1 and 1 words").first.wait_for()
        tab.get_by_role("tab", name="search").click()
        tab.get_by_text("best passages").first.wait_for()
        picture(tab, "lab_search")
        assert tab.locator(".jp-OutputArea-output img[src^='data:image/png']").count() >= 2  # the twins
        assert tab.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
        assert tab.problems == []
