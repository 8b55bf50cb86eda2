"""Findings: the numbers of the prose, each written by the records that it reports.

A number stands between two marks that readers do not see,
``<!-- n: mean optical afriqa_sw -->0.706<!-- /n -->``, and :func:`fill` writes it, with as many
decimals as stand there. The words are a person's: after new records ``tables --check`` says which
numbers moved, and somebody reads whether the sentence around them still holds. Marks work in every
Markdown page and in the text of notebooks. A measure is a few words:

- ``mean SYSTEM PLACE``: MRR@10; a place is ``COLLECTION_LANG``, of development questions
  ``dev_LANG``
- ``gap SYSTEM PLACE``: gap closed, from the raw question (0) to the reference English (1)
- ``gain SYSTEM BASE PLACE``: difference of two systems; ``apart`` without its sign
- ``above SYSTEM BASE PLACES``: on how many collections a system is above another with p below 0.05,
  and ``among`` how many; p after Holm's correction over these collections, with
  ``SYSTEM+SYSTEM`` over those of all of these, of which the first is counted
- ``run FILE#PART METRIC``: a number of any record in ``data/expected``
- ``published WORK/TABLE | ROW | COLUMN``: a number of ``data/paper``

``least``, ``most`` or ``average`` before a measure takes it over several places; a place may be a
pattern, ``belebele_*``. Where a run is gone, "missing" is written, never 0.
"""

from __future__ import annotations

import math
import re
from fnmatch import fnmatch
from pathlib import Path
from statistics import fmean

from ..formats.lines import read_text
from ..settings import ROOT, InputError
from ..significance import holm
from . import evidence, markup, published_numbers, records, summary, systems

OPEN = "<!-- n: "
MARK = re.compile(rf"({OPEN}([^\n]*?) -->)([^<\n]*)(<!-- /n -->)")


class Missing(InputError):
    """A run that is not there (yet)."""


def _mean(system: str, place: str) -> float:
    systems.find(system)
    ranks = records.by_question(place, system)
    if ranks is None:
        raise Missing("findings", f"no record of {system} on {place}", "one; run: tables --run")
    return float(ranks.mean())


def _gain(system: str, base: str, place: str) -> float:
    return _mean(system, place) - _mean(base, place)


def _gap(system: str, place: str) -> float:
    return _gain(system, "zero_shot", place) / _gain("ceiling", "zero_shot", place)


def _count(limit: float | None, system: str, base: str, *among: str) -> int:
    """Collections on which a system is above another with p below a limit; all, without a limit."""
    family = system.split("+")
    for name in family:
        systems.find(name)
    found = evidence.over(base, {name: name for name in family}, among)
    if not found:
        raise Missing("findings", f"no collection with records of {system} and {base}", "one")
    if limit is None:
        return len(found)
    p = holm({(place, name): e.p for place, each in found.items() for name, e in each.items()})
    above = (place for place, each in found.items() if each[family[0]].difference > 0)
    return sum(p[place, family[0]] < limit for place in above)


# what is taken of a place, and of how many systems
MEASURES = {
    "mean": (_mean, 1),
    "gap": (_gap, 1),
    "gain": (_gain, 2),
    "apart": (lambda *of: abs(_gain(*of)), 2),
}
COUNTS = {"above": 0.05, "among": None}
OVER = {"least": min, "most": max, "average": fmean}
LONGEST = 300  # letters of a measure


def measure(text: str) -> float:
    """The value of a measure.

    >>> round(measure("gap ceiling afriqa_sw"), 2), measure("least gap zero_shot afriqa_*")
    (1.0, 0.0)
    """
    # a pattern takes time in the square of its length
    if len(text) > LONGEST:
        raise InputError("findings", f"a measure of {len(text):,} letters", f"{LONGEST} at most")
    name, _, rest = text.partition(" ")
    words = rest.split()
    if name == "published" and rest.count(" | ") == 2:
        value = published_numbers.number(*rest.split(" | ")).value
        if value is None:
            raise Missing("findings", f"an empty cell {rest}", "a number")
        return value
    if name == "run" and len(words) == 2:
        found = summary.metrics_of(words[0])
        if words[1] not in found:
            raise Missing("findings", f"no {words[1]} of {words[0]}", "a record and its metric")
        return found[words[1]]
    if name in COUNTS and len(words) > 2:
        return _count(COUNTS[name], *words)
    if extreme := OVER.get(name):
        name, *words = words or [""]
    value, width = MEASURES.get(name, (None, 0))
    patterns = words[width:]
    if value is None or not patterns or (len(patterns) > 1 and not extreme):
        raise InputError("findings", repr(text), "a measure such as 'gap plus_sharp afriqa_sw'")
    places = [*records.places(), *records.places(dev=True)]
    have = [place for place in places if any(fnmatch(place, word) for word in patterns)]
    if not have or (len(have) > 1 and not extreme):
        one = f"one; or {', '.join(OVER)} before the measure"
        expected = one if have else "COLLECTION_LANG"
        raise InputError("findings", f"{len(have)} places like {' '.join(patterns)}", expected)
    return (extreme or min)(value(*words[:width], place) for place in have)


def say(value: float, like: str) -> str:
    """A value with the decimals, the sign and the thousands that stand in its place, or three.

    A value that so few decimals make 0 keeps its first digit.

    >>> say(0.70649, "0.71"), say(0.00012, "0.04"), say(33061, "1,000"), say(-0.0214, "+0.021")
    ('0.71', '0.0001', '33,061', '−0.021')
    """
    digits = len(like.partition(".")[2])
    if not any(map(str.isdigit, like)):
        digits = 0 if isinstance(value, int) else 3
    if digits and 0 < abs(value) < 0.5 * 10.0**-digits:
        digits = -math.floor(math.log10(abs(value)))
    kind = ("+" if like.startswith("+") else "") + ("," if "," in like else "")
    return f"{value:{kind}.{digits}f}".replace("-", "−")


def fill(page: str, where: str) -> str:
    """A page, or a notebook's file, with every marked number as the records give it now."""
    if page.count(OPEN) != len(MARK.findall(page)):
        right = f"{OPEN}MEASURE -->0.000<!-- /n --> in one line"
        raise InputError(where, f"{OPEN}without its end", right)

    def written(found: re.Match) -> str:
        try:
            return f"{found[1]}{say(measure(found[2]), found[3])}{found[4]}"
        except Missing:
            return f"{found[1]}{summary.MISSING}{found[4]}"
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    return MARK.sub(written, page)


def texts() -> dict[str, str]:
    """Pages and notebooks with marked numbers, by their path from the repository's root.

    In ``data/expected`` those with a marked table, too.
    """
    found = {}
    for pattern in ("README.md", "docs/*.md", "data/expected/*.md", "notebooks/**/*.ipynb"):
        for path in sorted(filter(Path.is_file, ROOT.glob(pattern))):
            text = read_text(path)
            if OPEN in text or (pattern.startswith("data/") and markup.START in text):
                found[str(path.relative_to(ROOT))] = text
    return found


def problems() -> list[str]:
    """What pages say and the records do not: a line for each number."""
    return [
        f"{where}: has {old[3]}, the records give {new[3]} ({old[2]})"
        for where, text in texts().items()
        for old, new in zip(MARK.finditer(text), MARK.finditer(fill(text, where)), strict=True)
        if old[3] != new[3]
    ]
