"""Tables of pages whose words a person wrote: of the evidence, and of every gold set."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from statistics import fmean

from .. import corpora
from ..alignment import statistical
from ..significance import holm, said
from . import alignment_grid, records
from .evidence import ANSWER, PLACES, answer, over, pooled
from .markup import markdown, number
from .places import ASKED, LANGUAGES, REFERENCE
from .systems import OPPONENTS, SYSTEMS, TUNING, expand

DUELS = {  # column: of whom the best is the opponent of the kit recipe
    "the kit recipe above it": OPPONENTS,
    "above two engines, fused": ("lexicon_fused",),
}
CHOICES = {  # in use: what it was compared with
    "optical": ["optical_late", "balance", "epsilon", "marginals"],
    "plus_symmetric": ["extended"],
    "plus_sharp": ["plus_symmetric", "controls"],
    "m_dev": [name for name in TUNING if name != "m_dev"],
}
SINGLE = {  # of the comparison with a multilingual encoder; the others are fused, or read English
    "BM25": "a_bm25",
    "structured query": "a_structured",
    "zero-shot, mean vectors": "m_zero_shot_mean",
    "zero-shot": "m_zero_shot",
    "vocabulary": "m_extended",
    "transport": "m_optical",
    "contrast": "m_late",
    "both": "m_optical_late",
    "sentence vectors": "m_sentence",
    "one-to-one": "m_match",
    "nearest token": "m_greedy",
    "sentence vectors + contrast": "m_sentence_late",
    "English student, both": "a_optical_late",
    "English student, sentence vectors + contrast": "a_sentence_late",
}
BESIDE = {
    "two students": "students",
    "two students and structured query": "students_fused",
    "reference English, BM25": "a_ceiling_bm25",
    "reference English, encoder": "m_ceiling",
}
FUSED = {  # in pairs: without training, and what training adds
    "zero-shot + structured query": "m_zero_shot_fused",
    "vocabulary + structured query": "m_extended_fused",
    "both + structured query": "m_fused",
    "two students, untrained": "untrained",
    "two students": "students",
    "two students, untrained, + structured query": "untrained_fused",
    "two students + structured query": "students_fused",
}
TRAINED = {  # of these, over the same without training
    "both + structured query": "m_extended_fused",
    "two students": "untrained",
    "two students + structured query": "untrained_fused",
}
OVER = {"over zero-shot": "m_zero_shot", "over the vocabulary": "m_extended"}
COUNTED = ANSWER[1] | {"sentence vectors + contrast": "m_sentence_late"}
KINDS = dict(zip(("AfriQA", "Belebele", "Belebele, hard"), ASKED, strict=True))
UNSEEN = ("ig", "yo", "tw")  # languages that XLM-R, from which the encoder descends, was not shown
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
    "the same, over transport of equal masses": (["m_sentence"], ["m_optical_even"]),
    "one-to-one, over transport": (["m_match"], ["m_optical"]),
    "nearest token, over transport": (["m_greedy"], ["m_optical"]),
    "sentence vectors + contrast, over contrast": (["m_sentence_late"], ["m_late"]),
    "sentence vectors + contrast, over both": (["m_sentence_late"], ["m_optical_late"]),
    "the same, on the English encoder": (["a_sentence_late"], ["a_optical_late"]),
}


def _said(found: dict) -> dict:
    """Comparisons in words, None left out; p after Holm's correction over all of them."""
    words = {}
    for key, p in holm({key: each.p for key, each in found.items() if each}).items():
        each = found[key]
        value, low, high = (number(x, "+") for x in (each.difference, each.low, each.high))
        words[key] = f"{value} ({low} to {high}), {said(p, 3)}"
    return words


def _mean(place: str, system: str) -> float:
    return float(records.by_question(place, system).mean())


def _lang(place: str) -> str:
    return place.rpartition("_")[2]


def against_best(name: str, among: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """A system against the best of some others on each collection: which, the difference in words.

    Holm's correction is over collections; languages with more resources are a family of their own.
    """
    best: dict[str, str] = {}
    families: tuple[dict, dict] = {}, {}
    for place in records.places():
        have = [each for each in among if records.read(place, each)]
        if have and records.read(place, name):
            best[place] = max(have, key=lambda each: _mean(place, each))
            family = families[_lang(place) in REFERENCE]
            family[place] = records.compare(name, best[place], place)
    said = _said(families[0]) | _said(families[1])
    return {place: (best[place], words) for place, words in said.items()}


def opponents() -> str:
    """One row a collection: its best single engine, and the differences of :data:`DUELS`."""
    found, none = [against_best("plus_sharp", among) for among in DUELS.values()], ("", "")
    rows = []
    for place in sorted(set().union(*found)):
        best, _ = found[0].get(place, none)
        own = (SYSTEMS[best].title, f"{_mean(place, best):.3f}") if best else none
        rows.append((place, *own, *(each.get(place, none)[1] for each in found)))
    return markdown(("collection", "best single engine", "its MRR@10", *DUELS), rows)


def steps() -> str:
    """What each step adds, mean over languages; p after Holm's correction over the table."""
    cells = _said({(s, kind): pooled(kind, *STEPS[s]) for s in STEPS for kind in KINDS.values()})
    rows = [(step, *(cells.get((step, kind), "") for kind in KINDS.values())) for step in STEPS]
    return markdown(("step", *KINDS), rows)


def _langs(kind: str) -> list[str]:
    """Languages of a collection; those that the encoder was shown come first."""
    found = [_lang(place) for place in answer() if place.rpartition("_")[0] == kind]
    return sorted(found, key=lambda lang: (lang in UNSEEN, [*LANGUAGES].index(lang)))


def _across(kind: str, system: str) -> list[str]:
    """MRR@10 of a system in each of :func:`_langs`, then the mean where none lacks."""
    found = [records.by_question(f"{kind}_{lang}", system) for lang in _langs(kind)]
    values = [None if each is None else float(each.mean()) for each in found]
    return [*map(number, values), number(fmean(values) if values and None not in values else None)]


def scores(kind: str) -> str:
    """One row a system: MRR@10 in each language, and their mean; the best of :data:`SINGLE` bold.

    Languages that the encoder was shown come first.
    """
    lines = {label: _across(kind, system) for label, system in (SINGLE | BESIDE).items()}
    own = {label: cells for label, cells in lines.items() if label in SINGLE}
    best = [max(column) for column in zip(*own.values(), strict=True)]
    for label, cells in own.items():
        marked = zip(cells, best, strict=True)
        lines[label] = [f"**{cell}**" if cell == most else cell for cell, most in marked]
    header = ("system", *map(corpora.LANGUAGES.get, _langs(kind)), "mean")
    return markdown(header, [(label, *cells) for label, cells in lines.items()])


def fusions() -> str:
    """What is fused: MRR@10, mean over languages, then what training adds; p as in the tables."""
    rows = []
    for label, name in FUSED.items():
        rows.append((label, *(_across(kind, name)[-1] for kind in KINDS.values())))
    cells = _said({
        (label, kind): pooled(kind, [FUSED[label]], [base])
        for label, base in TRAINED.items()
        for kind in KINDS.values()
    })  # fmt: skip
    for label in TRAINED:
        own = (cells.get((label, kind), "") for kind in KINDS.values())
        rows.append((f"{label}, over untrained", *own))
    return markdown(("fused", *KINDS), rows)


def counts() -> str:
    """On how many collections a system is clearly above a base, and clearly below.

    p below 0.05 after Holm's correction over all tests of the table.
    """
    found = {
        (label, name, place): test
        for label, base in OVER.items()
        for place, tests in over(base, COUNTED, PLACES).items()
        for name, test in tests.items()
        if COUNTED[name] != base
    }
    p = holm({key: test.p for key, test in found.items()})
    rows = []
    for name in COUNTED:
        row = [name]
        for label in OVER:
            own = [key for key in found if key[:2] == (label, name)]
            signs = [found[key].difference > 0 for key in own if p[key] < 0.05]
            row += [sum(signs), len(signs) - sum(signs)] if own else ["", ""]
        rows.append(row)
    sides = (f"{side}, {label}" for label in OVER for side in ("above", "below"))
    return markdown((f"of {len(answer())} collections", *sides), rows)


def gains() -> str:
    """One row a collection: MRR@10 of zero-shot, then what each loss adds."""
    found = answer()
    cells = _said({(place, name): e for place, row in found.items() for name, e in row.items()})
    rows = [
        (place, f"{_mean(place, ANSWER[0]):.3f}", *(cells[place, name] for name in row))
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
            ahead = ", ".join(lang for lang, value in sure.items() if value > 0) or "none"
            behind = ", ".join(lang for lang, value in sure.items() if value < 0) or "none"
            titles = SYSTEMS[used].title, SYSTEMS[instead].title
            rows.append((*titles, len(found), mean, ahead, behind))
    header = ("in use", "instead", "languages", "mean difference", "ahead", "behind")
    return markdown(header, rows)


def leaks() -> str:
    """One row a language of AfriQA: what other pairs change, with p after Holm's correction."""
    columns = {"vocabulary": "m_extended", "both": "m_optical_late"}
    ends = {"twins": "with twins", "unasked": "no question of AfriQA"}
    cells = _said({
        (place, name, end): records.compare(f"{name}_{end}", name, place)
        for place in records.places()
        for name in columns.values()
        for end in ends
    })  # fmt: skip
    header = ["language", "pairs", "with twins"]
    for label in columns:
        header += [label, *(f"{label}, {end}" for end in ends.values())]
    rows = []
    for place in dict.fromkeys(place for place, *_ in sorted(cells)):
        made = [records.read(place, f"m_extended{end}") for end in ("", "_twins")]
        row = [_lang(place), *(f"{each[0]['bitext']['pairs']:,}" if each else "" for each in made)]
        for name in columns.values():
            row.append(f"{_mean(place, name):.3f}")
            row += [cells.get((place, name, end), "") for end in ends]
        rows.append(row)
    return markdown(header, rows)


def rates(records: Iterable[dict], prior: str) -> str:
    """AER on every gold set, in per cent, with or without a prior for word order.

    An asterisk where the interval of the difference to transport leaves 0 out.
    """
    columns = {
        f"{kind}_{method}{prior}": f"{kind}_transport{prior}"
        for kind in alignment_grid.ENCODERS
        for method in ("transport", "similarity", "argmax")
    }
    if prior:
        columns |= dict.fromkeys(statistical.ALIGNERS, f"distilled_transport{prior}")
    rows = []
    for record in records:
        row = [record["set"], f"{record['bitext']['pairs']:,}"]
        for system, ours in columns.items():
            test = record["transport against"].get(ours, {}).get(system)
            mark = "*" if test and test["low"] * test["high"] > 0 else ""
            value = record["systems"].get(system)
            row.append(f"{100 * value['aer']:.1f}{mark}" if value else "missing")
        rows.append(row)
    said = (name.removesuffix("_order").replace("_", " ") for name in columns)
    return markdown(("set", "pairs", *said), rows)


def verdicts() -> str:
    """:func:`.alignment_grid.verdicts` of each transport system."""
    found = alignment_grid.known().values()
    title = {name: name for name in statistical.ALIGNERS}
    for name in alignment_grid.SYSTEMS:
        title[name] = name.replace("_order", ", order prior").replace("_", " ", 1)
    rows = [
        (title[ours], title[system], *counts.values())
        for ours in alignment_grid.SYSTEMS
        if "_transport" in ours
        for system, counts in alignment_grid.verdicts(found, ours).items()
    ]
    header = ("system", "against", "fewer errors", "no clear difference", "more errors")
    return markdown(header, rows)


TABLES = {
    **{
        table.__name__: table
        for table in (opponents, steps, counts, fusions, gains, leaks, choices)
    },
    **{f"scores_{kind.rpartition('-')[2]}": functools.partial(scores, kind) for kind in ASKED},
    "alignment_plain": lambda: rates(alignment_grid.known().values(), ""),
    "alignment_order": lambda: rates(alignment_grid.known().values(), "_order"),
    "alignment_verdicts": verdicts,
}
