"""Take the pictures of ``docs/explorer.md`` from the explorer's own page: ``python docs/book/pictures.py``.

Needs playwright and Chromium, as the browser tests do. A small Swahili student is trained first, once
(``runs/pictures``; one minute or two).
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from build import ROOT
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

import optical_lite as ol
from optical_lite.safe_files import write_atomic
from optical_lite.views import choices, page
from optical_lite.views.figures import few_colours
from optical_lite.views.material import Material

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WIDTH, MARGIN = 1200, 10  # pixels of the window, and of what stays around a picture
STEPS = (20, 60)  # of the student: one on the way, and the last
EPSILON = 0.01, 0.05, 0.3


def written(folder: Path) -> Path:
    """The page that is photographed: the English encoder, and a student before, during and after training."""
    run = ROOT / "runs" / "pictures" / "student"
    teacher, bitext = ol.encoder.teacher(), ol.pocket.bitext("sw")
    student = ol.vocabulary.extend(teacher, bitext)
    config = ol.DistillConfig(steps=STEPS[-1], keep=STEPS[:-1])
    ol.distill.distill(student, teacher, bitext, config, run, progress=False)
    students = {choices.ENGLISH: teacher, **choices.checkpoints(run)}
    return page.write(folder / "explorer.html", Material("sw", students))


def seen(place: Locator, margin: int = MARGIN) -> Image.Image:
    """What stands at a place of the page, with a margin."""
    box = place.bounding_box()
    clip = {"x": box["x"] - margin, "y": box["y"] - margin}
    clip |= {"width": box["width"] + 2 * margin, "height": box["height"] + 2 * margin}
    return Image.open(io.BytesIO(place.page.screenshot(clip=clip, full_page=True))).convert("RGB")


def beside(images: dict[str, Image.Image], above: int = 26) -> Image.Image:
    """Pictures side by side on white, each under its name."""
    size = sum(image.width for image in images.values()), max(image.height for image in images.values()) + above
    whole, x = Image.new("RGB", size, "white"), 0
    pen, face = ImageDraw.Draw(whole), ImageFont.truetype(findfont("DejaVu Sans"), 17)
    for name, image in images.items():
        pen.text((x + 18, 4), name, fill="black", font=face)
        whole.paste(image, (x, above))
        x += image.width
    return whole


def epsilon(tab: Page) -> Image.Image:
    """The plan at three values of epsilon, from sharp to blurred."""
    found = {}
    for value in EPSILON:
        tab.evaluate("(value) => explorer.set({ epsilon: value })", value)
        tab.locator(".control.epsilon output", has_text=str(value)).wait_for()
        found[f"epsilon {value}"] = seen(tab.locator(".maps svg").first, 0)
    return beside(found)


def iterations(tab: Page) -> Image.Image:
    """Half an iteration after another: what was rescaled last is ochre."""
    tab.get_by_role("button", name="iterate").click()
    tab.get_by_role("button", name="pause").click()
    tab.locator(".player input").evaluate("(e) => { e.value = 3; e.dispatchEvent(new Event('input')); }")
    tab.get_by_text("half iteration 3").wait_for()
    return seen(tab.locator(".board"))


def marginal(tab: Page) -> Image.Image:
    """A bar that was dragged: its word weighs more, the others share the rest."""
    bar = tab.locator("svg .mass").first
    box = bar.bounding_box()
    tab.mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 4 + 2 * box["width"], box["y"] + box["height"] / 2, steps=6)
    tab.mouse.up()
    tab.get_by_role("button", name="reset masses").wait_for()
    return seen(tab.locator(".board"))


def students(tab: Page) -> Image.Image:
    """The student before and after training, side by side."""
    tab.locator(".control.compare select").select_option("side")
    tab.locator("figure").nth(1).wait_for()
    return seen(tab.locator(".board"))


def addends(tab: Page) -> Image.Image:
    """One word's row and links, and the sum that a cell of it enters."""
    tab.locator(".control.compare select").select_option("difference")
    tab.locator(".maps .ground").first.click(position={"x": 48, "y": 16})
    tab.get_by_text("T = a · b · exp").first.wait_for()
    tab.locator("svg .word").first.hover()
    return seen(tab.locator(".board"))


def search(tab: Page) -> Image.Image:
    """A question, its passages before and after, and why."""
    tab.get_by_role("button", name="Search").click()
    tab.locator(".reason").first.wait_for()
    return seen(tab.locator(".board"))


PICTURES: dict[str, Callable[[Page], Image.Image]] = {
    f"explorer_{take.__name__}": take for take in (epsilon, iterations, marginal, students, addends, search)
}


def main() -> None:
    """Write ``figures/explorer_*.png``."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "figures")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        address = written(Path(folder)).as_uri()
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, take in PICTURES.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": 900}, reduced_motion="reduce")
            tab.goto(address)
            tab.locator(".cells").first.wait_for()
            out = io.BytesIO()
            take(tab).save(out, "PNG")
            print(write_atomic(args.out / f"{name}.png", few_colours(out.getvalue())))
            tab.close()
        browser.close()


if __name__ == "__main__":
    main()
