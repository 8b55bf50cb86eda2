"""Index folders: an index and its record, whole or in shards that any number of workers make; how they are opened.

::

    DIR/index.safetensors, DIR/index.json                         a whole one
    DIR/shard_3_of_8/index.safetensors, .../index.json            every eighth passage from the third on
    DIR/engine/, DIR/index.json                                   in Qdrant Edge; or the record alone, of a server
"""

from __future__ import annotations

import re
from pathlib import Path

from ..corpora import Collection
from ..encoder import Encoder
from ..engines import qdrant
from ..engines.shards import Shards
from ..index import PassageIndex, hash_texts
from ..json_files import fits, read_json, write_json
from ..model_files import digest
from ..provenance import model_record
from ..safe_files import new_folder
from ..settings import InputError, precision, precision_line, shown
from . import inputs

RECORD = {"collection": str, "texts": str, "passages_read_to": int, "precision": str,
          "encoder": {"name": str, "sha256": str}}  # index.json  # fmt: skip
ENGINE = {"name": str, "points": int, "passages": int, "passages_cut": int}  # what it also says of an engine
SHARD = re.compile(r"shard_(\d+)_of_(\d+)")


def make(
    out: str | Path, data: Collection, encoder: Encoder, shard: tuple[int, int] | None, progress: bool,
    made: str | Path | None = None, engine: str | None = None,
) -> dict:  # fmt: skip
    """Encode passages into a new folder, or one shard of them into its own; a shard that is there is left as it is.

    A folder appears whole or not at all: a worker that was killed is started again with the same command.

    Parameters
    ----------
    made : folder of an index of the same passages, which is loaded into the engine; they are not encoded again
    engine : ``folder`` or a URL, see :func:`optical_lite.engines.qdrant.store`
    """
    number, of = shard or (1, 1)
    folder = Path(out) / f"shard_{number}_of_{of}" if shard else Path(out)
    about = {"texts": hash_texts(data.passages), "encoder": model_record(encoder), "precision": precision()}
    if (shard and engine) or (made and not engine):
        raise InputError("index: got --shard with --engine, or --index without, expected --index DIR --engine ENGINE")
    if shard and folder.exists():
        return _there(folder, {**about, "passages_read_to": encoder.max_length})
    passages = {name: data.passages[name] for name in list(data.passages)[number - 1 :: of]}
    with new_folder(folder) as part:
        print(precision_line())
        place = part / "index.safetensors"
        built = open_index(made, data, encoder) if made else PassageIndex.build(encoder, passages, progress, place)
        record = {"collection": data.name, "passages": len(built.ids), **about}
        record |= inputs.said_cut("passages", built.cut, len(built.ids), encoder)
        if engine:
            kept = qdrant.store(engine, part, folder.name, encoder.dimension)
            record |= {
                "engine": "folder" if engine == "folder" else "server",
                "name": folder.name,
                "points": qdrant.load(built, kept),
            }
            kept.close()
            place.unlink(missing_ok=True)
        else:
            record |= {"vectors": len(built.vectors), "sha256": digest(part / "index.safetensors")}
        write_json(part / "index.json", record)
    print(f"{folder}: {record['passages']:,} passages" + ("" if engine else f", {record['vectors']:,} token vectors"))
    return {"folder": str(folder), **record}


def _there(folder: Path, wanted: dict) -> dict:
    """The record of a shard that was made before, after a look whether it is whole and this one."""
    record = read_json(folder / "index.json", {**RECORD, "sha256": str, "passages": int, "vectors": int})
    other = [key for key, value in wanted.items() if record[key] != value]
    if other or record["sha256"] != digest(folder / "index.safetensors"):
        raise InputError(
            f"{folder}: got a shard {f'with another {other[0]}' if other else 'whose vectors have changed'}, expected "
            "this one; delete it, or choose another --out"
        )
    print(f"{folder}: there already, {record['passages']:,} passages")
    return {"folder": str(folder), **record}


def open_index(
    folder: str | Path, data: Collection, encoder: Encoder, scorer: str = "maxsim", max_length: int | None = None,
    candidates: int = 0, where: str | None = None,
) -> PassageIndex | Shards | qdrant.Engine:  # fmt: skip
    """An index of a folder, after a look whether it is of these texts and this encoder, read to this length.

    Parameters
    ----------
    candidates : see :class:`optical_lite.engines.qdrant.Engine`
    where : URL of the server that the index was loaded into, where it was one
    """
    parts = {part: read_json(part / "index.json", RECORD) for part in _parts(Path(folder))}
    record = next(iter(parts.values()))
    engine = record.get("engine")
    loaded = [] if engine else [PassageIndex.load(part / "index.safetensors") for part in parts]
    if engine:
        if (engine == "server") != bool(where):
            raise InputError(
                f"{folder}: got an index in a {engine}, expected --engine URL for a server, none for a folder"
            )
        fits(record, ENGINE, f"{folder}/index.json")
        kept = qdrant.store(where or "folder", Path(folder), record["name"])  # a URL in a file is not followed
        found = qdrant.Engine(kept, record["passages"], record["passages_read_to"], record["passages_cut"], candidates)
        if (there := kept.count()) != record["points"]:
            raise InputError(
                f"{folder}: got {there:,} passages in its engine, expected {record['points']:,}; load anew"
            )
    else:
        found = loaded[0] if len(parts) == 1 else Shards(loaded)
    if scorer != found.scorer:
        raise InputError(
            f"{folder}: got an index for {found.scorer}, expected one for {scorer}; leave out --index or --scorer"
        )
    by, same = record["encoder"], engine or set(found.ids) == set(data.passages)
    texts = hash_texts(data.passages)
    if not same or any(other["texts"] != texts for other in parts.values()):
        of = shown(record["collection"]) + (" whose texts have changed since" if same else "")
        raise InputError(f"{folder}: got an index of {of}, expected one of {data.name}; index it anew")
    sums = {other["encoder"]["sha256"] for other in parts.values()}
    if sums != {model_record(encoder)["sha256"]} or any(one.vectors.shape[1] != encoder.dimension for one in loaded):
        name = encoder.name
        raise InputError(
            f"{folder}: got an index by {shown(by['name'])}, expected one by {name}; index with --model {name}"
        )
    read = {one.max_length for one in loaded} | {other["passages_read_to"] for other in parts.values()}
    if len(read) > 1 or max_length not in (None, found.max_length):
        raise InputError(
            f"{folder}: got an index that read {found.max_length} tokens of a passage, expected "
            f"{max_length or record['passages_read_to']}; leave out --max-length, or index anew"
        )
    if record["precision"] != precision():
        print(f"{folder}: its passages were encoded in {shown(record['precision'])}")
    return found


def _parts(folder: Path) -> list[Path]:
    """The folders that an index lies in: its own, or those of all its shards."""
    if (folder / "index.json").exists():
        return [folder]
    found = {}
    for path in folder.glob("shard_*_of_*"):
        if match := SHARD.fullmatch(path.name):
            found[int(match[1]), int(match[2])] = path
    if not found:
        raise InputError(f"{folder}: got no index.json, expected a folder made by the command index; check the path")
    of = max(of for _, of in found)
    missing = {(i, of) for i in range(1, of + 1)} ^ set(found)
    if missing:
        number, of = min(missing)
        raise InputError(
            f"{folder}: got shards {', '.join(f'{i}/{n}' for i, n in sorted(found)[:8])}, expected all of one number "
            f"and no others; see to {number}/{of}"
        )
    return [found[key] for key in sorted(found)]
