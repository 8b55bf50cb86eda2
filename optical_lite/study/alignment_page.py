"""The page of the alignment study, ``data/expected/alignment_sets.md``, from the records of :mod:`.alignment_grid`."""

from __future__ import annotations

from ..alignment import gold, statistical
from . import published_numbers
from .alignment_grid import ENCODERS, LAYER, PRIORS, SYSTEMS, known, verdicts
from .markup import markdown

COLUMNS = ("de", "fr", "hi", "ro", "cs", "ja", "zh")
OURS = {
    "english_transport_order": ("transport, ours", "English student"),
    "multilingual_argmax": ("mutual argmax, ours", "multilingual, as it is"),
    "multilingual_transport": ("transport, ours", "multilingual, as it is"),
    "multilingual_transport_order": ("transport and word order, ours", "multilingual, as it is"),
    "distilled_transport": ("transport, ours", "multilingual student"),
    "distilled_transport_order": ("transport and word order, ours", "multilingual student"),
    "fast_align": ("fast_align, ours", "`pairs`"),
    "eflomal": ("eflomal, ours", "`pairs`"),
}
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


def table(records: list[dict], prior: str) -> str:
    """AER on every set, in per cent; an asterisk where the interval of the difference to transport leaves 0 out."""
    shown = [f"{kind}_{method}{prior}" for kind in ENCODERS for method in ("transport", "similarity", "argmax")]
    shown += statistical.ALIGNERS if prior else ()
    rows = []
    for record in records:
        tests = record["transport against"]
        cells = []
        for system in shown:
            kind = system.partition("_")[0] if system not in statistical.ALIGNERS else "distilled"
            value, test = record["systems"].get(system), tests.get(f"{kind}_transport{prior}", {}).get(system)
            mark = "*" if test and test["low"] * test["high"] > 0 else ""
            cells.append(f"{100 * value['aer']:.1f}{mark}" if value else "missing")
        rows.append((record["set"], f"{record['bitext']['pairs']:,}", *cells))
    return markdown(("set", "pairs", *(name.removesuffix("_order").replace("_", " ") for name in shown)), rows)


def page() -> str:
    """Text of ``data/expected/alignment_sets.md``, made from the records."""
    records = list(known().values())
    missing = [name for name in gold.names(False) if name not in known()]
    left = f"\nNot measured yet: {', '.join(missing)}.\n" if missing else ""
    plain, ordered = (table(records, prior) for prior in PRIORS)
    return TEXT.format(plain=plain, ordered=ordered, left=left, layer=LAYER, verdicts=verdict_lines(records),
                       beside=beside(records))  # fmt: skip


def verdict_lines(records: list[dict]) -> str:
    """:func:`verdicts` of each transport system as one table: fewer, no clear difference, more."""
    rows = [
        (_title(ours), _title(system), *map(str, counts.values()))
        for ours in SYSTEMS
        if "_transport" in ours
        for system, counts in verdicts(records, ours).items()
    ]
    return markdown(("system", "against", "fewer errors", "no clear difference", "more errors"), rows)


def _title(system: str) -> str:
    return system.replace("_order", ", order prior").replace("_", " ", 1) if system in SYSTEMS else system


def beside(records: list[dict]) -> str:
    """Our AER and published ones in one table, in per cent."""
    sets = {column: f"{'awesome' if column in ('ja', 'zh') else 'xlmalign'}-{column}" for column in COLUMNS}
    mine, rows = {record["set"]: record["systems"] for record in records}, []
    for system, label in OURS.items():
        found = [mine.get(name, {}).get(system) for name in sets.values()]
        rows.append([*label, *(f"{100 * value['aer']:.1f}" if value else "missing" for value in found)])
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

AER in per cent, lower is better. Three encoders are read: the *english* one with a student of the language, the
*multilingual* one as it is, and its *distilled* student, which learned by transport at layer {layer}. `pairs` is the
bitext of students and statistical aligners: the bundled pocket pairs, machine-written, for pocket sets; elsewhere
TICO-19, NTREX and FLORES where they have the language, and the raw sentences (never the links) of the gold sets.

All methods choose from the same layers, thresholds and priors, on development sets alone: pocket-dev-sw for pocket,
bicici-de and xlwa-dev-pt for the others. `transport` also chooses its epsilon, and whether tokens or words have equal
mass. `transport` and `similarity` choose among three rules; `argmax` is SimAlign's rule. An asterisk: the 95 % paired
bootstrap interval of the difference to the same encoder's `transport` leaves 0 out; for statistical aligners, to the
distilled one's.

## Without word order

{plain}
{left}
## With a prior for like places in both sentences

Statistical aligners know word order, too, so they stand here. The distilled student errs more here than without the
prior where sentences are long, as in German: on development sets, whose sentences are short, it chose a large epsilon.
A plan is then blurred, the more the longer the sentence, and fewer links reach the threshold. Recall falls, precision
does not.

{ordered}

IBM-1 combines its directions by grow-diag, the best of five rules seen on pocket-sw itself, which flatters it there;
fast_align and eflomal by grow-diag-final, the usual choice. AER of sets with possible links is not comparable with that
of sets without.

## On how many sets does transport err less?

Counted by the same intervals. `exact` is transport without entropy, `greedy` the nearest English word of each source
word, `itermax` and `match` are further rules of SimAlign.

{verdicts}

## Beside published rows

On sets of the same names. The published encoders are of base size, the multilingual one here is small; the published
statistical aligners had up to 1.9 million pairs, ours had `pairs`. Hindi and Czech links are of one kind in our files
and count as sure; where some count as possible, missing them costs nothing and rates are lower. All our methods are
far above the published ones in Czech, those that count words, too. Missing: no record yet; a dash: not published.

{beside}

Sources: SimAlign, arXiv 2004.08728, Table 2; CZWin32768/XLM-Align at 1c5c2b6, word_aligner/README.md;
neulab/awesome-align at 5f150d4, README.md. The same numbers with their verdicts: [alignment.md](alignment.md).
Settings: [alignment_settings.json](alignment_settings.json).

Made by `python -m optical_lite.study.alignment_grid`, one seed.
"""
