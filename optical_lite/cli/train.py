"""Distil a student from sentence pairs.

Started as ``torchrun --nproc-per-node 4 -m optical_lite train ...``, or by ``accelerate launch``,
four processes share the work of one run.
"""

from dataclasses import fields

from ..config import DistillConfig
from ..settings import precision, precision_line
from .options import MODEL, MODELS, Parser, number_type


def options(parser: Parser) -> None:
    """The pairs, the student, and every field of its training."""
    add = parser.option
    add("--bitext", None, "a UTF-8 TSV source<TAB>english; pocket; or published", required=True)
    add("--lang", "xx", "language code of the source side; need not be in any list")
    add("--recipe", "default", "published bitext: default, plus, or parts joined by +")
    add("--hold-out", [], "collections whose questions to drop", nargs="*", metavar="NAME")
    add("--out", None, "run folder; an interrupted run is resumed", required=True, metavar="DIR")
    add("--model", MODEL, f"teacher: {MODELS}")
    add("--fill", "lexicon", "first values of new rows: lexicon, mean, random; or none")
    add("--lexicon", "ibm1", "ibm1, or symmetric: translations both directions agree on")
    add("--size", 20_000, "largest number of pieces learned from the source side")
    for field in fields(DistillConfig):
        name, value = f"--{field.name.replace('_', '-')}", field.default
        if isinstance(value, bool):
            parser.flag(name, field.metadata["help"])
        else:
            several = {"nargs": "*", "type": int, "metavar": "N"}
            how = several if isinstance(value, tuple) else {}
            add(name, value, field.metadata["help"], **how)
    add("--accumulate", 1, "pieces of a process's pairs of a step, for less memory", metavar="N")
    add("--processes", None, "stop where another number shares the work", type=int, metavar="N")
    number_type(parser, "auto")
    parser.flag("--quiet", "no progress bar")


def command(
    *, bitext: str, lang: str, recipe: str, hold_out: list[str], out: str, model: str, fill: str,
    lexicon: str, size: int, accumulate: int, processes: int | None, quiet: bool, keep: list[int],
    **settings: object,
) -> dict:  # fmt: skip
    """Extend the vocabulary and train; ``keep`` and ``settings`` are of :class:`.DistillConfig`."""
    from .. import vocabulary
    from ..datasets import published, testsets
    from ..encoder import Encoder
    from ..training import distill, runs
    from . import inputs

    if bitext == "published":
        held = [testsets.load(name, lang) for name in hold_out]
        pairs = published.training_bitext(lang, held, recipe)
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
