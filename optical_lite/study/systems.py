"""Systems: all that the grid compares, each a named configuration.

A system says what is read (the question, its word-by-word translation, its reference English), what
ranks (MaxSim, BM25, structured queries), and, for students, how the vocabulary starts and how they
train. Names are stable: records and tables rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..config import DistillConfig
from ..settings import one_of


@dataclass(frozen=True)
class System:
    """One row of the comparison."""

    title: str
    reads: str = "question"  # or lexicon (word-by-word translation), reference (English)
    engine: str = "maxsim"  # or bm25, structured
    fill: str = ""  # how new vocabulary rows start, empty for the teacher itself
    lexicon: str = "ibm1"  # how words are translated, see vocabulary.LEXICONS
    train: DistillConfig | None = None  # of the student, None for an untrained one
    teacher: str = ""  # empty for the English encoder, or multilingual
    recipe: str = ""  # of the bitext, empty for the language's own
    pairs: int = 0  # sentence pairs to learn from, 0 for all
    draw: int = 0  # which draw of that number
    scorer: str = "maxsim"  # of maxsim engines, or mean
    # pairs that are left out beside those of test questions: of development questions (dev), near
    # twins of test questions (twins), or none (equal)
    without: str = "dev"
    # systems whose rankings are fused, and nothing else is done; with a structured query of the
    # same bitext, which finds rare words where MaxSim finds meanings
    parts: tuple[str, ...] = ()
    share: float = 0.5  # of the last of them
    runs: int = 5  # seeds, where something is drawn at random

    @property
    def source(self) -> tuple[str, int, int, str]:
        """What it learns from: recipe, number of pairs, draw, what is left out."""
        return self.recipe, self.pairs, self.draw, self.without

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds to run: one where nothing is drawn at random; of fused parts the most of them."""
        own = range(self.runs if self.train or self.fill == "random" else 1)
        return tuple(max([own, *(find(part).seeds for part in self.parts)], key=len))


BUDGET = DistillConfig(steps=300, batch=32)  # the same for every trained system
ROWS = replace(BUDGET, rate=1e-3)  # only the new rows train
ALL = replace(BUDGET, trainable="all", rate=1e-4)  # every weight trains
# with one rate for all, rows that few sentences touch arrive late
APART = replace(ALL, row_rate=ROWS.rate)
# the kit recipe: both losses; where each of its parts was compared says docs/findings.md
SHARP = replace(APART, loss="transport + 0.1 late", marginals="idf", epsilon=0.01)


def _student(
    title: str, train: DistillConfig | None = None, own: dict | None = None, **changes
) -> System:
    """A student whose rows start from a lexicon; ``changes`` are of its training."""
    train = train and replace(train, **changes)
    return System(title, fill="lexicon", train=train, **own or {})


MAIN = {
    "zero_shot": System("raw question, English encoder"),
    "bm25": System("raw question, BM25", engine="bm25"),
    "lexicon_bm25": System("lexicon translation, BM25", reads="lexicon", engine="bm25"),
    "structured": System("probabilistic structured query, BM25", engine="structured"),
    "lexicon": System("lexicon translation, English encoder", reads="lexicon"),
    "random": System("vocabulary filled at random", fill="random"),
    "mean": System("vocabulary filled with means of pieces", fill="mean"),
    "extended": _student("vocabulary filled from the lexicon"),
    "sentence": _student("sentence-level distillation", ROWS, loss="sentence"),
    "match": _student("greedy one-to-one alignment (DR.DECR)", ROWS, loss="match"),
    "greedy": _student("greedy alignment, nearest token", ROWS, loss="greedy"),
    "contrast": _student("contrastive, sentence level", ROWS, loss="contrast"),
    "late": _student("contrastive, late interaction", ROWS, loss="late"),
    "score": _student("score-level distillation", ROWS, loss="score"),
    "optical": _student("transport (Sinkhorn)", ROWS),
    "optical_late": _student("transport + contrast", ROWS, loss="transport + 0.1 late"),
    "ceiling_bm25": System("reference English, BM25", reads="reference", engine="bm25"),
    "ceiling": System("reference English, English encoder", reads="reference"),
}
# 0.1 leaves transport in the lead; at 0.5 both pull an untrained student alike (lesson 07)
HALF = {"loss": "transport + 0.5 late"}
ALL_PAIRS = {"lexicon": "symmetric", "recipe": "plus"}
OWN_RATE = "all weights, rows at their own rate"


def _like(system: System, said: str, **changes) -> System:
    """A system with something changed."""
    return replace(system, title=f"{system.title}, {said}", **changes)


LEXICAL = {  # what bitext and lexicon of the kit recipe give without a student
    f"{name}_plus": _like(MAIN[name], "all bitext", **ALL_PAIRS)
    for name in ("lexicon_bm25", "structured", "lexicon")
}
OPPONENTS = ("lexicon_bm25", "structured", "lexicon", *LEXICAL)  # one engine, a lexicon, no student
LEARNT = ("extended", "sentence", "late", "optical")
# The comparison with a multilingual encoder. All of its systems learn from the same pairs, AfriQA's
# development questions among them: its settings are those of ``plus_sharp``, chosen before, so
# nothing is left to choose on them.
EVERY = {**ALL_PAIRS, "without": "twins", "runs": 3}
MULTI = {"teacher": "multilingual", "runs": 3}
LOSSES = {
    "sentence": ("sentence vectors", "sentence"),
    "greedy": ("nearest token", "greedy"),
    "match": ("one-to-one alignment", "match"),
    "late": ("contrast", "late"),
    "optical": ("transport", "transport"),
    "optical_late": ("transport + contrast", "transport + 0.1 late"),
    "sentence_late": ("sentence vectors + contrast", "sentence + 0.1 late"),
}
ENGLISH = {
    **{f"a_{name}": MAIN[name] for name in ("zero_shot", "bm25")},
    "a_structured": System("structured query, BM25", engine="structured", **EVERY),
    "a_lexicon": System("lexicon translation, English encoder", reads="lexicon", **EVERY),
    "a_extended": _student("English student, untrained", own=EVERY),
    **{
        f"a_{name}": _student(f"English student, {said}", SHARP, EVERY, loss=loss)
        for name, (said, loss) in LOSSES.items()
        if name in ("optical_late", "sentence_late")
    },
    **{f"a_{name}": MAIN[name] for name in ("ceiling_bm25", "ceiling")},
}
MULTILINGUAL = {
    "m_zero_shot": System("multilingual encoder, zero-shot", **MULTI),
    "m_extended": _student("multilingual student, untrained", own=MULTI | EVERY),
    **{
        f"m_{name}": _student(f"multilingual student, {said}", SHARP, MULTI | EVERY, loss=loss)
        for name, (said, loss) in LOSSES.items()
    },
    "m_ceiling": System("reference English, multilingual encoder", reads="reference", **MULTI),
}
QUERY, STUDENTS = "a_structured", ("a_optical_late", "m_optical_late")
UNTRAINED = "a_extended", "m_extended"
ANSWER = dict(ENGLISH)
for name, system in MULTILINGUAL.items():  # both scorers of a student, so that it trains once
    ANSWER |= {name: system, f"{name}_mean": _like(system, "mean vectors", scorer="mean")}
ANSWER |= {
    # the other losses weigh tokens alike
    "m_optical_even": _student(
        "multilingual student, transport of equal masses",
        SHARP,
        MULTI | EVERY,
        loss="transport",
        marginals="uniform",
    ),
    "m_fused": System(
        "multilingual student and structured query", parts=("m_optical_late", QUERY), share=0.2
    ),
    "students": System("both students", parts=STUDENTS),
    "students_fused": System(
        "both students and structured query", parts=(*STUDENTS, QUERY), share=0.2
    ),
    # what fusing gives without training
    **{
        f"{name}_fused": System(
            f"{MULTILINGUAL[name].title}, and structured query", parts=(name, QUERY), share=0.2
        )
        for name in ("m_zero_shot", "m_extended")
    },
    "untrained": System("both students, untrained", parts=UNTRAINED),
    "untrained_fused": System(
        "both students, untrained, and structured query", parts=(*UNTRAINED, QUERY), share=0.2
    ),
}
LEAKS = {  # what near twins of test questions, and questions of AfriQA at all, are worth
    f"{name}_{end}": _like(MULTILINGUAL[name], said, **changes)
    for name in ("m_extended", "m_optical_late")
    for end, said, changes in (
        ("twins", "near twins among the pairs", {"without": "equal"}),
        ("unasked", "no question of AfriQA among the pairs", {"recipe": "unasked"}),
    )
}
BOTH, DEV = MULTILINGUAL["m_optical_late"].title, MULTI | ALL_PAIRS
TUNING = {  # on development questions alone, so these are not among the pairs
    "m_dev": _student(BOTH, SHARP, DEV),
    "m_dev_high": _student(f"{BOTH}, rate 3e-4", SHARP, DEV, rate=3e-4),
    "m_dev_low": _student(f"{BOTH}, rate 3e-5", SHARP, DEV, rate=3e-5),
    "m_dev_half": _student(f"{BOTH}, weight 0.5", SHARP, DEV, **HALF),
    "m_dev_long": _student(f"{BOTH}, 600 steps", SHARP, DEV, steps=600),
}
GROUPS = {
    "main": MAIN,
    "weights": {  # the last: whether it is the blur of the plan that free weights follow
        "optical_all": _student("transport, all weights", ALL),
        "optical_all_rows": _student(f"transport, {OWN_RATE}", APART),
        "sentence_all_rows": _student(f"sentence-level, {OWN_RATE}", APART, loss="sentence"),
        "late_all_rows": _student(f"contrastive, late interaction, {OWN_RATE}", APART, loss="late"),
        "optical_all_sharp": _student(f"transport, {OWN_RATE}, epsilon 0.01", APART, epsilon=0.01),
    },
    "best": {  # all pairs, a lexicon of both directions, idf marginals, both losses, every weight
        "plus_symmetric": _student("kit recipe before training", own=ALL_PAIRS),
        "plus_sharp": _student("kit recipe", SHARP, ALL_PAIRS),
    },
    "lexical": LEXICAL,
    "fused": {  # half and half
        "lexicon_fused": System(
            "lexicon translation, English encoder, all bitext, fused",
            parts=("lexicon_plus", "structured_plus"),
        ),
        "extended_fused": System(
            "kit recipe before training, fused", parts=("plus_symmetric", "structured_plus")
        ),
    },
    "controls": {  # what its loss is worth: the same with half of it
        "plus_transport": _student(
            "kit recipe, transport alone", SHARP, ALL_PAIRS, loss="transport"
        ),
        "plus_late": _student("kit recipe, contrast alone", SHARP, ALL_PAIRS, loss="late"),
    },
    "balance": {"optical_late_0.5": _student("transport + contrast, weight 0.5", ROWS, **HALF)},
    "solvers": {
        "proximal": _student("transport, proximal (IPOT)", ROWS, solver="proximal", epsilon=0.5),
        "exact": _student("transport, exact", ROWS, solver="exact"),
        "unbalanced": _student("transport, unbalanced", ROWS, solver="unbalanced"),
        "partial": _student("transport, partial", ROWS, solver="partial"),
    },
    "marginals": {
        "idf": _student("transport, idf marginals", ROWS, marginals="idf"),
        "special": _student("transport, with special tokens", ROWS, special=True),
    },
    "epsilon": {
        f"epsilon_{epsilon}": _student(f"transport, epsilon {epsilon}", ROWS, epsilon=epsilon)
        for epsilon in (0.01, 0.02, 0.1, 0.2)
    },
    "bitext": {
        f"{name}_{pairs}": _like(MAIN[name], f"{pairs:,} pairs", pairs=pairs)
        for pairs in (500, 1_000, 3_000, 10_000, 30_000)
        for name in (*LEARNT, "optical_late", "lexicon_bm25", "structured")
        if pairs == 500 or MAIN[name].fill
    },
    "draws": {  # seeds shuffle the pairs; another draw has others
        f"{name}_500_draw{draw}": _like(MAIN[name], f"500 pairs, draw {draw}", pairs=500, draw=draw)
        for draw in (1, 2, 3, 4)
        for name in (*LEARNT, "structured")
    },
    "domain": {
        f"{name}_{domain}": _like(
            MAIN[name], f"1,000 pairs of {domain}", recipe=recipe, pairs=1_000
        )
        for domain, recipe in (("news", "mafand"), ("health", "tico19"), ("questions", "questions"))
        for name in ("lexicon", "extended", "optical")
    },
    "answer": ANSWER,
    "leaks": LEAKS,
    "tuning": TUNING,
}
SYSTEMS = {name: system for group in GROUPS.values() for name, system in group.items()}


def find(name: str) -> System:
    """A system by name."""
    one_of("system: got", name, SYSTEMS)
    return SYSTEMS[name]


def expand(names: list[str] | None) -> list[str]:
    """Systems from names of systems and of groups, in the order of the table; without names all.

    >>> expand(["solvers"])
    ['proximal', 'exact', 'unbalanced', 'partial']
    """
    wanted = {each for name in names or GROUPS for each in GROUPS.get(name) or {name: find(name)}}
    return [name for name in SYSTEMS if name in wanted]
