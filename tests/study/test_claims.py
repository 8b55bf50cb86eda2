"""The ledger: seventeen claims, none measured without a run, every number looked up again."""

import dataclasses
import json

import pytest

from optical_lite.study import claims, summary

LEDGER = claims.ledger()


def test_the_ledger_is_sound():
    assert [claim.number for claim in LEDGER] == list(range(1, 18))
    assert claims.problems(LEDGER + claims.corrections()) == []
    assert {claim.status for claim in LEDGER} == set(claims.STATUSES)


def test_none_is_measured_without_a_run_in_the_repository():
    measured = [claim for claim in LEDGER if claim.status == claims.MEASURED]
    assert measured
    for claim in measured:
        runs = [evidence["run"] for evidence in claim.evidence if "run" in evidence and "value" in evidence]
        assert runs, claim.statement
        assert all((summary.EXPECTED / run.partition("#")[0]).exists() for run in runs)


def test_corrections_name_the_wrong_paper_and_xglue():
    said = " ".join(claim.statement + claim.finding for claim in claims.corrections())
    assert "2006.01432" in said
    assert "no" in said
    assert "one ranking task" in said


RUN = {"run": "demo_afriqa_sw/result.json#systems.student", "metric": "mrr@10", "value": 0.697}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"status": "true"}, "status 'true'"),
        ({"evidence": ()}, "no evidence"),
        (
            {"status": "measured by us", "evidence": ({"source": "arXiv:2301.12566", "says": "x"},)},
            "measured without a run",
        ),
        ({"status": "measured by us", "evidence": ({"run": RUN["run"], "says": "x"},)}, "measured without a run"),
        ({"status": "verified in a source", "evidence": (RUN,)}, "without a source"),
        ({"status": "contradicted", "evidence": (RUN,)}, "without a source"),
        ({"evidence": ({**RUN, "value": 0.797},)}, "the ledger says 0.797"),
        ({"evidence": ({**RUN, "value": 0.0},)}, "the ledger says 0.0"),
        ({"evidence": ({**RUN, "metric": "mrr@99"},)}, "gives None"),
        ({"evidence": ({**RUN, "run": "nothing/result.json"},)}, "no run nothing/result.json"),
        ({"evidence": ({"run": "demo_afriqa_sw/paired_tests.json", "says": "p = 0.0001"},)}, "does not say so"),
        ({"evidence": ({"table": "wikiclir/sizes", "row": "sw", "column": "documents", "value": 37},)}, "gives 37079"),
        ({"evidence": ({"table": "wikiclir/size", "row": "sw", "column": "documents", "value": 37},)}, "got table"),
        ({"evidence": ({"source": "somebody", "says": "x"},)}, "cannot be looked up"),
        ({"evidence": ({"file": "optical_lite/none.py", "says": "x"},)}, "no file"),
        ({"evidence": ({"source": "arXiv:2301.12566"},)}, "no run, table, source or file with a value"),
        ({"evidence": ({"rumour": "x", "says": "y"},)}, "no run, table, source or file"),
    ],
)
def test_the_checker_complains(change, text):
    bad = dataclasses.replace(LEDGER[0], **change)
    assert text in "; ".join(claims.problems([bad]))


def test_a_deleted_run_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(summary, "EXPECTED", tmp_path)
    assert any("no run demo_afriqa_sw" in text for text in claims.problems(LEDGER))
    assert claims.line(RUN).endswith("missing")


def test_numbers_shown_are_looked_up(tmp_path, monkeypatch):
    assert "run demo_afriqa_sw/result.json#systems.student: mrr@10 0.697" in claims.page()
    (tmp_path / "demo_afriqa_sw").mkdir()
    record = {"systems": {"student": {"mrr@10": 0.25}}}
    (tmp_path / "demo_afriqa_sw" / "result.json").write_text(json.dumps(record))
    monkeypatch.setattr(summary, "EXPECTED", tmp_path)
    assert claims.line(RUN).endswith("mrr@10 0.250")


def test_the_page_has_every_claim_and_correction():
    page = claims.page()
    assert [f"## Claim {claim.number}" in page for claim in LEDGER] == [True] * 17
    assert all(claim.statement in page for claim in [*LEDGER, *claims.corrections()])
