"""The HTML page: one file, whole, with the numbers of the package; how it behaves is in test_browser.py."""

import base64
import json
import re

import numpy as np
import pytest

from optical_lite import __main__
from optical_lite.alignment import plans
from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.views import html_page

pytestmark = pytest.mark.float32


def data(path):
    text = path.read_text(encoding="utf-8")
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def test_it_holds_the_plans_of_the_package(teacher, student, tmp_path):
    rows = pocket.gold("sw")[:2]
    text, found = data(html_page.write(tmp_path / "x.html", rows, {"English": teacher, "extended": student}))
    assert not re.search(r"(src|href)\s*=|url\(|@import|fetch\(", text)
    assert "@" not in re.sub(r"@media", "", re.sub(r"<script.*", "", text, flags=re.DOTALL))
    assert found["epsilons"][found["start"]] == 0.05
    pairs = plans.encode_pairs(student, teacher, [row[:2] for row in rows])
    (one,) = plans.realign(pairs[1:], plans.AlignConfig(epsilon=0.05))
    frame = found["pairs"][1]["students"][1]["frames"][found["start"]]
    plan = np.frombuffer(base64.b64decode(frame["plan"]), "<u2").reshape(one.plan.shape) / 65535 * frame["scale"]
    assert plan == pytest.approx(one.plan.numpy(), abs=1e-5)
    assert {(i, j) for i, j, kind in frame["links"] if kind != "miss"} == one.links
    assert frame["score"][2] == pytest.approx(plans.score(one.links, *rows[1][2:]).aer)


def test_the_command_writes_it_and_text_cannot_break_out(tmp_path, capsys):
    line = ["align", "</script><b> maji", "water", "--lang", "sw", "--html", str(tmp_path / "x.html")]
    assert __main__.main(line) == 0
    text, found = data(tmp_path / "x.html")
    assert "".join(found["pairs"][0]["s"]).startswith("</script><b>")
    assert "</script><b>" not in text
    assert "1 pairs" in capsys.readouterr().out
    assert __main__.main(["align", "--lang", "mr", "--html", str(tmp_path / "y.html")]) == 0
    assert (tmp_path / "y.html").stat().st_size < 500_000
    assert __main__.main([*line, "--svg", "z.svg"]) == 2


def test_hard_texts(teacher, tmp_path):
    rows = [
        ("ⵣⵣⵣ water", "clean water"), ("ⵣⵣⵣ", "water"), ("الماء النظيف", "clean water"), ("Safe.", "Safe."), ("w", "w"),
    ]  # fmt: skip
    text, found = data(html_page.write(tmp_path / "x.html", rows, {"English": teacher}))
    assert [pair["students"][0]["su"] for pair in found["pairs"]] == [[0], [0], [], [], []]
    assert [pair["s"] for pair in found["pairs"]][2] == ["الماء", "النظيف"]
    assert "NaN" not in text.split('id="data"')[1].split("</script>")[0]
    for wrong, message in ((("", "water"), "empty source side"), (("maji " * 600, "water"), "expected at most 256")):
        with pytest.raises(InputError, match=message):
            html_page.write(tmp_path / "y.html", [wrong], {"English": teacher})
    with pytest.raises(InputError, match=r"epsilon 0\.005 for method scaling"):
        html_page.write(tmp_path / "y.html", [("clean water", "a dark room")], {"English": teacher}, method="scaling")
    assert not (tmp_path / "y.html").exists()


def test_devanagari_comes_along(teacher, tmp_path):
    text, _ = data(html_page.write(tmp_path / "x.html", pocket.gold("mr")[:1], {"English": teacher}))
    assert text.count("@font-face") == 1
    assert "url(data:font/woff;base64," in text
    assert not re.search(r"url\((?!data:)", text)


def test_too_much_is_refused(teacher, tmp_path):
    with pytest.raises(InputError, match="got 0 pairs"):
        html_page.write(tmp_path / "x.html", [], {"t": teacher})
    with pytest.raises(InputError, match="expected at most 1,000,000"):
        html_page.write(tmp_path / "x.html", pocket.gold("sw")[:40], {"a": teacher, "b": teacher, "c": teacher})
    assert not (tmp_path / "x.html").exists()
