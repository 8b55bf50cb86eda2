"""Tables as text in three formats, and blocks of a page."""

import pytest

from optical_lite.settings import InputError
from optical_lite.study import markup

PAGE = "a\n<!-- table:x -->\nold\n<!-- /table:x -->\nb\n<!-- table:y -->\nkeep\n<!-- /table:y -->\n"


def test_special_characters_survive_each_format():
    header, rows = ("a|b", "%"), [("<x>", "50 % & more"), ("±", "Δ−1")]
    assert r"a\|b" in markup.markdown(header, rows)
    assert "&lt;x&gt;" in markup.FORMATS["html"](header, rows)
    assert "<x>" not in markup.FORMATS["html"](header, rows)
    found = markup.FORMATS["latex"](header, rows)
    assert r"50 \% \& more \\" in found
    assert found.count("&") == 4  # one in each of three lines, and the escaped one


def test_only_the_block_changes():
    found = markup.replace_block(PAGE, "x", "new\n\n")
    assert found == PAGE.replace("old", "new")
    assert markup.replace_block(found, "x", "new") == found


@pytest.mark.parametrize(
    "page",
    ["", PAGE.replace("<!-- /table:x -->", ""), PAGE + PAGE, "<!-- /table:x -->\n<!-- table:x -->\n"],
    ids=["none", "no end", "twice", "wrong order"],
)
def test_a_page_without_one_pair_of_marks_is_refused(page):
    with pytest.raises(InputError, match="without <!-- table:x -->"):
        markup.replace_block(page, "x", "new")
