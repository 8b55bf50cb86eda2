"""Findings: the numbers of the prose, each written by the records that it reports.

A number stands between two marks that readers do not see, ``<!-- n: mean optical afriqa_sw -->0.706<!-- /n -->``, and
:func:`fill` writes it, with as many decimals as stand there. The words are a person's: after new records
``tables --check`` says which numbers moved, and somebody reads whether the sentence around them still holds. Marks work
in every Markdown page and in the text of notebooks. A measure is a few words:

- ``mean SYSTEM PLACE``: MRR@10; a place is ``COLLECTION_LANG``, of development questions ``dev_LANG``
- ``gap SYSTEM PLACE``: gap closed, from the raw question (0) to the reference English (1)
- ``gain SYSTEM BASE PLACE``: difference of two systems; ``loss`` with the other sign, ``apart`` without a sign; ``p``
  is its permutation test
- ``over SYSTEM OPPONENTS PLACE``: difference to the best of :data:`OPPONENTS`; ``behind`` with the other sign;
  ``p_over`` is its p after Holm's correction over the collections
- ``above SYSTEM BASE PLACES``: on how many collections a system is above another (or above the best of
  :data:`OPPONENTS`, then without places) with p below 0.05, ``surely`` with p below 0.01, ``below``, and ``among`` how
  many; p after Holm's correction over these collections
- ``run FILE#PART METRIC``: a metric of any record, as claims cite it

``least``, ``most`` or ``average`` before a measure takes it over several places; a place may be a pattern,
``belebele_*``. Where a run is gone, "missing" is written, never 0.
"""

from __future__ import annotations

import fnmatch
import functools
import math
import re

import numpy as np
import pandas as pd

from ..settings import ROOT, InputError
from ..significance import holm
from . import evidence, records, summary, systems

OPPONENTS = {"fair": ("lexicon_plus",), "single": systems.OPPONENTS}
OPEN = "<!-- n: "
MARK = re.compile(rf"({OPEN}([^\n]*?) -->)([^<\n]*)(<!-- /n -->)")


class Missing(InputError):
    """A run that is not there (yet)."""


@functools.cache
def _duels(system: str, base: str, *among: str) -> pd.DataFrame:
    """A system against another on every collection, ``difference`` and ``p`` after Holm's correction over them."""
    if base in OPPONENTS and not among:
        return evidence.against_best(systems.find(system) and system, OPPONENTS[base])
    if base in OPPONENTS or not among:
        raise InputError(f"findings: got {base!r} and {len(among)} places, expected a system with places, or one of "
                         f"{', '.join(OPPONENTS)} without")  # fmt: skip
    found = evidence.over(base, {"": system}, among)
    rows = {place: (each[""].difference, each[""].p) for place, each in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "p"])
    return table.assign(p=pd.Series(holm(table["p"].to_dict()), dtype=float))


@functools.cache
def _ranks(system: str, place: str) -> np.ndarray:
    found = records.by_question(place, systems.find(system) and system)
    if found is None:
        raise Missing(f"findings: got no record of {system} on {place}, expected one; run: tables --run")
    return found


def _mean(system: str, place: str) -> float:
    return float(_ranks(system, place).mean())


def _gain(system: str, base: str, place: str) -> float:
    return _mean(system, place) - _mean(base, place)


def _duel(system: str, among: str, place: str, what: str = "difference") -> float:
    found = _duels(system, among)
    if place not in found.index:
        raise InputError(f"findings: got {system} on {place}, expected a place with its opponents {among}")
    return float(found[what][place])


def _count(sign: int, below: float, *names: str) -> int:
    if (found := _duels(*names)).empty:
        raise Missing(f"findings: got no collection with records of {' and '.join(names[:2])}, expected one")
    return int(((found["difference"] * sign > 0) & (found["p"] < below)).sum() if sign else len(found))


def _run(reference: str, metric: str) -> float:
    found = (summary.metrics_of(reference) or {}).get(metric)
    if found is None:
        raise Missing(f"findings: got no {metric} of {reference}, expected a record and its metric")
    return found


MEASURES = {
    "mean": _mean,
    "gap": lambda system, place: _gain(system, "zero_shot", place) / _gain("ceiling", "zero_shot", place),
    "gain": _gain,
    "loss": lambda *names: -_gain(*names),
    "apart": lambda *names: abs(_gain(*names)),
    "p": lambda system, base, place: records.compare(_ranks(system, place), _ranks(base, place), place).p,
    "over": _duel,
    "behind": lambda *names: -_duel(*names),
    "p_over": lambda *names: _duel(*names, "p"),
}
COUNTS = {"above": (1, 0.05), "surely": (1, 0.01), "below": (-1, 0.05), "among": (0, 1.0)}
OVER = {"least": min, "most": max, "average": lambda values: float(np.mean([*values]))}


@functools.cache
def measure(text: str) -> float:
    """The value of a measure.

    Examples
    --------
    >>> round(measure("gap ceiling afriqa_sw"), 2), measure("least gap zero_shot afriqa_*")
    (1.0, 0.0)
    """
    extreme = OVER.get(text.partition(" ")[0])
    name, *words = text.split()[extreme is not None :] or [""]
    if name == "run" and len(words) == 2 and not extreme:
        return _run(*words)
    if name in COUNTS and len(words) >= 2 and not extreme:
        return _count(*COUNTS[name], *words)
    width = 1 if name in ("mean", "gap") else 2  # names before the places
    if name not in MEASURES or len(words) <= width or (len(words) > width + 1 and not extreme):
        raise InputError(f"findings: got {text!r}, expected a measure such as 'gap plus_sharp afriqa_sw'")
    places = [*records.places(), *records.places(dev=True)]
    have = [place for place in places if any(fnmatch.fnmatch(place, word) for word in words[width:])]
    if not have or (len(have) > 1 and not extreme):
        expected = "COLLECTION_LANG" if not have else f"one; or {', '.join(OVER)} before the measure"
        raise InputError(f"findings: got {len(have)} places like {' '.join(words[width:])}, expected {expected}")
    return (extreme or min)(MEASURES[name](*words[:width], place) for place in have)


def say(value: float, like: str) -> str:
    """A value with the decimals, the sign and the thousands that stand in its place.

    A value that so few decimals make 0, a small p, keeps its first digit. Where nothing stood, it has three decimals.

    >>> say(0.70649, "0.71"), say(0.00012, "0.04"), say(33061, "1,000"), say(-0.0214, "+0.021")
    ('0.71', '0.0001', '33,061', '−0.021')
    """
    found = any(map(str.isdigit, like))
    digits = len(like.partition(".")[2]) if found else 0 if isinstance(value, int) else 3
    if digits and 0 < abs(value) < 0.5 * 10.0**-digits:
        digits = -math.floor(math.log10(abs(value)))
    return f"{value:{'+' * like.startswith('+')}{',' * (',' in like)}.{digits}f}".replace("-", "−")


def fill(page: str, where: str) -> str:
    """A page, or a notebook's file, with every marked number as the records give it now.

    Raises
    ------
    InputError
        a mark without its end in the same line, or a measure that is none; it names the page
    """
    if page.count(OPEN) != len(MARK.findall(page)):
        raise InputError(f"{where}: got {OPEN}without its end, expected {OPEN}MEASURE -->0.000<!-- /n --> in one line")

    def written(found: re.Match) -> str:
        try:
            return f"{found[1]}{say(measure(found[2]), found[3])}{found[4]}"
        except Missing:
            return f"{found[1]}{summary.MISSING}{found[4]}"
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    return MARK.sub(written, page)


def texts() -> dict[str, str]:
    """The pages and notebooks whose numbers are marked, by their path from the repository's root."""
    paths = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("notebooks/**/*.ipynb")]
    found = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(paths) if path.is_file()}
    return {path: text for path, text in found.items() if OPEN in text}


def problems() -> list[str]:
    """What pages say and the records do not: a line for each number."""
    return [
        f"{where}: has {old[3]}, the records give {new[3]} ({old[2]})"
        for where, text in texts().items()
        for old, new in zip(MARK.finditer(text), MARK.finditer(fill(text, where)), strict=True)
        if old[3] != new[3]
    ]
