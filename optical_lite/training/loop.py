"""Loop: what every training does with a gradient: clip it, take a step, log it, save the state."""

from __future__ import annotations

import math
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

import torch
from torch import nn

from ..config import DistillConfig
from ..distillation import schedule
from ..json_files import fits, to_json
from ..provenance import sha256
from ..safe_files import making, one_line, write_atomic
from ..settings import InputError, device
from . import runs

OPTIMIZER = {"state": dict, "param_groups": list}
STATE = {"step": int, "weights": dict, "optimizer": OPTIMIZER, "log": str}


class Session:
    """A training whose rate rises and falls; it begins where it was saved, or at its first step.

    Parameters
    ----------
    out : folder of the run, see :mod:`.runs`
    trained, optimizer : what learns; changed to what was saved
    config : any with ``steps``, ``batch`` and ``warmup``
    save_every : steps between saved states; that of the last step is saved, too
    writes : whether this is the one of several processes that writes

    Attributes
    ----------
    first : steps that are done
    """

    def __init__(
        self, out: Path, trained: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer,
        config: DistillConfig, save_every: int, writes: bool = True,
    ) -> None:  # fmt: skip
        self.trained, self.optimizer, self.config = trained, optimizer, config
        self.save_every, self.writes = save_every, writes
        self.log, self.state = out / "log.jsonl", out / "resume.pt"
        self.peaks = [group["lr"] for group in optimizer.param_groups]
        lines = self._resume() if self.state.exists() else []
        self.first, self.began = len(lines), time.perf_counter()
        if lines:  # earlier sessions count
            self.began -= runs.log_lines(self.log, lines)[-1]["seconds"]
        if writes:
            if not lines:  # a finished run that begins anew is not finished
                (out / "metrics.json").unlink(missing_ok=True)
            write_atomic(self.log, b"".join(lines))

    def _resume(self) -> list[bytes]:
        """Load the last saved state; the lines of the log up to it."""
        state = _read(self.state)
        lines = self.log.read_bytes().splitlines(keepends=True) if self.log.exists() else []
        lines = lines[: state["step"]]
        if sha256(b"".join(lines)) != state["log"]:
            raise InputError(
                f"{self.log}: got a log that lacks some of the {state['step']} steps that are "
                "saved, or says other things of them, expected it whole; put it back from a copy, "
                f"or delete {self.log.parent} to train anew"
            )
        # the settings of its groups are this training's, whatever the file says
        groups = self.optimizer.state_dict()["param_groups"]
        try:
            with torch.no_grad():
                for name, parameter in self.trained.items():
                    parameter.copy_(state["weights"][name])
            self.optimizer.load_state_dict({**state["optimizer"], "param_groups": groups})
            for parameter, moments in self.optimizer.state.items():
                shapes = {name: value.shape for name, value in moments.items()}
                one = parameter.shape
                if shapes != {"step": (), "exp_avg": one, "exp_avg_sq": one}:
                    raise ValueError("other moments")
        except Exception as error:  # any values may stand there
            got = f"the state of another training ({type(error).__name__})"
            expected = "this one's; delete it to train from the first step"
            raise InputError(self.state, got, expected) from None
        return lines

    def descend(
        self, items: Iterable[Sequence], gradient: Callable[[int, Sequence], dict], *, name: str,
        progress: bool = True, keep: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        """Take the steps that are still to take.

        Parameters
        ----------
        items : what each of these steps learns from
        gradient : called with a step and its item: adds the gradient of the step's loss to what the
            weights have, and returns what the log says of it, its ``loss`` among that
        keep : called after a step with how many are done, in the process that writes
        """
        from tqdm import tqdm

        batch = self.config.batch
        how = {"total": self.config.steps * batch, "initial": self.first * batch, "desc": name}
        how |= {"unit": "pair", "disable": not progress, "mininterval": 1.0}
        place = self.log if self.writes else os.devnull
        with one_line(self.log), open(place, "a", encoding="utf-8") as file, tqdm(**how) as bar:
            for step, item in enumerate(items, self.first):
                line = self._step(step + 1, gradient(step, item), name)
                seconds = round(time.perf_counter() - self.began, 3)
                if self.writes and keep:
                    keep(step + 1)
                self.add({**line, "pairs": len(item), "seconds": seconds}, file)
                bar.set_postfix(loss=f"{line['loss']:.4f}", refresh=False)
                bar.update(len(item))

    def _step(self, number: int, said: dict, name: str) -> dict:
        """Go down the gradient that the weights have; the line of the log."""
        norm = float(nn.utils.clip_grad_norm_(self.trained.values(), 1.0))
        share, rates = schedule(number - 1, self.config), {}
        names = "rate", "row_rate"  # one, or the encoder's and the rows'
        for key, group, peak in zip(names, self.optimizer.param_groups, self.peaks, strict=False):
            rates[key] = group["lr"] = peak * share
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if not math.isfinite(said["loss"]):
            expected = "a finite number; lower the rate"
            raise InputError(name, f"loss {said['loss']} at step {number}", expected)
        return {"step": number, "loss": said["loss"], **rates, "norm": norm, **said}

    def add(self, line: dict, file: TextIO) -> None:
        """Write the line of a step, and where it is time the state to go on from."""
        file.write(to_json(line) + "\n")
        file.flush()
        step = line["step"]
        if not self.writes or (step % self.save_every and step != self.config.steps):
            return
        os.fsync(file.fileno())
        state = {
            "step": step,
            "weights": {name: p.detach() for name, p in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "log": sha256(self.log.read_bytes()),
        }
        with making(self.state) as part, open(part, "wb") as saved:
            torch.save(state, saved)


def _read(place: Path) -> dict:
    """A saved state; whatever is wrong with the file is one line."""
    try:
        with zipfile.ZipFile(place) as archive:
            # torch stores tensors as they are; what unpacks to more is no state
            if sum(entry.file_size for entry in archive.infolist()) > place.stat().st_size:
                raise ValueError("packed")
            if archive.testzip():  # checksums, at which torch.load does not look
                raise ValueError("changed")
        state = torch.load(place, map_location=device(), weights_only=True)
        fits(state, STATE, place)
        if state["step"] < 0:
            raise ValueError("other values")
    except Exception as error:  # of zip, of pickle, of torch: any bytes may stand there
        raise InputError(
            f"{place}: got a file that cannot be read ({type(error).__name__}), expected a saved "
            "state; delete it to train from the first step, or put it back from a copy"
        ) from None
    return state
