"""Choices: the students that the explorer offers, and the examples it opens with, chosen by what was measured."""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np

from .. import vocabulary
from ..alignment import linking, plans
from ..corpora import language
from ..datasets import pocket
from ..encoder import teacher
from ..settings import ROOT, InputError
from ..training import runs
from .material import Loader, Material

ENGLISH, EXTENDED = "English encoder", "extended, untrained"
ALONE = plans.AlignConfig(method="unbalanced", reach=0.1)  # mass stays behind where nothing fits


def known_runs(lang: str, folder: str | Path | None = None) -> list[Path]:
    """Finished runs of a language below a folder, by default ``runs/``; a damaged one is named and left out."""
    found = []
    for place in sorted((Path(folder) if folder else ROOT / "runs").glob("*/config.json")):
        try:
            code = runs.read_config(place.parent)["bitext"]["lang"]
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if code == language(lang) and runs.is_finished(place.parent):
            found.append(place.parent)
    return found


def checkpoints(run: str | Path) -> dict[str, Loader]:
    """The students of a run: one for each step it kept, or the trained one."""
    name, steps = Path(run).name, runs.checkpoint_steps(run)
    kept = {f"{name}, step {step}": functools.partial(runs.load_checkpoint, run, step) for step in steps}
    return kept or {f"{name}, trained": run}


def students(lang: str, found: Collection[str | Path] | None = None) -> dict[str, Loader]:
    """The teacher, the untrained extension of its vocabulary, and the checkpoints of runs (default: those known)."""
    known: dict[str, Loader] = {ENGLISH: teacher}
    if language(lang) in pocket.LANGUAGES:
        known[EXTENDED] = lambda: vocabulary.extend(teacher(), pocket.bitext(lang))
    for run in known_runs(lang) if found is None else found:
        known |= checkpoints(run)
    return known


def _kept(one: plans.Alignment, sure: Collection[tuple[int, int]]) -> float:
    """The least share of its mass that a word without a sure gold link keeps; infinite where each has one."""
    found = [np.inf]
    sides = (one.source_words, one.source_owner), (one.target_words, one.target_owner)
    for side, (words, owner) in enumerate(sides):
        moved, mass = one.word_plan.sum(1 - side), np.bincount(owner, minlength=len(words)) / max(1, len(owner))
        linked = {cell[side] for cell in sure}
        alone = (k for k, word in enumerate(words) if word.isalpha() and k not in linked and mass[k])
        found += [float(moved[k] / mass[k]) for k in alone]
    return min(found)


def _block(links: Collection[tuple[int, int]]) -> int:
    """Links of the largest group of words that translate only together: none of them has a link by itself."""
    rows = {i: {j for s, j in links if s == i} for i, _ in links}
    columns = {j: {i for i, t in links if t == j} for _, j in links}
    return max(
        (len(rows[i]) * len(columns[j]) for i, j in links if len(rows[i]) > 1 and len(columns[j]) > 1), default=0
    )


def opening_pairs(material: Material, count: int = 8) -> list[tuple[int, str]]:
    """Rows to begin with, each with the reason, by what the two compared students make of the gold.

    The one whose alignment error falls most, the one whose error rises most, the one with a word that has no sure
    link and keeps the least of its mass in unbalanced transport, the one with the largest group of words that translate
    only together; then others whose error falls.
    """
    if any(len(row) < 3 for row in material.rows):
        return [(k, "") for k in range(min(count, len(material.rows)))]
    rows = material.rows
    read = [material.encoded(rows, name) for name in material.compared]
    aer = np.array([[linking.score(one.links, *row[2:4]).aer for one, row in zip(plans.realign(p), rows, strict=True)]
                    for p in read])  # fmt: skip
    gain = aer[0] - aer[1]
    kept = [_kept(one, row[2]) for one, row in zip(plans.realign(read[1], ALONE), rows, strict=True)]
    block = np.array([_block(set().union(*row[2:4])) for row in rows]) + gain / 10
    order = np.argsort(-gain, kind="stable").tolist()
    became = [["as before", "mended", "spoiled"][sign] for sign in np.sign(gain).astype(int)]
    told = {k: became[k] for k in (order[0], order[-1])}
    told.setdefault(int(np.argmin(kept)), "a word without a sure counterpart")
    told.setdefault(int(np.argmax(block)), "words that translate together")
    chosen = list(dict.fromkeys([*told, *order]))[:count]
    return [(k, f"{told.get(k, became[k])}: AER {aer[0, k]:.2f} → {aer[1, k]:.2f}") for k in chosen]


def opening_questions(material: Material, count: int = 8) -> list[tuple[str, str]]:
    """Questions to begin with: where the rank of the right passage rises most, where it falls most, then others."""
    if material.collection is None:
        return []
    texts, ranks = list(material.collection.queries.values()), []
    for name in material.compared:
        orders = [[passage for passage, _ in ranked] for ranked in material.rankings(texts, name)]
        ranks.append(
            [min(map(order.index, material.right(text))) + 1 for order, text in zip(orders, texts, strict=True)]
        )
    gain = np.subtract(*np.log(ranks))  # from 20 to 2 is as much as from 10 to 1
    order = np.argsort(-gain, kind="stable").tolist()
    chosen = list(dict.fromkeys([order[0], order[-1], *order]))[:count]
    return [(texts[k], f"rank {ranks[0][k]} → {ranks[1][k]}") for k in chosen]
