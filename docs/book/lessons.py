"""How long each lesson takes, and whose data it shows: the tables of ``docs/teaching.md``.

Reading is the words of a lesson at 200 a minute, running what ``docs/performance.md`` has, licences those of
``data/sources.tsv``. ``python docs/book/lessons.py`` writes the tables; a test says that they are those of today.
"""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import nbformat
from build import ROOT, texts

PAGE = ROOT / "docs" / "teaching.md"
DATA = {  # how lessons name a published data set: its name in data/sources.tsv, what to look for
    "AfriQA": ("afriqa", r"afriqa"),
    "Belebele": ("belebele", r"belebele"),
    "CIRAL": ("ciral", r"\bciral"),
    "FLORES": ("flores", r"\bflores"),
    "IndicQuest": ("indicquest", r"indicquest"),
    "MAFAND": ("mafand", r"mafand"),
    "NTREX": ("ntrex", r"ntrex"),
    "TICO-19": ("tico19", r"\btico"),
    "XQuAD-R": ("xquad-r", r"xquad-?r"),
    **{
        f"gold links, {name}": (dataset, r"gold sets|expected/alignment|" + dataset)
        for name, dataset in {
            "awesome-align's": "awesome", "Biçici's": "bicici", "BinaryAlign's": "binaryalign",
            "SilverAlign's": "silveralign", "XLM-Align's": "xlmalign", "XL-WA": "xlwa",
        }.items()
    },
}  # fmt: skip
SPEED = 200  # words a minute, of a careful reader


def words(text: str) -> int:
    """Words of prose; a formula or an address is none, a link is its text.

    >>> words("Read [the next one](02_sinkhorn.ipynb), where $a^2 + b$ is *small*.")
    7
    """
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|<[^>]*>", " ", text, flags=re.DOTALL)
    return len(re.findall(r"\w[\w'-]*", re.sub(r"\]\([^)]*\)", "]", text)))


def seconds() -> dict[str, float]:
    """What running a lesson in profile pocket took, by lesson."""
    rows = re.findall(
        r"^\| (\d\d_\w+) \| \d* \| (\d+) \|$", (ROOT / "docs" / "performance.md").read_text(), re.MULTILINE
    )
    return {name: float(value) for name, value in rows}


def lessons() -> list[Path]:
    """The lessons in their order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def titled(path: Path) -> str:
    """A link to a lesson, by its title."""
    return f"[{texts(path)[0].splitlines()[0].removeprefix('# ')}](../notebooks/{path.name})"


def minutes() -> str:
    """Minutes to read and to run, a line a lesson."""
    run, total = seconds(), 0
    lines = ["| lesson | minutes to read | minutes to run |", "|---|---|---|"]
    for path in lessons():
        read = math.ceil(sum(map(words, texts(path))) / SPEED)
        ran = f"{math.ceil(run[path.stem] / 60)}" if path.stem in run else "not measured"
        lines.append(f"| {titled(path)} | {read} | {ran} |")
        total += read
    return "\n".join([*lines, f"| all | {total} | |"])


def shown(path: Path) -> list[str]:
    """Published data that a lesson names in its text, its code or its outputs, pictures aside."""
    cells = nbformat.read(path, as_version=4).cells
    said = [str({**output.get("data", {}), "image/png": ""}) + output.get("text", "")
            for cell in cells for output in cell.get("outputs", [])]  # fmt: skip
    text = "\n".join([cell.source for cell in cells] + said)
    return [name for name, (_, pattern) in DATA.items() if re.search(pattern, text, re.IGNORECASE)]


def licences() -> str:
    """Published data and its licence, a line a lesson."""
    with open(ROOT / "data" / "sources.tsv", encoding="utf-8", newline="") as file:
        licence = {row["dataset"]: row["licence"] for row in csv.DictReader(file, delimiter="\t")}
    lines = ["| lesson | published data that it names, and its licence |", "|---|---|"]
    for path in lessons():
        named = [f"{name}: {licence[DATA[name][0]]}" for name in shown(path)]
        lines += [f"| {titled(path)} | {'; '.join(named)} |"] if named else []
    return "\n".join(lines)


def updated(page: str) -> str:
    """The page with the tables of today between their marks."""
    for name, table in (("minutes", minutes), ("licences", licences)):
        marked = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        page = re.sub(marked, rf"\g<1>{table()}\n\g<2>", page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
