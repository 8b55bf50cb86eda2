"""The command ``align``: one pair or a file of pairs, as links, a picture or a page."""

from __future__ import annotations

import math
from pathlib import Path

from ..alignment.files import student, write_links
from ..alignment.plans import Alignment, align, to_pharaoh
from ..encoder import teacher
from ..settings import InputError


def record(one: Alignment) -> dict:
    """An alignment as plain values, for JSON."""
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


def show(one: Alignment) -> str:
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


def _page(args, one_pair: bool, options: dict) -> dict:
    """Write the explorer as one HTML file: of the pair given, or of the first pairs of the pocket gold."""
    from ..views import html_page

    if args.tsv or args.pharaoh or args.svg:
        raise InputError("align: got --html with another output, expected it alone; run the command twice")
    pairs = [(args.source, args.target)] if one_pair else html_page.examples(args.lang)
    name = Path(args.run).name if args.run else "extended, untrained"
    encoders = {"English encoder": teacher(), name: student(args.lang, args.run)}
    out = html_page.write(args.html, pairs, encoders, **options)
    print(f"{out}: {len(pairs)} pairs, {out.stat().st_size / 1024:.0f} KB")
    return {"html": str(out), "pairs": len(pairs), "bytes": out.stat().st_size}


def command(args) -> dict:
    """What ``python -m optical_lite align`` does with its arguments."""
    options = {name: getattr(args, name) for name in ("method", "epsilon", "marginals", "rule", "threshold", "level",
               "null", "position")}  # fmt: skip
    options |= {name: getattr(args, name) for name in ("reach", "mass") if getattr(args, name) is not None}
    one_pair = args.source is not None and args.target is not None
    if args.html:
        return _page(args, one_pair, {k: v for k, v in options.items() if k != "epsilon"})
    if one_pair == (args.tsv is not None) or (args.tsv is None) != (args.pharaoh is None):
        raise InputError(
            "align: got neither one pair nor one file, expected SOURCE TARGET, or --tsv PAIRS --pharaoh LINKS"
        )
    source, english = student(args.lang, args.run), teacher()
    if args.layer:
        source, english = source.upto(args.layer), english.upto(args.layer)
    if not one_pair:
        found = write_links(source, english, args.tsv, args.pharaoh, not args.quiet, **options)
        print(f"{args.pharaoh}: {found['pairs']:,} pairs, {found['links']:,} links")
        return found
    one = align(source, english, args.source, args.target, **options)
    if args.svg:
        from ..views import pictures

        unknown = one.source_unknown, one.target_unknown
        pictures.alignment(one.source_words, one.target_words, one.links, unknown=unknown).save(args.svg)
    print(show(one))
    return record(one)
