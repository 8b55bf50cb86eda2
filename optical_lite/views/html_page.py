"""Page: the explorer as one HTML file, for slides and course sites; every plan in it was solved beforehand.

The file loads nothing: data, style and a short script are inside, and it opens from a folder (``file://``).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..alignment.plans import AlignConfig, realign, score
from ..alignment.subwords import Pair, encode_pairs
from ..datasets import pocket
from ..encoder import Encoder, teacher
from ..json_files import to_json
from ..safe_files import write_atomic
from ..settings import DATA, InputError
from . import fonts, pictures

EPSILONS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
START = 0.05
LARGEST = 1_000_000  # bytes


def pack(matrix, scale: float) -> str:
    """Numbers from 0 to ``scale`` as base64 of little-endian 16-bit integers.

    >>> pack([[0.0, 1.0]], 1.0)
    'AAD//w=='
    """
    values = np.clip(np.rint(np.asarray(matrix, dtype=float) / scale * 65535), 0, 65535)
    return base64.b64encode(values.astype("<u2").tobytes()).decode()


def _student(pair: Pair, gold: tuple | None, epsilons: Sequence[float], options: dict) -> dict:
    frames = []
    for epsilon in epsilons:
        (one,) = realign([pair], AlignConfig(**{**options, "epsilon": epsilon}))
        scale = max(float(one.plan.max()), 1e-12) if one.plan.numel() else 1.0
        told = pictures.kinds(one.links, *(gold or ()))
        frame = {
            "plan": pack(one.plan, scale), "scale": round(scale, 6), "cost": round(one.transport_cost, 5),
            "converged": bool(one.converged), "updates": int(one.iterations),
            "links": [[i, j, kind] for (i, j), kind in told.items()],
        }  # fmt: skip
        if gold:
            found = score(one.links, *gold)
            frame["score"] = [found.precision, found.recall, found.aer]
        frames.append(frame)
    return {
        "st": pair.source_tokens,
        "su": pair.source_unknown,
        "so": pair.source_owner,
        "cost": pack(pair.cost, 2.0),
        "frames": frames,
    }


def write(
    out: str | Path, pairs: Sequence[tuple], students: Mapping[str, Encoder], *, english: Encoder | None = None,
    title: str = "What a transport plan aligns", epsilons: Sequence[float] = EPSILONS, **options,
) -> Path:  # fmt: skip
    """Write the page.

    Parameters
    ----------
    out : file to write
    pairs : (source, target), or (source, target, sure links, possible links) where there is gold
    students : encoders of the source side by name; the last is shown first
    english : encoder of the target side, default the teacher
    epsilons : steps of the slider
    **options : other fields of :class:`optical_lite.alignment.plans.AlignConfig`

    Raises
    ------
    InputError
        no pair, no student, or more than a page of 1 MB can hold
    """
    if not pairs or not students or not epsilons:
        raise InputError(
            f"page: got {len(pairs)} pairs, {len(students)} students and {len(epsilons)} epsilons, "
            "expected one of each at least"
        )
    english = english or teacher()
    encoded = {name: encode_pairs(s, english, [row[:2] for row in pairs]) for name, s in students.items()}
    first = next(iter(encoded.values()))
    known = []
    for k, row in enumerate(pairs):
        gold = (row[2], row[3] if len(row) > 3 else set()) if len(row) > 2 else None
        versions = [_student(found[k], gold, epsilons, options) for found in encoded.values()]
        p = first[k]
        sides = {
            "s": p.source_words,
            "t": p.target_words,
            "tt": p.target_tokens,
            "to": p.target_owner,
            "tu": p.target_unknown,
        }
        known.append({**sides, "students": versions})
    start = min(range(len(epsilons)), key=lambda k: abs(epsilons[k] - START))
    data = {
        "pairs": known, "names": list(students), "epsilons": list(epsilons), "start": start, "kinds": pictures.MEANING,
    }  # fmt: skip
    links = {(i, j) for i, j, kind in known[0]["students"][-1]["frames"][start]["links"] if kind != "miss"}
    shown = list(encoded.values())[-1][0]
    unknown = shown.source_unknown, shown.target_unknown
    name = list(students)[-1]
    static = pictures.alignment(shown.source_words, shown.target_words, links, unknown=unknown, title=name)
    text = (DATA / "page.html").read_text(encoding="utf-8")
    inside = to_json(data, separators=(",", ":")).replace("<", "\\u003c")
    letters = fonts.face(inside + title)
    marks = {"@FONT@": letters, "@TITLE@": html.escape(title), "@STATIC@": static.svg, "@DATA@": inside}
    for mark, value in marks.items():
        text = text.replace(mark, value)
    if len(text.encode()) > LARGEST:
        raise InputError(
            f"page: got {len(pairs)} pairs and {len(students)} students, {len(text.encode()):,} bytes, expected at "
            f"most {LARGEST:,}; give fewer or shorter pairs"
        )
    return write_atomic(out, text)


def examples(lang: str, count: int = 8) -> list[tuple]:
    """The first pairs of a language's pocket gold."""
    return pocket.gold(lang)[:count]
