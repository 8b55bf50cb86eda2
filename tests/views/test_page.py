"""The HTML page: one file, whole, that loads nothing; how it behaves is in test_browser.py."""

import json
import re

import pytest

from optical_lite import __main__
from optical_lite.alignment import plans
from optical_lite.config import SOLVERS
from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.views import page
from optical_lite.views.material import Material

pytestmark = pytest.mark.float32


def data(path):
    text = path.read_text(encoding="utf-8")
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def test_it_is_one_module_that_loads_nothing(teacher, student, tmp_path):
    some = Material("mr", {"English": teacher, "extended": student}, pocket.gold("mr")[:3])
    text, found = data(page.write(tmp_path / "x.html", some, epsilon=0.1, method="log"))
    assert found["state"] == {"epsilon": 0.1, "method": "sinkhorn"}
    assert not re.search(
        r"(?<!\.)\b(src|href)\s*=|@import|fetch\(|XMLHttp|innerHTML|insertAdjacent|document\.write|eval\(", text
    )
    assert not re.search(r"^import |https?://(?!www\.w3\.org/2000/svg)", text, re.MULTILINE)
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!data:)", text)
    assert text.count("@font-face") == 1  # Devanagari comes along
    assert text.count("</script>") == 2
    assert len(found["pairs"]) == 3


@pytest.mark.parametrize("method", [*SOLVERS, plans.SIMILARITY])
def test_it_opens_with_every_solver(method, monkeypatch):
    shown = re.search(r"METHODS = (\[.*?\])", page.module())[1]
    assert page.start({"method": method})["method"] in json.loads(shown)
    monkeypatch.delitem(page.METHODS, method)
    with pytest.raises(InputError, match=f"got method '{method}', expected one of"):
        page.start({"method": method})


def test_the_command_writes_it_and_text_cannot_break_out(tmp_path, capsys):
    line = ["align", "</script><b> maji", "water", "--lang", "sw", "--html", str(tmp_path / "x.html")]
    assert __main__.main(line) == 0
    text, found = data(tmp_path / "x.html")
    assert "".join(found["pairs"][0]["s"]).startswith("</script><b>")
    assert "</script><b>" not in text
    assert "KB" in capsys.readouterr().out
    assert __main__.main([*line, "--svg", "z.svg"]) == 2
    assert __main__.main([*line, "--rule", "x"]) == 2


def test_eight_pairs_by_four_students_fit(teacher, student, tmp_path, monkeypatch):
    some = Material("mr", {"a": teacher, "b": student, "c": student, "d": student})
    path = page.write(tmp_path / "x.html", some)
    assert len(data(path)[1]["pairs"]) == len(data(path)[1]["questions"]) == 8
    assert path.stat().st_size < 500_000
    monkeypatch.setattr(page, "LARGEST", 50_000)
    with pytest.raises(InputError, match="expected at most 50,000; give fewer students"):
        page.write(tmp_path / "y.html", Material("sw", {"English": teacher}, [("maji", "water")]))
    assert not (tmp_path / "y.html").exists()


def test_hard_texts(teacher, tmp_path):
    rows = [("ⵣⵣⵣ water", "clean water"), ("ⵣⵣⵣ", "water"), ("الماء النظيف", "clean water"), ("w", "w")]
    text, found = data(page.write(tmp_path / "x.html", Material("sw", {"English": teacher}, rows)))
    assert [pair["students"]["English"]["unknown"] for pair in found["pairs"]] == [[0], [0], [], []]
    assert found["pairs"][2]["s"] == ["الماء", "النظيف"]
    assert "NaN" not in text.split('id="data"')[1].split("</script>")[0]
