"""Rank the passages of a collection for its questions; write a TREC run file."""

from pathlib import Path

from ..settings import InputError, precision_line
from .options import Parser, length, number_type, reading, teaching


def options(parser: Parser) -> None:
    """What to search, with which system, and how much of its ranking to write."""
    reading(parser)
    add = parser.option
    said = "a run's folder, encoder (see --model), bm25 or structured"
    add("--system", None, said, required=True)
    add("--bitext", None, "structured's: pocket, or pairs source<TAB>english", metavar="TSV")
    number_type(parser, "auto")
    add("--index", None, "made by index; else the cache's, built when missing", metavar="DIR")
    add("--engine", None, "of the server that --index was loaded into", metavar="URL")
    said = "of an index in an engine: passages looked up by mean vectors, then scored; 0 scores all"
    add("--candidates", 0, said, metavar="N")
    teaching(parser)
    length(parser)
    add("--out", None, "run file to write", required=True, metavar="RUN")
    parser.flag("--quiet", "no progress bar")


def command(
    *, system: str, bitext: str | None, index: str | None, both: bool, model: str,
    teacher: str | None, scorer: str, max_length: int | None, engine: str | None, candidates: int,
    k: int, ties: str, out: str, quiet: bool, lang: str | None, **where: object,
) -> dict:  # fmt: skip
    """Search what ``where`` says, see :func:`.inputs.read`; ``lang`` is by default the run's."""
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
    # before the hours that a search may take
    trec.need_columns(tag, *data.queries, *data.passages, of=out)
    if system == "bm25":
        run = lexical.bm25(data.passages, data.queries, k)
    elif by_words:
        run = structured(data, bitext, lang, k)
    else:
        print(precision_line())
        if index:
            found = index_folders.open_index(index, data, passages, scorer, max_length, candidates, engine)
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
    """A run of structured queries without accents, by a lexicon that agrees in both directions."""
    from .. import lexical, lexicon, vocabulary
    from ..text import unmarked
    from . import inputs

    if not bitext:
        expected = "--bitext FILE to learn a lexicon from"
        raise InputError(f"search: got structured without sentence pairs, expected {expected}")
    pairs = inputs.read_pairs(bitext, lang or "xx")
    words = lexicon.word_lexicon(pairs, marks=False, **vocabulary.LEXICONS["symmetric"])
    asked = {query: unmarked(text) for query, text in data.queries.items()}
    return lexical.structured(data.passages, asked, words, k)
