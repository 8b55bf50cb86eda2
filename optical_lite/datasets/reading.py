"""Reading: one door to every collection, whatever form it comes in, and writers of two forms.

>>> len(read("pocket", lang="sw").passages), read(None, "pocket", "mr").lang
(160, 'mr')
"""

from __future__ import annotations

import inspect
import os
from functools import partial
from pathlib import Path

from ..corpora import Collection
from ..formats import msmarco, own, trec, xglue, xor_tydi
from ..formats.collect import check_written
from ..formats.from_ir_datasets import read_ir_datasets
from ..formats.lines import file_part
from ..safe_files import new_folder
from ..settings import InputError

READERS = {
    "beir": own.read_beir,
    "trec": trec.read,
    "msmarco": msmarco.read,
    "ir_datasets": read_ir_datasets,
    "xor": xor_tydi.read,
    **{task: partial(xglue.read, task=task) for task in xglue.LABELS},
}
WRITERS = {"trec": trec.write, "beir": own.write_beir}


def read(kind: str | None, path: str | Path | None = None, lang: str | None = None, **options):
    """Read a collection, or :class:`~.xor_tydi.Questions`, or a :class:`~.xglue.Task`.

    Parameters
    ----------
    kind : a key of :data:`READERS`, ``pocket`` or one of :data:`.testsets.NAMES`; None takes
        ``path`` for a BEIR folder, else for such a name
    path : folder or file, or a name of ``ir_datasets``; of named collections none
    lang : language of the questions; one's own may do without, they are of ``xx``
    options : of the format's reader, such as ``split``, ``lenient``, ``encoding``
    """
    from . import pocket, testsets

    if kind is None:
        kind = "beir" if path != "pocket" and os.path.isdir(str(path)) else str(path)
    if kind in READERS:
        if path is None:
            raise InputError(kind, "no path", "the folder or file to read; give --collection")
        function = partial(READERS[kind], path)
    elif kind == "pocket" or kind in testsets.NAMES:
        if path not in (None, kind):
            expected = "none: it is known by name; leave it out"
            raise InputError(kind, f"{path} to read from", expected)
        lang = need_lang(lang, kind)
        function = pocket.collection if kind == "pocket" else partial(testsets.load, kind)
    else:
        expected = f"{', '.join(testsets.NAMES)}, pocket, a BEIR folder, or a folder and its "
        expected += f"--format ({', '.join(READERS)}); check the path"
        raise InputError("collection", repr(kind[:200]), expected)
    if unknown := sorted(set(options) - set(inspect.signature(function).parameters)):
        got = f"got --{', --'.join(unknown)}, which this format does not have"
        raise InputError(f"{kind}: {got}; leave it out")
    return function(file_part("language", lang or "xx"), **options)


def need_lang(lang: str | None, of: str) -> str:
    """A language code, without which what is known by a name cannot be read."""
    if lang is None:
        raise InputError(of, "no language", "a code such as sw; give --lang")
    return lang


def write(kind: str, data: Collection, folder: str | Path) -> Path:
    """Write a collection as ``trec`` or ``beir`` into a new folder, which appears whole."""
    if kind not in WRITERS or not isinstance(data, Collection):
        said = kind if kind not in WRITERS else f"a {type(data).__name__}"
        raise InputError("convert", said, f"a collection to write as {' or '.join(WRITERS)}")
    with new_folder(folder) as part:
        check_written(data)
        WRITERS[kind](data, part)
    return Path(folder)
