"""Link the words of a sentence pair, or of a file of pairs, by a transport plan."""

import math
from typing import TYPE_CHECKING

from ..settings import InputError
from .options import MODEL, MODELS, Parser

if TYPE_CHECKING:
    from ..alignment.plans import Alignment
    from ..encoder import Encoder


def options(parser: Parser) -> None:
    """What to align, by which encoders, and how a plan becomes links."""
    add, flag = parser.option, parser.flag
    add("source", None, "a sentence of the source language", nargs="?")
    add("target", None, "its English translation", nargs="?")
    add("--tsv", None, "instead: a UTF-8 file of lines source<TAB>english", metavar="PAIRS")
    add("--pharaoh", None, "with --tsv: links to write, a line of i-j a pair", metavar="LINKS")
    add("--lang", "sw", "language whose pocket bitext gives the words")
    add("--run", None, "the student of this run instead, beside its teacher", metavar="DIR")
    add("--model", MODEL, f"encoder without a run: {MODELS}; multilingual as it is")
    add("--teacher", None, "of a run that another model than the kit's taught", metavar="MODEL")
    add("--html", None, "write the explorer, of the pair or of pocket's, as a page", metavar="PATH")
    add("--svg", None, "also draw the links", metavar="PATH")
    add("--layer", None, "stop the encoders after this layer (default: the last)", type=int)
    add("--method", "stabilized", "solver, or similarity for no transport")
    add("--epsilon", 0.05, "entropic regularisation")
    add("--marginals", "uniform", "same mass for tokens (uniform) or for words (words)")
    add("--rule", "intersection", "intersection, grow-diag, itermax, match, ...")
    add("--threshold", 0.0, "least share of a word's mass for a link")
    add("--level", "word", "sum mass over words, then link (word), or link tokens (token)")
    add("--null", 0.0, "a word that keeps less of its mass has no link")
    add("--position", 0.0, "cost of distance from the diagonal")
    add("--reach", None, "of --method unbalanced", type=float)
    add("--mass", None, "of --method partial", type=float)
    flag("--quiet", "no progress bar")


def command(
    *, source: str | None, target: str | None, tsv: str | None, pharaoh: str | None, lang: str,
    run: str | None, model: str, teacher: str | None, html: str | None, svg: str | None,
    layer: int | None, quiet: bool, **linking: object,
) -> dict:  # fmt: skip
    """Align one pair, or a file of them; ``linking`` is for :func:`.alignment.plans.align`."""
    from ..alignment.files import write_links
    from ..alignment.plans import align

    linking = {name: value for name, value in linking.items() if value is not None}
    one_pair = source is not None and target is not None
    if html:
        if tsv or pharaoh or svg:
            raise InputError("align: got --html with another output, expected it alone; run the command twice")
        pair = (source, target) if one_pair else None
        return page(html, pair, lang, layer, (run, model, teacher), linking)
    if one_pair == (tsv is not None) or (tsv is None) != (pharaoh is None):
        raise InputError(
            "align: got neither one pair nor one file, expected SOURCE TARGET, or --tsv PAIRS --pharaoh LINKS"
        )
    ours, english = encoders(lang, run, model, teacher)
    if layer:
        ours, english = ours.upto(layer), english.upto(layer)
    if not one_pair:
        found = write_links(ours, english, tsv, pharaoh, not quiet, **linking)
        print(f"{pharaoh}: {found['pairs']:,} pairs, {found['links']:,} links")
        return found
    one = align(ours, english, source, target, **linking)
    if svg:
        from ..views import figures, figures_alignment

        figures.write_figure(figures_alignment.links(one.source_words, one.target_words, one.links), svg)
    print(show(one))
    return record(one)


def encoders(lang: str, run: str | None, model: str, teacher: str | None) -> "tuple[Encoder, Encoder]":
    """A run's student and its teacher; the pocket student; or a multilingual one for both sides."""
    from .. import encoder
    from ..alignment.files import student
    from . import inputs

    if run or model != MODEL:
        return inputs.encoders(run or "encoder", model=model, teacher=teacher)[:2]
    return student(lang), encoder.teacher()


def page(path: str, pair: tuple[str, str] | None, lang: str, layer: int | None, of: tuple, linking: dict) -> dict:
    """Write the explorer as one HTML file: of a pair, or of pocket's pairs and questions."""
    from ..views import choices, material
    from ..views import page as pages

    (run, model, _), (ours, english) = of, encoders(lang, *of)
    name = choices.EXTENDED if model == MODEL else f"{model}, as it is"
    steps = choices.checkpoints(run) if run else {name: ours}
    some = list(dict.fromkeys(list(steps)[k] for k in (0, len(steps) // 2, -1)))
    students = {} if ours is english else {"teacher": english}
    students |= {name: steps[name] for name in some}
    shown = material.Material(lang, students, [pair] if pair else None, (layer or 0,), english)
    out = pages.write(path, shown, **linking)
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB")
    return {"html": str(out), "bytes": out.stat().st_size}


def record(one: "Alignment") -> dict:
    """An alignment as plain values, for JSON."""
    from ..alignment.linking import to_pharaoh

    sides = [f"{side}_{part}" for part in ("words", "tokens", "owner", "unknown")
             for side in ("source", "target")]  # fmt: skip
    names = [*sides, "converged", "iterations", "marginal_error"]
    cost = one.transport_cost
    return {
        **{name: getattr(one, name) for name in names},
        "transport_cost": cost if math.isfinite(cost) else None,  # of method similarity
        "links": sorted(map(list, one.links)),
        "pharaoh": to_pharaoh(one.links),
        "word_plan": one.word_plan.round(6).tolist(),
    }


def show(one: "Alignment") -> str:
    """One line a link, with the share of the source word's mass that it moves; then what is left."""
    lines = []
    for i, j in sorted(one.links):
        share = one.word_plan[i, j] / max(one.word_plan[i].sum(), 1e-12)
        lines.append(f"{one.source_words[i]:<16} {one.target_words[j]:<16} {share:4.0%}")
    for name, words, unknown, linked in (
        ("source", one.source_words, one.source_unknown, {i for i, _ in one.links}),
        ("English", one.target_words, one.target_unknown, {j for _, j in one.links}),
    ):
        left = [word for k, word in enumerate(words) if k not in linked and k not in unknown]
        if left:
            lines.append(f"{name} words without a link: {' '.join(left)}")
        if unknown:
            said = " ".join(words[k] for k in unknown)
            lines.append(f"{name} words unknown to the tokenizer [UNK]: {said}")
    cost = "no transport"
    if math.isfinite(one.transport_cost):
        cost = f"transport cost {one.transport_cost:.3f}"
    lines.append(cost + ("" if one.converged else ", NOT converged"))
    return "\n".join(lines)
