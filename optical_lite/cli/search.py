"""Rank the passages of a collection for its questions; write a TREC run file."""

from pathlib import Path

from ..settings import InputError, precision_line
from .options import Parser, length, number_type, reading, teaching


def options(parser: Parser) -> None:
    """What to search, with which system, and how much of its ranking to write."""
    reading(parser)
    parser.add_argument("--system", required=True, help="a run's folder, encoder (see --model), bm25 or structured")
    parser.add_argument("--bitext", metavar="TSV", help="pocket, or pairs source<TAB>english: structured's lexicon")
    number_type(parser, "auto")
    parser.add_argument("--index", metavar="DIR", help="made by index; else the cache folder's, built when missing")
    teaching(parser)
    length(parser)
    parser.add_argument("--out", required=True, metavar="RUN", help="run file to write")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def command(
    *, system: str, bitext: str | None, index: str | None, both: bool, model: str, teacher: str | None, scorer: str,
    max_length: int | None, k: int, ties: str, out: str, quiet: bool, lang: str | None, **where: object,
) -> dict:  # fmt: skip
    """Search what ``where`` says, see :func:`.inputs.read`; ``lang`` is that of a run where none is given."""
    from .. import lexical, retrieval
    from ..formats import trec
    from . import index_folders, inputs, run_files

    cuts, by_words = {}, system in ("bm25", "structured")
    if by_words:
        data = inputs.read(lang=lang, **where)
    else:
        given = {"model": model, "teacher": teacher, "both": both, "max_length": max_length}
        questions, passages, own = inputs.encoders(system, **given)
        data = inputs.read(lang=lang or own, **where)
    data = inputs.ranked(data, "search")
    tag = "-".join(Path(system).absolute().name.split()) or "run"
    trec.need_columns(tag, *data.queries, *data.passages, of=out)  # before the hours that a search may take
    if system == "bm25":
        run = lexical.bm25(data.passages, data.queries, k)
    elif by_words:
        run = structured(data, bitext, lang, k)
    else:
        print(precision_line())
        if index:
            found = index_folders.open_index(index, data, passages, scorer, max_length)
            questions = questions.reading_to(min(found.max_length, questions.limit))
            passages = passages.reading_to(found.max_length)
        else:
            found = retrieval.PassageIndex.cached(passages, data.passages, not quiet, scorer)
        cuts = inputs.lengths(found, passages, questions, data.queries)
        run = retrieval.search(found, questions, data.queries, k)
    run, said = run_files.keep(run, k, ties)
    trec.write_run(out, run, tag)
    return {**run_files.report(out, run, f"tag {tag}{said}"), **cuts}


def structured(data, bitext: str | None, lang: str | None, k: int):
    """A run of structured queries: words and translations without accents, a lexicon that agrees in both directions."""
    from .. import lexical, lexicon, vocabulary
    from ..text import unmarked
    from . import inputs

    if not bitext:
        raise InputError(
            "search: got structured without sentence pairs, expected --bitext FILE to learn a lexicon from"
        )
    pairs = inputs.read_pairs(bitext, lang or "xx")
    words = lexicon.word_lexicon(pairs, marks=False, **vocabulary.LEXICONS["symmetric"])
    asked = {query: unmarked(text) for query, text in data.queries.items()}
    return lexical.structured(data.passages, asked, words, k)
