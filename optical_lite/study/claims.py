"""The ledger of claims: seventeen statements about OPTICAL and its setting, their status, and the evidence for each.

``data/claims.yaml`` is the ledger. Evidence is one of four things: a *run* (a record in ``data/expected/``, a metric
and its value, or what the record says), a *table* (a published number of ``data/paper/``), a *source* (an address or
citation and what it says) or a *file* of this repository. Numbers are looked up again by :func:`problems`; the
ledger is read on its page, ``data/expected/claims.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..json_files import fits
from ..settings import DATA, ROOT, InputError
from . import markup, published_numbers, summary
from .published_numbers import SOURCE
from .yaml_files import read_yaml

LEDGER = DATA / "claims.yaml"
MEASURED, LACKING = "measured by us", "needs data we lack"
STATUSES = (MEASURED, "verified in a source", "contradicted", LACKING)
KINDS = ("run", "table", "source", "file")


@dataclass(frozen=True)
class Claim:
    """One statement.

    Attributes
    ----------
    number : 1 to 17; 0 for a correction of what others say
    statement, finding : what is said, and what is known of it
    status : one of :data:`STATUSES`
    evidence : maps with one of the keys ``run``, ``table``, ``source``, ``file``
    """

    number: int
    statement: str
    status: str
    finding: str
    evidence: tuple[dict, ...]


def ledger() -> list[Claim]:
    """The seventeen claims.

    Examples
    --------
    >>> claim = ledger()[5]
    >>> claim.number, claim.statement, claim.status
    (6, 'mMARCO is MS MARCO, machine-translated.', 'verified in a source')
    """
    return [_claim(number, entry) for number, entry in enumerate(read_yaml(LEDGER, "claims")["claims"], 1)]


def corrections() -> list[Claim]:
    """What is often said and wrong."""
    return [_claim(0, {"status": "contradicted", **entry}) for entry in read_yaml(LEDGER, "claims")["corrections"]]


def _claim(number: int, entry: dict) -> Claim:
    return Claim(number, entry["statement"], entry["status"], entry["finding"], tuple(entry["evidence"]))


def problems(claims: list[Claim]) -> list[str]:
    """What is wrong with a ledger: a status without its evidence, a number that its run or table does not give."""
    found = []
    for claim in claims:
        name = f"claim {claim.number}" if claim.number else claim.statement[:40]
        if claim.status not in STATUSES:
            found.append(f"{name}: status {claim.status!r}")
        if not claim.evidence:
            found.append(f"{name}: no evidence")
        if claim.status == MEASURED and not any("run" in e and "value" in e for e in claim.evidence):
            found.append(f"{name}: measured without a run")
        if claim.status in STATUSES[1:3] and not any("source" in e or "table" in e for e in claim.evidence):
            found.append(f"{name}: {claim.status} without a source")
        found += [f"{name}: {text}" for e in claim.evidence if (text := _wrong(e))]
    return found


def _wrong(evidence: dict) -> str:
    """Why a piece of evidence does not hold, or nothing."""
    kind = next((kind for kind in KINDS if kind in evidence), None)
    if kind is None or not ({"value", "says"} & evidence.keys()):
        return f"evidence {evidence} is no run, table, source or file with a value or what it says"
    where = str(evidence[kind])
    if kind == "source":
        return "" if SOURCE.fullmatch(where) else f"source {where!r} cannot be looked up"
    if kind == "file":
        return "" if summary.recorded(where, ROOT) else f"no file {where}"
    if kind == "run" and not summary.recorded(where.partition("#")[0]):
        return f"no run {where}"
    if "value" not in evidence:
        words = (summary.EXPECTED / where.partition("#")[0]).read_text(encoding="utf-8").splitlines()
        parts = evidence["says"].split(", ")  # all of them in one line of the record
        return "" if any(all(part in line for part in parts) for line in words) else f"{where} does not say so"
    try:
        got = lookup(evidence)
    except InputError as error:
        return str(error)
    digits = len(str(evidence["value"]).partition(".")[2])
    good = (
        got is not None
        and abs(got - evidence["value"]) <= 0.5 * 10.0 ** -max(digits, 3 if kind == "run" else digits) + 1e-9
    )
    return "" if good else f"{where} gives {got}, the ledger says {evidence['value']}"


def lookup(evidence: dict) -> float | None:
    """The number that a run or a published table gives, None where there is none.

    Examples
    --------
    >>> lookup({"table": "wikiclir/sizes", "row": "sw", "column": "documents"})
    37079
    """
    needed = ("row", "column") if "table" in evidence else ("run", "metric")
    fits(evidence, dict.fromkeys(needed, object), LEDGER.name, f"evidence {evidence}", "mend the ledger")
    if "table" in evidence:
        return published_numbers.number(evidence["table"], str(evidence["row"]), str(evidence["column"])).value
    return (summary.metrics_of(evidence["run"]) or {}).get(evidence["metric"])


def line(evidence: dict) -> str:
    """A piece of evidence for a reader; its number is looked up, not copied."""
    if not any(kind in evidence for kind in KINDS):
        raise InputError(f"{LEDGER.name}: got evidence {evidence}, expected one of {', '.join(KINDS)}; mend the ledger")
    said = evidence.get("says", "")
    if "source" in evidence:
        return f"{evidence['source']}: {said}"
    if "file" in evidence:
        return f"{evidence['file']}: {said}"
    if "value" not in evidence:
        kind = "run" if "run" in evidence else "table"
        return f"{kind} {evidence[kind]}: {said}"
    got = lookup(evidence)
    if "table" in evidence:
        shown = summary.MISSING if got is None else f"{got:,}"
        return f"{evidence['table']}, {evidence['row']}, {evidence['column']}: {shown}"
    return (
        f"run {evidence['run']}: {evidence['metric']} {got:,}"
        if isinstance(got, int)
        else (f"run {evidence['run']}: {evidence['metric']} " + (summary.MISSING if got is None else f"{got:.3f}"))
    )


def page() -> str:
    """The ledger as a page."""
    claims = ledger()
    counted = {status: sum(claim.status == status for claim in claims) for status in STATUSES}
    rows = [(f"[{c.number}](#claim-{c.number})", c.statement, c.status) for c in claims]
    parts = [
        "# Seventeen claims",
        "<!-- made by `make tables`; do not edit -->",
        "Statements about OPTICAL and its setting, from [`../claims.yaml`](../claims.yaml): "
        + ", ".join(f"{number} {status}" for status, number in counted.items()) + ".",
        markup.markdown(("", "statement", "status"), rows),
    ]  # fmt: skip
    for claim in claims:
        parts += [f"## Claim {claim.number}", _entry(claim)]
    parts += ["## What a common synthesis gets wrong", *map(_entry, corrections())]
    return "\n\n".join(parts) + "\n"


def _entry(claim: Claim) -> str:
    lines = "\n".join(f"- {line(evidence)}" for evidence in claim.evidence)
    return f"**{claim.statement}** {claim.status.capitalize()}. {claim.finding}\n\n{lines}"
