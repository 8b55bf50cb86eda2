import base64
import hashlib
import io
import warnings

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image

from optical_lite.settings import InputError
from optical_lite.views import figures

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_heatmap_labels_and_values():
    ax = figures.plan_heatmap(torch.eye(2, 3), ["maji", "safi"], ["clean", "water", "."])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["clean", "water", "."]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["maji", "safi"]
    assert ax.collections[0].get_array().reshape(2, 3).tolist() == torch.eye(2, 3).tolist()


def test_it_draws_on_the_axes_given():
    _, ax = plt.subplots()
    assert figures.cost_heatmap(torch.rand(2, 2), ["a", "b"], ["c", "d"], ax=ax) is ax
    strip = figures.plan_strip([torch.eye(2)] * 3, ["a", "b"], ["c", "d"], ["x", "y", "z"])
    assert [ax.get_title() for ax in strip] == ["x", "y", "z"]


def test_sums_are_drawn_beside_a_plan():
    T = torch.tensor([[0.5, 0.0, 0.1], [0.0, 0.3, 0.1]])
    ax = figures.plan_and_sums(
        T, [0.5, 0.5], [0.5, 0.3, 0.2], ["maji", "safi"], ["water", "clean", "."], title="two steps"
    )
    _, right, above = ax.figure.axes
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0.6, 0.4])
    assert [bar.get_height() for bar in above.patches] == pytest.approx([0.5, 0.3, 0.2])
    assert [line[0][0] for line in right.collections[0].get_segments()] == pytest.approx([0.5, 0.5])
    assert above.get_title() == "two steps"


def test_the_scheme_names_its_parts():
    texts = {text.get_text() for text in figures.scheme().texts}
    assert {"teacher (fixed)", "student", "cost C\nplan T"} <= texts


def test_wrong_labels_are_named():
    with pytest.raises(InputError, match=r"matrix \(2, 3\) for 2 source and 2 target"):
        figures.heatmap(torch.rand(2, 3), ["a", "b"], ["c", "d"])


def test_files_are_the_same_from_run_to_run(tmp_path):
    sums = []
    for folder in ("one", "two"):
        torch.manual_seed(0)
        ax = figures.learning_curve([{"step": i, "loss": 1 / i} for i in range(1, 30)], points={0: 0.1, 29: 0.5})
        paths = figures.save_figure(ax, "x", tmp_path / folder)
        sums.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert sums[0] == sums[1]
    assert [path.suffix for path in paths] == [".png", ".svg"]


def test_a_running_mean_begins_where_it_has_all_its_batches():
    loss = [9.0] + 59 * [1.0]
    ax = figures.learning_curve([{"step": i, "loss": value} for i, value in enumerate(loss, 1)], points={0: 0.5})
    mean = ax.lines[1]
    assert mean.get_xdata()[0] == 4
    assert mean.get_ydata()[:2].tolist() == pytest.approx([3.0, 1.0])
    assert ax.figure.axes[1].get_ylim() == (0, 1)


def test_devanagari_is_drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph would warn
        ax = figures.plan_heatmap(torch.eye(1), ["पाणी"], ["water"])
        ax.figure.canvas.draw()
    assert ax.get_yticklabels()[0].get_text() == "पाणी"


def test_a_figure_is_shown_with_a_caption_and_in_words(monkeypatch):
    said = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata=None, raw=False: said.append((data, metadata)))
    for figure in (figures.plan_heatmap(torch.eye(2), ["a", "b"], ["c", "d"]), None):
        figures.show("Figure 1. a < b.", "Two dark cells on a white diagonal.", figure)
    assert plt.get_fignums() == []  # or the notebook would show it twice
    for (picture, metadata), (text, _) in zip(said[::2], said[1::2], strict=True):
        image = Image.open(io.BytesIO(base64.b64decode(picture["image/png"]))).convert("RGB")
        assert image.getpixel((0, 0)) == (255, 255, 255)  # on a dark page, too
        assert metadata["image/png"]["alt"] == picture["text/plain"] == "Two dark cells on a white diagonal."
        assert 0 < metadata["image/png"]["width"] < image.width
        assert text["text/plain"] == "Figure 1. a < b."
        assert "a &lt; b" in text["text/html"]


def test_few_colours_keep_those_of_few_pixels():
    image = Image.new("RGB", (300, 200), "white")
    for x in range(300):
        image.putpixel((x, 50), (x * 2 % 256, 90, 200))
    image.putpixel((3, 3), (163, 20, 63))
    out = io.BytesIO()
    image.save(out, "PNG")
    found = Image.open(io.BytesIO(small := figures.few_colours(out.getvalue()))).convert("RGB")
    assert max(abs(x - y) for x, y in zip(found.getpixel((3, 3)), (163, 20, 63), strict=True)) < 8
    assert figures.few_colours(small) == small


def test_cells_that_are_not_numbers_are_refused():
    with pytest.raises(InputError, match="got 1 cells that are not numbers"):
        figures.heatmap([[0.5, float("nan")]], ["a"], ["b", "c"])
