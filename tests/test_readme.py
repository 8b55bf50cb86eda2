"""The README tells the truth: table, ten lines and links."""

import contextlib
import io
import re

import pytest

from optical_lite.settings import ROOT
from optical_lite.study import summary
from optical_lite.study.markup import block

pytestmark = pytest.mark.float32

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_generated():
    """That they equal their YAML is tested with every other page, in test_reproduce."""
    assert set(re.findall(r"<!-- table:(\w+) -->", README)) <= set(summary.names())
    assert "| student, after transport | 0.501 |" in block(README, "demo")


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


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
