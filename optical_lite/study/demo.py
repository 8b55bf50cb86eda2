"""The demo: from bitext to a student that finds English passages, beside what it must beat.

The lexicon is IBM Model 1 of the same bitext, which also fills the student's new vocabulary rows.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from .. import lexical, metrics, retrieval, significance, vocabulary
from ..alignment import plans
from ..config import DistillConfig
from ..corpora import LANGUAGES, Bitext, Collection, language
from ..datasets import pocket, published
from ..encoder import DEFAULT, Encoder, teacher
from ..lexicon import word_lexicon
from ..retrieval import PassageIndex, Run
from ..settings import ROOT, get, one_of
from ..training.distill import distill
from ..training.runs import checkpoint_steps, load_checkpoint
from ..views import figures as plots
from .systems import MAIN, SHARP

SYSTEMS = {
    **{name: MAIN[name].title for name in ("zero_shot", "bm25", "lexicon")},
    "extended": "student, vocabulary extended",
    "student": "student, after transport",
    "ceiling": MAIN["ceiling"].title,
}
# The defaults of training; of a multilingual encoder the kit recipe.
CONFIGS = {
    "smoke": DistillConfig(steps=4, batch=8),
    "pocket": DistillConfig(steps=160, keep=(20, 40, 80, 120)),
    "afriqa": DistillConfig(steps=300, keep=(100, 200)),
    "multilingual": replace(SHARP, keep=(100, 200)),
}


@dataclass
class Result:
    """What a demo found out: of each system its run, and each metric by question."""

    collection: Collection
    model: str
    seconds: dict[str, float]  # wall time of each stage
    runs: dict[str, Run] = field(default_factory=dict)
    per_query: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    def record(self) -> dict:
        """The stable machine-readable form."""
        return {
            "collection": self.collection.name,
            "lang": self.collection.lang,
            "systems": {
                system: {metric: metrics.mean(values) for metric, values in found.items()}
                for system, found in self.per_query.items()
            },
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
    one_of("collection: got", collection, ("pocket", "afriqa"))
    if collection == "pocket":
        return pocket.collection(lang), pocket.bitext(lang)
    questions = published.afriqa(lang)
    return questions, published.training_bitext(lang, hold_out=[questions])


def baselines(result: Result, bitext: Bitext, index: PassageIndex, english: Encoder) -> None:
    """Run every system that needs no student."""
    data, lexicon = result.collection, word_lexicon(bitext)
    translated = {query: lexicon.translate(text) for query, text in data.queries.items()}
    result.add("zero_shot", retrieval.search(index, english, data.queries))
    result.add("bm25", lexical.bm25(data.passages, data.queries))
    result.add("lexicon", retrieval.search(index, english, translated))
    result.add("ceiling", retrieval.search(index, english, data.translations))


def run(
    collection: str = "pocket", lang: str = "sw", *, out: str | Path,
    figures: bool = True, progress: bool = True, model: str = DEFAULT,
) -> Result:  # fmt: skip
    """Train and compare; print the table and three examples, and draw a pair's plans.

    Parameters
    ----------
    collection : ``pocket`` or ``afriqa``
    out : run folder (an earlier run is reused)
    model : the teacher
    """
    clock = time.perf_counter()
    # one that is not there is refused before the work
    english = teacher(model)
    loaded = time.perf_counter()
    questions, bitext = load(collection, lang)
    lang = language(lang)
    kind = model if model in CONFIGS else collection
    config = CONFIGS["smoke" if get().profile == "smoke" else kind]
    folder = Path(out)
    seconds = {"load": time.perf_counter() - loaded, "model": loaded - clock}
    result = Result(questions, model, seconds)
    print(
        f"{LANGUAGES[lang]}: {len(bitext):,} sentence pairs ({bitext.name}); "
        f"{len(questions.queries)} questions over {len(questions.passages):,} English passages "
        f"({questions.name})"
    )
    counts = Counter(flag for flags in questions.flags.values() for flag in {*flags})
    for flag, marked in sorted(counts.items()):
        print(f"leakage flag {flag}: {marked} questions")
    with result.stage("encode passages"):
        index = PassageIndex.cached(english, questions.passages, progress)
    if index.cut:
        every = len(index.ids)
        print(f"{index.cut:,} of {every:,} passages were cut at {index.max_length} tokens")
    with result.stage("baselines"):
        baselines(result, bitext, index, english)
    with result.stage("extend vocabulary"):
        kind = "ibm1" if model == DEFAULT else "symmetric"
        student = vocabulary.extend(english, bitext, lexicon=kind)
    with result.stage("search"):
        result.add("extended", retrieval.search(index, student, questions.queries))
    with result.stage("distil"):
        distill(student, english, bitext, config, folder, progress=progress)
    with result.stage("search"):
        result.add("student", retrieval.search(index, student, questions.queries))
    print_table(result)
    print_examples(result)
    if figures:
        with result.stage("figures"):
            draw(result, english, folder)
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in result.seconds.items())
    print(f"\nseconds: {stages}")
    return result


def _suffix(model: str) -> str:
    return "" if model == DEFAULT else f"_{Path(model).name}"


def print_table(result: Result) -> None:
    """One line a system, then the student's paired comparisons."""
    print(f"\n{'system':<38}" + "".join(f"{name.upper():>9}" for name in metrics.METRICS))
    for system, title in SYSTEMS.items():
        values = result.per_query[system]
        if result.model != DEFAULT:
            title = title.replace("English encoder", "the encoder")
        means = (f"{metrics.mean(values[name]):>9.3f}" for name in metrics.METRICS)
        print(f"{title:<38}" + "".join(means))
    values = {system: found["mrr@10"] for system, found in result.per_query.items()}
    for baseline in ("lexicon", "extended"):
        test = significance.compare(values["student"], values[baseline])
        print(f"student against {baseline}, MRR@10: {test}")


def print_examples(result: Result) -> None:
    """The three questions that gained most MRR@10, with the passages found before and after."""
    data = result.collection
    before, after = (result.per_query[s]["mrr@10"] for s in ("zero_shot", "student"))
    print("\nthree questions that improved most:")
    for query in sorted(before, key=lambda query: (before[query] - after[query], query))[:3]:
        print(f"\n  {data.queries[query]}\n  ({data.translations.get(query, '')})")
        for name, system in (("before", "zero_shot"), ("after", "student")):
            passage = result.runs[system][query][0][0]
            mark = "right" if data.qrels[query].get(passage, 0) > 0 else "wrong"
            print(f"    {name:<6} [{mark}] {data.passages[passage][:90]}...")


def alignment(
    student: Encoder, source: str, target: str, english: Encoder | None = None
) -> tuple[Tensor, Tensor, list[str], list[str]]:
    """Cost matrix and plan of a sentence pair, both (n, m), then its n source and m target tokens.

    ``english`` reads the target, by default the English encoder; special tokens are left out.
    """
    one = plans.align(student, english or teacher(), source, target)
    return one.cost, one.plan, one.source_tokens, one.target_tokens


def most_improved(collection: Collection, before: Encoder, after: Encoder, english: Encoder) -> str:
    """The question whose transport onto its reference English became cheaper by most.

    Training has seen neither side. Only those of at most ten words on each side are looked at,
    or all where there is none.
    """
    pairs = {q: (collection.queries[q], said) for q, said in collection.translations.items()}
    short = {q: pair for q, pair in pairs.items() if all(len(x.split()) <= 10 for x in pair)}
    pairs = short or pairs
    old, new = (
        [one.transport_cost for one in plans.align_pairs(encoder, english, pairs.values())]
        for encoder in (before, after)
    )
    gains = {query: x - y for query, x, y in zip(pairs, old, new, strict=True)}
    return max(gains, key=gains.get)


def draw(result: Result, english: Encoder, folder: Path) -> None:
    """Write ``figures/demo_LANG_plan`` as PNG and SVG: a pair's plan before and after a run."""
    import matplotlib.pyplot as plt

    data, steps = result.collection, checkpoint_steps(folder)
    encoders = [load_checkpoint(folder, step) for step in (steps[0], steps[-1])]
    query = most_improved(data, *encoders, english)
    pair = data.queries[query], data.translations[query]
    (C0, T0, *_), (C, T, *tokens) = (alignment(each, *pair, english) for each in encoders)
    titles = [
        f"before distillation, cost {(C0 * T0).sum():.2f}",
        f"after {steps[-1]} steps, cost {(C * T).sum():.2f}",
    ]
    shares = [T0 * len(T0), T * len(T)]
    axes = plots.plan_strip(shares, *tokens, titles, bar="share of the row's mass")
    for ax in axes:
        plots.outline_row(ax, (T - T0).abs().sum(1).argmax().item())
    where = "" if data.name == "pocket" else f"{data.name}_"
    name = f"demo_{where}{data.lang}{_suffix(result.model)}_plan"
    paths = plots.save_figure(axes[0], name)
    plt.close("all")
    inside = (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path for path in paths)
    print("\nfigures: " + ", ".join(map(str, inside)))
