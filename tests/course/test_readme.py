"""The README tells the truth: what the demo prints, ten lines, links; and it can be read at a sitting."""

import contextlib
import io
import re

import pytest
from steps import table_of

from optical_lite.settings import ROOT
from optical_lite.study import demo, summary
from optical_lite.study.findings import MARK

pytestmark = pytest.mark.float32

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_demos_table_has_what_the_demo_prints():
    """That its numbers are those of the records is tested with every other page, in test_findings."""
    rows = re.findall(r"^\| (.+?) \| <!-- n: run \S+#result\.systems\.(\w+) mrr@10 -->", README, re.MULTILINE)
    assert [(name, title) for title, name in rows] == list(demo.SYSTEMS.items())


def test_the_findings_hold_the_tables():
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- table:(\w+) -->", page)) == {"demo", "headline"} <= set(summary.names())
    assert "| student, after transport | 0.501 |" in table_of(page, "demo")


def over_budget(page: str) -> list[str]:
    """What of a first page is more than a newcomer reads; names of files, versions of formats and years count not."""
    text = re.sub(r"```bibtex.*?```", "", MARK.sub(r"\3", page), flags=re.DOTALL)
    numbers = re.findall(r"(?<![\w.@/])\d[\d,]*(?:\.\d+)*", text)
    found = {"lines": (len(page.splitlines()), 200), "numbers": (len(numbers), 60)}
    return [f"{count} {what}" for what, (count, most) in found.items() if count > most]


def test_the_readme_is_read_at_a_sitting():
    assert over_budget(README) == []
    assert over_budget("1 and 2\n" * 201) == ["201 lines", "402 numbers"]


def test_the_ten_lines_print_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    promised = re.search(r"```text\n(.*?)```", README, re.DOTALL)[1].split()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    printed = out.getvalue().split()
    assert printed[::2] == promised[::2]
    for mine, theirs in zip(printed[1::2], promised[1::2], strict=True):
        assert abs(float(mine) - float(theirs)) <= 0.011  # the last digit may differ on another processor


@pytest.mark.parametrize("page", ["README.md", "docs/findings.md", "docs/explorer.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert ((ROOT / page).parent / link).exists(), link
