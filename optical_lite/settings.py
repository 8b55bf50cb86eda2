"""Settings: the one place for profile, seed, device, threads and folders.

Everything that changes how fast or how large a run is comes from here, so that a notebook, the
command line and a test run the same code. Each value has an environment variable:

==========================  =====================================================================
``OPTICAL_LITE_PROFILE``    ``pocket`` (default), or ``smoke``: the least that runs every step
``OPTICAL_LITE_SEED``       integer, default 0
``OPTICAL_LITE_THREADS``    integer, default ``OMP_NUM_THREADS``, else the processors one may use
``OPTICAL_LITE_DEVICE``     ``auto`` (default), ``cpu``, ``cuda``, ``mps``
``OPTICAL_LITE_PRECISION``  of products: ``float32``, ``bf16`` or ``auto``, see :func:`computing_in`
``OPTICAL_LITE_COMPILE``    layers that train: ``on``, ``off`` or ``auto`` (default): on a GPU
``OPTICAL_LITE_CACHE``      downloads, default ``~/.cache/optical_lite``
``OPTICAL_LITE_MODELS``     encoders that were fetched, default ``models`` in the cache folder
``OPTICAL_LITE_MIRROR``     a local copy of the real data, see :mod:`optical_lite.datasets.sources`
==========================  =====================================================================
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import random
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

HERE = Path(__file__).resolve().parent
# In a checkout, runs and figures lie beside the package; an installed wheel brings its data and
# writes where one works.
CHECKOUT = (HERE.parent / "pyproject.toml").exists()
ROOT = HERE.parent if CHECKOUT else Path.cwd()
DATA = ROOT / "data" if CHECKOUT else HERE / "_data"
FIGURES = ROOT / "figures"
PROFILES = ("smoke", "pocket")
PRECISIONS = ("float32", "bf16", "auto")
COMPILING = ("auto", "on", "off")
SEEDS = 2**32 - 1  # the largest that every generator takes
THREADS = 1024


class InputError(ValueError):
    r"""Something the user gave is wrong. One line: what we got, what we expected, how to mend it.

    The command line prints it without a traceback and ends with exit code 2. A long text loses its
    middle, and what cannot be seen is written as Python writes it. A place alone is the whole text.

    >>> print(InputError("id", "'a\nb'", "one line"))
    id: got 'a\nb', expected one line
    """

    def __init__(self, place: object, got: object = "", expected: object = "") -> None:
        text = f"{place}: got {got}, expected {expected}" if expected else str(place)
        shown = text if len(text) < 800 else f"{text[:500]} ... {text[-200:]}"
        shown = (char if char.isprintable() else ascii(char)[1:-1] for char in shown)
        super().__init__("".join(shown))


def one_of(
    got: str, value: object, known: Iterable[str], error: type[InputError] = InputError
) -> None:
    """Refuse a value that is none of the known ones; ``got`` is how the message begins.

    >>> one_of("metrics: got ties", "trec", ("expected", "trec"))
    """
    if value not in (known := tuple(known)):
        raise error(f"{got} {value!r}, expected one of {', '.join(known)}")


def need_whole(place: str, value: object, least: int = 1, most: int = 10**9) -> None:
    """Refuse what is no whole number of a range."""
    if value not in (allowed := Range(least, most, whole=True)):
        raise InputError(place, repr(value), allowed)


@dataclass(frozen=True)
class Range:
    """Which numbers a setting takes, both ends included; ``above``: without the lower one.

    >>> 0.5 in Range(0, 1), 0 in Range(0, above=True), 2.5 in Range(1, whole=True), True in Range(1)
    (True, False, False, False)
    >>> str(Range(0, above=True))
    'a number above 0'
    """

    least: float
    most: float = math.inf
    above: bool = False
    whole: bool = False

    def __contains__(self, value: object) -> bool:
        kind = Integral if self.whole else Real
        if not isinstance(value, kind) or isinstance(value, bool):
            return False
        inside = self.least <= value <= self.most and abs(value) <= sys.float_info.max
        return inside and not (self.above and value == self.least)

    def __str__(self) -> str:
        if self.whole:
            return f"a whole number from {self.least} to {self.most}"
        upper = f" to {self.most:g}" * math.isfinite(self.most)
        return f"a number {'above' if self.above else 'from'} {self.least:g}{upper}"


@dataclass(frozen=True)
class Settings:
    """The settings of this process, as the variables above say."""

    profile: str
    seed: int
    threads: int
    device: str  # "auto" until torch is asked
    precision: str | None  # None where the environment does not say
    compile: str
    cache: Path
    models: Path
    mirror: Path | None


def _variable(name: str, default: str = "") -> str:
    """An environment variable; an empty one is unset."""
    return os.environ.get(name, "").strip() or default


def _integer(name: str, value: str, least: int, most: int) -> int:
    """A variable's value, of which the name is said where it is wrong."""
    allowed = Range(least, most, whole=True)
    if not re.fullmatch("[0-9]{1,18}", value) or int(value) not in allowed:
        raise InputError(name, repr(value[:40]), f"{allowed}; mend or unset it")
    return int(value)


def _processors() -> int:
    """What ``OMP_NUM_THREADS`` says (a list has one a depth), if well; else all there are."""
    said = _variable("OMP_NUM_THREADS").partition(",")[0].strip()
    if re.fullmatch(r"[0-9]{1,4}", said) and 1 <= int(said) <= THREADS:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _folder(name: str, default: str = "") -> Path | None:
    value = _variable(name, default)
    try:
        return Path(value).expanduser() if value else None
    except RuntimeError as error:
        raise InputError(name, f"{value!r} ({error})", f"a folder; set {name} to one") from None


@functools.cache
def get() -> Settings:
    """Read the settings from the environment, once per process."""
    profile = _variable("OPTICAL_LITE_PROFILE", "pocket")
    one_of("OPTICAL_LITE_PROFILE: got", profile, PROFILES)
    precision = _variable("OPTICAL_LITE_PRECISION") or None
    if precision is not None:
        one_of("OPTICAL_LITE_PRECISION: got", precision, PRECISIONS)
    compiling = _variable("OPTICAL_LITE_COMPILE", "auto")
    one_of("OPTICAL_LITE_COMPILE: got", compiling, COMPILING)
    threads = _variable("OPTICAL_LITE_THREADS", str(_processors()))
    mirror = _folder("OPTICAL_LITE_MIRROR")
    if mirror and not os.path.isdir(mirror):  # a name too long is no folder either
        expected = "a folder that is there; mend or unset it"
        raise InputError("OPTICAL_LITE_MIRROR", repr(str(mirror)), expected)
    cache = _folder("OPTICAL_LITE_CACHE", "~/.cache/optical_lite")
    return Settings(
        profile=profile,
        seed=_integer("OPTICAL_LITE_SEED", _variable("OPTICAL_LITE_SEED", "0"), 0, SEEDS),
        threads=_integer("OPTICAL_LITE_THREADS", threads, 1, THREADS),
        device=_variable("OPTICAL_LITE_DEVICE", "auto"),
        precision=precision,
        compile=compiling,
        cache=cache,
        models=_folder("OPTICAL_LITE_MODELS") or cache / "models",
        mirror=Path(os.path.realpath(mirror)) if mirror else None,
    )


def launched(name: str, least: int = 0) -> int:
    """What a launcher (torchrun) says to each of its processes; where none does, the least."""
    return _integer(name, _variable(name, str(least)), least, 999_999)


@functools.cache
def device() -> str:
    """The torch device of this process; the first call also sets torch's threads."""
    import torch

    torch.set_num_threads(get().threads)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    usable = [*(name for name in there if there[name]), "cpu"]
    chosen = get().device
    one_of("OPTICAL_LITE_DEVICE: got", chosen, ("auto", *usable))
    if chosen == "auto":
        chosen = usable[0]
    if chosen == "cuda" and "LOCAL_RANK" in os.environ:  # each process has a GPU of its own
        rank, count = launched("LOCAL_RANK"), torch.cuda.device_count()
        if rank >= count:
            expected = "a GPU for each; start fewer, or set OPTICAL_LITE_DEVICE=cpu"
            raise InputError("LOCAL_RANK", f"process {rank} where there are {count} GPUs", expected)
        torch.cuda.set_device(rank)
    return chosen


def compiles() -> bool:
    """Whether layers that train are compiled, which on a GPU needs Triton."""
    wanted = get().compile
    if wanted == "auto":
        return device() == "cuda" and importlib.util.find_spec("triton") is not None
    return wanted == "on"


@functools.cache
def has_bf16() -> bool:
    """Whether this device has instructions for bfloat16 matrix products.

    Other processors emulate them, up to 70 times slower than float32. The device is asked, never a
    clock: a busy machine would answer differently from one run to the next.
    """
    import torch

    if device() == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device() != "cpu":
        return False
    # older versions of torch can be asked for the first only
    old = {"avx512_bf16": torch.cpu._is_avx512_bf16_supported()}
    found = getattr(torch.cpu, "get_capabilities", dict)() or old
    names = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # of x86, then of ARM
    return any(found.get(name, False) for name in names)


_asked: str | None = None  # what the innermost computing_in says


@contextlib.contextmanager
def computing_in(option: str | None = None, default: str = "float32") -> Iterator[None]:
    """Set the number type of products in a block: an option, else the environment's, or a default.

    ``float32`` gives the same numbers everywhere, to rounding. ``bf16`` is two to four times as
    fast on a device that has instructions for it. ``auto`` takes bf16 where :func:`has_bf16`.

    >>> with computing_in("bf16"):
    ...     precision()
    'bf16'
    """
    global _asked
    wanted = option or get().precision or default
    one_of("precision: got", wanted, PRECISIONS)
    before, _asked = _asked, wanted
    try:
        yield
    finally:
        _asked = before


def precision() -> str:
    """The number type of matrix products now: ``float32`` or ``bf16``."""
    wanted = _asked or get().precision or "float32"
    return ("bf16" if has_bf16() else "float32") if wanted == "auto" else wanted


def uses_bf16() -> bool:
    """Whether matrix products now run in bfloat16, see :func:`computing_in`."""
    return precision() == "bf16"


def precision_line() -> str:
    """The number type in use, and why, for a reader."""
    if (_asked or get().precision) != "auto":
        return f"matrix products in {precision()}"
    has = "has" if has_bf16() else "has no"
    why = f"auto: this {device()} {has} bfloat16 instructions; --precision chooses"
    return f"matrix products in {precision()} ({why})"


def seed_everything(seed: int | None = None) -> int:
    """Seed Python, NumPy and torch; return the seed used."""
    import numpy as np
    import torch

    seed = get().seed if seed is None else seed
    need_whole("seed", seed, 0, SEEDS)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return seed


def visible(text: str) -> str:
    """A text without what a terminal obeys, but for tabs and ends of lines."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", text)
