"""The tables of ``data/expected/evidence.md``, whose words a person wrote."""

from __future__ import annotations

from statistics import fmean

from ..significance import Comparison, holm
from . import records
from .evidence import ANSWER, answer, pooled
from .markup import markdown, number
from .systems import OPPONENTS, REFERENCE, SYSTEMS, TUNING, expand

# column: a system, and the others of which the best is its opponent
DUELS = {
    "the kit recipe above it": ("plus_sharp", OPPONENTS),
    "above two engines, fused": ("plus_sharp", ("lexicon_fused",)),
}
CHOICES = {  # in use: what it was compared with
    "optical": ["optical_late", "balance", "epsilon", "marginals"],
    "plus_sharp": ["plus_symmetric"],
    "m_dev": [name for name in TUNING if name != "m_dev"],
}

SINGLE = {  # of the comparison with a multilingual encoder; the others are fused, or read English
    "structured query": "a_structured",
    "zero-shot, mean": "m_zero_shot_mean",
    "zero-shot": "m_zero_shot",
    "vocabulary": "m_extended",
    "sentence vectors": "m_sentence",
    "nearest token": "m_greedy",
    "one-to-one": "m_match",
    "transport": "m_optical",
    "contrast": "m_late",
    "both": "m_optical_late",
    "English student": "a_optical_late",
}
BESIDE = {
    "two students": "students",
    "and structured query": "students_fused",
    "BM25, reference": "a_ceiling_bm25",
    "encoder, reference": "m_ceiling",
}

STEPS = {  # of the comparison: systems that are added, and that are subtracted
    "vocabulary, over zero-shot": (["m_extended"], ["m_zero_shot"]),
    "transport, over the vocabulary": (["m_optical"], ["m_extended"]),
    "contrast, over the vocabulary": (["m_late"], ["m_extended"]),
    "both, over the vocabulary": (["m_optical_late"], ["m_extended"]),
    "both, over transport": (["m_optical_late"], ["m_optical"]),
    "both, over contrast": (["m_optical_late"], ["m_late"]),
    "interaction": (["m_optical_late", "m_extended"], ["m_optical", "m_late"]),
    "both, over zero-shot": (["m_optical_late"], ["m_zero_shot"]),
    "sentence vectors, over transport": (["m_sentence"], ["m_optical"]),
    "one-to-one, over transport": (["m_match"], ["m_optical"]),
    "nearest token, over transport": (["m_greedy"], ["m_optical"]),
}


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _said(found: Comparison, p: float) -> str:
    value, low, high = (number(each, "+") for each in (found.difference, found.low, found.high))
    return f"{value} ({low} to {high}), {_p(p)}"


def _mean(place: str, system: str) -> float:
    return float(records.by_question(place, system).mean())


def _pairs(place: str, system: str) -> str:
    """How many pairs a system's student learns from."""
    made = records.read(place, system)
    return f"{made[0]['bitext']['pairs']:,}" if made else ""


def _lang(place: str) -> str:
    return place.rpartition("_")[2]


def against_best(name: str, among: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """A system against the best of some others, chosen anew on every collection.

    Returns
    -------
    dict
        by collection that has records of it and of one of the others: the best of them, and the
        difference in words, with p after Holm's correction over the collections; languages with
        more resources are a family of their own
    """
    found: dict[str, tuple[str, Comparison]] = {}
    for place in records.places():
        have = [each for each in among if records.read(place, each)]
        if have and records.read(place, name):
            best = max(have, key=lambda each: _mean(place, each))
            found[place] = best, records.compare(name, best, place)
    said = {}
    for apart in (False, True):
        family = [place for place in found if (_lang(place) in REFERENCE) is apart]
        p = holm({place: found[place][1].p for place in family})
        said |= {place: (found[place][0], _said(found[place][1], p[place])) for place in family}
    return said


def opponents() -> str:
    """One row a collection: its best single engine, and the differences of :data:`DUELS`."""
    found = [against_best(*duel) for duel in DUELS.values()]
    rows = []
    for place in sorted(set().union(*found)):
        best, _ = found[0].get(place, ("", ""))
        own = (SYSTEMS[best].title, f"{_mean(place, best):.3f}") if best else ("", "")
        rows.append((place, *own, *(each.get(place, ("", ""))[1] for each in found)))
    return markdown(("collection", "best single engine", "its MRR@10", *DUELS), rows)


def steps() -> str:
    """What each step adds, mean over languages; p after Holm's correction over the table."""
    kinds = {"AfriQA": "afriqa", "Belebele": "belebele", "Belebele, hard": "belebele-hard"}
    found = {(step, kind): pooled(kind, *STEPS[step]) for step in STEPS for kind in kinds.values()}
    p = holm({key: each.p for key, each in found.items() if each})
    cells = {key: _said(each, p[key]) if each else "" for key, each in found.items()}
    rows = [(step, *(cells[step, kind] for kind in kinds.values())) for step in STEPS]
    return markdown(("step", *kinds), rows)


def scores() -> str:
    """One row a collection: MRR@10 of each system, the best of :data:`SINGLE` in bold."""
    from ..views.figures_evidence import label  # with matplotlib, which no other table needs

    rows = []
    for place in answer():
        found = {name: records.by_question(place, name) for name in (SINGLE | BESIDE).values()}
        means = {name: f"{each.mean():.3f}" for name, each in found.items() if each is not None}
        best = max(means[name] for name in SINGLE.values() if name in means)
        cells = [means.get(name, "") for name in SINGLE.values()]
        cells = [f"**{cell}**" if cell == best else cell for cell in cells]
        rows.append((label(place), *cells, *(means.get(name, "") for name in BESIDE.values())))
    return markdown(("collection", *SINGLE, *BESIDE), rows)


def gains() -> str:
    """One row a collection: MRR@10 of zero-shot, then what each loss adds."""
    found = answer()
    p = holm({(place, name): e.p for place, row in found.items() for name, e in row.items()})
    rows = [
        (
            place,
            f"{_mean(place, ANSWER[0]):.3f}",
            *(_said(each, p[place, name]) for name, each in row.items()),
        )
        for place, row in found.items()
    ]
    return markdown(("collection", "zero-shot", *ANSWER[1]), rows)


def choices() -> str:
    """One row a pair of :data:`CHOICES`, on development questions; p of one test each."""
    rows = []
    for used, instead in ((used, x) for used, names in CHOICES.items() for x in expand(names)):
        compared = {each: records.compare(used, instead, each) for each in records.places(dev=True)}
        found = {_lang(place): each for place, each in compared.items() if each}
        if found:
            mean = number(fmean(each.difference for each in found.values()), "+")
            sure = {lang: each.difference for lang, each in found.items() if each.p < 0.05}
            sides = (
                ", ".join(lang for lang, value in sure.items() if value * sign > 0)
                for sign in (1, -1)
            )
            titles = SYSTEMS[used].title, SYSTEMS[instead].title
            rows.append((*titles, len(found), mean, *(side or "none" for side in sides)))
    header = ("in use", "instead", "languages", "mean difference", "ahead", "behind")
    return markdown(header, rows)


def leaks() -> str:
    """One row a language of AfriQA: what other pairs change, with p after Holm's correction."""
    columns = ("vocabulary", "m_extended"), ("both", "m_optical_late")
    ends = {"twins": "with twins", "unasked": "no question of AfriQA"}
    found = {
        (place, name, end): records.compare(f"{name}_{end}", name, place)
        for place in records.places()
        for _, name in columns
        for end in ends
    }
    found = {key: each for key, each in found.items() if each}
    p, rows = holm({key: each.p for key, each in found.items()}), []
    for place in dict.fromkeys(place for place, *_ in found):
        row = [_lang(place), *(_pairs(place, f"m_extended{end}") for end in ("", "_twins"))]
        for _, name in columns:
            row.append(f"{_mean(place, name):.3f}")
            keys = [(place, name, end) for end in ends]
            row += [_said(found[key], p[key]) if key in found else "" for key in keys]
        rows.append(row)
    titles = (
        f"{said}{end}" for said, _ in columns for end in ("", *map(", {}".format, ends.values()))
    )
    return markdown(("language", "pairs", "with twins", *titles), rows)


TABLES = {
    "opponents": opponents,
    "steps": steps,
    "scores": scores,
    "gains": gains,
    "leaks": leaks,
    "choices": choices,
}
