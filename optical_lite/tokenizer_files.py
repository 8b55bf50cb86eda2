"""Tokenizer files: a tokenizer out of a folder that may be anyone's, and what it makes of texts.

Tokenizers fail in two ways that :class:`Exception` does not cover, at load and at a text: with
plain exceptions, and with panics of Rust, which are no ``Exception`` and write to standard error. A
regular expression that goes back without end is such a panic: its engine stops after ten million
steps of one match.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from .safe_files import guard, regular, whole
from .settings import InputError
from .weights import AGAIN

GOT = "no tokenizer ({})"
# letters composed and apart, of many scripts, some that no vocabulary has, and nothing
PROBES = (
    "a",
    "Caf\u00e9 cafe\u0301 \u1ecd\u0301 \u0958 \uac01 \u30d1",
    "\U000103a0 \ua66e" + "\U00012000" * 300,
    "",
)


def load(folder: Path, rows: int) -> Tokenizer:
    """The tokenizer of a folder, for a model with so many rows in its embedding table."""
    path = folder / "tokenizer.json"
    regular(path)
    return read(path, rows, lambda: Tokenizer.from_file(str(path)))


def read(place: object, rows: int, make: Callable[[], Tokenizer], mend: str = AGAIN) -> Tokenizer:
    """The tokenizer that ``make`` makes of a record, tried; an error names its place and mends."""
    with _unheard(), guard(place, f"a whole tokenizer.json that reads any text; {mend}", GOT):
        found = make()
        found.no_truncation()  # the file may carry silent limits of its own
        found.no_padding()
        # they would cut the same text otherwise each time
        for name in {"dropout", "alpha", "nbest_size"} & {*dir(found.model)}:
            setattr(found.model, name, None)
        codes = found.encode_batch(PROBES)
        highest = max([*found.get_vocab().values(), *(i for code in codes for i in code.ids)])
    if highest >= rows:
        expected = f"numbers below {rows:,}, the rows of the embedding table; {mend}"
        raise InputError(place, f"a piece of number {highest:,}", expected)
    return found


def checked(texts: Iterable[str]) -> list[str]:
    """A list of texts, or one line that says which is none."""
    if isinstance(texts, str):
        raise InputError("texts", "one string", "a list of texts; write [text]")
    texts = list(texts)
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            expected = "a string; fill it or leave it out"
            raise InputError(f"text {number}", type(text).__name__, expected)
        whole(text, f"text {number}", "mend it")
    return texts


def encoded(tokenizer: Tokenizer, texts: Iterable[str], **how: bool) -> list[Encoding]:
    """What a tokenizer makes of texts, see :meth:`tokenizers.Tokenizer.encode_batch`."""
    texts = checked(texts)
    with guard("tokenizer", f"one that reads any text; {AGAIN}", GOT):
        return tokenizer.encode_batch(texts, **how)


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep what Rust writes to standard error away: what is wrong is an error of its own."""
    try:
        heard = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(heard, 2)
        os.close(heard)
