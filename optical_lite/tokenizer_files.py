"""Tokenizer files: a tokenizer out of a folder that may be anyone's, and what it makes of texts.

Tokenizers fail in two ways that :class:`Exception` does not cover, at load and at a text: with
plain exceptions, and with panics of Rust, which are no ``Exception`` and write to standard error. A
regular expression that goes back without end is such a panic: its engine stops after ten million
steps of one match.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from .safe_files import guard, regular
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
    with _unheard(), guard(path, f"a whole tokenizer.json that reads any text; {AGAIN}", GOT):
        found = Tokenizer.from_file(str(path))
        found.no_truncation()  # the file may carry silent limits of its own
        found.no_padding()
        # they would cut the same text otherwise each time
        for name in {"dropout", "alpha", "nbest_size"} & {*dir(found.model)}:
            setattr(found.model, name, None)
        codes = found.encode_batch(PROBES)
        highest = max([*found.get_vocab().values(), *(i for code in codes for i in code.ids)])
    if highest >= rows:
        expected = f"numbers below {rows:,}, the rows of the embedding table; {AGAIN}"
        raise InputError(path, f"a piece of number {highest:,}", expected)
    return found


def encoded(tokenizer: Tokenizer, texts: Sequence[str], **how: bool) -> list[Encoding]:
    """What a tokenizer makes of texts, see :meth:`tokenizers.Tokenizer.encode_batch`."""
    with guard("tokenizer", f"one that reads any text; {AGAIN}", GOT):
        return tokenizer.encode_batch(list(texts), **how)


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
