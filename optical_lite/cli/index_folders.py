"""Index folders: an index and its record, whole or in shards; how they are made and opened.

::

    DIR/index.safetensors, DIR/index.json                a whole one
    DIR/shard_3_of_8/index.safetensors, .../index.json   every eighth passage from the third on
    DIR/engine/, DIR/index.json                          in Qdrant Edge; without engine/ on a server
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from .. import corpora
from ..encoder import Encoder
from ..engines import qdrant
from ..engines.shards import Shards
from ..index import PassageIndex, hash_texts
from ..json_files import fits, read_json, write_json
from ..model_files import digest
from ..provenance import model_record
from ..safe_files import new_folder
from ..settings import PRECISIONS, InputError, one_of, precision, precision_line
from . import inputs

# what index.json says of any index, of a shard, of an engine
RECORD = {
    "collection": str, "texts": str, "passages_read_to": int, "precision": str,
    "encoder": {"name": str, "sha256": str, "setup?": str}, "sha256?": str, "sample?": str,
}  # fmt: skip
MIB, SAMPLE = 1 << 20, 64  # parts of an index that are compared whenever it is opened
SHARD = {**RECORD, "sha256": str, "passages": int, "vectors": int}
ENGINE = {"points": int, "passages": int, "passages_cut": int, "name": str, "files": {str: str}}


def make(
    out: str | Path, data: corpora.Collection, encoder: Encoder, shard: tuple[int, int] | None,
    progress: bool, made: str | Path | None = None, engine: str | None = None,
) -> dict:  # fmt: skip
    """Encode passages into a new folder, or one shard of them; a shard that is there is left.

    A folder appears whole or not at all: a worker that was killed is started again. ``made`` is
    the folder of an index of the same passages, to load into the ``engine`` (see
    :func:`.qdrant.store`) instead of encoding.
    """
    number, of = shard or (1, 1)
    folder = Path(out) / f"shard_{number}_of_{of}" if shard else Path(out)
    if shard and (Path(out) / "index.json").exists():
        raise InputError(out, "a whole index", "a folder of shards; choose another --out")
    about = {"texts": hash_texts(data.passages), "encoder": model_record(encoder)}
    about["precision"] = precision()
    if shard and folder.exists():
        return _there(folder, {**about, "passages_read_to": encoder.max_length})
    passages = {name: data.passages[name] for name in list(data.passages)[number - 1 :: of]}
    with new_folder(folder) as part:
        if engine:  # before the hours that encoding may take
            qdrant.need(engine, part, folder.name)
        place = part / "index.safetensors"
        if made:
            built = open_index(made, data, encoder)
            if isinstance(built, qdrant.Engine):
                expected = "one that holds vectors; leave out --index"
                raise InputError(made, "an index in an engine", expected)
            about["precision"] = next(iter(_parts(Path(made)).values()))["precision"]
        else:
            print(precision_line())
            built = PassageIndex.build(encoder, passages, progress, place)
        encoder = encoder.reading_to(built.max_length)  # as the index of --index does
        record = {"collection": data.name, "passages": len(built.ids), **about}
        record |= inputs.said_cut("passages", built.cut, len(built.ids), encoder)
        if engine:
            kept = qdrant.store(engine, part, folder.name, encoder.dimension)
            record["engine"] = "folder" if engine == "folder" else "server"
            record |= {"name": folder.name, "points": qdrant.load(built, kept, mark=_mark(record))}
            kept.close()
            record["files"] = _files(part)
            place.unlink(missing_ok=True)
        else:
            record |= {"vectors": len(built.vectors), "sha256": digest(place)}
            record["sample"] = _sample(place)
        write_json(part / "index.json", record)
    more = "" if engine else f", {record['vectors']:,} token vectors"
    print(f"{folder}: {record['passages']:,} passages{more}")
    return {"folder": str(folder), **record}


def _there(folder: Path, wanted: dict) -> dict:
    """The record of a shard that was made before, if it is whole and this one."""
    record = read_json(folder / "index.json", SHARD)
    other = [f"with another {key}" for key, value in wanted.items() if record[key] != value]
    if record["sha256"] != digest(folder / "index.safetensors"):
        other.append("whose vectors have changed")
    if other:
        expected = "this one; delete it, or choose another --out"
        raise InputError(folder, f"a shard {other[0]}", expected)
    print(f"{folder}: there already, {record['passages']:,} passages")
    return {"folder": str(folder), **record}


def open_index(
    folder: str | Path, data: corpora.Collection, encoder: Encoder, scorer: str = "maxsim",
    max_length: int | None = None, candidates: int = 0, where: str | None = None,
) -> PassageIndex | Shards | qdrant.Engine:  # fmt: skip
    """An index of a folder, if it is of these texts and this encoder, read to this length.

    For ``candidates`` see :class:`.qdrant.Engine`; ``where`` is the URL of the server that the
    index was loaded into, where it was one.
    """
    parts = _parts(Path(folder))
    records = list(parts.values())
    record, texts, by = records[0], hash_texts(data.passages), model_record(encoder)
    if record.get("engine"):
        found, loaded = _engine(folder, record, data.passages, candidates, where), []
    elif candidates:
        raise InputError(folder, "--candidates", "an index in an engine for them")
    else:
        loaded = [PassageIndex.load(part / "index.safetensors") for part in parts]
        found = loaded[0] if len(loaded) == 1 else Shards(loaded)
    have, there = set(found.ids), set(data.passages)
    others = {one["collection"] for one in records if one["texts"] != texts}
    changed = " whose texts have changed since" if have == there else ""
    made_by = {one["encoder"]["name"] for one in records if not _same(one["encoder"], by)}
    widths = {one.vectors.shape[1] for one in loaded} - {encoder.dimension}
    made_by |= {f"an encoder of {width} dimensions" for width in widths}
    read = {one.max_length for one in loaded} | {one["passages_read_to"] for one in records}
    kinds = {one["precision"] for one in records}
    wanted = max_length or record["passages_read_to"]
    for wrong, got, expected in (
        (found.scorer != scorer, f"for {found.scorer}",
         f"one for {scorer}; leave out --index or --scorer"),
        (others, f"of {' and '.join(sorted(others))}{changed}",
         f"one of {data.name}; index it anew"),
        (have != there, f"of {len(have & there):,} of the {len(there):,} passages of {data.name}",
         "all of them, each once; index anew what lacks"),
        (made_by, f"by {' and '.join(sorted(made_by))}",
         f"one by {encoder.name}, its weights, settings and tokenizer as they are; index anew"),
        (read != {wanted}, f"that read {' and '.join(map(str, sorted(read)))} tokens of a passage",
         f"{wanted}; leave out --max-length, or index anew"),
        (len(kinds) > 1, f"of shards in {' and '.join(sorted(kinds))}",
         "one number type; index some anew with --precision"),
    ):  # fmt: skip
        if wrong:
            raise InputError(folder, f"an index {got}", expected)
    for part, one in parts.items() if loaded else ():
        path = part / "index.safetensors"
        if one.get("sample") != _sample(path):
            expected = "those that its index.json tells of; copy both files again, or index anew"
            raise InputError(path, "other vectors", expected)
    if record["precision"] != precision():
        print(f"{folder}: its passages were encoded in {record['precision']}")
    return found


def _sample(path: Path, parts: int = SAMPLE) -> str:
    """sha256 of a file's size and of what is evenly spread over it; of all where it is small."""
    size = path.stat().st_size
    found = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for place in sorted({max(0, size - MIB) * k // (parts - 1) for k in range(parts)}):
            file.seek(place)
            found.update(file.read(MIB))
    return found.hexdigest()


def _engine(
    folder: str | Path, record: dict, ids: Collection[str], candidates: int, where: str | None
) -> qdrant.Engine:
    """The engine that an index was loaded into, if it holds what the record says."""
    if (record["engine"] == "server") != bool(where):
        expected = "--engine URL for a server, none for a folder"
        raise InputError(folder, f"an index in a {record['engine']}", expected)
    fits(record, ENGINE, f"{folder}/index.json")
    there = _files(Path(folder))
    if other := [name for name, sample in record["files"].items() if there.get(name) != sample]:
        expected = "what its index.json tells of; index anew"
        raise InputError(folder, f"another {other[0]}, or none", expected)
    # a URL in a file is not followed
    kept = qdrant.store(where or "folder", Path(folder), record["name"])
    if (there := kept.count()) != record["points"]:
        expected = f"{record['points']:,}; load anew"
        raise InputError(folder, f"{there:,} passages in its engine", expected)
    if there and kept.mark() != _mark(record):
        raise InputError(folder, "the engine of another index", "its own; index anew")
    return qdrant.Engine(kept, ids, record["passages_read_to"], record["passages_cut"], candidates)


def _mark(record: dict) -> dict:
    """What an engine keeps of its record, to be told from one of other texts or vectors."""
    about = {key: record[key] for key in ("texts", "passages_read_to", "precision")}
    return {**about, "encoder": record["encoder"]["sha256"]}


def _files(folder: Path) -> dict[str, str]:
    """Samples of an engine's vectors and ids: Qdrant Edge fills what was cut off with zeros."""
    parts = "vector_storage-*/**/*", "payload_storage/page_*"
    every = {path for part in parts for path in folder.glob(f"engine/segments/*/{part}")}
    found = sorted(path for path in every if path.is_file())
    share = max(2, 4 * SAMPLE // max(1, len(found)))
    return {path.relative_to(folder).as_posix(): _sample(path, share) for path in found}


def _same(old: dict, new: dict) -> bool:
    """Whether two records are of one encoder; one without a setup tells of its weights alone."""
    return old["sha256"] == new["sha256"] and old.get("setup", new["setup"]) == new["setup"]


def _parts(folder: Path) -> dict[Path, dict]:
    """What index.json says of an index or of each of its shards, by the folder that it lies in."""
    names = (path.name for path in folder.glob("shard_*"))
    found = [name for name in names if re.fullmatch(r"shard_\d+_of_\d+", name)]
    wanted = [f"shard_{i}_of_{len(found)}" for i in range(1, len(found) + 1)]
    if (folder / "index.json").exists():
        wanted = [""]
    elif not found:
        expected = "a folder made by the command index; check the path"
        raise InputError(folder, "no index.json", expected)
    elif set(found) != set(wanted):
        expected = "all of one number and no others; make those that lack, delete the others"
        raise InputError(folder, ", ".join(sorted(found)[:8]), expected)
    found = {folder / name: read_json(folder / name / "index.json", RECORD) for name in wanted}
    for place, record in found.items():
        one_of(f"{place}/index.json: got precision", record["precision"], PRECISIONS[:2])
    return found
