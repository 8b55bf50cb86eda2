"""Runs: the folder of a training run, written so that it can be stopped, resumed, read and loaded.

::

    run/config.json        what was asked for        run/student/       the encoder (safetensors, tokenizer.json)
    run/environment.json   where it ran              run/checkpoints/   the trained weights at chosen steps
    run/log.jsonl          one line a step           run/metrics.json   what came out
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from .corpora import Bitext
from .encoder import Encoder, model_record
from .provenance import environment, same_precision
from .safe_files import write_atomic, write_json
from .settings import InputError, device, precision, read_json
from .sources import sha256


def data_hash(bitext: Bitext) -> str:
    """sha256 of a bitext's text."""
    return sha256(json.dumps(bitext.pairs, ensure_ascii=False).encode())


def open_run(out: Path, config: dict, bitext: Bitext, student: Encoder, teacher: Encoder) -> None:
    """Write what the run is, or check that the folder holds the same run."""
    record = {
        "config": config,
        "bitext": {
            "name": bitext.name, "lang": bitext.source, "pairs": len(bitext), "sha256": data_hash(bitext),
            "notes": bitext.notes,
        },
        "student": model_record(student),
        "teacher": model_record(teacher),
    }  # fmt: skip
    place = out / "config.json"
    if place.exists():
        found = json.loads(place.read_text(encoding="utf-8"))
        different = [key for key in record if found.get(key) != record[key]]
        if different:
            raise InputError(
                f"{out}: got a run folder with another {' and '.join(different)}, expected the same run to resume; "
                "choose another --out or delete the folder"
            )
        beside = out / "environment.json"  # where the number type of older runs stands
        old = read_json(beside) if "precision" not in found and beside.exists() else {}
        same_precision(out, {**old, **found})
        return
    if out.exists() and any(out.iterdir()):
        raise InputError(
            f"{out}: got a folder that is not a run and not empty, expected a new folder; choose another --out"
        )
    write_json(place, {**record, "precision": precision()})
    write_json(out / "environment.json", environment())


def _save_torch(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    torch.save(value, part)
    os.replace(part, path)


def keep(out: Path, step: int, trained: dict[str, nn.Parameter], rows: Tensor) -> None:
    """Keep the trained weights of a step, in half precision, and which rows of the embedding table are among them."""
    weights = {name: p.detach().half() for name, p in trained.items()}
    _save_torch(out / "checkpoints" / f"{step:06d}.pt", {"weights": weights, "rows": rows})


def save(out: Path, step: int, trained: dict, optimizer, schedule) -> None:
    """Write all that is needed to go on from a step."""
    state = {"step": step, "weights": {name: p.detach() for name, p in trained.items()}}
    _save_torch(out / "resume.pt", {**state, "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})


def resume(out: Path, trained: dict, optimizer, schedule) -> int:
    """Load the last saved state, cut the log back to it, and return the number of steps done."""
    if not (out / "resume.pt").exists():
        write_atomic(out / "log.jsonl", "")
        return 0
    state = torch.load(out / "resume.pt", map_location=device(), weights_only=True)
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(state["weights"][name])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    lines = (out / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    write_atomic(out / "log.jsonl", "".join(lines[: state["step"]]))
    return state["step"]


def finish(out: Path, student: Encoder, cut: dict) -> None:
    """Write the student beside the run, move it into place, and sum the run up in ``metrics.json``."""
    part = out / ".student.part"
    shutil.rmtree(part, ignore_errors=True)
    student.save(part)
    shutil.rmtree(out / "student", ignore_errors=True)
    os.replace(part, out / "student")
    log = read_log(out)
    window = max(1, min(20, len(log) // 5))
    seconds = log[-1]["seconds"]
    summary = {
        "steps": len(log),
        "seconds": seconds,
        "pairs_per_second": round(sum(line["pairs"] for line in log) / seconds, 1),
        "loss_first": sum(line["loss"] for line in log[:window]) / window,
        "loss_last": sum(line["loss"] for line in log[-window:]) / window,
        "sentences_cut": cut,
    }
    if plans := [line for line in log if "converged" in line]:
        summary["plans_converged"] = sum(line["converged"] for line in plans) / len(plans)
        summary["marginal_error"] = max(line["marginal_error"] for line in plans)
    write_json(out / "metrics.json", summary)


def is_finished(run: str | Path) -> bool:
    """Whether a run has come to its end."""
    return (Path(run) / "metrics.json").exists() and (Path(run) / "student" / "model.safetensors").exists()


def read_log(run: str | Path) -> list[dict]:
    """The log of a run, one dictionary a step."""
    place = Path(run) / "log.jsonl"
    if not place.exists():
        raise InputError(f"{run}: got no log.jsonl, expected a run folder made by train")
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def load_student(run: str | Path) -> Encoder:
    """The trained student of a run."""
    if not is_finished(run):
        raise InputError(
            f"{run}: got a run without a finished student, expected a finished run; finish it with train --out {run}"
        )
    return Encoder.load(Path(run) / "student")


def checkpoint_steps(run: str | Path) -> list[int]:
    """The steps whose weights a run kept."""
    return sorted(int(path.stem) for path in (Path(run) / "checkpoints").glob("*.pt"))


def load_checkpoint(run: str | Path, step: int) -> Encoder:
    """The student as it was after some step (0 is before training)."""
    if step not in checkpoint_steps(run):
        raise InputError(f"{run}: got step {step}, expected one of {checkpoint_steps(run)}")
    student = load_student(run)
    state = torch.load(Path(run) / "checkpoints" / f"{step:06d}.pt", map_location=device(), weights_only=True)
    with torch.no_grad():
        named = dict(student.named_parameters())
        for name, value in state["weights"].items():
            if name.endswith("word_embeddings.new"):
                student.embedding[state["rows"]] = value.float()
            else:
                named[name].copy_(value.float())
    return student
