"""Alignment study: transport beside greedy rules and statistical aligners on a gold set, one record a set.

``python -m optical_lite.study.alignment_grid pocket-sw xlmalign-de`` trains what is not trained, writes
``runs/records/alignment/SET.json``, takes it into ``data/expected/alignment.jsonl``, and makes the page. A record that
is there is kept.
"""

from __future__ import annotations

import functools
import sys
import time
from dataclasses import asdict, replace

from .. import vocabulary
from ..alignment import gold, statistical
from ..alignment.plans import AlignConfig, AlignmentScore, compare, encode_pairs, realign, score, total
from ..config import DistillConfig
from ..corpora import Bitext
from ..datasets import pocket, published
from ..encoder import Encoder, teacher
from ..json_files import write_json
from ..provenance import environment
from ..safe_files import write_atomic
from ..settings import DATA, ROOT
from ..text import words
from ..training.distill import distill
from ..training.runs import data_hash, is_finished, load_student
from . import published_numbers, record_files
from .markup import markdown

RECORDS, PAGE = record_files.SETS["alignment"], DATA / "expected" / "alignment_sets.md"
TRAINING = DistillConfig(steps=160)
EXTRA = {
    "fr": ("tico19", "ntrex", "flores"), "es": ("tico19", "ntrex", "flores"), "hi": ("tico19", "ntrex", "flores"),
    "de": ("ntrex", "flores"), "it": ("ntrex", "flores"),
}  # fmt: skip
# Layer and settings, chosen on development sets alone: pocket-dev-sw; bicici-de and xlwa-dev-pt before training.
POCKET = (6, AlignConfig(epsilon=0.1, position=0.1))
PUBLISHED = (4, AlignConfig(epsilon=0.1, marginals="words", position=0.1, rule="grow-diag", threshold=0.15))
SIMILARITY = {"greedy": "forward", "argmax": "intersection", "itermax": "itermax", "match": "match"}
SYSTEMS = ("transport", "exact", "proximal", "unbalanced", "partial", *SIMILARITY, *statistical.ALIGNERS)


COLUMNS = ("de", "fr", "hi", "ro", "cs", "ja", "zh")
OURS = {
    "transport": "transport, ours", "argmax": "mutual argmax, ours", "fast_align": "fast_align, ours",
    "eflomal": "eflomal, ours",
}  # fmt: skip
PUBLISHED_COLUMNS = {
    "simalign/aer": {"de": "deu", "fr": "fra", "hi": "hin", "ro": "ron", "cs": "ces"},
    "xlm_align/aer": {"de": "de-en", "fr": "en-fr", "hi": "en-hi", "ro": "ro-en"},
    "awesome_align/aer": {"de": "de-en", "fr": "fr-en", "ro": "ro-en", "ja": "ja-en", "zh": "zh-en"},
}
PUBLISHED_ROWS = (  # label, encoder or bitext, table of data/paper, row
    ("fast_align, SimAlign's", "large bitext", "simalign/aer", "fast-align (word)"),
    ("fast_align, awesome-align's", "large bitext", "awesome_align/aer", "fast_align"),
    ("eflomal, SimAlign's", "large bitext", "simalign/aer", "eflomal (word)"),
    ("eflomal, awesome-align's", "large bitext", "awesome_align/aer", "eflomal"),
    ("SimAlign, argmax, sub-words", "mBERT", "simalign/aer", "mBERT[8] Argmax (subword)"),
    ("SimAlign, argmax, sub-words", "XLM-R", "simalign/aer", "XLM-R[8] Argmax (subword)"),
    ("transport aligner of XLM-Align", "XLM-R", "xlm_align/aer", "OT aligner, XLM-R"),
    ("transport aligner of XLM-Align", "XLM-Align", "xlm_align/aer", "OT aligner, XLM-Align"),
    ("awesome-align, not tuned", "mBERT", "awesome_align/aer", "no fine-tuning, softmax"),
    ("awesome-align, tuned", "mBERT, large bitext", "awesome_align/aer",
     "multilingual fine-tuning, consistency term"),
)  # fmt: skip


def bitext(lang: str) -> Bitext:
    """What student and statistical aligners train on: pocket, or published pairs and the gold sets' raw sentences."""
    if lang in pocket.LOW_RESOURCE:
        return pocket.bitext(lang)
    parts = [getattr(published, name)(lang) for name in EXTRA.get(lang, ())]
    return functools.reduce(lambda x, y: x + y, [*parts, gold.raw(lang)]).clean()


def student(lang: str, pairs: Bitext) -> Encoder:
    """The student of a language, distilled by transport unless its run is there."""
    run = ROOT / "runs" / "alignment" / f"{lang}-{data_hash(pairs)[:12]}"
    if not is_finished(run):
        distill(vocabulary.extend(teacher(), pairs), teacher(), pairs, TRAINING, run, progress=False)
    return load_student(run)


def study(name: str) -> dict:
    """Measure every system on one set; a record for ``data/expected/alignment.jsonl``."""
    began, data = time.perf_counter(), gold.load(name)
    pairs = bitext(data.lang)
    layer, base = POCKET if name.startswith("pocket") else PUBLISHED
    encoders = (student(data.lang, pairs).upto(layer), teacher().upto(layer))
    encoded = encode_pairs(*encoders, data.pairs)
    plans = {"transport": base, **{m: replace(base, method=m) for m in ("exact", "proximal", "unbalanced", "partial")}}
    configs = plans | {k: replace(base, method="similarity", rule=r, threshold=0.0) for k, r in SIMILARITY.items()}
    found = {system: realign(encoded, config) for system, config in configs.items()}
    chosen = {system: [one.links for one in alignments] for system, alignments in found.items()}
    mine = {(tuple(s), tuple(t)) for s, t in data.pairs}
    cut = words if data.lang in pocket.LOW_RESOURCE else str.split
    more = [pair for pair in ((cut(s), cut(t)) for s, t in pairs.pairs) if tuple(map(tuple, pair)) not in mine]
    missing = [system for system in statistical.ALIGNERS if not statistical.available(system)]
    for system in (s for s in statistical.ALIGNERS if s not in missing):
        chosen[system] = statistical.ALIGNERS[system](data.pairs, more)
    scores: dict[str, list[AlignmentScore]] = {
        system: [score(x, sure, possible) for x, (_, _, sure, possible) in zip(each, data.rows, strict=True)]
        for system, each in chosen.items()
    }
    totals = {system: total(each) for system, each in scores.items()}
    return {
        "set": name, "lang": data.lang, "sentences": len(data), "notes": data.notes, "layer": layer,
        "bitext": {"name": pairs.name, "pairs": len(pairs), "sha256": data_hash(pairs)},
        "training": asdict(TRAINING), "not installed": missing,
        "systems": {
            system: {
                "aer": round(t.aer, 4), "precision": round(t.precision, 4), "recall": round(t.recall, 4),
                "counts": t.counts, "config": asdict(configs[system]) if system in configs else None,
                "not_converged": sum(not one.converged for one in found.get(system, ())),
            } for system, t in totals.items()
        },
        "transport against": {
            system: asdict(compare(scores["transport"], each))
            for system, each in scores.items()
            if system != "transport"
        },
        "seconds": round(time.perf_counter() - began, 1), "environment": environment(),
    }  # fmt: skip


def table(records: list[dict]) -> str:
    """AER of every system on every set, in per cent; an asterisk where transport's interval leaves 0 out."""
    rows = []
    for record in records:
        cells = []
        for system in SYSTEMS:
            value, test = record["systems"].get(system), record["transport against"].get(system)
            mark = "*" if test and test["low"] * test["high"] > 0 else ""
            cells.append(f"{100 * value['aer']:.1f}{mark}" if value else "missing")
        rows.append((record["set"], f"{record['bitext']['pairs']:,}", *cells))
    return markdown(("set", "pairs", *SYSTEMS), rows)


def known() -> dict[str, dict]:
    """The record of each gold set that has one, in the order of :func:`.gold.names`."""
    found = record_files.load(RECORDS).get("alignment", {})
    return {name: found[name][0] for name in gold.names(False) if name in found}


def page() -> str:
    """Text of ``data/expected/alignment_sets.md``, made from the records."""
    records, missing = list(known().values()), [name for name in gold.names(False) if name not in known()]
    left = f"\nNot measured yet: {', '.join(missing)}.\n" if missing else ""
    return TEXT.format(table=table(records), left=left, verdicts=verdict_lines(records), beside=beside(records))


def verdicts(records: list[dict]) -> dict[str, dict[str, int]]:
    """On how many sets transport has fewer errors than each system, more, or no clear difference (interval holds 0).

    >>> ends = [(-0.1, -0.05), (-0.1, 0.02), (0.01, 0.04), (-0.2, -0.1)]
    >>> verdicts([{"transport against": {"greedy": {"low": low, "high": high}}} for low, high in ends])
    {'greedy': {'fewer': 2, 'unclear': 1, 'more': 1}}
    """
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for system, test in record["transport against"].items():
            counts = found.setdefault(system, {"fewer": 0, "unclear": 0, "more": 0})
            counts["fewer" if test["high"] < 0 else "more" if test["low"] > 0 else "unclear"] += 1
    return found


def verdict_lines(records: list[dict]) -> str:
    """:func:`verdicts` as a table."""
    rows = [(system, *map(str, counts.values())) for system, counts in verdicts(records).items()]
    head = ("transport against", "fewer errors", "no clear difference", "more errors")
    return markdown(head, rows)


def beside(records: list[dict]) -> str:
    """Our AER and published ones in one table, in per cent."""
    sets = {column: f"{'awesome' if column in ('ja', 'zh') else 'xlmalign'}-{column}" for column in COLUMNS}
    known = {record["set"]: record["systems"] for record in records}
    rows = []
    for system, label in OURS.items():
        found = [known.get(name, {}).get(system) for name in sets.values()]
        what = "`pairs`" if system in statistical.ALIGNERS else "ours"
        rows.append([label, what, *(f"{100 * value['aer']:.1f}" if value else "missing" for value in found)])
    for label, what, source, row in PUBLISHED_ROWS:
        names = PUBLISHED_COLUMNS[source]
        found = [published_numbers.number(source, row, names[c]) if c in names else None for c in sets]
        rows.append([label, what, *("-" if x is None else per_cent(x) for x in found)])
    return markdown(("system", "encoder or bitext", *sets), rows)


def per_cent(number: published_numbers.Number) -> str:
    """A published rate in per cent, with the digits it was printed with.

    >>> per_cent(published_numbers.number("simalign/aer", "eflomal (word)", "deu"))
    '23'
    """
    return f"{100 * number.value:.0f}" if number.unit == "fraction" else f"{number.value:.1f}"


TEXT = """# Alignment error rate on gold sets

AER in per cent, lower is better. `pairs` is the bitext: the bundled pocket pairs for pocket sets; elsewhere TICO-19,
NTREX and FLORES where they have the language, and the raw sentences (never the links) of the gold sets. Student and
statistical aligners have the same bitext; the latter also see a set's own raw sentences, as usual.
All columns up to `match` read the same vectors and costs.
An asterisk: the 95 % paired bootstrap interval of the difference to `transport` leaves 0 out.

{table}
{left}
On how many sets does `transport` err less? Counted by the same intervals:

{verdicts}

`transport` is entropic; `greedy` takes the nearest English word of each source word; `argmax`, `itermax` and `match`
are SimAlign's rules. `unbalanced` and `partial` run with their default reach and mass. Settings of `transport` come
from development sets (pocket-dev-sw; bicici-de and xlwa-dev-pt); the similarity rules use the same layer and
position cost, without a search of their own. IBM-1 combines its directions by grow-diag, the best of five rules seen on
pocket-sw itself, which flatters it there; fast_align and eflomal by grow-diag-final, the usual choice.
AER of sets with possible links is not comparable with that of sets without.

Ours beside published AER on sets of the same names. What differs: the published encoders are multilingual and
pre-trained on these languages, ours is an English model of 22.7 million parameters whose student learned the words from
`pairs` sentence pairs; the published statistical aligners had up to 1.9 million pairs, ours had `pairs`. Missing: no
record yet; a dash: not published.

{beside}

Sources: SimAlign, arXiv 2004.08728, Table 2; CZWin32768/XLM-Align at 1c5c2b6, word_aligner/README.md;
neulab/awesome-align at 5f150d4, README.md. The same numbers with their verdicts: [alignment.md](alignment.md).

Made by `python -m optical_lite.study.alignment_grid`, one seed.
"""


def main(names: list[str]) -> None:
    """Measure the sets that have no record yet, and write the page."""
    loose = record_files.LOOSE / RECORDS.stem
    for name in names or gold.names(False):
        if name not in known():
            record = study(name)
            write_json(loose / f"{name}.json", record)
            print(name, {s: v["aer"] for s, v in record["systems"].items()}, flush=True)
            record_files.fold(loose, RECORDS)
        write_atomic(PAGE, page())


if __name__ == "__main__":
    main(sys.argv[1:])
