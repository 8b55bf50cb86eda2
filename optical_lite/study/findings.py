"""Findings: the numbers that prose states about the comparison, held against the records.

``data/findings.yaml`` lists, page by page, pieces of text and what the numbers in them are; :func:`problems` looks each
up again, so that a new record and an old sentence cannot disagree for long. A measure is a few words:

- ``mean SYSTEM PLACE``: MRR@10; a place is ``COLLECTION_LANG``, of development questions ``dev_LANG``
- ``gap SYSTEM PLACE``: gap closed, from the raw question (0) to the reference English (1)
- ``gain SYSTEM BASE PLACE``: difference of two systems; ``loss`` with the other sign, ``apart`` without a sign; ``p``
  is its permutation test
- ``over SYSTEM OPPONENTS PLACE``: difference to the best of :data:`OPPONENTS`; ``behind`` with the other sign;
  ``p_over`` is its p after Holm's correction over the collections
- ``duels SYSTEM OPPONENTS``: collections with both; ``wins``: where ``over`` is above 0 with p below 0.05, ``sure``:
  with p below 0.01, ``losses``: below 0 with p below 0.05

``least`` or ``most`` before a measure takes the extreme of several places; a place may be a pattern, ``belebele_*``.
``=0.05`` stands for a number of the text that is no result.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from ..settings import DATA, ROOT, InputError
from . import evidence, records, systems
from .yaml_files import read_yaml

LEDGER = DATA / "findings.yaml"
OPPONENTS = {
    "fair": ("lexicon_plus",), "single": systems.OPPONENTS, "any": (*systems.OPPONENTS, "lexicon_fused"),
}  # fmt: skip
NUMBER = re.compile(r"(?<![\w.@])\d+(?:\.\d+)?")  # not those of BM25 and MRR@10


@functools.cache
def _duels(system: str, among: str) -> pd.DataFrame:
    if among not in OPPONENTS:
        raise InputError(f"findings: got opponents {among!r}, expected one of {', '.join(OPPONENTS)}")
    return evidence.against_best(system, OPPONENTS[among])


def _folder(place: str) -> Path:
    return (records.DEV_RECORDS if place.startswith("dev_") else records.RECORDS) / place


@functools.cache
def _ranks(system: str, place: str) -> np.ndarray:
    found = records.by_question(_folder(place), systems.find(system) and system)
    if found is None:
        raise InputError(f"findings: got no record of {system} on {place}, expected one; run: tables --run")
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


def _count(system: str, among: str, sign: int, below: float = 0.05) -> int:
    found = _duels(system, among)
    return int(((found["difference"] * sign > 0) & (found["p"] < below)).sum())


MEASURES = {
    "mean": _mean,
    "gap": lambda system, place: _gain(system, "zero_shot", place) / _gain("ceiling", "zero_shot", place),
    "gain": _gain,
    "loss": lambda *names: -_gain(*names),
    "apart": lambda *names: abs(_gain(*names)),
    "p": lambda system, base, place: records.compare(_ranks(system, place), _ranks(base, place), _folder(place)).p,
    "over": _duel,
    "behind": lambda *names: -_duel(*names),
    "p_over": lambda *names: _duel(*names, "p"),
}
COUNTS = {
    "wins": lambda system, among: _count(system, among, 1),
    "sure": lambda system, among: _count(system, among, 1, 0.01),
    "losses": lambda system, among: _count(system, among, -1),
    "duels": lambda system, among: len(_duels(system, among)),
}


def measure(text: str) -> float:
    """The value of a measure.

    Examples
    --------
    >>> round(measure("gap ceiling afriqa_sw"), 2), measure("least gap zero_shot afriqa_*")
    (1.0, 0.0)
    """
    if re.fullmatch(r"=-?\d+(\.\d+)?", text):
        return float(text[1:])
    extreme = {"least": min, "most": max}.get(text.partition(" ")[0])
    name, *words = text.split()[extreme is not None :] or [""]
    if name in COUNTS and len(words) == 2 and not extreme:
        return COUNTS[name](*words)
    width = 1 if name in ("mean", "gap") else 2  # names before the places
    if name not in MEASURES or len(words) <= width or (len(words) > width + 1 and not extreme):
        raise InputError(f"findings: got {text!r}, expected a measure such as 'gap plus_sharp afriqa_sw'")
    places = [*evidence.places(), *(path.name for path in records.DEV_RECORDS.glob("dev_*"))]
    have = [place for place in places if any(fnmatch.fnmatch(place, word) for word in words[width:])]
    if not have or (len(have) > 1 and not extreme):
        expected = "COLLECTION_LANG" if not have else "one; or least or most before the measure"
        raise InputError(f"findings: got {len(have)} places like {' '.join(words[width:])}, expected {expected}")
    return (extreme or min)(MEASURES[name](*words[:width], place) for place in have)


def _text(page: str) -> str:
    """A page's words, one blank between them; of a notebook, its Markdown cells."""
    if not (ROOT / page).is_file():
        raise InputError(f"findings: got page {page!r}, expected a file of the kit; mend the ledger")
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return " ".join(text.split())


def problems(ledger: Path = LEDGER) -> list[str]:
    """What prose says and the records do not: one line for each piece of text with what it should say."""
    found = []
    for page, entries in read_yaml(ledger, "findings").items():
        text = _text(page)
        for says, measures in entries.items():
            numbers = NUMBER.findall(says)
            if says not in text:
                found.append(f"{page}: no longer says {says!r}")
            if len(numbers) != len(measures):
                raise InputError(f"{ledger.name}: {says!r} has {len(numbers)} numbers, expected {len(measures)}")
            for number, wanted in zip(numbers, measures, strict=True):
                digits = len(number.partition(".")[2])
                if abs((got := measure(wanted)) - float(number)) > 0.5 * 10.0**-digits + 1e-9:
                    found.append(f"{page}: {says!r} has {number}, the records give {got:.{digits + 1}f} ({wanted})")
    return found
