"""Distil a student from sentence pairs.

Started as ``torchrun --nproc-per-node 4 -m optical_lite train ...``, or by ``accelerate launch``, four processes share
the work of one run.
"""

from dataclasses import fields

from ..config import DistillConfig
from ..settings import precision, precision_line
from .options import MODEL, MODELS, Parser, number_type


def options(parser: Parser) -> None:
    """The pairs, the student, and every field of its training."""
    parser.add_argument("--bitext", required=True, help="a UTF-8 TSV source<TAB>english; or pocket; or published")
    parser.add_argument("--lang", default="xx", help="language code of the source side; need not be in any list")
    parser.add_argument("--recipe", default="default", help="published bitext: default, plus, or parts joined by +")
    parser.add_argument("--hold-out", nargs="*", default=[], metavar="NAME", help="collections whose questions to drop")
    parser.add_argument("--out", required=True, metavar="DIR", help="run folder; an interrupted run is resumed")
    parser.add_argument("--model", default=MODEL, help=f"teacher: {MODELS}")
    parser.add_argument(
        "--fill", default="lexicon", help="first values of new rows: lexicon, transport, mean or random; or none"
    )
    parser.add_argument("--lexicon", default="ibm1", help="ibm1, or symmetric: translations both directions agree on")
    for field in fields(DistillConfig):
        option, value, said = f"--{field.name.replace('_', '-')}", field.default, field.metadata["help"]
        if isinstance(value, bool):
            parser.add_argument(option, action="store_true", help=said)
        elif isinstance(value, tuple):
            parser.add_argument(option, nargs="*", type=int, default=value, metavar="N", help=said)
        else:
            parser.add_argument(option, type=type(value), default=value, help=f"{said} (default {value})")
    said = "pieces that a process cuts its pairs of a step into, for less memory (1)"
    parser.add_argument("--accumulate", type=int, default=1, metavar="N", help=said)
    parser.add_argument("--processes", type=int, metavar="N", help="stop where another number of them shares the work")
    number_type(parser, "auto")
    parser.add_argument(
        "--size", type=int, default=20_000, help="largest number of pieces learned from the source side"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def command(
    *, bitext: str, lang: str, recipe: str, hold_out: list[str], out: str, model: str, fill: str, lexicon: str,
    size: int, accumulate: int, processes: int | None, quiet: bool, keep: list[int], **settings: object,
) -> dict:  # fmt: skip
    """Extend the vocabulary and train; ``keep`` and ``settings`` are fields of :class:`.DistillConfig`."""
    from .. import vocabulary
    from ..datasets import published, testsets
    from ..encoder import Encoder
    from ..training import distill, runs
    from . import inputs

    if bitext == "published":
        pairs = published.training_bitext(lang, [testsets.load(name, lang) for name in hold_out], recipe)
    else:
        pairs = inputs.read_pairs(bitext, lang)
    config = DistillConfig(keep=tuple(keep), **settings)
    english = Encoder.load(model).requires_grad_(False)
    print(precision_line())
    english = english.reading_to(max(english.max_length, config.max_length))
    student = vocabulary.extend(english, pairs, size=size, fill=fill, lexicon=lexicon)
    how = {"accumulate": accumulate, "processes": processes, "progress": not quiet}
    run = distill.distill(student, english, pairs, config, out, **how)
    found = runs.read_metrics(run)
    losses = f"loss {found['loss_first']:.4f} -> {found['loss_last']:.4f}"
    print(f"{run}: {len(pairs):,} pairs, {found['steps']} steps, {losses}")
    for side, cut in found["sentences_cut"].items():
        inputs.said_cut(f"{side} sentences", cut, len(pairs), english.reading_to(config.max_length))
    return {"run": str(run), "precision": precision(), **found}
