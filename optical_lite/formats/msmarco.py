"""MS MARCO and mMARCO: passages, queries, judgements, and triples to train a retriever with.

MS MARCO's folder has ``collection.tsv``, ``queries.SPLIT.tsv`` and ``qrels.SPLIT.tsv``. mMARCO has
the same texts in many languages, ids and all: ``collections/LANGUAGE_collection.tsv``,
``queries/SPLIT/LANGUAGE_queries.SPLIT.tsv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..corpora import THREE_LETTERS, Collection
from ..settings import InputError, one_of
from .collect import Qrels, collect, find, judgements, unique
from .lines import file_part, numbered

MMARCO = {
    "ar": "arabic", "zh": "chinese", "nl": "dutch", "en": "english", "fr": "french",
    "de": "german", "hi": "hindi", "id": "indonesian", "it": "italian", "ja": "japanese",
    "pt": "portuguese", "ru": "russian", "es": "spanish", "vi": "vietnamese",
}  # fmt: skip


def texts(path: str | Path) -> dict[str, str]:
    """Passages or queries: lines ``id<TAB>text``."""
    return unique(path, ((number, *cells) for number, cells in numbered(path, 2, "id<TAB>text")))


def read_qrels(path: str | Path) -> Qrels:
    """Judgements: lines ``query<TAB>0<TAB>passage<TAB>grade``."""
    found = numbered(path, 4, "query<TAB>0<TAB>passage<TAB>grade")
    return judgements(path, ((n, query, passage, value) for n, (query, _, passage, value) in found))


def triples(
    path: str | Path, queries: Mapping[str, str] | None = None,
    passages: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str, str]]:  # fmt: skip
    """Training triples (query, relevant passage, other passage) as texts, one after the other.

    Parameters
    ----------
    queries, passages : texts by id, for a file of ids such as ``triples.train.ids.small.tsv``;
        without them the file holds the texts themselves, as ``triples.train.small.tsv`` does
    """
    for number, cells in numbered(path, 3, "query<TAB>relevant<TAB>other"):
        if queries is not None and passages is not None:
            known = (queries, passages, passages)
            missing = [cell for cell, texts in zip(cells, known, strict=True) if cell not in texts]
            if missing:
                got = f"{path}, line {number}: got id {missing[0]!r}"
                raise InputError(f"{got}, expected one of queries or passages")
            cells = [texts[cell] for cell, texts in zip(cells, known, strict=True)]
        yield tuple(cells)


def read(
    path: str | Path, lang: str = "en", split: str = "dev", *, lenient: bool = False
) -> Collection:
    """Read an MS MARCO folder; ``split`` is the middle of the file names: dev, dev.small, train."""
    folder, split = Path(path), file_part("split", split)
    names = "collection.tsv*", f"queries.{split}.tsv*"
    passages, queries = (texts(find(folder, name)) for name in names)
    qrels = read_qrels(find(folder, f"qrels.{split}.tsv*"))
    return collect(folder.name, lang, passages, queries, qrels, lenient=lenient)


def read_mmarco(
    path: str | Path, lang: str, split: str = "dev", *, lenient: bool = False
) -> Collection:
    """Read an mMARCO folder: queries of a language, English passages, MS MARCO's judgements.

    ``translations`` are the English queries where the folder has them; mMARCO was translated from
    those.
    """
    folder, code, split = Path(path), THREE_LETTERS.get(lang, lang), file_part("split", split)
    one_of("mmarco: got language", code, MMARCO)
    asked = texts(find(folder, f"**/{MMARCO[code]}_queries.{split}.tsv*"))
    english = sorted(folder.glob(f"**/english_queries.{split}.tsv*"))
    return collect(
        folder.name, code, texts(find(folder, "**/english_collection.tsv*")), asked,
        read_qrels(find(folder, f"**/qrels.{split}.tsv*")),
        translations=texts(english[0]) if english else None, lenient=lenient,
    )  # fmt: skip
