"""Record files: the cells of the study as few files, a JSON line each, what many share once.

``data/expected/README.md`` says what lies where. A queue writes loose files, one a cell, under
``runs/records``; :func:`fold` takes them in.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..formats.lines import file_part, placed, read_text
from ..json_files import fits, parse_json, read_json, to_json, write_json
from ..metrics import METRICS
from ..provenance import sha256
from ..safe_files import hold, regular, write_atomic
from ..settings import DATA, ROOT, SEEDS, InputError
from ..significance import same_passages

LOOSE, SHARED_FILE = ROOT / "runs" / "records", "shared.json"
SETS = {  # one file a place, or one for all
    name.partition(".")[0]: DATA / "expected" / name
    for name in ("clir", "clir_dev.jsonl", "clir_cpu.jsonl", "alignment.jsonl")
}
SHARED = {"environment": "environments", "config": "configurations", "bitext": "bitexts"}
# what is read of a record, where it is not null: of a cell, of a set of gold links; and of its
# shared parts, which are whole in a loose record, hashes in a line
NUMBER = (int, float)
CELL = {
    **dict.fromkeys(("collection", "lang", "system", "mrr@10 by question"), str),
    **{"seed": int, "metrics": {str: NUMBER, **dict.fromkeys(METRICS, NUMBER)}},
    **{"cpu_seconds?": NUMBER, "data?": str},
}
GOLD = {
    **{"set": str, "systems": {str: {"aer": NUMBER}}, "bitext": (str, dict)},
    "transport against": {str: {str: {"low": NUMBER, "high": NUMBER}}},
}
WHOLE = {
    **{"environment": {"device": str}, "config?": {"steps": int, "batch": int}},
    "bitext?": {"pairs": int},
}
HASHES = dict.fromkeys(WHOLE, str)
PARTS = {"groups?": {str: str}, **{f"{kind}?": {str: dict} for kind in SHARED.values()}}
# beside loose records: a number a question, the same where the right passage is
GROUPS = "questions_by_passage.txt"
ROUNDED = 1e-4  # a record's ranks have four digits: their mean is at most so far off
RESTORE = "restore data/ with: git checkout data"
Records = dict[str, dict[str, list[dict]]]  # by place and system, one a seed


def key(record: dict) -> tuple[str, str, int]:
    """Where a record belongs: place, system, seed; of alignments ``alignment``, the set and 0."""
    if "set" in record:
        return "alignment", record["set"], 0
    return f"{record['collection']}_{record['lang']}", record["system"], record["seed"]


def every(found: Records) -> Iterator[dict]:
    """All records, one after the other."""
    return (record for rows in found.values() for made in rows.values() for record in made)


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode())[:12]


def _compact(record: dict, parts: dict[str, dict]) -> dict:
    """A record with hashes for its shared parts, which are added to ``parts``, without a seed."""
    line = dict(record)
    for part, kind in SHARED.items():
        if value := record.get(part):
            if part == "config":  # of the record's seed
                value = {name: each for name, each in value.items() if name != "seed"}
            line[part] = _digest(value)
            parts.setdefault(kind, {})[line[part]] = value
    return line


def _expand(line: dict, parts: dict[str, dict]) -> dict:
    """The record that :func:`_compact` made a line of."""
    record = dict(line)
    for part, kind in SHARED.items():
        if name := line.get(part):
            if name not in parts.get(kind, {}):
                raise InputError(SHARED_FILE, f"no {part} {name}", f"it; {RESTORE}")
            seed = {"seed": line["seed"]} if part == "config" else {}
            record[part] = parts[kind][name] | seed
    return record


def _nested(found: Iterable[dict], groups: Mapping[str, str] | None = None) -> Records:
    """Records by place and system, if those of each place, and its groups, are of one collection.

    The same passages, if a record tells of them, and as many questions.
    """
    nested: Records = {}
    for record in sorted(found, key=key):
        place, system, _ = key(record)
        nested.setdefault(place, {}).setdefault(system, []).append(record)
    for place, rows in nested.items():
        made = [cell for some in rows.values() for cell in some if "set" not in cell]
        hashes = {cell["data"] for cell in made if cell.get("data")}  # the oldest have none
        told = [cell["mrr@10 by question"] for cell in made] + [(groups or {}).get(place)]
        lengths = {len(text.split()) for text in told if text is not None}
        if (different := max(len(hashes), len(lengths))) > 1:
            numbers = ", ".join(map(str, sorted(lengths)))
            got = f"{place} of {different} different collections ({numbers} questions)"
            expected = "one; delete the records of the collection as it was, then tables --run"
            raise InputError("records", got, expected)
    return nested


def load(base: Path) -> Records:
    """A set of records; what is returned is kept, so do not change it."""
    return _load(base, states(base))[0]


def shared(base: Path) -> dict[str, dict]:
    """What stands beside a set: shared parts by hash; ``groups``, a number a question by place."""
    return _load(base, states(base))[1]


def states(base: Path) -> tuple:
    """The files of a set, with what changes when their content does."""
    paths = sorted(base.glob("*.jsonl")) if base.is_dir() else [base]
    found = ((path, path.stat()) for path in [*paths, base.parent / SHARED_FILE] if path.exists())
    return tuple((path, state.st_mtime_ns, state.st_size) for path, state in found)


@functools.lru_cache(maxsize=16)
def _load(base: Path, files: tuple) -> tuple[Records, dict[str, dict]]:
    path, found = base.parent / SHARED_FILE, []
    parts = read_json(path, PARTS) if path.exists() else {}
    for kind in SHARED.values():
        for name, value in parts.get(kind, {}).items():
            if _digest(value) != name:
                expected = f"the one that it is named after; {RESTORE}"
                raise InputError(path.name, f"{kind} {name} with another content", expected)
    for path in (path for path, *_ in files if path.suffix == ".jsonl"):
        for where, text in placed(regular(path)):
            line = _looked_at(parse_json(text, where), where, base.stem, HASHES)
            found.append(_expand(line, parts))
    return _nested(found, parts.get("groups")), parts


def loose(folder: Path, kind: str = "clir") -> Records:
    """Records of a queue that are not folded yet, of a kind of :data:`SETS`."""
    paths = sorted(folder.rglob("*.json"))
    return _nested(_looked_at(read_json(path), str(path), kind, WHOLE) for path in paths)


def _looked_at(record: dict, where: str, kind: str, parts: dict) -> dict:
    """A record that has what tables read of it, and names that files may have."""
    fits(record, dict, where)
    gold = kind == "alignment"
    if gold != ("set" in record):
        got = f"a record with{'out' * gold} a set in {kind}"
        raise InputError(where, got, "the other; move it")
    told = {name: value for name, value in record.items() if value is not None}
    fits(told, (GOLD if gold else CELL) | parts, where)
    for name in {"collection", "lang", "system", "set"} & record.keys():
        file_part(f"{where}, {name}", record[name])
    if not 0 <= record.get("seed", 0) <= SEEDS:
        raise InputError(where, f"seed {record['seed']}", f"a whole number from 0 to {SEEDS}")
    if not gold:
        config = record.get("config")  # a hash of it, where it is stored
        if isinstance(config, dict) and config.get("seed") != record["seed"]:
            got = f"seed {record['seed']} with a config of seed {config.get('seed')}"
            raise InputError(where, got, "one seed; run it again")
        _shares(record["metrics"], record["mrr@10 by question"], where)
    return record


def _shares(metrics: dict[str, float], ranks: str, where: str) -> None:
    """Refuse metrics and reciprocal ranks out of 0 to 1, and ranks with another mean."""
    try:
        row = [float(rank) for rank in ranks.split()]
    except ValueError:
        row = []
    for name, values in (("metrics", metrics.values()), ("mrr@10 by question", row)):
        if not values or not all(0 <= value <= 1 for value in values):
            raise InputError(where, f"no numbers from 0 to 1 as {name}", "them; run it again")
    if abs((mean := statistics.fmean(row)) - metrics["mrr@10"]) > ROUNDED:
        expected = f"its mrr@10, {metrics['mrr@10']:.4f}; run it again"
        raise InputError(where, f"mrr@10 by question of mean {mean:.4f}", expected)


def write_groups(folder: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write beside loose records which questions share passages, in the records' order."""
    found = same_passages(qrels)
    write_atomic(folder / GROUPS, " ".join(str(found[query]) for query in sorted(found)) + "\n")


def fold_all(source: Path) -> dict[str, tuple[int, int]]:
    """:func:`fold` of every set with a folder of its name in ``source``, or that is ``source``."""
    folders = {name: source if source.name == name else source / name for name in SETS}
    if not any(folder.is_dir() for folder in folders.values()):
        expected = "one; run: tables --run"
        raise InputError("fold", f"no {', '.join(SETS)} in {source}", expected)
    return fold({SETS[name]: each for name, each in folders.items() if each.is_dir()})


def fold(folders: Mapping[Path, Path]) -> dict[str, tuple[int, int]]:
    """Take records of queues' folders into sets, by set: how many are new in it, of how many.

    Where one is bad, or it or groups of questions differ from those that are there, none is taken.
    """
    first, found = next(iter(folders)), {}
    # one writer; another waits, and then finds what this one has written
    with hold(first.parent, wait=True):
        before, sets = shared(first), {}
        parts = copy.deepcopy(before)
        for base, source in folders.items():
            known = {key(record): record for record in every(load(base))}
            old = len(known)
            count = _join(source, base.stem, known, parts)
            found[base.stem], sets[base] = (len(known) - old, count), known.values()
        for base, known in sets.items():
            if found[base.stem][0] or parts != before:
                write(base, known, parts)
    return found


def _join(source: Path, kind: str, known: dict[tuple, dict], parts: dict[str, dict]) -> int:
    """Add a folder's records to those that are known, its groups to ``parts``; how many it has."""
    found = [*every(loose(source, kind))]
    for record in found:
        old = known.setdefault(key(record), record)
        if old != record:
            names = sorted(old.keys() | record.keys())
            differ = ", ".join(name for name in names if old.get(name) != record.get(name))
            got = f"{' '.join(map(str, key(record)))} a second time with another {differ}"
            raise InputError("fold", got, "one record a cell; delete one of the two")
    for path in sorted(source.rglob(GROUPS)):
        text = read_text(path).strip()
        if not all(re.fullmatch("[0-9]{1,9}", number) for number in text.split(" ")):
            raise InputError(path, "no groups of questions", "numbers; run its cells again")
        if parts.setdefault("groups", {}).setdefault(path.parent.name, text) != text:
            got = f"other groups of questions than {SHARED_FILE} has"
            expected = "the same collection; run the cells of that folder again"
            raise InputError(path, got, expected)
    _nested(known.values(), parts.get("groups"))
    return len(found)


def write(base: Path, found: Iterable[dict], parts: dict[str, dict]) -> None:
    """Write a set of records, sorted; the shared parts first, so that no line lacks one."""
    files: dict[Path, list[str]] = {}
    for record in sorted(found, key=key):
        path = base if base.suffix else base / f"{key(record)[0]}.jsonl"
        files.setdefault(path, []).append(to_json(_compact(record, parts)))
    parts = {kind: dict(sorted(values.items())) for kind, values in sorted(parts.items())}
    write_json(base.parent / SHARED_FILE, parts)
    for path, lines in files.items():
        text = "\n".join(lines) + "\n"
        if not path.exists() or read_text(path) != text:
            write_atomic(path, text)
