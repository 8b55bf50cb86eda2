"""Look at the installation; the fix is printed beside each failure."""

import sys

from .. import provenance, settings
from ..datasets import pocket, sources
from ..settings import InputError
from .options import Parser

INSTALL = "pip install -r requirements-lock.txt"


def options(parser: Parser) -> None:
    """None."""


def python() -> str:
    """The version, if it is one that the kit runs on."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        expected = "3.11 to 3.13; recreate .venv with python3.11"
        raise InputError(f"got Python {sys.version.split()[0]}, expected {expected}")
    return sys.version.split()[0]


def packages() -> str:
    """Versions of what is needed."""
    found = provenance.versions()
    if missing := [name for name, version in found.items() if version == "missing"]:
        raise InputError(f"got no {', '.join(missing)}, expected every package; run: {INSTALL}")
    return ", ".join(f"{name} {version}" for name, version in found.items())


def device() -> str:
    """What is computed on."""
    has = "has" if settings.has_bf16() else "has no"
    return f"{settings.device()}, {settings.get().threads} threads, {has} bfloat16 instructions"


def model(name: str) -> str:
    """Whether a known encoder is here."""
    from .. import model_files

    if found := model_files.here(name):
        return f"{found[1]} here, sha256 as expected"
    if name == "minilm":
        raise InputError(f"got no model, expected it here; run: {INSTALL}")
    return f"not yet fetched (python -m optical_lite fetch {name})"


def bundled() -> str:
    """Whether the pocket data are as they should be."""
    if problems := pocket.validate():
        got = f"got {len(problems)} problems, first: {problems[0]}"
        raise InputError(f"{got}; restore data/ with: git checkout data")
    sizes = f"{len(pocket.bitext('sw'))} sentences, {len(pocket.passages())} passages"
    return f"{sizes}, no problem found"


def real() -> str:
    """How much of the real data is here."""
    known = sources.registry().values()
    have = sum(sources.place(source).exists() for source in known)
    return f"{have} of {len(known)} files here (for the rest: python -m optical_lite fetch NAME)"


def command() -> tuple[dict, int]:
    """Look at each thing, and go on whatever is wrong with it."""
    from ..model_files import KNOWN

    looks = {"python": python, "packages": packages, "device": device}
    looks |= {name: lambda name=name: model(name) for name in KNOWN}
    found = {}
    for name, look in (looks | {"pocket data": bundled, "real data": real}).items():
        try:
            found[name] = {"ok": True, "detail": look()}
        except Exception as error:  # a check reports whatever goes wrong
            found[name] = {"ok": False, "detail": str(error) or type(error).__name__}
    for name, row in found.items():
        print(f"{'ok  ' if row['ok'] else 'FAIL'} {name:<12} {row['detail']}")
    return found, int(not all(row["ok"] for row in found.values()))
