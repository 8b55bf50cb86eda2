"""Look at the installation; the fix is printed beside each failure."""

import sys
from functools import partial

from .. import model_files, provenance, settings
from ..datasets import pocket, sources
from ..settings import InputError

INSTALL = "pip install -r requirements-lock.txt"


def python() -> str:
    """The version, if it is one that the kit runs on."""
    version = sys.version.split()[0]
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        expected = "3.11 to 3.13; recreate .venv with python3.11"
        raise InputError(f"got Python {version}, expected {expected}")
    return version


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
    return f"{len(pocket.bitext('sw'))} sentences, {len(pocket.passages())} passages, no problem"


def real() -> str:
    """How much of the real data is here."""
    known = sources.registry().values()
    have = sum(sources.place(source).exists() for source in known)
    return f"{have} of {len(known)} files here (for the rest: python -m optical_lite fetch NAME)"


def command() -> tuple[dict, int]:
    """Look at each thing, and go on whatever is wrong with it."""
    looks = {"python": python, "packages": packages, "device": device}
    looks |= {name: partial(model, name) for name in model_files.KNOWN}
    looks |= {"pocket data": bundled, "real data": real}
    found = {}
    for name, look in looks.items():
        try:
            found[name] = {"ok": True, "detail": look()}
        except Exception as error:
            # whatever goes wrong is what the check reports
            found[name] = {"ok": False, "detail": str(error) or type(error).__name__}
        said = "ok  " if found[name]["ok"] else "FAIL"
        print(f"{said} {name:<12} {found[name]['detail']}")
    return found, int(not all(row["ok"] for row in found.values()))
