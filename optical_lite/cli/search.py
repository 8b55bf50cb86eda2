"""Rank the passages of a collection for its questions; write a TREC run file."""

from pathlib import Path

from .. import lexical, lexicon, vocabulary
from ..formats import trec
from ..settings import InputError, precision_line
from ..text import unmarked
from . import index_folders, inputs, run_files


def command(
    *, system: str, bitext: str | None, index: str | None, both: bool, model: str,
    teacher: str | None, scorer: str, max_length: int | None, engine: str | None, candidates: int,
    k: int, ties: str, out: str, quiet: bool, lang: str | None, **where: object,
) -> dict:  # fmt: skip
    """Search what ``where`` says, see :func:`.inputs.read`; ``lang`` is by default the run's."""
    cuts, by_words, own = {}, system in ("bm25", "structured"), None
    if 0 < candidates < k:
        expected = f"--k {k} at least, or 0 to score all passages"
        raise InputError("search", f"--candidates {candidates}", expected)
    if not by_words:
        questions, passages, own = inputs.encoders(system, model, teacher, both, max_length)
    data = inputs.ranked(inputs.read(lang=lang or own, **where), "search")
    tag = "-".join(Path(system).absolute().name.split()) or "run"
    # before the hours that a search may take
    trec.need_columns(tag, *data.queries, *data.passages, of=out)
    if system == "bm25":
        run = lexical.bm25(data.passages, data.queries, k)
    elif by_words:
        run = structured(data, bitext, lang, k)
    else:
        print(precision_line())
        found = None
        if index:
            how = scorer, max_length, candidates, engine
            found = index_folders.open_index(index, data, passages, *how)
            questions = questions.reading_to(min(found.max_length, questions.limit))
            passages = passages.reading_to(found.max_length)
        both_sides = questions, passages
        run, cuts = inputs.ranking(data.passages, data.queries, both_sides, quiet, scorer, k, found)
    return {**run_files.write(out, run, tag, k, ties, f"tag {tag}"), **cuts}


def structured(data, bitext: str | None, lang: str | None, k: int):
    """A run of structured queries without accents, by a lexicon that agrees in both directions."""
    if not bitext:
        expected = "--bitext FILE to learn a lexicon from"
        raise InputError("search", "structured without sentence pairs", expected)
    pairs = inputs.read_pairs(bitext, lang)
    words = lexicon.word_lexicon(pairs, marks=False, **vocabulary.LEXICONS["symmetric"])
    asked = {query: unmarked(text) for query, text in data.queries.items()}
    return lexical.structured(data.passages, asked, words, k)
