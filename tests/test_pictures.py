"""Pictures as text: well-formed, without scripts, the same every time, and readable in every script."""

import dataclasses
import hashlib
import io
import re
import xml.etree.ElementTree as xml

import numpy as np
import pytest
from PIL import Image

from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.text import words
from optical_lite.views import drawing, figures, fonts, pictures


def parse(picture):
    assert "<script" not in picture.svg
    assert "http" not in picture.svg.replace("http://www.w3.org/2000/svg", "")
    return xml.fromstring(picture.svg)


def texts(picture):
    return [t.text or "" for t in parse(picture).iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture
def gold():
    source, target, sure, possible = pocket.gold("mr")[3]
    return words(source), words(target), sure, possible


def test_links_show_words_hits_misses_and_false_links(gold):
    source, target, sure, possible = gold
    found = sure - {(0, 5)} | {(0, 1)}
    picture = pictures.alignment(source, target, found, sure=sure, possible=possible, title="a < b & c")
    assert texts(picture)[0] == "a < b & c"
    assert set(source) | set(target) <= set(texts(picture))
    assert f"sure, found: {len(sure) - 1}" in texts(picture)
    assert "sure, missed: 1" in texts(picture)
    assert "found, not in gold: 1" in texts(picture)
    dashes = set(re.findall(r'stroke-dasharray="([^"]+)"', picture.svg))
    assert dashes == {pictures.DASH["miss"], pictures.DASH["false"]}  # told apart without colour


def test_without_gold_there_is_one_kind_of_link():
    picture = pictures.alignment(["maji"], ["water", "."], [(0, 0)])
    assert picture.svg.count('class="k') == 1
    assert 'class="w t1 q"' in picture.svg  # a word without a link is grey
    assert "sure" not in picture.svg


def test_a_long_pair_stands_in_columns_and_a_right_to_left_one_starts_at_the_right():
    many = ["kitabu"] * 30
    long = pictures.alignment(many, many, {(0, 0)})
    assert long.height > long.width
    where = {w: x for w, x in zip(["a", "b"], drawing_places(["אב", "גד"]), strict=True)}
    assert where["a"] > where["b"]


def drawing_places(source):
    picture = pictures.alignment(source, ["clean", "water"], set())
    found = [t for t in parse(picture).iter("{http://www.w3.org/2000/svg}text") if t.text in source]
    return [float(t.get("x")) for t in found]


@pytest.mark.parametrize("cell", [(1, 0), (0, 2), (-1, 0)])
def test_a_link_outside_the_sentence_is_named(cell):
    with pytest.raises(InputError, match=r"got link .* for 1 and 2 words"):
        pictures.alignment(["maji"], ["water", "."], {cell})


def test_a_heat_map_has_a_cell_for_each_number_with_its_value_on_hover():
    picture = pictures.heatmap([[0.25, 0.0], [0.0, 0.75]], ["maji", "safi"], ["clean", "<b>"], marks={(1, 1)})
    cells = [r for r in parse(picture).iter("{http://www.w3.org/2000/svg}rect") if r.get("class") == "c"]
    assert [r[0].text for r in cells][::3] == ["maji → clean: 0.250", "safi → <b>: 0.750"]
    assert cells[3].get("fill") == pictures.BLUE
    assert cells[1].get("fill") == cells[2].get("fill") != cells[0].get("fill")
    reverse = pictures.heatmap([[0.25, 0.0]], ["maji"], ["a", "b"], reverse=True)
    assert reverse.svg.index(pictures.BLUE) > reverse.svg.index("maji → a")
    with pytest.raises(InputError, match=r"matrix \(2, 2\) for 1 rows"):
        pictures.heatmap(np.eye(2), ["x"], ["y", "z"])


def test_bars_show_what_unbalanced_transport_leaves_behind():
    plan = np.array([[0.5, 0.0], [0.1, 0.0]])
    picture = pictures.heatmap(plan, "ab", "cd", masses=([0.5, 0.5], [0.5, 0.5]))
    assert picture.svg.count("expected 0.500, moved 0.100") == 2  # an outline and a bar
    assert picture.svg.count("expected 0.500, moved 0.000") == 2


def test_reasons_of_maxsim_name_the_passage_token():
    picture = pictures.matches(["maji", "?"], [0.8, 0.1], [2, 0], ["the", "un", "##clean", "."])
    assert "##clean 0.80" in texts(picture)
    assert "clean" in texts(picture)
    assert texts(pictures.matches(["maji"], [0.0], [-1], [])) == ["maji", "(nothing) 0.00"]


def test_pictures_are_byte_stable_and_devanagari_is_drawn(gold, tmp_path):
    assert [path.name for path in fonts.files("fontpkg_noto_sans_devanagari")]
    picture = pictures.alignment(*gold[:3])
    sums = {hashlib.sha256(picture.save(tmp_path / f"{k}.png").read_bytes()).hexdigest() for k in range(2)}
    assert len(sums) == 1
    with_font = pictures.caption(["ताप असलेल्या"]).png()
    boxes = pictures.caption(["\U000e0f0f" * 4 + " " + "\U000e0f0f" * 8]).png()
    assert len(with_font) > 1.5 * len(boxes)  # real glyphs, not four times the same box
    saved = picture.save(tmp_path / "x.svg").read_text(encoding="utf-8")
    face = fonts.face(picture.body)  # a file brings its letters along
    assert face.startswith("@font-face")
    assert f'<style>{face}.olp{{font:14px "Noto Sans Devanagari","DejaVu Sans"' in saved
    assert saved.split("</style>", 1)[1] == picture.svg.split("</style>", 1)[1] + "\n"
    assert len(face) < 30_000
    assert pictures.caption(["maji"]).file == pictures.caption(["maji"]).svg + "\n"
    with pytest.raises(InputError, match=r"expected \.svg or \.png"):
        picture.save(tmp_path / "x.gif")


def test_a_vowel_sign_without_its_letter_stands_on_a_circle():
    drawn = pictures.heatmap([[0.1, 0.2]], ["##\u093e"], ["maji", "##gil"])
    assert texts(drawn)[1:] == ["maji", "##gil", "##\u25cc\u093e"]
    assert "\u25cc" not in pictures.heatmap([[0.1]], ["maji"], ["\u092a\u093e"]).svg


def test_cells_that_are_not_numbers_are_refused():
    for draw in (pictures.heatmap, figures.heatmap):
        with pytest.raises(InputError, match="got 1 cells that are not numbers"):
            draw([[0.5, float("nan")]], ["a"], ["b", "c"])


def test_it_shows_itself_without_a_kernel():
    shown, size = dataclasses.replace(drawing.caption(["x"]), title="one letter")._repr_png_()
    assert size == {"width": 25, "height": 24, "alt": "one letter"}
    assert shown.startswith(b"\x89PNG")
    long = pictures.alignment(list("abcdefgh"), list("abcdefgh"), {(0, 3)}, sure={(7, 7)})
    image = Image.open(io.BytesIO(long._repr_png_()[0])).convert("RGB")
    found = np.array(image).reshape(-1, 3).astype(int)
    for colour in (pictures.RED, pictures.OCHRE):  # few pixels have them, and they survive
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.abs(found - wanted).max(1).min() < 8
    assert len(long._repr_png_()[0]) < len(long.png(1.5))
