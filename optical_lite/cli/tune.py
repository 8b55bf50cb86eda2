"""Tune a teacher for MaxSim, and compare it with the untouched one on English questions."""

from dataclasses import replace

from ..datasets import english_questions
from ..encoder import Encoder
from ..settings import precision_line
from ..training import teacher


def command(*, out: str, model: str, max_length: int | None, quiet: bool) -> dict:
    """Tune, and compare; both on English questions."""
    start, pairs = Encoder.load(model).requires_grad_(False), english_questions.teacher_pairs()
    print(precision_line())
    config = replace(teacher.TEACHER, passage_length=max_length or teacher.TEACHER.passage_length)
    tuned = teacher.tune(start, pairs, config, out, progress=not quiet)
    found = {**teacher.report(start, tuned, english_questions.teacher_dev()), **teacher.cut(out)}
    before, after = (found[when]["metrics"]["mrr@10"] for when in ("before", "after"))
    asked, p = f"{found['queries']} English questions", found["test"]["p"]
    print(f"{out}: MRR@10, {asked}: {before:.3f} -> {after:.3f}, p = {p:.4f}")
    print(
        f"{found['questions_cut']:,} of {len(pairs):,} questions were cut at "
        f"{config.question_length} tokens, {found['passages_cut']:,} passages at "
        f"{config.passage_length}; --max-length {start.limit} reads more of these"
    )
    return found
