"""Page: the explorer as one HTML file for slides and books: it loads nothing, needs no kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..alignment import plans
from ..alignment.linking import links
from ..json_files import to_json
from ..safe_files import write_atomic
from ..settings import InputError, one_of
from . import choices, fonts
from .material import Material

HERE, LARGEST = Path(__file__).parent, 500_000  # bytes of a page
FILES = ("solver", "drawing", "reading", "explorer")
# what the explorer calls each solver; of one name the plans are the same
METHODS = {"stabilized": "sinkhorn", "log": "sinkhorn", "proximal": "exact"}
METHODS |= {name: name for name in ("exact", "unbalanced", "partial", plans.SIMILARITY)}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:">
<title>What a transport plan aligns</title>
<style>{css}
body {{ margin: 0; background: #fff; color: #1b1b1b;
  font-family: "Noto Sans", "DejaVu Sans", system-ui, sans-serif }}
main {{ max-width: 1400px; margin: 0 auto; padding: 0 12px 24px }}
h1 {{ font-size: 1.3rem; margin: 14px 12px 6px }}
@media (prefers-color-scheme: dark) {{ body {{ background: #16181d; color: #e8eaed }} }}
</style></head>
<body><main><h1>What a transport plan aligns</h1><div id="explorer"><noscript>This page solves its
plans itself, so it needs JavaScript.</noscript></div></main>
<script type="application/json" id="data">{data}</script>
<script type="module">{module}
const [place, data] = ["explorer", "data"].map((id) => document.getElementById(id));
window.explorer = mount(place, JSON.parse(data.textContent));
</script></body></html>
"""


def module() -> str:
    """The files of the explorer as one ES module."""
    parts = [(HERE / f"{name}.js").read_text(encoding="utf-8") for name in FILES]
    return re.sub(r"^import .*?;\n", "", "".join(parts), flags=re.MULTILINE | re.DOTALL)


def css() -> str:
    """The style of the explorer."""
    return (HERE / "explorer.css").read_text(encoding="utf-8")


def start(options: Mapping) -> dict:
    """The state of the view that options of :class:`.alignment.plans.AlignConfig` ask for."""
    config = plans.AlignConfig(**options)
    one_of("explorer: got method", config.method, METHODS)
    links([[1.0]], config.rule, config.threshold)  # raises where there is no such rule
    return options | ({"method": METHODS[config.method]} if "method" in options else {})


def write(out: str | Path, material: Material, **options) -> Path:
    """Write the explorer as one HTML file: its opening pairs and questions, by all its students.

    It opens as fields of :class:`.alignment.plans.AlignConfig` say. More than 500 KB is an
    InputError: give at most four students.
    """
    questions = choices.opening_questions(material) if len(material.rows) > 1 else []
    data = material.data(choices.opening_pairs(material), questions, list(material.students))
    data |= {"state": start(options), "face": fonts.face(to_json(data))}
    inside = to_json(data, separators=(",", ":")).replace("<", "\\u003c")
    text = PAGE.format(css=css(), data=inside, module=module())
    if (size := len(text.encode())) > LARGEST:
        got = f"{len(data['pairs'])} pairs and {len(data['names'])} students, {size:,} bytes"
        expected = f"at most {LARGEST:,}; give fewer students or layers, or shorter pairs"
        raise InputError("page", got, expected)
    return write_atomic(out, text)
