"""Runs: the folder of a training run, written so that it can be stopped, resumed, read and loaded.

::

    run/config.json        what was asked for        run/student/       the encoder (safetensors, tokenizer.json)
    run/environment.json   where it ran              run/checkpoints/   the trained weights at chosen steps
    run/log.jsonl          one line a step           run/metrics.json   what came out
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from ..corpora import Bitext
from ..encoder import Encoder
from ..json_files import fits, parse_json, read_json, to_json, write_json
from ..provenance import environment, model_record, same_precision, sha256
from ..safe_files import discard, making, one_line, sweep, write_atomic
from ..settings import InputError, device, precision
from ..weights import inside
from . import checkpoints

RECORDS = ("config.json", "environment.json")
NUMBER = (int, float)
CONFIG = {"config": dict, "bitext": {"lang": str}, "student": dict, "teacher": {"name": str, "sha256": str}}
METRICS = {"steps": int, "seconds": NUMBER, "loss_first": NUMBER, "loss_last": NUMBER,
           "sentences_cut": {"source": int, "target": int}}  # fmt: skip
LINE = {"step": int, "loss": NUMBER, "seconds": NUMBER}


def data_hash(bitext: Bitext) -> str:
    """sha256 of a bitext's text, that of its pairs as JSON."""
    found = hashlib.sha256(b"[")
    for number, pair in enumerate(bitext.pairs):
        found.update((", " * bool(number) + json.dumps(pair, ensure_ascii=False)).encode())
    found.update(b"]")
    return found.hexdigest()


def _record(place: Path) -> dict:
    """What a run's folder says of the run."""
    try:
        return read_json(place)
    except InputError as error:
        said = str(error).rpartition(";")[0]
        raise InputError(f"{said}; put it back from a copy, or delete {place.parent} to train anew") from None


def _readable(place: Path) -> bool:
    try:
        return bool(read_json(place))
    except InputError:
        return False


def _mend(out: Path) -> None:
    """Clear away what a killed session left, and put back from the saved state what is lost of the run's records."""
    for folder in (out, out / "checkpoints"):
        sweep(folder)
    if (lost := [name for name in RECORDS if not _readable(out / name)]) and (out / "resume.pt").exists():
        texts = _load(out / "resume.pt").get("records", {})
        for name in set(lost) & set(texts):
            write_atomic(out / name, texts[name])


def open_run(out: Path, config: dict, bitext: Bitext, student: Encoder, teacher: Encoder) -> None:
    """Write what the run is, or check that the folder holds the same run. How often it is saved may differ."""
    record = {
        "config": config,
        "bitext": {
            "name": bitext.name, "lang": bitext.source, "pairs": len(bitext), "sha256": data_hash(bitext),
            "notes": bitext.notes,
        },
        "student": model_record(student),
        "teacher": model_record(teacher),
    }  # fmt: skip
    _mend(out)
    place = out / "config.json"
    if place.exists():
        found = _record(place)
        if isinstance(found.get("config"), dict):
            found["config"] = {**found["config"], "save_every": config.get("save_every")}
        different = [key for key in record if found.get(key) != record[key]]
        if different:
            raise InputError(
                f"{out}: got a run folder with another {' and '.join(different)}, expected the same run to resume; "
                "choose another --out or delete the folder"
            )
        beside = out / "environment.json"  # where the number type of older runs stands
        if not _readable(beside) and not is_finished(out):
            write_json(beside, environment())
        same_precision(out, {**(read_json(beside) if _readable(beside) else {}), **found})
        return
    there = {path.name for path in out.iterdir() if not path.name.startswith(".")} - {"environment.json"}
    if there:
        raise InputError(
            f"{out}: got a folder that is not a run and not empty ({min(there)}, no config.json), expected a new "
            "folder; choose another --out"
        )
    write_json(out / "environment.json", environment())  # first: a folder with a configuration has both
    write_json(place, {**record, "precision": precision()})


def opened(place: Path, record: dict, what: str) -> bool:
    """Whether a training that has only a record, and no configuration, is finished; begin it where it is new."""
    sweep(place.parent)
    if not place.exists():
        write_json(place, {**record, "precision": precision()})
        return False
    found = _record(place)
    if any(found.get(key) != value for key, value in record.items()):
        raise InputError(f"{place.parent}: got {what} in another way, expected the same; choose another --out")
    same_precision(place.parent, {**found.get("environment", {}), **found})
    if "result" in found:
        (place.parent / "resume.pt").unlink(missing_ok=True)
    return "result" in found


def _save_torch(path: Path, value: object) -> None:
    with making(path) as part, open(part, "wb") as file:
        torch.save(value, file)


def _load(path: Path) -> dict:
    """A saved state; whatever is wrong with the file is one line."""
    try:
        state = checkpoints.read_saved(path, device())
        if not state["step"] >= 0 or not state["weights"] or not {"optimizer", "schedule"} <= set(state):
            raise ValueError
    except Exception as error:  # torch.load raises whatever its parts raise
        raise InputError(
            f"{path}: got a file that cannot be read ({type(error).__name__}), expected a saved state; delete it to "
            "train from the first step, or put it back from a copy"
        ) from None
    return state


def keep(out: Path, step: int, trained: dict[str, nn.Parameter], rows: Tensor) -> None:
    """Keep the trained weights of a step, in half precision, and which rows of the embedding table are among them."""
    weights = {name: p.detach().half() for name, p in trained.items()}
    _save_torch(out / "checkpoints" / f"{step:06d}.pt", {"weights": weights, "rows": rows})


class Session:
    """The log of a training and its saved states; it begins where the last one was saved, or at the first step.

    Parameters
    ----------
    out : folder of the run
    trained, optimizer, schedule : what is saved; changed to what was saved
    save_every : steps between saved states
    steps : of the whole training; the last is saved, too
    writes : whether this is the process that writes; of several that train together, one does

    Attributes
    ----------
    first : steps that are done
    """

    def __init__(
        self, out: Path, trained: dict, optimizer, schedule, *, save_every: int, steps: int, writes: bool = True
    ) -> None:
        self.out, self.trained, self.optimizer, self.schedule = out, trained, optimizer, schedule
        self.save_every, self.steps, self.writes = save_every, steps, writes
        self.place = out / "log.jsonl"
        lines = self._resume()
        self.first = len(lines)
        self.began = time.perf_counter() - (json.loads(lines[-1])["seconds"] if lines else 0)  # earlier sessions count
        if writes:
            if not lines:
                (out / "metrics.json").unlink(missing_ok=True)  # a finished run that begins anew is not finished
            write_atomic(self.place, b"".join(lines))

    def _resume(self) -> list[bytes]:
        """Load the last saved state; the lines of the log up to it."""
        if not (self.out / "resume.pt").exists():
            return []
        state = _load(self.out / "resume.pt")
        lines = self.place.read_bytes().splitlines(keepends=True) if self.place.exists() else []
        lines = lines[: state["step"]]
        if len(lines) < state["step"] or state.get("log", _sum(lines)) != _sum(lines):
            raise InputError(
                f"{self.place}: got a log that lacks some of the {state['step']} steps that are saved, or says other "
                f"things of them, expected it whole; put it back from a copy, or delete {self.out} to train anew"
            )
        try:
            with torch.no_grad():
                for name, parameter in self.trained.items():
                    parameter.copy_(state["weights"][name])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{self.out}/resume.pt: got the state of another training ({type(error).__name__}), expected this "
                "one's; delete it to train from the first step"
            ) from None
        return lines

    @property
    def seconds(self) -> float:
        """Time since the training began, without the breaks."""
        return round(time.perf_counter() - self.began, 3)

    def __enter__(self) -> Session:
        self.log = open(self.place if self.writes else os.devnull, "a", encoding="utf-8")
        return self

    def __exit__(self, *error) -> None:
        with one_line(self.place):
            self.log.close()

    def add(self, line: dict) -> None:
        """Write the line of a step, and save where it is time."""
        with one_line(self.place):
            self.log.write(to_json(line) + "\n")
            self.log.flush()
            if self.writes and (line["step"] % self.save_every == 0 or line["step"] == self.steps):
                os.fsync(self.log.fileno())
                self._save(line["step"])

    def _save(self, step: int) -> None:
        """Write all that is needed to go on from a step."""
        state = {"step": step, "weights": {name: p.detach() for name, p in self.trained.items()}}
        state |= {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        state["log"] = _sum(self.place.read_bytes().splitlines(keepends=True))
        state["records"] = {
            name: (self.out / name).read_text(encoding="utf-8") for name in RECORDS if (self.out / name).exists()
        }
        _save_torch(self.out / "resume.pt", state)


def _sum(lines: list[bytes]) -> str:
    return sha256(b"".join(lines))


def finish(out: Path, student: Encoder, cut: dict) -> None:
    """Write the student beside the run, move it into place, and sum the run up in ``metrics.json``."""
    with making(out / "student", folder=True) as part:
        student.save(part)
        discard(out / "student")
    log = read_log(out)
    window = max(1, min(20, len(log) // 5))
    seconds = log[-1]["seconds"]
    summary = {
        "steps": len(log),
        "seconds": seconds,
        "pairs_per_second": round(sum(line["pairs"] for line in log) / max(seconds, 1e-3), 1),
        "loss_first": sum(line["loss"] for line in log[:window]) / window,
        "loss_last": sum(line["loss"] for line in log[-window:]) / window,
        "sentences_cut": cut,
    }
    if plans := [line for line in log if "converged" in line]:
        summary["plans_converged"] = sum(line["converged"] for line in plans) / len(plans)
        summary["marginal_error"] = max(line["marginal_error"] for line in plans)
    write_json(out / "metrics.json", summary)


def read_config(run: str | Path) -> dict:
    """What a run was asked for: its configuration, bitext, student and teacher."""
    return read_json(inside(run, "config.json"), CONFIG)


def read_metrics(run: str | Path) -> dict:
    """What came out of a run, as :func:`finish` wrote it."""
    return read_json(inside(run, "metrics.json"), METRICS)


def is_finished(run: str | Path) -> bool:
    """Whether a run has come to its end."""
    return _readable(Path(run) / "metrics.json") and (Path(run) / "student" / "model.safetensors").exists()


def read_log(run: str | Path) -> list[dict]:
    """The log of a run, one dictionary a step."""
    place, found = inside(run, "log.jsonl"), []
    if not place.is_file():
        raise InputError(f"{run}: got no file log.jsonl, expected a run folder made by train; check the path")
    for number, line in enumerate(place.read_bytes().splitlines(), 1):
        where = f"{place}, line {number}"
        found.append(parse_json(line, where))
        fits(found[-1], LINE, where, "the line")
        if found[-1]["step"] != number:
            raise InputError(f"{where}: got step {found[-1]['step']}, expected {number}; copy it again, or train anew")
    return found


def load_student(run: str | Path) -> Encoder:
    """The trained student of a run."""
    if not is_finished(run):
        raise InputError(
            f"{run}: got a run without a finished student, expected a finished run; finish it with train --out {run}"
        )
    for path in inside(run, "student").iterdir():
        inside(run, f"student/{path.name}")
    return Encoder.load(Path(run) / "student")


def checkpoint_steps(run: str | Path) -> list[int]:
    """The steps whose weights a run kept."""
    names = (path.stem for path in (Path(run) / "checkpoints").glob("*.pt"))
    return sorted(int(name) for name in names if re.fullmatch("[0-9]{6,12}", name))


def load_checkpoint(run: str | Path, step: int) -> Encoder:
    """The student as it was after some step (0 is before training)."""
    if step not in checkpoint_steps(run):
        raise InputError(f"{run}: got step {step}, expected one of {checkpoint_steps(run)}")
    student = load_student(run)
    checkpoints.put(student, inside(run, f"checkpoints/{step:06d}.pt"), device())
    return student
