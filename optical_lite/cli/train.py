"""Distil a student from sentence pairs.

Started as torchrun --nproc-per-node 4 -m optical_lite train ..., or by accelerate launch, four
processes share the work of one run.
"""

from .. import vocabulary
from ..config import DistillConfig
from ..datasets import published, testsets
from ..datasets.reading import need_lang
from ..encoder import Encoder
from ..settings import precision, precision_line
from ..training import distill, runs
from . import inputs


def command(
    *, bitext: str, lang: str | None, recipe: str, hold_out: list[str], out: str, model: str,
    fill: str, lexicon: str, size: int, accumulate: int, processes: int | None, quiet: bool,
    keep: list[int], **settings: object,
) -> dict:  # fmt: skip
    """Extend the vocabulary and train; ``keep`` and ``settings`` are of :class:`.DistillConfig`."""
    held = [testsets.load(name, need_lang(lang, name)) for name in hold_out]
    if bitext == "published":
        pairs = published.training_bitext(need_lang(lang, bitext), held, recipe)
    else:
        pairs = inputs.read_pairs(bitext, lang)
        # one's own stay as they are
        pairs = pairs.leave_out(published.asked(held)) if held else pairs
    if held:
        count, names = pairs.notes["dropped"]["held out"], ", ".join(hold_out)
        print(f"{count:,} pairs that are questions of {names} are left out")
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
