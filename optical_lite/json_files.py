"""JSON files: the records that the kit writes, whole, and reads after a look at them."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

from .safe_files import write_atomic
from .settings import InputError

RECORD = 1 << 26  # bytes of a JSON record; ours have a few thousand
# strings, brackets and commas of a JSON text, each of which may take 200 bytes of memory
MOST = 1 << 22
DEEPEST = 100  # levels of what is written; copying takes several of Python's for each


def to_json(value: object, **how: object) -> str:
    """JSON as its standard has it, in UTF-8: NaN is a word, half a character an escape.

    >>> to_json({"loss": float("nan"), "word": "mbuʼu"})
    '{"loss": "NaN", "word": "mbuʼu"}'
    """
    text = json.dumps(_worded(value), ensure_ascii=False, allow_nan=False, **how)
    return text.encode("utf-8", "backslashreplace").decode()


def _worded(value: object, deep: int = 0) -> object:
    """A value whose NaN and infinities are the words that float() reads."""
    if deep > DEEPEST:
        expected = f"at most {DEEPEST} levels; mend it, nothing was written"
        raise InputError("JSON", "what is nested too deep", expected)
    if isinstance(value, dict):
        return {_worded(key): _worded(inside, deep + 1) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_worded(inside, deep + 1) for inside in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def write_json(path: str | Path, value: object) -> Path:
    """Write :func:`to_json` with :func:`write_atomic`, for people to read."""
    return write_atomic(path, to_json(value, indent=2) + "\n")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no finite number")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict:
    """An object of JSON, each of whose names comes once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{name!r} stands twice in one object")
    return found


def _many(text: str, most: int) -> bool:
    """Whether a JSON text has more than so many parts; commas inside of its strings are none."""
    if sum(map(text.count, "[{,")) <= most:
        return False
    parts = re.finditer(r'"[^"]*"|[\[{,]', text.replace(r"\\", "").replace(r"\"", ""))
    return next(islice(parts, most, None), None) is not None


def parse_json(text: str | bytes, place: object, most: int | None = None) -> object:
    """The value of a JSON text in UTF-8; what is wrong with it is one line that names the place.

    It has at most so many parts, :data:`MOST` if nothing else is said.

    >>> parse_json("[1e999]", "toy, line 3")
    Traceback (most recent call last):
    optical_lite.settings.InputError: toy, line 3: got no JSON (1e999 is no finite number), expected
    a whole record; mend it, or make it anew
    """
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        if _many(text, most or MOST):
            raise ValueError(f"more than {most or MOST:,} parts")
        hooks = {"parse_float": _finite, "parse_constant": _finite, "object_pairs_hook": _once}
        return json.loads(text, **hooks)
    except RecursionError:
        said = "nested too deep"
    except ValueError as error:  # among them what is no UTF-8, and numbers of thousands of digits
        said = str(error)[:80]
    expected = "a whole record; mend it, or make it anew"
    raise InputError(place, f"no JSON ({said})", expected) from None


def _kinds(shape: object) -> tuple[type, ...]:
    if isinstance(shape, tuple):
        return shape
    return (type(shape),) if isinstance(shape, dict | list) else (shape,)


def _named(shape: object) -> str:
    words = {dict: "a record", list: "a list", object: "a value"}
    return " or ".join(words.get(kind, kind.__name__) for kind in _kinds(shape))


def _brief(value: object) -> str:
    try:
        return str(value)[:40]
    except RecursionError:  # TOML's dotted keys nest without a bracket
        return "what is nested too deep"
    except ValueError:  # in TOML's base 16 any number of digits is read
        return "a number of thousands of digits"


def fits(value: object, shape: object, place: object, name: str = "the record") -> None:
    """Raise unless a value has the shape asked for, down to its parts.

    A shape is a type, several types, a list of one shape, or a dictionary: of keys with the shape
    of each (a key that ends in ``?`` may be missing), or of one type of keys with the shape of all.

    >>> fits({"lang": "sw", "pairs": 512}, {"lang": str, "pairs": int, "seed?": int}, "a.json")
    >>> fits({"sw": [1, 2]}, {str: [int]}, "counts.toml")
    """
    kinds = _kinds(shape)
    truth = isinstance(value, bool) and not {bool, object} & {*kinds}  # to Python a kind of int
    held = not isinstance(value, int | float) or abs(value) <= sys.float_info.max  # by a float
    if not isinstance(value, kinds) or truth or not held:
        expected = f"{_named(shape)}; mend it, or make it anew"
        raise InputError(place, f"{_brief(value)!r} as {name}", expected)
    for key, inner in shape.items() if isinstance(shape, dict) else ():
        if isinstance(key, type):
            for own, part in value.items():
                fits(own, key, place, f"a key of {name}")
                fits(part, inner, place, f"{own!r:.40} of {name}")
        elif (own := key.removesuffix("?")) in value:
            fits(value[own], inner, place, own)
        elif own == key:
            expected = f"{_named(inner)}; mend it, or make it anew"
            raise InputError(place, f"no {key} in {name}", expected)
    for number, part in enumerate(value, 1) if isinstance(shape, list) else ():
        fits(part, shape[0], place, f"{number} of {name}")


def read_json(path: str | Path, shape: object = dict) -> dict:
    """The record of a JSON file, after a look whether it is a file and has what :func:`fits`."""
    path = Path(path)
    if not path.is_file():
        said = "something that is no file" if path.exists() else "no such file"
        raise InputError(path, said, "a record in JSON; check the path")
    if (size := path.stat().st_size) > RECORD:
        raise InputError(path, f"{size:,} bytes", f"a record below {RECORD:,}; check the path")
    found = parse_json(path.read_bytes(), path)
    fits(found, shape, path)
    return found
