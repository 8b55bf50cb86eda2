"""The demo: from bitext to a student that finds English passages, side by side with what it must beat.

The six systems, in the order of the table:

=============  ====================================================================================
``zero_shot``  the English encoder reads the question as it is
``bm25``       BM25 on the question as it is (names match)
``lexicon``    word-by-word translation with IBM Model 1 from the same bitext, then the English encoder
``extended``   the student with its new vocabulary rows filled from the bitext, before training
``student``    the same after transport distillation
``ceiling``    the English encoder reads the reference English of the question
=============  ====================================================================================
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .. import lexical, metrics, retrieval, significance, transport, vocabulary
from ..config import DistillConfig
from ..corpora import LANGUAGES, Bitext, Collection, language
from ..cost import cosine_cost, uniform_marginal
from ..datasets import pocket, published
from ..encoder import DEFAULT, Encoder, teacher
from ..lexicon import word_lexicon
from ..retrieval import PassageIndex, Run
from ..settings import ROOT, InputError, get
from ..training.distill import distill
from ..training.runs import checkpoint_steps, load_checkpoint, read_log
from ..views import figures as plots

SYSTEMS = {
    "zero_shot": "raw question, English encoder",
    "bm25": "raw question, BM25",
    "lexicon": "lexicon translation, English encoder",
    "extended": "student, vocabulary extended",
    "student": "student, after transport",
    "ceiling": "reference English, English encoder",
}
COLLECTIONS = ("pocket", "afriqa")
# Chosen on development questions (pocket: dev split; AfriQA: the Igbo and Hausa dev splits), never on test.
CONFIGS = {
    "smoke": DistillConfig(steps=4, batch=8),
    "pocket": DistillConfig(steps=160, keep=(20, 40, 80, 120)),
    "afriqa": DistillConfig(steps=300, keep=(100, 200)),
    # of a multilingual encoder: the rates and losses of the kit recipe, not chosen anew
    "multilingual": DistillConfig(
        steps=300, keep=(100, 200), loss="transport + 0.1 late", marginals="idf", epsilon=0.01, trainable="all",
        rate=1e-4, row_rate=1e-3,
    ),
}  # fmt: skip


@dataclass
class Result:
    """What a demo found out.

    Attributes
    ----------
    model : the teacher's name
    runs : ranked passages of each system
    per_query : value of each metric for each question, by system
    seconds : wall time of each stage
    """

    collection: Collection
    bitext: Bitext
    folder: Path
    model: str = DEFAULT
    runs: dict[str, Run] = field(default_factory=dict)
    per_query: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def record(self) -> dict:
        """The stable machine-readable form."""
        means = {s: {m: metrics.mean(v) for m, v in values.items()} for s, values in self.per_query.items()}
        return {
            "collection": self.collection.name,
            "lang": self.collection.lang,
            "systems": means,
            "queries": len(self.collection.queries),
            "seconds": {stage: round(value, 2) for stage, value in self.seconds.items()},
        }

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def add(self, system: str, run: Run) -> None:
        """Keep a system's run and its metrics."""
        self.runs[system] = run
        self.per_query[system] = metrics.per_query(run, self.collection.qrels)


def load(collection: str, lang: str) -> tuple[Collection, Bitext]:
    """A known collection with the bitext that goes with it."""
    if collection not in COLLECTIONS:
        raise InputError(f"collection: got {collection!r}, expected one of {', '.join(COLLECTIONS)}")
    if collection == "pocket":
        return pocket.collection(lang), pocket.bitext(lang)
    questions = published.afriqa(lang)
    return questions, published.training_bitext(lang, hold_out=questions)


def baselines(result: Result, index: PassageIndex) -> None:
    """Run every system that needs no student."""
    questions, english = result.collection.queries, teacher(result.model)
    lexicon = word_lexicon(result.bitext)
    result.add("zero_shot", retrieval.search(index, english, questions))
    result.add("bm25", lexical.bm25(result.collection.passages, questions))
    translated = {query: lexicon.translate(text) for query, text in questions.items()}
    result.add("lexicon", retrieval.search(index, english, translated))
    result.add("ceiling", retrieval.search(index, english, result.collection.translations))


def run(
    collection: str = "pocket", lang: str = "sw", *, out: str | Path | None = None, config: DistillConfig | None = None,
    figures: bool = True, progress: bool = True, model: str = DEFAULT,
) -> Result:  # fmt: skip
    """Train and compare; print the table, three examples, and write the figures.

    Parameters
    ----------
    collection : ``pocket`` or ``afriqa``
    lang : code of the question language
    out : run folder, default ``runs/demo_COLLECTION_LANG`` (an earlier run of the same settings is reused)
    config : training, default that of the collection or the model, or ``smoke`` in that profile
    model : the teacher, by default the English one
    """
    clock = time.perf_counter()
    questions, bitext = load(collection, lang)
    config = config or CONFIGS["smoke" if get().profile == "smoke" else model if model in CONFIGS else collection]
    lang = language(lang)
    name = f"demo_{collection}_{lang}" + ("" if model == DEFAULT else f"_{Path(model).name}")
    result = Result(questions, bitext, Path(out or ROOT / "runs" / name), model)
    result.seconds["load"] = time.perf_counter() - clock
    print(
        f"{LANGUAGES[lang]}: {len(bitext):,} sentence pairs ({bitext.name}); {len(questions.queries)} questions over "
        f"{len(questions.passages):,} English passages ({questions.name})"
    )
    for flag in sorted({flag for flags in questions.flags.values() for flag in flags}):
        print(f"leakage flag {flag}: {sum(flag in flags for flags in questions.flags.values())} questions")
    with result.stage("model"):
        english = teacher(model)
    with result.stage("encode passages"):
        index = PassageIndex.cached(english, questions.passages, progress)
    if index.cut:
        print(f"{index.cut:,} of {len(index.ids):,} passages were cut at {index.max_length} tokens")
    with result.stage("baselines"):
        baselines(result, index)
    with result.stage("extend vocabulary"):
        student = vocabulary.extend(english, bitext, lexicon="ibm1" if model == DEFAULT else "symmetric")
    with result.stage("search"):
        result.add("extended", retrieval.search(index, student, questions.queries))
    with result.stage("distil"):
        distill(student, english, bitext, config, result.folder, progress=progress)
    with result.stage("search"):
        result.add("student", retrieval.search(index, student, questions.queries))
    print_table(result)
    print_examples(result)
    if figures:
        with result.stage("figures"):
            draw(result, english, index)
    print("\nseconds: " + ", ".join(f"{stage} {value:.1f}" for stage, value in result.seconds.items()))
    return result


def print_table(result: Result) -> None:
    """One line a system, then the paired comparison with lexicon translation."""
    print(f"\n{'system':<38}" + "".join(f"{name.upper():>9}" for name in metrics.METRICS))
    for system, title in SYSTEMS.items():
        values = result.per_query[system]
        title = title if result.model == DEFAULT else title.replace("English encoder", "the encoder")
        print(f"{title:<38}" + "".join(f"{metrics.mean(values[name]):>9.3f}" for name in metrics.METRICS))
    for baseline in ("lexicon", "extended"):
        test = significance.compare(result.per_query["student"]["mrr@10"], result.per_query[baseline]["mrr@10"])
        print(f"student against {baseline}, MRR@10: {test}")


def examples(result: Result, count: int = 3) -> list[str]:
    """Questions whose right passage rose most, the largest gain in MRR@10 first."""
    before, after = (result.per_query[s]["mrr@10"] for s in ("zero_shot", "student"))
    return sorted(before, key=lambda query: (before[query] - after[query], query))[:count]


def print_examples(result: Result) -> None:
    """Three questions with the passage found before and after (chosen because they improved)."""
    data = result.collection
    print("\nthree questions that improved most:")
    for query in examples(result):
        print(f"\n  {data.queries[query]}\n  ({data.translations.get(query, '')})")
        for name, system in (("before", "zero_shot"), ("after", "student")):
            passage = result.runs[system][query][0][0]
            mark = "right" if data.qrels[query].get(passage, 0) > 0 else "wrong"
            print(f"    {name:<6} [{mark}] {data.passages[passage][:90]}...")


def alignment(
    student: Encoder, source: str, target: str, *, epsilon: float = 0.05, english: Encoder | None = None
):  # fmt: skip
    """Cost matrix and plan of one sentence pair, without special tokens; ``english`` reads the target, or the default.

    Returns
    -------
    C, T : Tensor, shapes (n, m); source tokens; target tokens
    """
    S, H = student.encode([source]), (english or teacher()).encode([target])
    rows, columns = S.mask[0], H.mask[0]
    C = cosine_cost(S.vectors[0][rows], H.vectors[0][columns])  # (n, m)
    a, b = uniform_marginal(S.mask[0][rows][None]), uniform_marginal(H.mask[0][columns][None])
    T = transport.solve(C[None], a, b, epsilon=epsilon).plan[0]
    names = ([t for t, keep in zip(x.tokens[0], x.mask[0], strict=True) if keep] for x in (S, H))
    return C, T, *names


def most_improved(collection: Collection, before: Encoder, after: Encoder, english: Encoder, words: int = 10) -> str:
    """The question whose transport onto its reference English became cheaper by most; training has seen neither side.

    Only questions of at most so many words on each side are looked at, or all where there is none.
    """

    def fall(query: str) -> float:
        pair = collection.queries[query], collection.translations[query]
        costs = [(C * T).sum().item() for C, T, *_ in (alignment(e, *pair, english=english) for e in (before, after))]
        return costs[0] - costs[1]

    sides = collection.queries, collection.translations
    short = [q for q in collection.translations if all(len(side[q].split()) <= words for side in sides)]
    return max(short or collection.translations, key=fall)


def draw(result: Result, english: Encoder, index: PassageIndex) -> list[Path]:
    """Write ``figures/demo_LANG_cost``, ``..._plan`` and ``..._learning_curve`` as PNG and SVG."""
    import matplotlib.pyplot as plt

    data = result.collection
    name = f"demo_{data.lang}" if data.name == "pocket" else f"demo_{data.name}_{data.lang}"
    name += "" if result.model == DEFAULT else f"_{Path(result.model).name}"
    steps = checkpoint_steps(result.folder)
    encoders = [load_checkpoint(result.folder, step) for step in (steps[0], steps[-1])]
    query = most_improved(data, *encoders, english)
    pair = data.queries[query], data.translations[query]
    (C0, T0, *_), (C, T, *tokens) = (alignment(encoder, *pair, english=english) for encoder in encoders)
    title = f"cost, student after {steps[-1]} steps"
    paths = plots.save_figure(plots.cost_heatmap(C, *tokens, title=title), f"{name}_cost")
    titles = [f"before distillation, cost {(C0 * T0).sum():.2f}", f"after {steps[-1]} steps, cost {(C * T).sum():.2f}"]
    axes = plots.plan_strip([T0 * len(T0), T * len(T)], *tokens, titles, bar="share of the row's mass")
    for ax in axes:
        plots.outline_row(ax, (T - T0).abs().sum(1).argmax().item())
    paths += plots.save_figure(axes[0], f"{name}_plan")

    points = None
    if result.collection.name == "pocket":  # AfriQA has no development questions for every language
        dev = pocket.collection(result.collection.lang, "dev")
        points = {
            step: metrics.summary(
                retrieval.search(index, load_checkpoint(result.folder, step), dev.queries), dev.qrels
            )["mrr@10"]
            for step in steps
        }
    paths += plots.save_figure(plots.learning_curve(read_log(result.folder), points=points), f"{name}_learning_curve")
    plt.close("all")
    print("\nfigures: " + ", ".join(_shown(path) for path in paths))
    return paths


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
