"""What a reader meets in a browser: the explorer in a page with the network blocked, and in notebook 06 in JupyterLab.

Skipped where playwright or Chromium is missing, unless ``OPTICAL_LITE_BROWSER=required``.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as xml

import nbformat
import pytest

from optical_lite.alignment import linking
from optical_lite.datasets import pocket
from optical_lite.settings import ROOT
from optical_lite.views import page
from optical_lite.views.material import Material

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


def test_required_means_required(monkeypatch, request):
    monkeypatch.setattr(sys.modules[__name__], "missing", lambda: "no browser")
    monkeypatch.setenv("OPTICAL_LITE_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="required, but there is no browser"):
        next(browser.__wrapped__() if hasattr(browser, "__wrapped__") else browser._fixture_function())


@pytest.fixture(scope="module")
def written(teacher, student, tmp_path_factory):
    """A page of two students, and of hard texts; the last of these fills a plan of 64 by 64."""
    folder, both = tmp_path_factory.mktemp("page"), {"English encoder": teacher, "extended": student}
    english = dict.fromkeys(word for _, text in pocket.bitext("sw").pairs for word in text.lower().split())
    known = [word for word in english if teacher.tokenizer.token_to_id(word) is not None]
    hard = [
        ("<img src=x onerror=alert(1)> maji", "<script>alert(1)</script> water"), ("ⵣⵣⵣ", "water"),
        ("الماء النظيف", "clean water"), ("maji", "water"), (" ".join(known[:64]), " ".join(known[95:31:-1])),
    ]  # fmt: skip
    page.write(folder / "hard.html", Material("sw", both, hard))
    return page.write(folder / "sw.html", Material("sw", both)).parent


def open_page(tab, path, ending=""):
    tab.context.set_offline(True)
    tab.goto(path.as_uri() + ending)
    tab.locator(".cells").first.wait_for()


def words(tab):
    """The words of both sentences, as they stand on the picture, without what they say on hover."""
    return tab.locator("svg .word").evaluate_all("all => all.map((e) => e.firstChild.textContent)")


def slide(tab, name, value):
    """Move a slider as a hand does; back when it is drawn."""
    tab.locator(f".control.{name} input").evaluate(
        "(e, x) => { e.value = x; e.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shades(tab, which=0):
    """How strong the cells of a heat map are, as they were painted."""
    read = "e => [...e.getContext('2d').getImageData(0, 0, e.width, e.height).data].filter((_, k) => k % 4 === 3)"
    return tab.locator(".cells").nth(which).evaluate(read)


def test_the_page_works_without_a_network(tab, written):
    open_page(tab, written / "sw.html")
    facts = tab.locator(".facts").first
    assert "AER" in facts.inner_text()
    plan, said = shades(tab), facts.inner_text()
    slide(tab, "epsilon", "0.4")
    assert shades(tab) != plan
    assert facts.inner_text() != said
    for method, told in (("similarity", "no transport"), ("sinkhorn", "transport cost")):
        tab.locator(".control.method select").select_option(method)
        tab.locator(".facts", has_text=told).wait_for()
    assert "epsilon=" in tab.evaluate("new Promise((done) => setTimeout(() => done(location.hash), 500))")
    tab.locator(".control.compare select").select_option("difference")
    tab.locator(".less[d^=M]").wait_for()
    assert tab.locator(".maps svg").count() == 3  # two plans, and one minus the other
    tab.locator(".control.compare select").select_option("side")
    tab.locator(".control.level select").select_option("token")
    tab.locator("figure").nth(1).wait_for()
    tab.locator(".maps svg").first.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        tab.keyboard.press(key)
    tab.get_by_text("T = a · b · exp").first.wait_for()
    tab.locator("svg .word").first.hover()
    assert tab.locator(".dim").count() > 0
    assert "%" in tab.locator(".readout").inner_text()
    tab.locator(".twin summary").click()
    tab.locator(".twin table").nth(1).wait_for()  # a table is made once its place has been opened
    assert tab.locator(".twin table").count() == 2
    tab.get_by_role("button", name="Search").click()
    tab.locator(".reason").first.wait_for()
    assert "the right passage has rank" in tab.locator(".facts").first.inner_text()
    assert tab.locator(".twin table").count() == 4  # two rankings, and why the chosen passage has its score in each
    assert tab.problems == []


def test_iterations_are_played_and_a_marginal_is_dragged(tab, written):
    open_page(tab, written / "sw.html")
    tab.get_by_role("button", name="iterate").click()
    tab.get_by_text("rows were rescaled").first.wait_for()  # a screen reader is told, too
    tab.locator(".flash").first.wait_for(state="attached")
    tab.get_by_role("button", name="pause").click()
    last = int(tab.locator(".player input").get_attribute("max"))
    tab.locator(".player input").evaluate("(e, x) => { e.value = x; e.dispatchEvent(new Event('input')); }", last)
    tab.get_by_text(f"half iteration {last}").wait_for()
    tab.get_by_role("button", name="solution").click()
    before = float(tab.locator("svg .mass").first.get_attribute("width"))
    box = tab.locator("svg .mass").first.bounding_box()
    tab.mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 4 + 0.3 * box["width"], box["y"] + box["height"] / 2, steps=4)
    tab.mouse.up()
    tab.get_by_role("button", name="reset masses").wait_for()
    assert float(tab.locator("svg .mass").first.get_attribute("width")) < 0.6 * before
    assert tab.problems == []


def test_a_pointer_finds_its_cell_and_colours_follow_the_page(tab, written):
    tab.set_viewport_size({"width": 420, "height": 1000})  # the picture is drawn smaller than it is
    open_page(tab, written / "hard.html", "#pair=4")
    tab.locator(".cells").first.scroll_into_view_if_needed()
    box = tab.locator(".cells").first.bounding_box()
    assert box["width"] < 64 * 8
    sides = [tab.locator(".maps svg").first.locator(f".label[data-side='{side}']") for side in (0, 1)]
    place = box["x"] + box["width"] * 62.5 / 64, box["y"] + box["height"] * 5.5 / 64
    cell = f"{sides[0].nth(5).text_content()} → {sides[1].nth(62).text_content()}: "
    tab.mouse.move(*place)
    assert tab.locator(".readout").inner_text().startswith(cell + "mass")
    tab.mouse.click(*place)
    tab.locator(".sum h4", has_text=cell).wait_for()
    at, full = max(enumerate(shades(tab)), key=lambda one: one[1])
    pixel = f"getContext('2d').getImageData({at % 64}, {at // 64}, 1, 1).data"
    colour = f"document.querySelector('.cells').{pixel}.join()"
    assert tab.evaluate(colour) == f"0,48,111,{full}"
    tab.evaluate("document.body.style.background = '#111'")
    tab.wait_for_function(f"{colour} === '138,184,255,{full}'")
    assert tab.problems == []


def test_what_is_exported_is_what_is_seen(tab, written, tmp_path):
    open_page(tab, written / "sw.html", "#method=unbalanced&reach=0.1&pair=2")
    assert "mass moved 0." in tab.locator(".facts").inner_text()
    files = {}
    for kind in ("SVG", "PNG", "CSV", "Pharaoh"):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=kind, exact=True).click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    assert files["PNG"].read_bytes().startswith(b"\x89PNG")
    found = xml.fromstring(files["SVG"].read_text(encoding="utf-8"))
    _, _, plan, cost = found.findall("svg:*", {"svg": "http://www.w3.org/2000/svg"})
    for which, drawn in enumerate((plan, cost)):
        seen = shades(tab, which)
        cells = [float(rect.get("fill-opacity")) for rect in drawn[1 : 1 + len(seen)]]
        assert cells == pytest.approx([shade / 255 for shade in seen], abs=0.003)
    texts = [t.text for t in found.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[: len(words(tab))] == words(tab)
    assert "var(" not in files["SVG"].read_text(encoding="utf-8")
    rows = files["CSV"].read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + len(tab.locator(".maps svg").first.locator(".label[data-side='0']").all())
    links, _ = linking.from_pharaoh(files["Pharaoh"].read_text())
    assert len(links) == tab.locator(".links path:not(.miss)").count()
    assert tab.problems == []


def test_a_link_opens_the_same_and_a_broken_one_the_beginning(tab, written):
    open_page(
        tab, written / "sw.html", "#pair=3&method=partial&mass=0.4&level=token&hand=%7B%22s%22%3A%7B%221%22%3A4%7D%7D"
    )
    assert "mass moved 0.400" in tab.locator(".facts").inner_text()
    facts = tab.locator(".facts").inner_text()
    slide(tab, "threshold", "0.3")
    tab.wait_for_url(lambda url: "threshold" in url)
    slide(tab, "threshold", "0")
    tab.wait_for_url(lambda url: "threshold" not in url)
    tab.reload()
    tab.locator(".cells").first.wait_for()
    assert tab.locator(".facts").inner_text() == facts
    tab.goto("about:blank")
    open_page(tab, written / "sw.html", '#pair=99&epsilon=abc&student=<b>&hand={"s":{"0":"x","__proto__":3}}&rule=x')
    assert tab.locator(".control.epsilon output").inner_text() == "0.05"
    assert "NaN" not in tab.locator("main").inner_html()
    assert tab.problems == []


def test_texts_of_users_stay_texts_and_hard_ones_are_shown(tab, written):
    open_page(tab, written / "hard.html")
    assert tab.locator("main img, main b:not(.facts b)").count() == 0
    assert "onerror" in "".join(words(tab))
    for place, told in (("1", "unknown to the tokenizer, so never linked: ⵣⵣⵣ"), ("3", "1 link"), ("4", "links")):
        tab.locator(".control.pair select").select_option(place)
        tab.locator(".facts", has_text=told).wait_for()
        assert "NaN" not in tab.locator("main").inner_html()
    tab.locator(".control.pair select").select_option("2")
    tab.locator("svg .word", has_text="الماء").wait_for()
    places = tab.locator("svg .word[data-side='0']").evaluate_all("all => all.map((e) => Number(e.getAttribute('x')))")
    assert places[0] > places[1]  # from right to left
    assert tab.problems == []


MOVES = """(count) => new Promise((done) => {
    const told = new Set(), next = (k) => {
        told.add(document.querySelector(".facts").textContent);
        if (k === count) return done(told.size);
        explorer.set({ epsilon: 0.03 * 1.03 ** k });
        requestAnimationFrame(() => next(k + 1));
    };
    next(0);
})"""


def test_a_plan_of_64_by_64_is_painted_anew_in_each_frame_and_leaves_nothing_behind(browser, tab, written, tmp_path):
    open_page(tab, written / "hard.html", "#pair=4")
    assert len(shades(tab)) == 64 * 64
    tab.evaluate(MOVES, 120)
    browser.start_tracing(page=tab, path=tmp_path / "trace.json", categories=["cc"])
    positions = tab.evaluate(MOVES, 120)
    browser.stop_tracing()
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    # the processor's time, whatever else it does: script, style, layout, paint; and what other threads do meanwhile
    frames, tiles = (
        [event["tdur"] / 1000 for event in events if event["name"] == name and "tdur" in event]
        for name in ("ProxyMain::BeginMainFrame", "RasterTask")
    )
    spent, beside = statistics.median(frames), sum(tiles) / len(frames)
    print(f"{positions} plans in {len(frames)} frames of {spent:.1f} ms, {beside:.1f} ms for tiles beside")
    assert min(positions, len(frames)) >= 100
    assert 0 < spent < 14

    client = tab.context.new_cdp_session(tab)
    client.send("Performance.enable")

    def after_garbage(moves):
        change = "explorer.state.epsilon = 0.03 + 0.01 * (k % 130)"
        tab.evaluate(f"(count) => {{ for (let k = 0; k < count; k++) {{ {change}; explorer.draw(); }} }}", moves)
        client.send("HeapProfiler.collectGarbage")
        return {m["name"]: m["value"] for m in client.send("Performance.getMetrics")["metrics"]}

    before, after = after_garbage(200), after_garbage(2000)
    assert after["Nodes"] <= 1.05 * before["Nodes"]
    assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] + 2e6
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 5


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


def test_notebook_06_in_jupyterlab(tab, tmp_path):
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
        tab.locator(".optical .cells").first.wait_for(timeout=240_000)
        before = shades(tab)
        tab.locator(".optical .control.epsilon input").scroll_into_view_if_needed()
        slide(tab, "epsilon", "0.3")
        assert shades(tab) != before
        tab.locator(".control.pair select").select_option("30")  # not among those that came along
        tab.wait_for_function("document.querySelector('.optical .message').textContent === ''")
        form = tab.locator(".own:visible")
        form.locator("input").nth(0).fill("maji <b>safi</b>")
        form.locator("input").nth(1).fill("clean water")
        form.get_by_role("button").click()
        tab.locator("svg .word", has_text="safi").first.wait_for()
        assert tab.locator(".optical svg b").count() == 0
        form.locator("input").nth(0).fill("maji " * 80)
        form.get_by_role("button").click()
        tab.get_by_text("expected at most 64 to draw").wait_for()
        tab.get_by_role("button", name="Search", exact=True).click()
        tab.locator(".reason").first.wait_for()
        assert tab.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
        assert tab.problems == []
