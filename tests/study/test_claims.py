"""The ledger of claims: each has a status and grounds for it, and none is measured without a run."""

import re

import pytest
from test_literature import SOURCE

from optical_lite.json_files import read_json
from optical_lite.settings import ROOT
from optical_lite.study import summary

LEDGER = (ROOT / "data" / "expected" / "claims.md").read_text(encoding="utf-8")
MEASURED, VERIFIED = "measured by us", "verified in a source"
CONTRADICTED, LACKING = "contradicted", "needs data we lack"
CLAIM = re.compile(r"## Claim (\d+)\n\n\*\*(.+?)\*\* (.+?)\n\n((?:- .+\n)+)")


def problems(page):
    """What is wrong with a ledger; that its numbers are those of the records, test_findings says."""
    claims, found = CLAIM.findall(page), []
    if [int(number) for number, *_ in claims] != list(range(1, 18)):
        found.append("claims that are not numbered 1 to 17")
    said = dict.fromkeys((MEASURED, VERIFIED, CONTRADICTED, LACKING), 0)
    for number, statement, text, evidence in claims:
        status = text.partition(".")[0].lower()
        if status not in said:
            found.append(f"{number}: status {status!r}")
            continue
        said[status] += 1
        if f"| [{number}](#claim-{number}) | {statement} | {status} |\n" not in page:
            found.append(f"{number}: another statement or status in the table")
        lines = evidence.replace("- ", "", 1).rstrip("\n").split("\n- ")
        sources = [line for line in lines if SOURCE.match(line) or "<!-- n: published " in line]
        runs = [line for line in lines if re.search("<!-- n: (run|mean|above) ", line)]
        files = [line for line in lines if line.startswith(("optical_lite/", "data/"))]
        says = [line for line in lines if line.startswith("run ") and line not in runs]
        if rest := {*lines} - {*sources, *runs, *files, *says}:
            found.append(f"{number}: cannot be looked up: {rest}")
        found += [f"{number}: no file {f}" for f in files if not (ROOT / f.partition(":")[0]).is_file()]
        for where, _, words in (line.removeprefix("run ").partition(": ") for line in says):
            name, _, inside = where.partition("#")
            record = summary.EXPECTED / name
            said_there = read_json(record).get(inside, ()) if record.is_file() else ()
            if not any(all(part in line for part in words.split(", ")) for line in said_there):
                found.append(f"{number}: {where} does not say so")
        if status == MEASURED and not runs:
            found.append(f"{number}: measured without a run")
        if status in (VERIFIED, CONTRADICTED) and not sources:
            found.append(f"{number}: {status} without a source")
    if ", ".join(f"{count} {status}" for status, count in said.items()) not in page:
        found.append("another count of statuses in the first lines")
    return found


def test_the_ledger_is_sound():
    assert problems(LEDGER) == []


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("## Claim 3\n", "## Claim 33\n", "not numbered"),
        ("Measured by us.", "True.", "status 'true'"),
        ("3 measured by us,", "4 measured by us,", "another count"),
        ("| contradicted |", "| verified in a source |", "another statement or status in the table"),
        ("- arXiv:1611.09268: ", "- somebody: ", "cannot be looked up"),
        ("- optical_lite/cost.py: ", "- optical_lite/none.py: ", "no file optical_lite/none.py"),
        ("p = 0.5018", "p = 0.0001", "json#paired_tests does not say so"),
        ("<!-- n: run ", "<!-- no: run ", "measured without a run"),
        ("- arXiv:2301.12566: the abstract\n- optical_lite/t", "- optical_lite/t", "without a source"),
    ],
)
def test_the_checker_complains(old, new, text):
    assert old in LEDGER
    assert text in "; ".join(problems(LEDGER.replace(old, new)))


def test_corrections_name_the_wrong_paper_and_xglue():
    said = LEDGER.partition("## What a common synthesis gets wrong")[2]
    assert "2006.01432" in said
    assert "one ranking task" in said
