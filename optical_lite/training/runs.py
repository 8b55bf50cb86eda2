"""Runs: the folder of a training run, written so that it can be stopped, resumed, read and loaded.

::

    run/config.json    what was asked for, and where     run/student/       the trained encoder
    run/log.jsonl      one line a step                   run/checkpoints/   weights of some steps
    run/metrics.json   what came out
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from .. import model_files
from ..corpora import Bitext
from ..encoder import Encoder, teacher
from ..json_files import fits, parse_json, read_json, write_json
from ..kernels import shared_rows
from ..provenance import environment, model_record, same_precision
from ..safe_files import clear, discard, making, only_files
from ..settings import InputError
from ..weights import inside, read_tensors

NUMBER = (int, float)
CONFIG = {
    "config": dict, "bitext": {"lang": str}, "student": dict,
    "teacher": {"name": str, "sha256": str, "setup?": str},
}  # fmt: skip
METRICS = {
    "steps": int, "seconds": NUMBER, "loss_first": NUMBER, "loss_last": NUMBER,
    "sentences_cut": {"source": int, "target": int},
}  # fmt: skip
LINE = {
    "step": int, "loss": NUMBER, "seconds": NUMBER, "pairs?": int, "converged?": (bool, *NUMBER),
    "marginal_error?": NUMBER, "iterations?": NUMBER, "rate?": NUMBER, "row_rate?": NUMBER,
    "norm?": NUMBER,
}  # fmt: skip
BEGUN = {"environment?": {"precision?": str}}  # where a training was begun
FIRST = {"log.jsonl", "checkpoints", "000000.safetensors"}  # what is made anew without a state


def data_hash(bitext: Bitext) -> str:
    """sha256 of a bitext's pairs as one JSON list, which may be larger than memory."""
    found, before = hashlib.sha256(b"["), ""
    for pair in bitext.pairs:
        found.update((before + json.dumps(pair, ensure_ascii=False)).encode())
        before = ", "
    found.update(b"]")
    return found.hexdigest()


def opened(place: Path, record: dict, what: str) -> dict:
    """Begin a training in a new folder, or check that the folder holds the same one.

    One that has neither a saved state nor trained weights would begin with its first step in any
    case, so it may become another one.
    What the file ``place`` then says of it is returned; an error calls it ``what``.
    """
    folder = place.parent
    only_files(folder)
    for part in (folder, folder / "checkpoints"):
        clear(part)
    there = {path.name for path in folder.iterdir() if path.name[0] != "."}
    if there and place.name not in there:
        got = f"a folder that is not a run and not empty ({min(there)}, no {place.name})"
        raise InputError(folder, got, "a new folder; choose another --out")
    there |= {path.name for path in (folder / "checkpoints").glob("*")}
    if there <= {place.name, *FIRST}:
        write_json(place, {**record, "environment": environment()})
    try:
        found = read_json(place, BEGUN)
    except InputError as error:
        said = str(error).rpartition(";")[0]
        mend = f"put it back from a copy, or delete {folder} to train anew"
        raise InputError(f"{said}; {mend}") from None
    if different := [key for key in record if found.get(key) != record[key]]:
        old, new, now = found.get("config"), record.get("config"), ""
        if isinstance(old, dict) and isinstance(new, dict):
            parts = (key for key in new if old.get(key) != new[key])
            now = ", ".join(f"{key} {old.get(key)}, now {new[key]}" for key in parts)
        got = f"{what} with another {' and '.join(different)}{now and f' ({now})'}"
        expected = "the same to go on; choose another --out or delete the folder"
        raise InputError(folder, got, expected)
    same_precision(folder, found.get("environment", {}))
    return found


def about(config: dict, bitext: Bitext, student: Encoder, teacher: Encoder) -> dict:
    """What a run is: its configuration, the hashes of its pairs and of both encoders."""
    pairs = {"name": bitext.name, "lang": bitext.source, "pairs": len(bitext)}
    pairs |= {"sha256": data_hash(bitext), "notes": bitext.notes}
    models = {"student": model_record(student), "teacher": model_record(teacher)}
    return {"config": config, "bitext": pairs, **models}


def keep(out: Path, step: int, trained: dict[str, nn.Parameter], rows: Tensor) -> None:
    """Keep the trained weights of a step, in half precision, and which embedding rows they have."""
    kept = {name: p.detach().half().contiguous() for name, p in trained.items()}
    with making(out / "checkpoints" / f"{step:06d}.safetensors") as part:
        save_file({**kept, "row_ids": rows}, part)


def finish(out: Path, student: Encoder, cut: dict) -> None:
    """Write the student beside the run, move it into place, and sum the run up."""
    with making(out / "student", folder=True) as part:
        student.save(part)
        discard(out / "student")
    log = read_log(out)
    window = max(1, min(20, len(log) // 5))
    seconds, pairs = log[-1]["seconds"], sum(line.get("pairs", 0) for line in log)
    summary = {
        "steps": len(log),
        "seconds": seconds,
        "pairs_per_second": round(pairs / max(seconds, 1e-3), 1),
        "loss_first": sum(line["loss"] for line in log[:window]) / window,
        "loss_last": sum(line["loss"] for line in log[-window:]) / window,
        "sentences_cut": cut,
    }
    if plans := [line for line in log if "converged" in line]:
        summary["plans_converged"] = sum(line["converged"] for line in plans) / len(plans)
        summary["marginal_error"] = max(line.get("marginal_error", 0) for line in plans)
    write_json(out / "metrics.json", summary)


def read_config(run: str | Path) -> dict:
    """What a run was asked for: its configuration, bitext, student and teacher."""
    return read_json(inside(run, "config.json"), CONFIG)


def read_metrics(run: str | Path) -> dict:
    """What came out of a run, as :func:`finish` wrote it."""
    return read_json(inside(run, "metrics.json"), METRICS)


def is_run(place: str | Path) -> bool:
    """Whether a place is the folder of a run, finished or not; a model has config.json, too."""
    try:
        return "bitext" in read_json(Path(place) / "config.json")
    except InputError:
        return (Path(place) / "log.jsonl").exists()


def is_finished(run: str | Path) -> bool:
    """Whether a run has come to its end."""
    try:
        read_json(Path(run) / "metrics.json")
    except InputError:
        return False
    return (Path(run) / "student" / "model.safetensors").exists()


def read_log(run: str | Path) -> list[dict]:
    """The log of a run, one dictionary a step."""
    place = inside(run, "log.jsonl")
    if not place.is_file():
        raise InputError(run, "no file log.jsonl", "a run folder made by train; check the path")
    with open(place, "rb") as file:
        return log_lines(place, file)


def log_lines(place: Path, lines: Iterable[bytes]) -> list[dict]:
    """What the lines of a log say, one dictionary a step."""
    found = []
    for number, text in enumerate(lines, 1):
        where = f"{place}, line {number}"
        line = parse_json(text, where)
        fits(line, LINE, where, "the line")
        if (step := line["step"]) != number:
            raise InputError(where, f"step {step}", f"{number}; copy it again, or train anew")
        # what else a line holds may take thirty times its size
        found.append({key: line[key] for name in LINE if (key := name.rstrip("?")) in line})
    return found


def load_student(run: str | Path) -> Encoder:
    """The trained student of a run."""
    if not is_finished(run):
        expected = f"a finished run; finish it with train --out {run}"
        raise InputError(run, "a run without a finished student", expected)
    for path in inside(run, "student").iterdir():
        inside(run, f"student/{path.name}")
    return Encoder.load(Path(run) / "student")


def load_teacher(run: str | Path, given: str | Path | None = None) -> Encoder:
    """The teacher of a run, frozen: an encoder that the kit has, or a model that the caller names.

    A name in the run's files is never fetched and never a path; the weights' hash is compared.
    """
    wanted = read_config(run)["teacher"]
    name, weighs = wanted["name"], wanted["sha256"][:12]
    here = model_files.find(wanted["name"]) and model_files.here(wanted["name"])
    if given is None and not here:
        raise InputError(
            f"{run}: got a run with the teacher {name!r}, which the kit does not know or has not "
            f"fetched, expected --teacher with that model (weights {weighs}...); a name in a file "
            "is not followed"
        )
    found = teacher(wanted["name"]) if given is None else Encoder.load(given)
    have = model_record(found)
    if have["sha256"] != wanted["sha256"]:
        raise InputError(
            f"{run}: got the teacher {found.name} with weights {have['sha256'][:12]}..., expected "
            f"{weighs}..., those of {name!r}; give --teacher with the model that trained the run"
        )
    if given is not None and have["setup"] != wanted.get("setup", have["setup"]):
        expected = "those of the model that trained the run; give --teacher with it unchanged"
        raise InputError(run, f"{found.name} with other settings or another tokenizer", expected)
    return found.requires_grad_(False)


def checkpoint_steps(run: str | Path) -> list[int]:
    """The steps whose weights a run kept."""
    names = (path.stem for path in (Path(run) / "checkpoints").glob("*.safetensors"))
    return sorted(int(name) for name in names if re.fullmatch("[0-9]{6,12}", name))


def load_checkpoint(run: str | Path, step: int) -> Encoder:
    """The student as it was after some step (0 is before training)."""
    if step not in checkpoint_steps(run):
        raise InputError(run, f"step {step}", f"one of {checkpoint_steps(run)}")
    student = load_student(run)
    place = inside(run, f"checkpoints/{step:06d}.safetensors")
    kept, table = read_tensors(place), student.embedding
    places, rows = dict(student.named_parameters()), kept.pop("row_ids", torch.empty(0))
    known = rows.ndim == 1 and rows.dtype == torch.long and rows.numel()
    known = known and rows.min() >= 0 and rows.max() < len(table)
    with torch.no_grad():
        for name, value in kept.items():
            new = known and name.endswith(shared_rows.NEW)
            wanted = table[rows] if new else places.get(name)
            if wanted is None or value.shape != wanted.shape or not value.isfinite().all():
                raise InputError(
                    f"{place}: got {name} of shape {tuple(value.shape)}, expected finite "
                    "numbers of a shape that fits the student; copy it again, or train anew"
                )
            if new:
                table[rows] = value.to(table)
            else:
                wanted.copy_(value)
    return student
