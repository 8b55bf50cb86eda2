"""Systems: all that the grid compares, each a named configuration; and where each language is trained and tested.

A system says what is read (the question, its word-by-word translation, its reference English), what ranks (MaxSim,
BM25, structured queries), and, for students, how the vocabulary starts and how they train. Names are stable: records
and tables rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..config import DistillConfig
from ..settings import InputError


@dataclass(frozen=True)
class System:
    """One row of the comparison.

    Attributes
    ----------
    title : for tables
    reads : ``question``, ``lexicon`` (word-by-word translation) or ``reference`` (English)
    engine : ``maxsim``, ``bm25`` or ``structured``
    fill : how new vocabulary rows start, empty for the teacher itself
    lexicon : how word translations are estimated, see :data:`optical_lite.vocabulary.LEXICONS`
    train : training of the student, None for an untrained one
    teacher : empty for the English encoder, or ``multilingual``
    scorer : of ``maxsim`` engines, ``maxsim`` or ``mean``
    recipe : of the bitext, empty for the language's own
    pairs : sentence pairs to learn from, 0 for all
    draw : which draw of that number
    marks : whether the lexicon's words keep accents and tone marks; students never see them in Latin letters
    without : which pairs are left out, beside those of test questions (``tests``): of development questions, too
        (``dev``), or near twins of test questions (``twins``)
    parts : names of systems whose rankings are fused, and nothing else is done; with a structured query of the same
        bitext, which finds rare words where MaxSim finds meanings
    share : of the last of them
    """

    title: str
    reads: str = "question"
    engine: str = "maxsim"
    fill: str = ""
    lexicon: str = "ibm1"
    train: DistillConfig | None = None
    teacher: str = ""
    recipe: str = ""
    pairs: int = 0
    draw: int = 0
    marks: bool = True
    scorer: str = "maxsim"
    without: str = "dev"
    parts: tuple[str, ...] = ()
    share: float = 0.5

    @property
    def source(self) -> tuple[str, int, int, str]:
        """What it learns from: recipe, number of pairs, draw, what is left out."""
        return self.recipe, self.pairs, self.draw, self.without

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds to run: five where something is drawn at random, in a part of it, too."""
        drawn = self.train or self.fill == "random" or any(len(find(part).seeds) > 1 for part in self.parts)
        return tuple(range(5)) if drawn else (0,)


BUDGET = DistillConfig(steps=300, batch=32)  # the same for every trained system
ROWS = replace(BUDGET, rate=1e-3)  # only the new rows train
ALL = replace(BUDGET, trainable="all", rate=1e-4)  # every weight trains


def _student(title: str, config: DistillConfig | None = None, **more) -> System:
    return System(title, fill=more.pop("fill", "lexicon"), train=config, **more)


MAIN = {
    "zero_shot": System("raw question, English encoder"),
    "bm25": System("raw question, BM25", engine="bm25"),
    "lexicon_bm25": System("lexicon translation, BM25", reads="lexicon", engine="bm25"),
    "structured": System("probabilistic structured query, BM25", engine="structured"),
    "lexicon": System("lexicon translation, English encoder", reads="lexicon"),
    "random": _student("vocabulary filled at random", fill="random"),
    "mean": _student("vocabulary filled with means of pieces", fill="mean"),
    "extended": _student("vocabulary filled from the lexicon"),
    "sentence": _student("sentence-level distillation", replace(ROWS, loss="sentence")),
    "match": _student("greedy one-to-one alignment (DR.DECR)", replace(ROWS, loss="match")),
    "greedy": _student("greedy alignment, nearest token", replace(ROWS, loss="greedy")),
    "contrast": _student("contrastive, sentence level", replace(ROWS, loss="contrast")),
    "late": _student("contrastive, late interaction", replace(ROWS, loss="late")),
    "score": _student("score-level distillation", replace(ROWS, loss="score")),
    "optical": _student("OPTICAL: transport (Sinkhorn)", ROWS),
    "optical_late": _student("OPTICAL + contrastive", replace(ROWS, loss="transport + 0.1 late")),
    "ceiling_bm25": System("reference English, BM25", reads="reference", engine="bm25"),
    "ceiling": System("reference English, English encoder", reads="reference"),
}
BALANCE = {  # 0.1 leaves transport in the lead; at 0.5 both pull an untrained student about equally (notebook 07)
    "optical_late_0.5": _student("OPTICAL + contrastive, weight 0.5", replace(ROWS, loss="transport + 0.5 late")),
}
SOLVERS = {
    "proximal": _student("OPTICAL, proximal (IPOT)", replace(ROWS, solver="proximal", epsilon=0.5)),
    "exact": _student("OPTICAL, exact", replace(ROWS, solver="exact")),
    "unbalanced": _student("OPTICAL, unbalanced", replace(ROWS, solver="unbalanced")),
    "partial": _student("OPTICAL, partial", replace(ROWS, solver="partial")),
}
MARGINALS = {
    "idf": _student("OPTICAL, idf marginals", replace(ROWS, marginals="idf")),
    "special": _student("OPTICAL, with special tokens", replace(ROWS, special=True)),
}
EPSILON = {f"epsilon_{e}": _student(f"OPTICAL, epsilon {e}", replace(ROWS, epsilon=e)) for e in (0.01, 0.02, 0.1, 0.2)}
APART = replace(ALL, row_rate=ROWS.rate)  # with one rate for all, rows that few sentences touch arrive late
WEIGHTS = {  # the last: whether it is the blur of the plan that free weights follow
    "optical_all": _student("OPTICAL, all weights", ALL),
    "optical_all_rows": _student("OPTICAL, all weights, rows at their own rate", APART),
    "sentence_all_rows": _student(
        "sentence-level, all weights, rows at their own rate", replace(APART, loss="sentence")
    ),
    "late_all_rows": _student(
        "contrastive, late interaction, all weights, rows at their own rate", replace(APART, loss="late")
    ),
    "optical_all_sharp": _student(
        "OPTICAL, all weights, rows at their own rate, epsilon 0.01", replace(APART, epsilon=0.01)
    ),
}
ALL_PAIRS = {"lexicon": "symmetric", "recipe": "plus"}
# seen on Igbo's test, tried on development questions
SHARP = replace(APART, loss="transport + 0.1 late", marginals="idf", epsilon=0.01)
BEST = {  # the kit's own recipe: all pairs, a lexicon of both directions, idf marginals, both losses, every weight
    "plus_symmetric": _student("kit recipe before training", **ALL_PAIRS),
    "plus_sharp": _student("kit recipe", SHARP, **ALL_PAIRS),
}
CONTROLS = {  # what its loss is worth: the same with another one
    f"plus_{loss}": _student(f"kit recipe, {said} alone", replace(SHARP, loss=loss), **ALL_PAIRS)
    for loss, said in (
        ("transport", "transport"), ("late", "contrast"), ("sentence", "sentence-level distillation"),
        ("match", "one-to-one alignment"),
    )
}  # fmt: skip
DRAWN = ("lexicon_bm25", "structured", "extended", "sentence", "late", "optical")
BITEXT = {
    f"{name}_{pairs}": replace(MAIN[name], title=f"{MAIN[name].title}, {pairs:,} pairs", pairs=pairs)
    for pairs in (500, 1_000, 3_000, 10_000, 30_000)
    for name in (*DRAWN, "optical_late")
}
DRAWS = {  # seeds shuffle the pairs; another draw has others
    f"{name}_500_draw{draw}": replace(
        BITEXT[f"{name}_500"], title=f"{MAIN[name].title}, 500 pairs, draw {draw}", draw=draw
    )
    for draw in (1, 2, 3, 4)
    for name in DRAWN
}
LEXICAL = {  # what bitext and lexicon of the kit recipe give without a student
    f"{name}_plus": replace(MAIN[name], title=f"{MAIN[name].title}, all bitext", marks=False, **ALL_PAIRS)
    for name in ("lexicon_bm25", "structured", "lexicon")
}
FUSED = {  # half and half, chosen on development questions
    "lexicon_fused": System("lexicon translation, English encoder, all bitext, fused",
                            parts=("lexicon_plus", "structured_plus")),
    "extended_fused": System("kit recipe before training, fused", parts=("plus_symmetric", "structured_plus")),
}  # fmt: skip
OPPONENTS = ("lexicon_bm25", "structured", "lexicon", *LEXICAL)  # one engine, a lexicon, no student
DOMAIN = {
    f"{name}_{domain}": replace(
        MAIN[name], title=f"{MAIN[name].title}, 1,000 pairs of {domain}", recipe=recipe, pairs=1_000
    )
    for domain, recipe in (("news", "mafand"), ("health", "tico19"), ("questions", "questions"))
    for name in ("lexicon", "extended", "optical")
}
# The comparison with a multilingual encoder. All of its systems learn from the same pairs, AfriQA's development
# questions among them: its settings are those of ``plus_sharp``, chosen before, so nothing is left to choose on them.
EVERY = {"lexicon": "symmetric", "recipe": "plus", "without": "twins"}
LEXICON_ALONE = {"marks": False, **EVERY}
MULTI = {"teacher": "multilingual"}
LOSSES = {
    "sentence": ("sentence vectors", "sentence"),
    "greedy": ("nearest token", "greedy"),
    "match": ("one-to-one alignment", "match"),
    "late": ("contrast", "late"),
    "optical": ("OPTICAL", "transport"),
    "optical_late": ("OPTICAL + contrast", "transport + 0.1 late"),
}
ANSWER = {
    "a_zero_shot": MAIN["zero_shot"],
    "a_bm25": MAIN["bm25"],
    "a_structured": System("structured query, BM25", engine="structured", **LEXICON_ALONE),
    "a_lexicon": System("lexicon translation, English encoder", reads="lexicon", **LEXICON_ALONE),
    "a_extended": _student("English student, untrained", **EVERY),
    "a_optical_late": _student("English student, OPTICAL + contrast", SHARP, **EVERY),
    "a_ceiling_bm25": MAIN["ceiling_bm25"],
    "a_ceiling": MAIN["ceiling"],
    "m_zero_shot": System("multilingual encoder, zero-shot", **MULTI),
    "m_extended": _student("multilingual student, untrained", **MULTI, **EVERY),
    **{
        f"m_{name}": _student(f"multilingual student, {said}", replace(SHARP, loss=loss), **MULTI, **EVERY)
        for name, (said, loss) in LOSSES.items()
    },
    "m_ceiling": System("reference English, multilingual encoder", reads="reference", **MULTI),
}
ANSWER = {  # both scorers of a student one after the other, so that it trains once
    name + end: replace(system, title=system.title + said, scorer=scorer)
    for name, system in ANSWER.items()
    for end, said, scorer in (("", "", "maxsim"), ("_mean", ", mean vectors", "mean"))
    if name.startswith("m_") or not end
}
STUDENTS = ("a_optical_late", "m_optical_late")
ANSWER |= {
    "m_fused": System("multilingual student and structured query", parts=("m_optical_late", "a_structured"), share=0.2),
    "students": System("both students", parts=STUDENTS),
    "students_fused": System("both students and structured query", parts=(*STUDENTS, "a_structured"), share=0.2),
}
GROUPS = {
    "main": MAIN, "weights": WEIGHTS, "best": BEST, "lexical": LEXICAL, "fused": FUSED, "controls": CONTROLS,
    "balance": BALANCE, "solvers": SOLVERS, "marginals": MARGINALS, "epsilon": EPSILON, "bitext": BITEXT,
    "draws": DRAWS, "domain": DOMAIN, "answer": ANSWER,
}  # fmt: skip
SYSTEMS = {name: system for group in GROUPS.values() for name, system in group.items()}


@dataclass(frozen=True)
class Place:
    """Where a language is tested, and on which bitext its students are trained."""

    collections: tuple[str, ...]
    recipe: str = "default"


ASKED = ("afriqa", "belebele", "belebele-hard")  # what the comparison with a multilingual encoder is made on
COMMON = (*ASKED, "ntrex-headlines")
LANGUAGES = {
    "sw": Place(COMMON),
    "ig": Place(COMMON),
    "ha": Place(COMMON),
    "yo": Place(COMMON),
    "tw": Place(("afriqa",), "afriqa"),  # AfriQA's training and development questions are all the bitext there is
    "so": Place(COMMON[1:], "tico19+hornmt+ciral"),
    "tl": Place(COMMON[1:]),
    "mr": Place((*COMMON[1:], "indicquest"), "tico19+loresmt"),
    # see REFERENCE; mate retrieval is a check that nothing is broken
    "hi": Place(("indicquest", "xquad-r", "tatoeba-mates")),
    "es": Place(("xquad-r", "tatoeba-mates")),
    "de": Place(("belebele-questions", "xquad-r", "tatoeba-mates"), "ntrex"),
}
UNSEEN = ("ig", "yo", "tw")  # by XLM-R (arXiv 1911.02116), from which the multilingual encoder descends
REFERENCE = ("hi", "es", "de")  # languages with more resources, kept apart from the question that is asked


def place(lang: str) -> Place:
    """Where a language is tested."""
    if lang not in LANGUAGES:
        raise InputError(f"language: got {lang!r}, expected one of {', '.join(LANGUAGES)}")
    return LANGUAGES[lang]


def tested(lang: str, name: str) -> tuple[str, ...]:
    """The collections that a system is tested on in a language."""
    return tuple(each for each in place(lang).collections if name not in ANSWER or each in ASKED)


def find(name: str) -> System:
    """A system by name."""
    if name not in SYSTEMS:
        raise InputError(f"system: got {name!r}, expected one of {', '.join(SYSTEMS)}")
    return SYSTEMS[name]


def expand(names: list[str] | None) -> list[str]:
    """Systems from names of systems and of groups, in the order of the table; without names all.

    >>> expand(["solvers"])
    ['proximal', 'exact', 'unbalanced', 'partial']
    """
    names = names or list(GROUPS)
    wanted = {s for name in names for s in (GROUPS[name] if name in GROUPS else {name: find(name)})}
    return [name for name in SYSTEMS if name in wanted]
