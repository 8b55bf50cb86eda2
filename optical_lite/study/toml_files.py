"""TOML files: the kit's own, which people write by hand; what is wrong with one is a line."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

from ..json_files import fits
from ..settings import InputError

# bytes; ours have 7,000. In a longer file a name could have so many parts that minutes go by
LONG = 1 << 14
SHAPES = {  # what a kind of file holds; a key that ends in ? may be missing
    "work": {
        **dict.fromkeys(("work", "venue", "url", "note?"), str),
        "tables": {
            str: {
                **dict.fromkeys(("title", "metric", "unit", "source", "read_in"), str),
                **dict.fromkeys(("where?", "empty?"), str),
                "doubts": [str],
                "digits?": int,
                "columns": [str],
                "rows": {str: (list, dict)},
            }
        },
    },
    "table": {
        **dict.fromkeys(("title", "question", "ours", "command", "note?", "needs?"), str),
        "metrics": [str],
        "columns": {str: (str, dict)},
        "rows?": {str: (str, dict)},
        "systems?": [str],
        "tolerance?": (int, float),
        "paper?": [
            {
                **dict.fromkeys(("table", "metric", "baseline?", "reason?"), str),
                "columns": {str: str},
                "rows": {str: str},
                "values?": bool,
            }
        ],
    },
}


def read_toml(path: Path, kind: str) -> dict:
    """A TOML file of a kind of :data:`SHAPES`, read again when it has changed."""
    if not path.is_file():
        raise InputError(path.name, f"no such file in {path.parent.name}/", "one; check the name")
    return _read(path, kind, path.stat().st_mtime_ns, path.stat().st_size)


@functools.lru_cache(maxsize=256)
def _read(path: Path, kind: str, changed: int, size: int) -> dict:
    try:
        if size > LONG:
            raise ValueError(f"{size:,} bytes")
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        said = "values nested too deep"
    except ValueError as error:
        said = " ".join(str(error).split())
    else:
        fits(found, SHAPES[kind], path.name, "the file")
        return found
    raise InputError(path.name, said, f"TOML in UTF-8 of at most {LONG:,} bytes; mend the file")
