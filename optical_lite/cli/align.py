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
    parser.add_argument("source", nargs="?", help="a sentence of the source language")
    parser.add_argument("target", nargs="?", help="its English translation")
    parser.add_argument("--tsv", metavar="PAIRS", help="instead: a UTF-8 file of lines source<TAB>english")
    parser.add_argument("--pharaoh", metavar="LINKS", help="with --tsv: links to write, a line of i-j a pair")
    parser.add_argument("--lang", default="sw", help="language whose pocket bitext gives the words (sw)")
    parser.add_argument("--run", metavar="DIR", help="the student of this run instead, beside its teacher")
    parser.add_argument("--model", default=MODEL, help=f"encoder without a run: {MODELS}; multilingual as it is")
    parser.add_argument("--teacher", metavar="MODEL", help="of a run that another model than the kit's taught")
    parser.add_argument("--html", metavar="PATH", help="write the explorer as a page, of the pair or of pocket's")
    parser.add_argument("--svg", metavar="PATH", help="also draw the links")
    parser.add_argument("--layer", type=int, help="stop the encoders after this layer (default: the last)")
    parser.add_argument("--method", default="stabilized", help="solver, or similarity for no transport (stabilized)")
    parser.add_argument("--epsilon", type=float, default=0.05, help="entropic regularisation (0.05)")
    parser.add_argument("--marginals", default="uniform", help="same mass for tokens (uniform) or for words (words)")
    parser.add_argument("--rule", default="intersection", help="intersection, grow-diag, itermax, match, ...")
    parser.add_argument("--threshold", type=float, default=0.0, help="least share of a word's mass for a link (0)")
    parser.add_argument("--level", default="word", help="sum mass over words, then link (word), or link tokens (token)")
    parser.add_argument("--null", type=float, default=0.0, help="a word that keeps less of its mass has no link (0)")
    parser.add_argument("--position", type=float, default=0.0, help="cost of distance from the diagonal (0)")
    parser.add_argument("--reach", type=float, help="of --method unbalanced")
    parser.add_argument("--mass", type=float, help="of --method partial")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def command(
    *, source: str | None, target: str | None, tsv: str | None, pharaoh: str | None, lang: str, run: str | None,
    model: str, teacher: str | None, html: str | None, svg: str | None, layer: int | None, quiet: bool,
    **linking: object,
) -> dict:  # fmt: skip
    """Align one pair, or a file of them; ``linking`` is for :func:`.alignment.plans.align`."""
    from ..alignment.files import write_links
    from ..alignment.plans import align

    linking = {name: value for name, value in linking.items() if value is not None}
    one_pair = source is not None and target is not None
    if html:
        if tsv or pharaoh or svg:
            raise InputError("align: got --html with another output, expected it alone; run the command twice")
        return page(html, (source, target) if one_pair else None, lang, layer, (run, model, teacher), linking)
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
    """Encoders of both sides: a run's student and its teacher; the pocket student; or a multilingual one for both."""
    from .. import encoder
    from ..alignment.files import student
    from . import inputs

    if run or model != MODEL:
        return inputs.encoders(run or "encoder", model=model, teacher=teacher)[:2]
    return student(lang), encoder.teacher()


def page(path: str, pair: tuple[str, str] | None, lang: str, layer: int | None, of: tuple, linking: dict) -> dict:
    """Write the explorer as one HTML file: of a pair, or of pairs of the pocket gold and of questions."""
    from ..views import choices, material
    from ..views import page as pages

    (run, model, _), (ours, english) = of, encoders(lang, *of)
    steps = choices.checkpoints(run) if run else {choices.EXTENDED if model == MODEL else f"{model}, as it is": ours}
    some = list(dict.fromkeys(list(steps)[k] for k in (0, len(steps) // 2, -1)))
    students = ({} if ours is english else {"teacher": english}) | {name: steps[name] for name in some}
    shown = material.Material(lang, students, [pair] if pair else None, (layer or 0,), english)
    out = pages.write(path, shown, **linking)
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB")
    return {"html": str(out), "bytes": out.stat().st_size}


def record(one: "Alignment") -> dict:
    """An alignment as plain values, for JSON."""
    from ..alignment.plans import to_pharaoh

    names = ("source_words", "target_words", "source_tokens", "target_tokens", "source_owner", "target_owner",
             "source_unknown", "target_unknown", "converged", "iterations",
             "marginal_error")  # fmt: skip
    return {
        **{name: getattr(one, name) for name in names},
        "transport_cost": one.transport_cost if math.isfinite(one.transport_cost) else None,  # method similarity
        "links": sorted(map(list, one.links)),
        "pharaoh": to_pharaoh(one.links),
        "word_plan": one.word_plan.round(6).tolist(),
    }


def show(one: "Alignment") -> str:
    """One line a link, with the share of the source word's mass that moves along it; then what is left over."""
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
            lines.append(f"{name} words unknown to the tokenizer [UNK]: {' '.join(words[k] for k in unknown)}")
    cost = f"transport cost {one.transport_cost:.3f}" if math.isfinite(one.transport_cost) else "no transport"
    lines.append(cost + ("" if one.converged else ", NOT converged"))
    return "\n".join(lines)
