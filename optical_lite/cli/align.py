"""Link the words of a sentence pair, or of a file of pairs, by a transport plan."""

import math
import warnings

from .. import encoder, vocabulary
from ..alignment import plans
from ..alignment.linking import to_pharaoh
from ..datasets import pocket
from ..encoder import DEFAULT, Encoder
from ..settings import InputError
from ..training import runs
from ..views import choices, material
from ..views import page as pages
from . import inputs, run_files

# what JSON says of an alignment as it is
RECORDED = (
    "source_words", "target_words", "source_tokens", "target_tokens", "source_owner",
    "target_owner", "source_unknown", "target_unknown", "converged", "iterations",
    "marginal_error",
)  # fmt: skip


def command(
    *, source: str | None, target: str | None, tsv: str | None, pharaoh: str | None,
    lang: str | None, run: str | None, model: str, teacher: str | None, html: str | None,
    svg: str | None, layer: int | None, quiet: bool, **linking: object,
) -> dict:  # fmt: skip
    """Align one pair, or a file of them; ``linking`` is for :func:`.alignment.plans.align`."""
    linking = {name: value for name, value in linking.items() if value is not None}
    pair = (source, target) if source is not None and target is not None else None
    if html and (tsv or pharaoh or svg):
        raise InputError("align", "--html with another output", "it alone; run it twice")
    if not html and ((pair is None) == (tsv is None) or (tsv is None) != (pharaoh is None)):
        expected = "SOURCE TARGET, or --tsv PAIRS --pharaoh LINKS"
        raise InputError("align", "neither one pair nor one file", expected)
    lang = lang or (runs.read_config(run)["bitext"]["lang"] if run else "sw")
    if run or model != DEFAULT:
        ours, english, _ = inputs.encoders(run or "encoder", model, teacher)
    else:
        english = encoder.teacher()
        ours = vocabulary.extend(english, pocket.bitext(lang))
    if html:
        return page(html, pair, lang, layer, run, model, ours, english, linking)
    if layer:
        ours, english = ours.upto(layer), english.upto(layer)
    if pair is None:
        found = plans.write_links(ours, english, tsv, pharaoh, not quiet, **linking)
        print(f"{pharaoh}: {found['pairs']:,} pairs, {found['links']:,} links")
        return found
    one = plans.align(ours, english, *pair, **linking)
    if svg:
        from ..views import figures, figures_alignment

        drawn = figures_alignment.links(one.source_words, one.target_words, one.links)
        with warnings.catch_warnings(record=True) as missing:
            warnings.simplefilter("always")
            figures.write_figure(drawn, svg)
        if missing:
            run_files.say(f"{svg}: letters that the fonts at hand lack are drawn as boxes")
    print(show(one))
    return record(one)


def page(
    path: str, pair: tuple[str, str] | None, lang: str, layer: int | None, run: str | None,
    model: str, ours: Encoder, english: Encoder, linking: dict,
) -> dict:  # fmt: skip
    """Write the explorer as one HTML file: of a pair, or of pocket's pairs and questions."""
    name = choices.EXTENDED if model == DEFAULT else f"{model}, as it is"
    steps = choices.checkpoints(run) if run else {name: ours}
    names, students = list(steps), {} if ours is english else {"teacher": english}
    students |= {name: steps[name] for name in (names[0], names[len(names) // 2], names[-1])}
    shown = material.Material(lang, students, [pair] if pair else None, (layer or 0,), english)
    out = pages.write(path, shown, **linking)
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB")
    return {"html": str(out), "bytes": out.stat().st_size}


def record(one: plans.Alignment) -> dict:
    """An alignment as plain values, for JSON; one without transport or plan has no cost."""
    return {
        **{name: getattr(one, name) for name in RECORDED},
        "transport_cost": one.transport_cost if math.isfinite(one.transport_cost) else None,
        "links": sorted(map(list, one.links)),
        "pharaoh": to_pharaoh(one.links),
        "word_plan": one.word_plan.round(6).tolist(),
    }


def show(one: plans.Alignment) -> str:
    """A line a link, with the share of the source word's mass that it moves; then what is left."""
    lines = []
    for i, j in sorted(one.links):
        share = one.word_plan[i, j] / max(one.word_plan[i].sum(), 1e-12)
        lines.append(f"{one.source_words[i]:<16} {one.target_words[j]:<16} {share:4.0%}")
    for side, name, words, unknown in (
        (0, "source", one.source_words, one.source_unknown),
        (1, "English", one.target_words, one.target_unknown),
    ):
        seen = {link[side] for link in one.links} | set(unknown)
        if left := [word for k, word in enumerate(words) if k not in seen]:
            lines.append(f"{name} words without a link: {' '.join(left)}")
        if unknown:
            said = " ".join(words[k] for k in unknown)
            lines.append(f"{name} words unknown to the tokenizer [UNK]: {said}")
    cost = f"transport cost {one.transport_cost:.3f}"
    if math.isnan(one.transport_cost):
        cost = "no transport"
    elif math.isinf(one.transport_cost):
        cost = "no plan in the range of numbers, give a larger --epsilon"
    return "\n".join([*lines, cost if one.converged else f"{cost}; NOT converged"])
