"""Provenance: where a number was made: versions, device, number type, commit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import subprocess
from pathlib import Path

from .settings import (
    PRECISIONS,
    ROOT,
    InputError,
    compiles,
    device,
    get,
    precision,
    seed_everything,
)  # fmt: skip

CODE = ("optical_lite", "pyproject.toml", "requirements-lock.txt")  # decide a result with the data
# settings of a model that do not change its vectors
IDLE = {
    "_name_or_path", "architectures", "dtype", "gradient_checkpointing", "initializer_range",
    "tie_word_embeddings", "torch_dtype", "transformers_version", "use_cache",
}  # fmt: skip
PACKAGES = (
    "torch", "transformers", "POT", "accelerate", "numpy", "pandas", "matplotlib", "seaborn",
    "bm25s",
)  # fmt: skip


def sha256(content: bytes) -> str:
    """Hexadecimal sha256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    import importlib.metadata  # a third of the time of --help

    found = {"python": platform.python_version()} | dict.fromkeys(PACKAGES, "missing")
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit() -> str:
    """The commit of the working copy, with ``+changes`` where its code differs, or ``unknown``."""
    try:
        where, how = ["git", "-C", str(ROOT)], {"capture_output": True, "text": True}
        head = subprocess.run([*where, "rev-parse", "HEAD"], check=True, **how).stdout
        status = [*where, "status", "--porcelain", "-uno", "--", *CODE]
        changed = subprocess.run(status, **how).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.strip()[:12] + ("+changes" if changed.strip() else "")


def environment() -> dict:
    """What a run records about where it ran: versions, device, threads, commit."""
    import torch

    return {
        "versions": versions(),
        "device": device(),
        **({"accelerator": torch.cuda.get_device_name()} if device() == "cuda" else {}),
        "threads": get().threads,
        "precision": precision(),
        **({"compiled": True} if compiles() else {}),
        "machine": platform.machine(),
        "commit": commit(),
    }


def model_record(encoder) -> dict:
    """What a run writes down about an encoder: name, sizes, what decides its vectors.

    ``sha256`` is a hash of the weights, ``setup`` one of the model's settings and the tokenizer.
    """
    state = encoder.model.state_dict()
    state = {key: part for key, part in state.items() if not key.endswith(".place")}
    if encoder.projection is not None:
        state["projection"] = encoder.projection.weight
    parts = [sha256(state[key].detach().cpu().contiguous().numpy().data) for key in sorted(state)]
    encoder.release()
    shared = getattr(encoder.model.get_input_embeddings(), "shared", 0)
    found = encoder.model.config.to_diff_dict().items()
    settings = sorted((k, str(x)) for k, x in found if k not in IDLE and "dropout" not in k)
    return {
        "name": encoder.name,
        "parameters": sum(p.numel() for p in encoder.parameters()) + shared,
        "vocabulary": encoder.rows,
        "sha256": sha256(json.dumps(parts).encode()),
        "setup": sha256(json.dumps(settings).encode() + encoder.tokenizer_json),
    }


def identity(encoder) -> str:
    """A hash of all that decides an encoder's vectors but the number type and the length."""
    about = model_record(encoder)
    return sha256((about["sha256"] + about["setup"]).encode())


def banner() -> None:
    """Print what a reader needs to compare a notebook's numbers with their own."""
    s = get()
    seed_everything()
    computed = f"device {device()} | threads {s.threads} | products in {precision()}"
    print(f"profile {s.profile} | seed {s.seed} | {computed}")
    print(" | ".join(f"{name} {version}" for name, version in versions().items()))


def same_precision(folder: str | Path, environment: dict) -> None:
    """Refuse to go on with what was begun in another number type, where its record names one."""
    if (begun := environment.get("precision")) not in (None, *PRECISIONS[:2]):
        expected = "float32 or bf16; put its record back from a copy, or choose another folder"
        raise InputError(folder, f"what was begun in the number type {begun[:40]!r}", expected)
    if begun not in (None, precision()):
        expected = f"{precision()} as asked for now; give --precision {begun} or "
        expected += f"OPTICAL_LITE_PRECISION={begun}, or choose another folder"
        raise InputError(folder, f"what was begun with matrix products in {begun}", expected)
