"""YAML files: the kit's own, which people write by hand, read by one function that says what is
wrong with one.

A file is looked at event by event before anything is built of it: how deep it nests, how large its
repetitions make it. Then it must have the shape of its kind, see :data:`SHAPES`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import yaml

from ..json_files import fits
from ..settings import InputError

# bytes; levels; values, a repeated part counted each time. Ours have 7,000, 9 and 1,000
LONG, DEEP, LARGE = 1 << 20, 50, 1_000_000
SHAPES = {  # what a kind of file holds; ``object`` is anything, a key that ends in ? may be missing
    "map": {},
    "work": {
        **dict.fromkeys(("work", "venue", "url", "note?"), str),
        "tables": {
            object: {
                **dict.fromkeys(("title", "metric", "unit", "source", "read_in"), str),
                **dict.fromkeys(("where?", "empty?"), str),
                "doubts": [str],
                "digits?": int,
                "columns": [object],
                "rows": {object: (list, dict)},
            }
        },
    },
    "table": {
        **dict.fromkeys(("title", "question", "ours", "command", "note?", "rerun?"), str),
        "metrics": [str],
        "columns": {object: (str, dict)},
        "rows?": {object: (str, dict)},
        "systems?": [str],
        "tolerance?": (int, float),
        "paper?": [
            {
                **dict.fromkeys(("table", "metric", "baseline?", "reason?"), str),
                "columns": {object: object},
                "rows": {object: object},
                "values?": bool,
            }
        ],
        "needs?": str,
    },
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # four times as fast with libyaml
    """The safe loader, which does not lose a value to another of its name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    line = key.start_mark.line + 1
                    raise ValueError(f"{key.value!r} twice in a map (line {line})")
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, kind: str = "map") -> dict:
    """A YAML file as a dictionary, read again when it has changed.

    Parameters
    ----------
    kind : a key of :data:`SHAPES`

    Raises
    ------
    InputError
        no file, no UTF-8, no YAML, values nested too deeply or repeated too often, a key twice,
        another shape
    """
    if not path.is_file():
        raise InputError(
            f"{path.name}: got no such file in {path.parent.name}/, expected one; check the name"
        )
    return _read(path, kind, path.stat().st_mtime_ns, path.stat().st_size)


@functools.lru_cache(maxsize=256)
def _read(path: Path, kind: str, changed: int, size: int) -> dict:
    try:
        if size > LONG:
            raise ValueError(f"{size:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
        _survey(yaml.parse(text, _Loader))
        found = yaml.load(text, _Loader)  # noqa: S506
    except Exception as error:  # a day that no month has is a ValueError, other values other errors
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        most = f"{LONG:,} bytes, {DEEP} levels and {LARGE:,} values"
        raise InputError(
            f"{path.name}: got {said}, expected YAML in UTF-8 of at most {most}; mend the file"
        ) from error
    fits(found, SHAPES[kind], path.name, "the file")
    return found


def _survey(events: Iterable[yaml.Event]) -> None:
    """Raise for a document that would be too deep or too large to build."""
    size, sizes, begun = 0, {}, []  # begun: of each open list or map its anchor, the size before it
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            size += sizes.get(event.anchor, LARGE)  # a part that holds itself has no end
        elif isinstance(event, yaml.ScalarEvent):
            size += 1
            sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            begun.append((event.anchor, size))
            size += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = begun.pop()
            sizes[anchor] = size - before
        if len(begun) > DEEP or size > LARGE:
            raise ValueError(f"{len(begun)} levels and {size:,} values")
