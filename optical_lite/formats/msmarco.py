"""MS MARCO: folders of ``collection``, ``queries.SPLIT`` and ``qrels.SPLIT``; training triples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..corpora import Collection
from .collect import collect, find, read_judgements, unique
from .lines import file_part, placed, table


def texts(path: str | Path) -> dict[str, str]:
    """Passages or queries: lines ``id<TAB>text``."""
    return unique(table(placed(path), 2, "id<TAB>text"))


def triples(path: str | Path) -> Iterator[tuple[str, str, str]]:
    """Training triples (query, relevant passage, other passage) as texts, one after the other."""
    for _, *texts in table(placed(path), 3, "query<TAB>relevant<TAB>other"):
        yield tuple(texts)


def read(
    path: str | Path, lang: str = "en", split: str = "dev", *, lenient: bool = False
) -> Collection:
    """Read an MS MARCO folder; ``split`` is the middle of the file names: dev, dev.small, train."""
    folder, split = Path(path), file_part("split", split)
    names = "collection.tsv*", f"queries.{split}.tsv*"
    passages, queries = (texts(find(folder, name)) for name in names)
    qrels = read_judgements(find(folder, f"qrels.{split}.tsv*"))
    return collect(folder.name, lang, passages, queries, qrels, lenient=lenient)
