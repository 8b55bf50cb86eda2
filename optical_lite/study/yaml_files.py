"""YAML files: the kit's own, which people write by hand, read by one function that says what is wrong with one.

A file is looked at event by event before anything is built of it: how deep it nests, how large its repetitions make
it, whether a map has a key twice. Then it must have the shape of its kind, see :data:`SHAPES`.
"""

from __future__ import annotations

import functools
from pathlib import Path

from ..json_files import RECORD, fits
from ..settings import InputError

DEEP, LARGE = 50, 1_000_000  # levels; values, a repeated part counted each time. Ours have 9 and 190,000
NUMBER = (int, float)
CLAIM = {
    "statement": str, "finding": str, "evidence": [{
        "run?": str, "table?": str, "source?": str, "file?": str, "metric?": str, "says?": str, "value?": NUMBER,
    }],
}  # fmt: skip
OWN = {"tolerance?": (int, float, dict), "reason?": str, "needs?": str, "command?": str}  # of a table or a part of it
SHAPES = {  # what a kind of file holds; ``object`` is anything, a key that ends in ? may be missing
    "map": {},
    "work": {
        "work?": str, "venue?": str, "url?": str, "note?": str,
        "tables?": {object: {
            "rows?": {object: (list, dict)}, "columns?": [object], "doubts?": [str], "digits?": int, "title?": str,
            "metric?": str, "unit?": str, "source?": str, "read_in?": str,
        }},
    },
    "claims": {"claims": [{**CLAIM, "status": str}], "corrections": [CLAIM]},
    "table": {
        "title?": str, "question?": str, "ours?": str, "metrics?": [str], "command?": str,
        "columns?": {object: (str, dict)}, "rows?": {object: (str, dict)}, "systems?": [str],
        "paper?": [{
            "table": str, "metric": str, "columns": {object: object}, "rows": {object: object}, "baseline?": str,
            "values?": bool, **OWN,
        }],
        "values?": bool, "rerun?": str, "note?": str, **OWN,
    },
    "expected": {"command?": str, "cells": {str: {"records?": [str], "metrics?": {str: {"mean": NUMBER}}, **OWN}}},
}  # fmt: skip


def read_yaml(path: Path, kind: str = "map") -> dict:
    """A YAML file as a dictionary, read again when it has changed.

    Parameters
    ----------
    kind : a key of :data:`SHAPES`

    Raises
    ------
    InputError
        no file, no UTF-8, no YAML, values nested too deeply or repeated too often, a key twice, another shape
    """
    if not path.is_file():
        raise InputError(f"{path.name}: got no such file in {path.parent.name}/, expected one; check the name")
    return _read(path, kind, path.stat().st_mtime_ns, path.stat().st_size)


@functools.lru_cache(maxsize=256)
def _read(path: Path, kind: str, changed: int, size: int) -> dict:
    import yaml

    if size > RECORD:
        raise InputError(f"{path.name}: got {size:,} bytes, expected at most {RECORD:,}; split the file")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # four times as fast, where libyaml is there
    try:
        text = path.read_text(encoding="utf-8-sig")
        _survey(path.name, yaml.parse(text, loader))
        found = yaml.load(text, loader)  # noqa: S506
    except InputError:
        raise
    except Exception as error:  # a day that no month has is a ValueError, other values are other kinds of error
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path.name}: got {said}, expected YAML in UTF-8; mend the file") from error
    fits(found, SHAPES[kind], path.name, "the file", "mend the file")
    return found


def _survey(name: str, events) -> None:
    """Raise for a document that would be too deep or too large to build, or loses a value to another of its name."""
    import yaml

    size, sizes, begun = 0, {}, []  # begun: of each open list or map its event, its size before, its children, its keys
    for event in events:
        key = None
        if isinstance(event, yaml.AliasEvent):
            size += sizes.get(event.anchor, LARGE)  # a part that holds itself has no end
        elif isinstance(event, yaml.ScalarEvent):
            size += 1
            key = event.value, event.implicit
            sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            size += 1
            begun.append([event, size, 0, set()])
        elif isinstance(event, yaml.CollectionEndEvent):
            start, before, *_ = begun.pop()
            sizes[start.anchor] = size - before + 1
        else:
            continue
        if len(begun) > DEEP or size > LARGE:
            said = f"values {len(begun)} levels deep" if len(begun) > DEEP else f"{size:,} values"
            raise InputError(f"{name}: got {said}, expected at most {DEEP} levels and {LARGE:,} values; mend the file")
        if begun and not isinstance(event, yaml.CollectionStartEvent):
            within = begun[-1]
            if isinstance(within[0], yaml.MappingStartEvent) and within[2] % 2 == 0:
                if key is not None and key in within[3]:
                    where = f"line {event.start_mark.line + 1}"
                    raise InputError(f"{name}, {where}: got {key[0]!r} twice in a map, expected it once; mend the file")
                within[3].add(key)
            within[2] += 1
