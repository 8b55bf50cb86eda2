"""Explorer: what its views show, as plain functions of what is asked; :mod:`.widgets` adds the controls.

The alignment of a sentence pair, and one plan over the steps of a training run; the third view is in
:mod:`.why_found`, what there is to pick in :mod:`.choices`. Encoding is remembered, so that
moving a slider costs one transport problem and a drawing.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..alignment import linking
from ..alignment import plans as alignment
from ..alignment.linking import Links
from ..alignment.plans import AlignConfig, Alignment
from ..alignment.subwords import Pair, encode_pairs
from ..encoder import Encoder, teacher
from ..settings import InputError
from ..training import runs
from . import pictures
from .choices import LONGEST, Students
from .pictures import Picture


@dataclass(frozen=True)
class Ask:
    """What the alignment view is asked to show."""

    source: str
    target: str
    student: str
    config: AlignConfig = AlignConfig()  # noqa: RUF009 (frozen)
    sure: Links | None = None
    possible: Links | None = None


@dataclass(frozen=True)
class View:
    """What the alignment view shows; every export comes from here.

    Attributes
    ----------
    ask : what was asked
    alignment : plan and links
    score : against gold, or None
    seconds : time of the solution, without encoding and drawing
    """

    ask: Ask
    alignment: Alignment
    score: linking.AlignmentScore | None
    seconds: float

    @property
    def facts(self) -> list[str]:
        """Lines of text: cost, convergence, and scores where there is gold."""
        a, config = self.alignment, self.ask.config
        if config.method == alignment.SIMILARITY:
            lines = ["no transport: links from similarities"]
        else:
            end = "converged" if a.converged else f"NOT CONVERGED (marginal error {a.marginal_error:.2g})"
            way = "exact" if config.method == "exact" else f"{config.method}, epsilon {config.epsilon:.3g}"
            end += f" after {a.iterations} updates" if a.iterations else ""
            lines = [f"transport cost {a.transport_cost:.4f}, mass moved {float(a.plan.sum()):.3f}; {way}: {end}"]
        number = f"{len(a.links)} link{'' if len(a.links) == 1 else 's'}"
        lines.append(f"{number} between {len(a.source_words)} and {len(a.target_words)} words ({config.rule})")
        if self.score is not None:
            s = self.score
            lines.append(f"against gold: precision {s.precision:.2f}, recall {s.recall:.2f}, AER {s.aer:.3f}")
        unknown = [a.source_words[i] for i in a.source_unknown] + [a.target_words[j] for j in a.target_unknown]
        if unknown:
            lines.append(f"unknown to the tokenizer, so never linked: {' '.join(unknown)}")
        return lines

    @functools.cached_property
    def picture(self) -> Picture:
        """Links, cost, plan and facts in one drawing."""
        a, ask = self.alignment, self.ask
        title = f"{ask.student}: links"
        links = pictures.alignment(
            a.source_words, a.target_words, a.links, sure=ask.sure, possible=ask.possible,
            unknown=(a.source_unknown, a.target_unknown), title=title,
        )  # fmt: skip
        cost = pictures.heatmap(
            a.cost,
            a.source_tokens,
            a.target_tokens,
            title="cost C, dark is cheap",
            reverse=True,
            limits=(0.0, max(1.0, float(a.cost.max())) if a.cost.numel() else 1.0),
        )
        if ask.config.level == "token":
            owners = a.source_owner, a.target_owner
            masses = tuple(alignment.masses(owner, ask.config.marginals) for owner in owners)
            plan = pictures.heatmap(a.plan, a.source_tokens, a.target_tokens, title="plan T", masses=masses, digits=4)
        else:
            plan = pictures.heatmap(a.word_plan, a.source_words, a.target_words, title="plan T, summed over words",
                                    marks=a.links, digits=4)  # fmt: skip
        if max(cost.width, plan.width) > 620:  # long sentences: one below the other
            maps = pictures.stack(cost, plan)
        else:
            maps = pictures.stack(cost, plan, across=True)
        return pictures.stack(links, pictures.caption(self.facts), maps, title=f"{title}, cost and plan")

    def export(self, kind: str) -> bytes:
        """What is shown, as ``svg``, ``png``, ``csv`` (the plan that is shown) or ``pharaoh`` (its links).

        Raises
        ------
        InputError
            unknown kind
        """
        a = self.alignment
        if kind == "svg":
            return self.picture.file.encode()
        if kind == "png":
            return self.picture.png()
        if kind == "pharaoh":
            return (linking.to_pharaoh(a.links) + "\n").encode()
        if kind == "csv":
            if self.ask.config.level == "token":
                return table(a.plan, a.source_tokens, a.target_tokens)
            return table(a.word_plan, a.source_words, a.target_words)
        raise InputError(f"export: got {kind!r}, expected svg, png, csv or pharaoh")


def table(matrix, rows: Sequence[str], columns: Sequence[str]) -> bytes:
    r"""A matrix with its labels as CSV, all digits.

    >>> table([[0.5]], ["maji"], ["water"])
    b',water\nmaji,0.5\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["", *columns])
    for name, row in zip(rows, np.asarray(matrix).tolist(), strict=True):
        writer.writerow([name, *row])
    return out.getvalue().encode()


@dataclass
class Explorer:
    """Students, teacher, and what they have encoded so far."""

    students: Students
    english: Encoder = field(default_factory=teacher)
    _pairs: dict[tuple[str, str, str], Pair] = field(default_factory=dict, repr=False)

    def pair(self, student: str, source: str, target: str) -> Pair:
        """An encoded pair, remembered (the last 256 of them)."""
        key = student, source, target
        if key not in self._pairs:
            (found,) = encode_pairs(self.students[student], self.english, [(source, target)])
            longest = max(len(found.source_tokens), len(found.target_tokens))
            if longest > LONGEST:
                raise InputError(
                    f"explorer: got {longest} tokens on one side, expected at most {LONGEST} to draw; give a shorter "
                    "sentence, or use: python -m optical_lite align"
                )
            while len(self._pairs) >= 256:
                del self._pairs[next(iter(self._pairs))]
            self._pairs[key] = found
        return self._pairs[key]

    def view(self, ask: Ask) -> View:
        """Align what is asked."""
        pair = self.pair(ask.student, ask.source, ask.target)
        start = time.perf_counter()
        (found,) = alignment.realign([pair], ask.config)
        score = linking.score(found.links, ask.sure, ask.possible or ()) if ask.sure is not None else None
        return View(ask, found, score, time.perf_counter() - start)

    def movie(self, run: str | Path, ask: Ask) -> list[tuple[int, View]]:
        """The same question to each checkpoint of a run: (step, view), in the order of training."""
        steps = runs.checkpoint_steps(run)
        if not steps:
            raise InputError(f"{run}: got no checkpoints, expected some; train with DistillConfig(keep=(20, 40, ...))")
        frames = []
        for step in steps:
            name = f"{Path(run).name}, step {step}"
            self.students.add(name, functools.partial(runs.load_checkpoint, run, step))
            frames.append((step, self.view(dataclasses.replace(ask, student=name))))
        return frames
