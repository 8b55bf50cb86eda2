"""Choices: the students that the explorer offers, and the examples it opens with, by measure."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from .. import vocabulary
from ..alignment import linking, plans
from ..alignment.subwords import Pair
from ..corpora import THREE_LETTERS
from ..datasets import pocket
from ..encoder import teacher
from ..settings import ROOT, InputError
from ..training import runs
from .material import Loader, Material, Row

ENGLISH, EXTENDED = "English encoder", "extended, untrained"
COUNT = 8  # pairs, and questions, to begin with
# mass stays behind where nothing fits
ALONE = plans.AlignConfig(method="unbalanced", reach=0.1)


def known_runs(lang: str, folder: Path = ROOT / "runs") -> list[Path]:
    """Finished runs of a language below a folder; a damaged one is named and left out."""
    found = []
    for run in sorted(place.parent for place in folder.glob("*/config.json")):
        try:
            code = runs.read_config(run)["bitext"]["lang"]
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if code == THREE_LETTERS.get(lang, lang) and runs.is_finished(run):
            found.append(run)
    return found


def checkpoints(run: str | Path) -> dict[str, Loader]:
    """The students of a run: one for each step it kept, or the trained one."""
    name, kept = Path(run).name, {}
    for step in runs.checkpoint_steps(run):
        kept[f"{name}, step {step}"] = functools.partial(runs.load_checkpoint, run, step)
    return kept or {f"{name}, trained": run}


def students(lang: str, found: Collection[str | Path] | None = None) -> dict[str, Loader]:
    """The teacher, the untrained extension, and the checkpoints of runs (default: those known)."""
    known: dict[str, Loader] = {ENGLISH: teacher}
    if THREE_LETTERS.get(lang, lang) in pocket.LANGUAGES:
        known[EXTENDED] = lambda: vocabulary.extend(teacher(), pocket.bitext(lang))
    for run in known_runs(lang) if found is None else found:
        known |= checkpoints(run)
    return known


def _kept(one: plans.Alignment, sure: Collection[tuple[int, int]]) -> float:
    """The least share of its mass that a word without a sure link keeps; infinite without one."""
    found = [np.inf]
    sides = (one.source_words, one.source_owner), (one.target_words, one.target_owner)
    for side, (words, owner) in enumerate(sides):
        mass = np.bincount(owner, minlength=len(words)) / max(1, len(owner))
        linked = {cell[side] for cell in sure}
        for k, moved in enumerate(one.word_plan.sum(1 - side)):
            if words[k].isalpha() and k not in linked and mass[k]:
                found.append(float(moved / mass[k]))
    return min(found)


def _block(links: Collection[tuple[int, int]]) -> int:
    """Links of the largest group of words that translate only together, none with one by itself."""
    rows, columns = (Counter(cell[side] for cell in links) for side in (0, 1))
    sizes = ((rows[i], columns[j]) for i, j in links)
    return max((n * m for n, m in sizes if n > 1 and m > 1), default=0)


def _errors(pairs: Sequence[Pair], rows: Sequence[Row]) -> np.ndarray:
    """Alignment error rate of each row."""
    found = zip(plans.realign(pairs), rows, strict=True)
    return np.array([linking.score(one.links, *row[2:4]).aer for one, row in found])


def opening_pairs(material: Material) -> list[tuple[int, str]]:
    """Rows to begin with, each with the reason, by what the two compared students make of the gold.

    The one whose alignment error falls most, the one whose error rises most, the one with a word
    that has no sure link and keeps the least of its mass in unbalanced transport, the one with the
    largest group of words that translate only together; then others whose error falls.
    """
    rows = material.rows
    if any(len(row) < 3 for row in rows):
        return [(k, "") for k in range(min(COUNT, len(rows)))]
    read = [material.encoded(rows, name) for name in material.compared]
    before, after = (_errors(pairs, rows) for pairs in read)
    order = np.argsort(after - before, kind="stable").tolist()
    named = {0: "as before", 1: "mended", -1: "spoiled"}
    became = [named[sign] for sign in np.sign(before - after)]
    told = {k: became[k] for k in (order[0], order[-1])}
    alone = zip(plans.realign(read[1], ALONE), rows, strict=True)
    kept = [_kept(one, row[2]) for one, row in alone]
    told.setdefault(int(np.argmin(kept)), "a word without a sure counterpart")
    block = np.array([_block(set().union(*row[2:4])) for row in rows]) + (before - after) / 10
    told.setdefault(int(np.argmax(block)), "words that translate together")
    notes = {k: f"{told.get(k, became[k])}: AER {before[k]:.2f} → {after[k]:.2f}" for k in order}
    return [(k, notes[k]) for k in list(dict.fromkeys([*told, *order]))[:COUNT]]


def opening_questions(material: Material) -> list[tuple[str, str]]:
    """Questions to begin with: whose right passage rises most, whose falls most, then others."""
    if material.collection is None:
        return []
    texts, ranks = list(material.collection.queries.values()), []
    for name in material.compared:
        found = zip(map(list, material.rankings(texts, name)), texts, strict=True)
        ranks.append([min(map(order.index, material.right(text))) + 1 for order, text in found])
    # from 20 to 2 is as much as from 10 to 1
    order = np.argsort(-np.subtract(*np.log(ranks)), kind="stable").tolist()
    chosen = list(dict.fromkeys([order[0], order[-1], *order]))[:COUNT]
    return [(texts[k], f"rank {ranks[0][k]} → {ranks[1][k]}") for k in chosen]
