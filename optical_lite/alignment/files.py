"""Align files: the student of a language, pairs from a file, links into a file."""

from __future__ import annotations

import shutil
from pathlib import Path

from .. import vocabulary
from ..datasets import pocket
from ..encoder import Encoder, teacher
from ..formats import own
from ..kernels import pieces
from ..provenance import model_record, sha256
from ..safe_files import hold, making
from ..settings import get
from ..training.runs import data_hash, load_student
from .linking import to_pharaoh
from .plans import align_pairs


def student(lang: str, run: str | Path | None = None) -> Encoder:
    """The student of a run, or the teacher with the words of the pocket bitext, built once."""
    if run is not None:
        return load_student(run)
    bitext = pocket.bitext(lang)
    code = "".join(sha256(Path(part.__file__).read_bytes()) for part in (vocabulary, pieces))
    what = data_hash(bitext) + model_record(teacher())["sha256"] + code
    key = sha256(what.encode())[:16]
    folder = get().cache / "students" / f"pocket-{bitext.source}-{key}"
    if not (folder / "tokenizer_config.json").exists():
        with hold(folder.parent, wait=True):  # another process may be making it
            if not (folder / "tokenizer_config.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
                with making(folder, folder=True) as part:
                    vocabulary.extend(teacher(), bitext).save(part)
    return Encoder.load(folder)


def write_links(
    source: Encoder, english: Encoder, pairs: str | Path, out: str | Path, progress: bool = True,
    **options,
):  # fmt: skip
    """Align a file of pairs into a file of Pharaoh links, line by line; it appears whole.

    Returns
    -------
    dict with the numbers of pairs, links, words the tokenizer does not know and plans that did not
    converge
    """
    from tqdm import tqdm

    found = {"pairs": 0, "links": 0, "unknown_words": 0, "not_converged": 0}
    with making(out) as part, open(part, "w", encoding="utf-8") as file:
        stream = align_pairs(source, english, own.pairs(pairs), **options)
        for one in tqdm(stream, unit="pair", desc="align", disable=not progress, mininterval=1.0):
            file.write(to_pharaoh(one.links) + "\n")
            found["pairs"] += 1
            found["links"] += len(one.links)
            found["unknown_words"] += len(one.source_unknown) + len(one.target_unknown)
            found["not_converged"] += not one.converged
    return found
