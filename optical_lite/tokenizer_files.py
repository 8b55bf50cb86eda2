"""Tokenizer files: a tokenizer out of a folder that may be anyone's, and what it makes of texts.

Tokenizers fail in two ways that :class:`Exception` does not cover, at load and at a text: with
plain exceptions, and with panics of Rust, which are no ``Exception`` and write to standard error. A
regular expression that goes back without end is such a panic: its engine stops after ten million
steps of one match.
"""

from __future__ import annotations

import base64
import itertools
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from .json_files import fits, parse_json
from .safe_files import guard, regular, whole
from .settings import InputError
from .weights import AGAIN

GOT = "no tokenizer ({})"
BATCH = 1 << 20  # characters that are cut into tokens at a time
# times that a text may grow, characters put before it, ids put around it; where XLM-R's charsmap
# makes most of a character, its tokenizer makes 72
MOST = 256
WORD = 1_000  # characters of a word that WordPiece cuts; BERT's tokenizer has 100
AFFIXES = ("continuing_subword_prefix", "end_of_word_suffix")
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
    return read(path, rows, path.read_bytes)


def read(place: object, rows: int, get: Callable[[], bytes], mend: str = AGAIN) -> Tokenizer:
    """The tokenizer of the record that ``get`` gets, tried; an error names its place and mends."""
    with _unheard(), guard(place, f"a whole tokenizer.json that reads any text; {mend}", GOT):
        record = get()
        _bounded(record, place, mend)
        found = Tokenizer.from_buffer(record)
        if (ids := found.num_special_tokens_to_add(False)) > MOST:
            raise InputError(place, f"{ids:,} ids around a text", f"at most {MOST}; {mend}")
        found.no_truncation()  # the file may carry silent limits of its own
        found.no_padding()
        # they would cut the same text otherwise each time
        for name in {"dropout", "alpha", "nbest_size"} & {*dir(found.model)}:
            setattr(found.model, name, None)
        codes = found.encode_batch(PROBES)
        highest = max([*found.get_vocab().values(), *(i for code in codes for i in code.ids)])
    if all(len(code) == len(codes[-1]) for code in codes):
        raise InputError(place, "no token of any text", f"a tokenizer that reads texts; {mend}")
    if highest >= rows:
        expected = f"numbers below {rows:,}, the rows of the embedding table; {mend}"
        raise InputError(place, f"a piece of number {highest:,}", expected)
    return found


def _inside(value: object) -> Iterator[dict]:
    """Every object inside a value of JSON, itself included."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _inside(part)


def _longest(step: dict) -> int:
    """The most characters, composed or apart, that a step of a tokenizer puts in one place."""
    charsmap = base64.b64decode(step.get("precompiled_charsmap") or "")
    texts = charsmap[4 + int.from_bytes(charsmap[:4], "little") :].decode(errors="replace")
    texts = [step.get("content", ""), step.get("replacement", ""), *texts.split("\0")]
    return max(len(unicodedata.normalize("NFKD", text)) for text in texts)


def _bounded(record: bytes, place: object, mend: str) -> None:
    """Refuse a tokenizer that makes a text far longer, before one is made, or leaves it out."""
    found = parse_json(record, place)
    fits(found, {"model": {"max_input_chars_per_word?": int}}, place)
    steps = [*_inside([found.get("normalizer"), found.get("pre_tokenizer")])]
    before = [step.get("prepend", "") for step in steps]
    before += [found["model"].get(name) or "" for name in AFFIXES]
    # each step may also put one character before each word
    times, more = 1.0, len(steps) + sum(map(len, before))
    for step in steps:
        least = len(step.get("pattern", {}).get("String", ""))  # an expression may match nothing
        longest = 3 if step.get("type") == "ByteLevel" else _longest(step)
        mapped = least or "precompiled_charsmap" in step
        times *= max(1, longest / max(1, least)) if mapped else 1 + longest
    if times > MOST or more > MOST:
        got = f"steps that make a text {times:,.0f} times as long and {more:,} characters longer"
        raise InputError(place, got, f"at most {MOST} of both; {mend}")
    if (longest := found["model"].get("max_input_chars_per_word", 0)) > WORD:
        expected = f"at most {WORD:,}, for the time grows with its square; {mend}"
        raise InputError(place, f"words of up to {longest:,} characters", expected)
    parts = _inside(found.get("post_processor"))
    singles = [part["single"] for part in parts if "single" in part]
    counts = [sum("Sequence" in piece for piece in single) for single in singles]
    if counts not in ([], [1]):
        got = f"a text {' and '.join(map(str, counts[:3]))} times in the post_processor's template"
        raise InputError(place, got, f"one template that has it once; {mend}")


def checked(texts: Iterable[str]) -> Iterator[str]:
    """The texts, or one line that says which is none."""
    if isinstance(texts, str):
        raise InputError("texts", "one string", "a list of texts; write [text]")
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            expected = "a string; fill it or leave it out"
            raise InputError(f"text {number}", type(text).__name__, expected)
        whole(text, f"text {number}", "mend it")
        yield text


def encoded(tokenizer: Tokenizer, texts: Iterable[str], **how: bool) -> Iterator[Encoding]:
    """What a tokenizer makes of each text, see :meth:`tokenizers.Tokenizer.encode_batch`.

    Some texts are in memory at a time: an answer is up to 600 times as large as its text.
    """
    size = 0

    def batch(text: str) -> int:
        nonlocal size
        size += len(text)
        return size // BATCH

    for _, part in itertools.groupby(checked(texts), batch):
        some = list(part)
        with guard("tokenizer", f"one that reads any text; {AGAIN}", GOT):
            codes = tokenizer.encode_batch(some, **how)
        yield from codes


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
