"""Tune a teacher for MaxSim, and compare it with the untouched one on English questions."""

from .options import MODEL, MODELS, Parser, number_type, reading_to


def options(parser: Parser) -> None:
    """What to start from, and where the result goes."""
    said = "folder of the tuned teacher; a finished one is kept"
    parser.option("--out", None, said, required=True, metavar="DIR")
    number_type(parser, "auto")
    parser.option("--model", MODEL, f"what to start from: {MODELS}")
    reading_to(parser, "passage (180)")
    parser.flag("--quiet", "no progress bar")


def command(*, out: str, model: str, max_length: int | None, quiet: bool) -> dict:
    """Tune, and compare; both on English questions."""
    from dataclasses import replace

    from ..datasets import english_questions
    from ..encoder import Encoder
    from ..settings import precision_line
    from ..training import teacher

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
